//! Spirometry without a deep-learning framework: what a forced breath measures, whether it can be trusted, and what is
//! normal.

mod curve;
mod fault;
mod measured_points;
mod measures;
mod pchip;
mod quality;
mod reference;
mod session;
mod spirogram;

pub use fault::{Fault, GradedVolume, Remark};
pub use measured_points::MeasuredPoints;
pub use measures::{MeasureSettings, Measures, MidFlows};
pub use quality::Quality;
pub use reference::{
    Gli2012Group, NhanesIiiGroup, ReferenceEquations, ReferenceMeasure, ReferencePerson, ReferenceValue, Sex,
};
pub use session::{Grade, Session, SessionVolume};
pub use spirogram::Spirogram;
