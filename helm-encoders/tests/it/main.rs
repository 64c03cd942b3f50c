//! Encoders against PyTorch and against published processing; what a modality keeps, saves and restores.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test fails by panicking and says what it skips")]

mod device;
mod flow_volume;
mod modality;
mod resnet;
mod tabular;
