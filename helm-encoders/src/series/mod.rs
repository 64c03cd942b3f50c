//! From any sampled waveform to soft tokens.

mod backbone;
mod encoder;
mod input;
mod patches;
mod reader;

pub use encoder::{SeriesEncoder, SeriesEncoderConfig, SeriesPooling};
pub use input::SeriesInput;
pub(crate) use patches::flags;
pub use reader::SeriesReader;
