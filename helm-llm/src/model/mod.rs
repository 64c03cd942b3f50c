//! One decoder for all families, one file a part, from the configuration to the weights.

mod attention;
mod block;
mod checkpoint;
mod config;
mod decoder;
mod decoder_weights;
mod hugging_face;
mod load_report;
mod mapped_file;
mod mlp;
mod names;
mod norm;
mod rope;
mod weights;

pub(crate) use attention::KeysValues;
pub(crate) use checkpoint::Checkpoint;
#[cfg(feature = "hub")]
pub(crate) use checkpoint::{INDEX, SINGLE, index_files, is_whole};
pub use config::{
    Activation, AttentionSettings, DecoderConfig, NormKind, PerceptronSettings, Positions, Residual, RopeConfig,
    RopeScaling, Window,
};
pub(crate) use decoder::{Decoder, Sights};
pub(crate) use decoder_weights::{BlockWeights, DecoderWeights, LinearWeights, NormWeights, Weight, WeightNumbers};
pub(crate) use hugging_face::read_config;
pub use load_report::LoadReport;
pub(crate) use names::{Names, QkvNames};
pub(crate) use rope::Rope;
pub(crate) use weights::load;
