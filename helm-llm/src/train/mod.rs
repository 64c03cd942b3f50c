//! Training of encoders through a frozen language model.

mod checkpoint;
mod config;
mod dropout;
mod examples;
mod loss;
mod observer;
mod sampler;
mod schedule;
mod trainer;

pub use config::{Imbalance, TrainConfig};
pub use examples::{Examples, Validation};
pub use observer::{StepReport, TrainObserver, ValidationReport};
pub use trainer::{TrainReport, Trainer};
