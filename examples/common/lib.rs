//! What the examples share: arguments, the NHANES cohort, progress bars, predictions, run manifests, and how they end.

mod arguments;
mod failure;
mod manifest;
pub mod nhanes;
mod output;
mod progress;

pub use arguments::at_least;
pub use failure::{Failure, run};
pub use manifest::Manifest;
pub use output::{Prediction, check_writable, write_atomically, write_json, write_predictions};
pub use progress::Progress;

/// The README's program, run by the tests from this package's folder.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
