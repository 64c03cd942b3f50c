//! A decoder of the Llama family: one file a part, from the configuration to the weights.

mod attention;
mod block;
mod config;
mod decoder;
mod mlp;
mod rope;
mod weights;

pub(crate) use attention::KeysValues;
pub use config::DecoderConfig;
pub(crate) use decoder::Decoder;
pub(crate) use rope::Rope;
pub(crate) use weights::load;
