//! A frozen language model that reads text and soft tokens.
mod error;
mod frozen;
mod frozen_decoder;
mod helm;
mod language_model;
mod likelihood;
mod model;
mod packed;
mod prefix_cache;
mod splice;
mod tokenizer;
mod train;
mod tree;

pub use error::Error;
pub use frozen::{FrozenModel, Vjp};
pub use frozen_decoder::FrozenDecoder;
pub use helm::{Helm, Prompt};
pub use language_model::LanguageModel;
pub use model::DecoderConfig;
pub use packed::{PackedTrees, Padding};
pub use tokenizer::Tokenizer;
pub use train::{
    Examples, Imbalance, StepReport, TrainConfig, TrainObserver, TrainReport, Trainer, Validation, ValidationReport,
};
