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
//! Breaths of simulated people, each as six soft tokens for a language model of width 64:
//!
//! ```
//! use helm_core::simulate::SimulatedCohort;
//! use helm_encoders::{
//!     FlowVolume, InputReader, ModalityEncoder, ResNet1dConfig, SpirogramEncoderConfig, SpirogramReader,
//! };
//!
//! let cohort = SimulatedCohort::new(20, 0)?.to_cohort()?;
//! let grid = FlowVolume { n_points: 128, max_volume_litres: 8.0, max_seconds: 10.0 };
//! let reader = SpirogramReader::new(SimulatedCohort::SPIROGRAM, grid);
//! let mut breaths = Vec::new();
//! for record in cohort.records() {
//!     // Some people have none.
//!     breaths.extend(reader.read(record)?);
//! }
//!
//! let device = helm_encoders::device("cpu")?;
//! let resnet = ResNet1dConfig::new(1).with_width(4).with_padding(0);
//! let encoder = SpirogramEncoderConfig::new(resnet, 0, 6, 64).init(&device);
//! let soft_tokens = encoder.encode(&breaths.iter().collect::<Vec<_>>(), &device);
//! assert_eq!(soft_tokens.into_tensor().dims(), [breaths.len(), 6, 64]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
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
