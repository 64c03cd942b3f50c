use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{Error, LanguageModel};

/// By what a language model is known again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ModelIdentity {
    d_model: usize,
    weights_sha256: String,
    tokenizer_sha256: String,
    /// The mean loss of [`PROBE`] in nats a token, which also a wrong setting beside the weights would change; none
    /// for a tokenizer that makes less than two tokens of it.
    probe_loss: Option<f64>,
}

const PROBE: &str = "The person is 54 years old, has never smoked, and has no known disease.";

/// How far the probe's loss may be off, in nats a token: more than backends and engines differ.
const TOLERANCE: f64 = 1e-3;

impl ModelIdentity {
    pub(super) fn of(model: &LanguageModel) -> Result<Self, Error> {
        let frozen = model.frozen();
        let mut ids = model.prompt_ids(PROBE)?;
        ids.truncate(frozen.n_positions());
        Ok(Self {
            d_model: frozen.d_model(),
            weights_sha256: frozen.weights_sha256(),
            tokenizer_sha256: model.tokenizer().sha256().to_owned(),
            probe_loss: (ids.len() >= 2).then(|| model.mean_loss_of(&ids)).filter(|loss| loss.is_finite()),
        })
    }

    /// Checks that a model is this one; `path` is the manifest's that says which.
    pub(super) fn check(&self, model: &LanguageModel, path: &Path) -> Result<(), Error> {
        let found = Self::of(model)?;
        let another = |what, expected: &dyn ToString, found: &dyn ToString| Error::AnotherModel {
            path: path.into(),
            what,
            expected: expected.to_string(),
            found: found.to_string(),
        };
        if self.d_model != found.d_model {
            return Err(another("of width", &self.d_model, &found.d_model));
        }
        if self.weights_sha256 != found.weights_sha256 {
            return Err(another("of weights", &self.weights_sha256, &found.weights_sha256));
        }
        if self.tokenizer_sha256 != found.tokenizer_sha256 {
            return Err(another("of tokenizer", &self.tokenizer_sha256, &found.tokenizer_sha256));
        }
        match (self.probe_loss, found.probe_loss) {
            (None, None) => Ok(()),
            (Some(expected), Some(found)) if (expected - found).abs() <= TOLERANCE => Ok(()),
            (expected, found) => {
                let text = |loss: Option<f64>| loss.map_or("none".into(), |loss| format!("{loss:.6}"));
                Err(another("of probe loss", &text(expected), &text(found)))
            }
        }
    }
}
