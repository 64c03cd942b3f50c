//! Spirometry without a deep-learning framework: what a forced breath measures.

mod measured_points;
mod pchip;
mod spirogram;

pub use measured_points::MeasuredPoints;
pub use spirogram::Spirogram;
