//! Honest evaluation of risk scores.

#[cfg(feature = "baseline")]
pub mod baseline;
mod bootstrap;
mod compare;
mod error;
mod pr;
pub mod report;
mod roc;
mod scored;

pub use bootstrap::{Bootstrap, Interval};
pub use compare::{Comparison, Difference};
pub use error::Error;
pub use pr::PrPoint;
pub use roc::RocPoint;
pub use scored::Scored;
