//! Reference equations: what is normal for a person's sex, age, height and, in some, group.

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
