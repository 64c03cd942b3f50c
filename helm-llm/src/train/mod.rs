//! Training of encoders and soft prompts through a frozen language model.

mod checkpoint;
mod config;
mod dropout;
mod examples;
mod loss;
mod observer;
mod run;
mod sampler;
mod schedule;
mod step;
mod trainer;
mod validate;

pub use checkpoint::Checkpoint;
pub use config::{Imbalance, TrainConfig};
pub use examples::{Examples, Validation};
pub use observer::{StepReport, TrainObserver, ValidationReport};
pub use trainer::{TrainReport, Trainer};
