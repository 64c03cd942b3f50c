//! Encoders against PyTorch and against published processing; what a modality keeps, saves and restores.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Mutex, PoisonError};

use burn::tensor::Device;
use helm_core::{Cohort, ParticipantId, Schema};

mod device;
mod flow_volume;
mod modality;
mod pretrain;
mod resnet;
mod saved;
mod series;
mod tabular;

/// Makes something whose random numbers a seed decides: they are drawn from one stream of the whole program.
fn seeded<T>(seed: u64, make: impl FnOnce(&Device) -> T) -> T {
    static STREAM: Mutex<()> = Mutex::new(());
    let _alone = STREAM.lock().unwrap_or_else(PoisonError::into_inner);
    let device = helm_encoders::device("cpu").unwrap();
    device.seed(seed);
    make(&device)
}

/// Participants of whom nothing is known.
fn people(n: usize) -> Cohort {
    let ids = (0..n).map(|i| ParticipantId::new(i.to_string())).collect();
    Cohort::builder(Schema::new(vec![], vec![], vec![]).unwrap(), ids).unwrap().build().unwrap()
}
