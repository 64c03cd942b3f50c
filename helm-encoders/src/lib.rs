//! Encoders that turn a signal or a table row into soft tokens: vectors in the embedding space of a language model.
//!
//! The principal type is [`Modality`]: an encoder with its slot, its reader and its optimiser, of which a model holds
//! any number of any kind. Authors of encoders implement [`ModalityEncoder`] on a burn module; its documentation shows
//! one from start to end. Here are
//!
//! - [`SpirogramEncoder`]: a 1-D ResNet18-D ([`ResNet1d`]) on the flow–volume curve ([`FlowVolume`]) of a breath;
//! - [`TabularEncoder`]: a perceptron over standardised features;
//! - [`Projector`]: from any features to soft tokens;
//! - [`device`]: the backend that a user's word names.
//!
//! Not here (yet): a patch encoder for any sampled waveform, pretraining, stand-ins for a missing modality.

mod device;
mod encoder;
mod error;
mod gradients;
mod modality;
mod projector;
mod series;
mod soft_tokens;
mod spirogram;
mod tabular;
mod token_projector;

pub use device::device;
pub use encoder::{InputReader, ModalityEncoder};
pub use error::Error;
pub use modality::{EncoderConfig, Modality, ModalityInput, ModalitySnapshot};
pub use projector::{Projector, ProjectorConfig};
pub use series::{SeriesEncoder, SeriesEncoderConfig, SeriesInput, SeriesPooling, SeriesReader};
pub use soft_tokens::SoftTokens;
pub use spirogram::{
    FlowVolume, ResNet1d, ResNet1dConfig, SpirogramEncoder, SpirogramEncoderConfig, SpirogramInput, SpirogramReader,
    TokenSource,
};
pub use tabular::{TabularEncoder, TabularEncoderConfig, TabularReader};
pub use token_projector::{TokenProjector, TokenProjectorConfig};
