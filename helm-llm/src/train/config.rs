use std::path::PathBuf;

use burn::optim::AdamWConfig;
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
    /// Into how many parts a step's participants are cut, whose gradients are computed one after another and added up:
    /// the memory of one part, the step of all of them. Beyond rounding it changes nothing, but for encoders with batch
    /// norm, whose statistics are those of a part.
    pub micro_batches: usize,
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
    /// The weight of each question in the loss, for a mixture of outcomes; only their proportions count. Empty: all the
    /// same. A question of weight 0 is validated, but not trained on.
    pub question_weights: Vec<f64>,
    /// How many of a participant's labelled questions a step trains on, drawn anew each time in proportion to
    /// [`question_weights`](Self::question_weights), which then don't weigh in the loss as well. 0: all of them, which is
    /// the same on average and less noisy, since all questions are answered in one pass anyway.
    pub questions_per_participant: usize,
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
    /// The folder in which [checkpoints](crate::Checkpoint) are written at each epoch's end; `None` for nowhere. A run
    /// goes on from one by [`Trainer::resume`](crate::Trainer::resume).
    pub checkpoints: Option<PathBuf>,
    /// Writes a checkpoint every so many steps, too; 0 for at the epochs' ends only.
    pub checkpoint_steps: usize,
    /// How many checkpoints are kept, the newest; 0 for all. Each has the best weights so far beside its own.
    pub keep_checkpoints: usize,
    /// Decides the order of the participants, whose inputs are dropped, and which questions are drawn. Random numbers that
    /// an encoder draws itself (burn's `Dropout`) are not decided by it.
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
            micro_batches: 1,
            learning_rate: 3e-4,
            warmup: 0.1,
            weight_decay: 0.01,
            max_gradient_norm: 1.0,
            likelihood_weight: 0.05,
            question_weights: Vec::new(),
            questions_per_participant: 0,
            imbalance: Imbalance::None,
            modality_dropout: 0.0,
            patience: 0,
            checkpoints: None,
            checkpoint_steps: 0,
            keep_checkpoints: 0,
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
            (
                (1..=self.batch_size / 2).contains(&self.micro_batches),
                "at least 1 micro-batch, and at least two participants in each",
                self.micro_batches as f64,
            ),
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
        let weights = &self.question_weights;
        let some = weights.is_empty() || weights.iter().any(|&weight| weight > 0.0);
        if !(some && weights.iter().all(|&weight| at_least_0(weight))) {
            let expected = "question weights of at least 0, one of them above it".into();
            return Err(Error::Training { expected, found: format!("{weights:?}") });
        }
        Ok(())
    }

    pub(crate) fn adamw(&self) -> AdamWConfig {
        AdamWConfig::new().with_weight_decay(self.weight_decay as f32)
    }

    /// The weight of each of some questions.
    pub(crate) fn weights_of_questions(&self, n_questions: usize) -> Vec<f64> {
        if self.question_weights.is_empty() { vec![1.0; n_questions] } else { self.question_weights.clone() }
    }

    /// As JSON, without what changes nothing about a run but where and how often it is saved.
    pub(crate) fn identity(&self) -> serde_json::Value {
        let unsaved = Self { checkpoints: None, checkpoint_steps: 0, keep_checkpoints: 0, ..self.clone() };
        // As it comes out of a file, where a number's last digit may be another.
        let text = serde_json::to_string(&unsaved).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }
}
