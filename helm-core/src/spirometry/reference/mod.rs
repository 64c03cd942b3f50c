//! Reference equations: what is normal for a person's sex, age, height and, in some, group.
//!
//! Coefficients and splines are the values that the papers publish with their equations, each named where its values
//! stand; no code and no text was taken from an implementation. The Global Lung Function Initiative publishes its tables
//! for download, and the files carry no terms of use. Cite the papers.

mod equations;
mod gli2012;
mod gli_global;
mod nhanes_iii;
mod normal;
mod person;
mod splines;
mod value;

pub use equations::{ReferenceEquations, ReferenceMeasure};
pub use gli2012::Gli2012Group;
pub use nhanes_iii::NhanesIiiGroup;
pub use person::{ReferencePerson, Sex};
pub use value::ReferenceValue;
