//! Spirometry without a deep-learning framework: what a forced breath measures, whether it can be trusted, and what is
//! normal.

mod curve;
mod measured_points;
mod measures;
mod pchip;
mod spirogram;

pub use measured_points::MeasuredPoints;
pub use measures::{MeasureSettings, Measures, MidFlows};
pub use spirogram::Spirogram;
