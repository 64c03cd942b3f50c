use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::train::examples::Examples;
use crate::{Error, Helm};

/// What a checkpoint says of itself, in `state.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::train) struct State {
    pub(in crate::train) format: u32,
    pub(in crate::train) progress: Progress,
    pub(in crate::train) identity: Identity,
    /// SHA-256 of every other file of the checkpoint.
    pub(in crate::train) files: BTreeMap<String, String>,
}

impl State {
    pub(in crate::train) const FORMAT: u32 = 1;
}

/// Where a run stands. Numbers that JSON might change in the last digit are text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::train) struct Progress {
    /// Steps taken.
    pub(in crate::train) step: usize,
    /// The epoch, from 1; 0 before the first.
    pub(in crate::train) epoch: usize,
    /// Steps taken in this epoch.
    pub(in crate::train) step_of_epoch: usize,
    /// Where the random numbers of the data order stood when this epoch began; when it has ended, where the next one
    /// begins.
    #[serde(with = "as_text")]
    pub(in crate::train) order_position: u128,
    /// Where the random numbers of dropped inputs stand.
    #[serde(with = "as_text")]
    pub(in crate::train) dropout_position: u128,
    /// Where the random numbers of drawn questions stand.
    #[serde(with = "as_text")]
    pub(in crate::train) question_position: u128,
    /// The sum of this epoch's losses.
    #[serde(with = "as_text")]
    pub(in crate::train) loss_sum: f64,
    /// The mean loss of the last whole epoch.
    #[serde(with = "as_text")]
    pub(in crate::train) last_loss: f64,
    /// The best validation so far.
    pub(in crate::train) best: Option<Best>,
}

/// The best validation of a run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::train) struct Best {
    pub(in crate::train) epoch: usize,
    #[serde(with = "as_text")]
    pub(in crate::train) metric: f64,
}

/// What must be the same for a run to go on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::train) struct Identity {
    language_model_sha256: String,
    /// Slots with the shapes of their soft tokens.
    modalities: Vec<String>,
    /// Number, questions and SHA-256 of the training examples.
    training_examples: String,
    validation_examples: String,
    metric: String,
    config: Value,
}

impl Identity {
    pub(in crate::train) fn new(helm: &Helm, examples: [String; 2], metric: &str, config: Value) -> Self {
        let [training_examples, validation_examples] = examples;
        let shape = |it: &helm_encoders::Modality| format!("{}: {} × {}", it.slot(), it.n_soft(), it.d_model());
        Self {
            language_model_sha256: helm.model().frozen().weights_sha256(),
            modalities: helm.modalities.iter().map(shape).collect(),
            training_examples,
            validation_examples,
            metric: metric.into(),
            config,
        }
    }

    /// Checks that a checkpoint's identity is this run's.
    pub(in crate::train) fn check(&self, of_checkpoint: &Self, path: &Path) -> Result<(), Error> {
        let refuse = |what: String, expected: &str, found: &str| {
            Err(Error::Checkpoint { path: path.into(), what, expected: expected.into(), found: found.into() })
        };
        let (expected_modalities, modalities) = (of_checkpoint.modalities.join(", "), self.modalities.join(", "));
        for (what, expected, found) in [
            ("the language model's hash", &of_checkpoint.language_model_sha256, &self.language_model_sha256),
            ("modalities", &expected_modalities, &modalities),
            ("training examples", &of_checkpoint.training_examples, &self.training_examples),
            ("validation examples", &of_checkpoint.validation_examples, &self.validation_examples),
            ("validation metric", &of_checkpoint.metric, &self.metric),
        ] {
            if expected != found {
                return refuse(what.into(), expected, found);
            }
        }
        if of_checkpoint.config == self.config {
            return Ok(());
        }
        let mut keys: Vec<&String> = [&of_checkpoint.config, &self.config]
            .into_iter()
            .filter_map(Value::as_object)
            .flat_map(|it| it.keys())
            .collect();
        keys.sort();
        let different = keys.into_iter().find(|key| of_checkpoint.config.get(key) != self.config.get(key));
        let of = |config: &Value| {
            different.map_or(config.to_string(), |key| config.get(key).unwrap_or(&Value::Null).to_string())
        };
        let what = different.map_or("settings".into(), |key| format!("setting {key}"));
        refuse(what, &of(&of_checkpoint.config), &of(&self.config))
    }
}

/// How a run's identity names examples.
pub(in crate::train) fn of_examples(examples: Option<&Examples>) -> String {
    examples.map_or("none".into(), |examples| {
        format!("{} of {} questions, SHA-256 {}", examples.len(), examples.n_questions(), examples.sha256())
    })
}

/// Numbers as text: the shortest that is read back as the same number.
mod as_text {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<T: Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(super) fn deserialize<'de, T: FromStr, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|_| D::Error::custom(format!("expected a number as text, found {text:?}")))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Every number, NaN aside, comes back bit by bit.
        #[test]
        fn numbers_survive_a_file(loss in any::<f64>(), position: u128) {
            let progress = Progress {
                step: 7,
                epoch: 2,
                step_of_epoch: 3,
                order_position: position,
                dropout_position: 0,
                question_position: u128::MAX,
                loss_sum: loss,
                last_loss: f64::NAN,
                best: Some(Best { epoch: 1, metric: -loss }),
            };
            let text = serde_json::to_string(&progress).unwrap();
            let again: Progress = serde_json::from_str(&text).unwrap();
            prop_assert!(again.last_loss.is_nan());
            prop_assert!(again.loss_sum.to_bits() == loss.to_bits() || loss.is_nan());
            prop_assert_eq!((again.order_position, again.question_position), (position, u128::MAX));
        }
    }
}
