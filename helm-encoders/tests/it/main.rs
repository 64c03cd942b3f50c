//! Encoders against PyTorch and against published processing; what a modality keeps, saves and restores.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::cell::Cell;
use std::sync::{Mutex, MutexGuard, PoisonError};

use burn::tensor::Device;
use helm_core::{Cohort, ParticipantId, Schema};

mod device;
mod flow_volume;
mod modality;
mod optimizer;
mod pretrain;
mod resnet;
mod saved;
mod series;
mod tabular;

/// While it lives, only this thread draws random numbers: they come from one stream of the whole program.
struct Alone(Option<MutexGuard<'static, ()>>);

thread_local! {
    static IS_ALONE: Cell<bool> = const { Cell::new(false) };
}

impl Drop for Alone {
    fn drop(&mut self) {
        if self.0.is_some() {
            IS_ALONE.set(false);
        }
    }
}

/// Waits until no other test draws random numbers.
fn alone() -> Alone {
    static STREAM: Mutex<()> = Mutex::new(());
    if IS_ALONE.get() {
        return Alone(None);
    }
    let guard = STREAM.lock().unwrap_or_else(PoisonError::into_inner);
    IS_ALONE.set(true);
    Alone(Some(guard))
}

/// The CPU, or what `HELM_TEST_DEVICE` names, for which helm-encoders must be built.
fn device_under_test() -> Device {
    helm_encoders::device(&std::env::var("HELM_TEST_DEVICE").unwrap_or("cpu".into())).unwrap()
}

/// Makes something whose random numbers a seed decides.
fn seeded<T>(seed: u64, make: impl FnOnce(&Device) -> T) -> T {
    let _alone = alone();
    let device = device_under_test();
    device.seed(seed);
    make(&device)
}

/// Participants of whom nothing is known.
fn people(n: usize) -> Cohort {
    let ids = (0..n).map(|i| ParticipantId::new(i.to_string())).collect();
    Cohort::builder(Schema::new(vec![], vec![], vec![]).unwrap(), ids).unwrap().build().unwrap()
}
