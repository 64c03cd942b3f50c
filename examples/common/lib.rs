//! What the examples share: the NHANES cohort, progress bars, predictions, run manifests, and how they end.

mod failure;
mod manifest;
pub mod nhanes;
mod output;
mod progress;

pub use failure::{Failure, run};
pub use manifest::Manifest;
pub use output::{Prediction, write_atomically, write_json, write_predictions};
pub use progress::Progress;
