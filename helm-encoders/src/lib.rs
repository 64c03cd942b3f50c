//! Encoders that turn a signal or a table row into soft tokens: vectors in the embedding space of a language model.
//!
//! The principal type is [`Modality`]: an encoder with its slot, its reader and its optimiser, of which a model holds
//! any number of any kind. Authors of encoders implement [`ModalityEncoder`] on a burn module; its documentation shows
//! one from start to end. Here are
//!
//! - [`SpirogramEncoder`]: a 1-D ResNet18-D ([`ResNet1d`]) on the flow–volume curve ([`FlowVolume`]) of a breath;
//! - [`SeriesEncoder`]: a transformer over patches of any sampled waveform, with a mask;
//! - [`TabularEncoder`]: a perceptron over standardised features;
//! - [`Projector`], [`TokenProjector`]: from any features to soft tokens;
//! - [`Pretrainer`]: training of an encoder by itself, on measures and labels or by filling in what is hidden;
//! - [`ModuleAdamW`]: the optimiser of any module, which can be saved and gone on with;
//! - [`EncoderConfig`]: what it takes for a [`Modality`] to be saved whole, with its reader, and
//!   [`ModalityKinds`]: what it takes to load one without knowing its encoder beforehand;
//! - [`device`]: the backend that a user's word names.
//!
//! A participant who lacks an input has no soft tokens, or a learned [stand-in](Modality::with_stand_in)'s.
//!
//! Not here (yet): signals resampled to another rate. Attribution and the embeddings of a cohort are helm-llm's, where
//! encoder and prompt meet.

mod device;
mod encoder;
mod error;
mod gradients;
mod modality;
mod module_adamw;
mod pretrain;
mod projector;
mod series;
mod soft_tokens;
mod spirogram;
mod tabular;
mod token_projector;

pub use device::device;
pub use encoder::{InputReader, ModalityEncoder};
pub use error::Error;
pub use modality::{EncoderConfig, Modality, ModalityInput, ModalityKinds, ModalitySnapshot, SampleGraph};
pub use module_adamw::ModuleAdamW;
pub use pretrain::{
    FeatureEncoder, PretrainConfig, PretrainReport, PretrainStep, Pretrainer, ReconstructingEncoder, Supervised,
    Targets,
};
pub use projector::{Projector, ProjectorConfig};
pub use series::{SeriesEncoder, SeriesEncoderConfig, SeriesInput, SeriesPooling, SeriesReader};
pub use soft_tokens::SoftTokens;
pub use spirogram::{
    FlowVolume, ResNet1d, ResNet1dConfig, SpirogramEncoder, SpirogramEncoderConfig, SpirogramInput, SpirogramReader,
    TokenSource,
};
pub use tabular::{TabularEncoder, TabularEncoderConfig, TabularReader};
pub use token_projector::{TokenProjector, TokenProjectorConfig};
