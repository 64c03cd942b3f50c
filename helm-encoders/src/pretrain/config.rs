use serde::{Deserialize, Serialize};

use crate::Error;

/// Settings of a pretraining run; the defaults suit a few thousand participants.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct PretrainConfig {
    /// Passes over the participants.
    pub epochs: usize,
    /// Participants in a step.
    pub batch_size: usize,
    /// The highest learning rate, at the end of the warm-up.
    pub learning_rate: f64,
    /// The share of all steps over which the learning rate rises from 0; after it, it falls to 0 along a cosine.
    pub warmup: f64,
    /// AdamW's decoupled weight decay.
    pub weight_decay: f64,
    /// The largest norm of the gradient; larger ones are scaled down to it.
    pub max_gradient_norm: f64,
    /// The share of an input's parts that are hidden in masked reconstruction.
    pub hidden_share: f64,
    /// Decides the order of the participants, and what is hidden.
    pub seed: u64,
}

impl Default for PretrainConfig {
    fn default() -> Self {
        Self {
            epochs: 10,
            batch_size: 64,
            learning_rate: 1e-3,
            warmup: 0.1,
            weight_decay: 0.01,
            max_gradient_norm: 1.0,
            hidden_share: 0.4,
            seed: 0,
        }
    }
}

impl PretrainConfig {
    /// Checks that a run can be made with these settings.
    ///
    /// # Errors
    /// [`Error::Config`] with the first setting that it can't.
    pub fn check(&self) -> Result<(), Error> {
        let positive = |value: f64| value.is_finite() && value > 0.0;
        for (fine, what, expected, found) in [
            (self.epochs > 0, "epochs", "at least 1", self.epochs as f64),
            (self.batch_size > 1, "batch size", "at least 2", self.batch_size as f64),
            (positive(self.learning_rate), "learning rate", "a number above 0", self.learning_rate),
            ((0.0..1.0).contains(&self.warmup), "warm-up", "0 to below 1", self.warmup),
            (
                self.weight_decay.is_finite() && self.weight_decay >= 0.0,
                "weight decay",
                "at least 0",
                self.weight_decay,
            ),
            (self.max_gradient_norm > 0.0, "largest gradient norm", "a number above 0", self.max_gradient_norm),
            (self.hidden_share > 0.0 && self.hidden_share < 1.0, "hidden share", "between 0 and 1", self.hidden_share),
        ] {
            if !fine {
                return Err(Error::Config { what, expected: expected.into(), found: found.to_string() });
            }
        }
        Ok(())
    }
}

/// What one step of a pretraining run did.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct PretrainStep {
    /// The step, from 1.
    pub step: usize,
    /// Steps of the whole run.
    pub n_steps: usize,
    /// The mean loss of the batch.
    pub loss: f64,
    /// The learning rate of the step.
    pub learning_rate: f64,
}

/// What a pretraining run did.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct PretrainReport {
    /// Steps taken.
    pub steps: usize,
    /// The mean loss of the batches of each epoch.
    pub epoch_losses: Vec<f64>,
}
