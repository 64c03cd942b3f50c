use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::Error;

/// Settings of a training run; the defaults suit a few thousand participants.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct TrainConfig {
    /// Passes over the training participants.
    pub epochs: usize,
    /// Participants in a step.
    pub batch_size: usize,
    /// The highest learning rate, at the end of the warm-up.
    pub learning_rate: f64,
    /// The share of all steps over which the learning rate rises from 0; after it, it falls to 0 along a cosine.
    pub warmup: f64,
    /// AdamW's decoupled weight decay.
    pub weight_decay: f64,
    /// The largest norm of the gradient of all encoders together; larger ones are scaled down to it.
    pub max_gradient_norm: f64,
    /// The weight of −log P(right answer), the loss of HeLM's paper, beside the cross-entropy of the two answers
    /// against each other.
    ///
    /// The cross-entropy trains what the risk is computed from; the likelihood keeps the model's answers among the
    /// declared ones. A language model too small to have both trades some calibration for answer mass; 0 leaves the
    /// cross-entropy alone.
    pub likelihood_weight: f64,
    /// What is done about outcomes that few participants have.
    pub imbalance: Imbalance,
    /// The probability with which an input of a modality is replaced by the modality's stand-in, for every participant
    /// and step anew. It teaches the stand-in, and the model to do without an input, as it must for participants who
    /// lack it. Every modality then needs a stand-in. Of a batch of two, one input may be left: an encoder whose batch
    /// norm sees one number a channel and input needs larger batches.
    pub modality_dropout: f64,
    /// How many epochs without a better validation metric end the run; 0 for never. The weights of the best epoch are
    /// kept either way, if there are validation examples.
    pub patience: usize,
    /// Where checkpoints are written after each validation; `None` for nowhere.
    pub checkpoints: Option<PathBuf>,
    /// Decides the order of the participants, and whose inputs are dropped.
    pub seed: u64,
}

/// What is done about outcomes that few participants have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Imbalance {
    /// Nothing: risks stay calibrated to the training prevalence.
    #[default]
    None,
    /// Cases and controls of each question weigh the same in the loss.
    Weights,
    /// Participants are drawn with replacement, so that cases and controls are as frequent.
    Sampling,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            epochs: 4,
            batch_size: 64,
            learning_rate: 3e-4,
            warmup: 0.1,
            weight_decay: 0.01,
            max_gradient_norm: 1.0,
            likelihood_weight: 0.05,
            imbalance: Imbalance::None,
            modality_dropout: 0.0,
            patience: 0,
            checkpoints: None,
            seed: 0,
        }
    }
}

impl TrainConfig {
    /// Checks that a run can be made with these settings.
    ///
    /// # Errors
    /// [`Error::Training`] with the first setting that it can't.
    pub fn check(&self) -> Result<(), Error> {
        let at_least_0 = |value: f64| value.is_finite() && value >= 0.0;
        for (fine, expected, found) in [
            (self.epochs > 0, "at least 1 epoch", self.epochs as f64),
            (self.batch_size > 1, "a batch size of at least 2", self.batch_size as f64),
            (self.learning_rate.is_finite() && self.learning_rate > 0.0, "a learning rate above 0", self.learning_rate),
            ((0.0..1.0).contains(&self.warmup), "a warm-up from 0 to below 1", self.warmup),
            (at_least_0(self.weight_decay), "a weight decay of at least 0", self.weight_decay),
            (self.max_gradient_norm > 0.0, "a largest gradient norm above 0", self.max_gradient_norm),
            (at_least_0(self.likelihood_weight), "a likelihood weight of at least 0", self.likelihood_weight),
            (
                (0.0..1.0).contains(&self.modality_dropout),
                "a modality dropout from 0 to below 1",
                self.modality_dropout,
            ),
        ] {
            if !fine {
                return Err(Error::Training { expected: expected.into(), found: found.to_string() });
            }
        }
        Ok(())
    }
}
