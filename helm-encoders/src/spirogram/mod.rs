//! From a forced breath to soft tokens.

mod channels_first;
mod encoder;
mod flow_volume;
#[cfg(feature = "flex")]
mod padded;
mod pretrain;
mod resnet;
mod sequences;

pub use encoder::{SpirogramEncoder, SpirogramEncoderConfig, SpirogramInput, SpirogramReader, TokenSource};
pub use flow_volume::FlowVolume;
pub use resnet::{ResNet1d, ResNet1dConfig};
