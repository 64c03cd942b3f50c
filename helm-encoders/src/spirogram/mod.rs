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

/// Random numbers come from one generator: a test that seeds it holds this while it draws.
#[cfg(all(test, feature = "flex"))]
fn alone() -> std::sync::MutexGuard<'static, ()> {
    static ALONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
