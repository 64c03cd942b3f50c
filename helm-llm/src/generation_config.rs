use serde::{Deserialize, Serialize};

use crate::Error;

/// How text is generated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct GenerationConfig {
    /// The most tokens of a reply.
    pub max_tokens: usize,
    /// What logits are divided by before a token is drawn; 0 takes the most likely token each time.
    pub temperature: f64,
    /// Draws among the most likely tokens that together have this share of the probability.
    pub top_p: f64,
    /// Strings at which a reply ends; they are not part of it.
    pub stop: Vec<String>,
    /// Decides the draws.
    pub seed: u64,
}

impl Default for GenerationConfig {
    fn default() -> Self {
        Self { max_tokens: 256, temperature: 0.0, top_p: 1.0, stop: Vec::new(), seed: 0 }
    }
}

impl GenerationConfig {
    /// Checks that text can be generated with these settings.
    ///
    /// # Errors
    /// [`Error::Generation`] with the first setting with which it can't.
    pub fn check(&self) -> Result<(), Error> {
        for (fine, expected, found) in [
            (self.max_tokens > 0, "at least 1 token", self.max_tokens as f64),
            (self.temperature.is_finite() && self.temperature >= 0.0, "a temperature of at least 0", self.temperature),
            (self.top_p > 0.0 && self.top_p <= 1.0, "a top_p above 0 and at most 1", self.top_p),
        ] {
            if !fine {
                return Err(Error::Generation { expected: expected.into(), found: found.to_string() });
            }
        }
        if self.stop.iter().any(String::is_empty) {
            return Err(Error::Generation {
                expected: "stop strings that are not empty".into(),
                found: "an empty one".into(),
            });
        }
        Ok(())
    }
}
