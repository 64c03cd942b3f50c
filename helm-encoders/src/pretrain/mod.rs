//! Training of encoders by themselves, before they are trained through a language model.

mod config;
mod encoders;
mod reconstruction;
mod run;
mod supervised;
mod targets;

pub use config::{PretrainConfig, PretrainReport, PretrainStep};
pub use encoders::{FeatureEncoder, ReconstructingEncoder};
pub use run::Pretrainer;
pub use supervised::Supervised;
pub use targets::Targets;
