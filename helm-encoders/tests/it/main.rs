//! Encoders against PyTorch and against published processing; what a modality keeps, saves and restores.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod device;
mod flow_volume;
mod modality;
mod resnet;
mod tabular;
