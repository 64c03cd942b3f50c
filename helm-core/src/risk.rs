use serde::{Deserialize, Serialize};

/// What a language model says of one outcome of one participant.
///
/// The log-odds are what ranking and evaluation use: they are never rounded through a probability.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Risk {
    /// Natural logarithm of P(positive answer) ÷ P(negative answer).
    pub log_odds: f64,
    /// The share of the model's probability that falls on any declared answer, from 0 to 1: near 0, the model was
    /// about to say something else, and the log-odds mean little.
    pub answer_mass: f64,
}

impl Risk {
    /// The risk from the log-likelihoods of the two answers.
    pub fn from_log_likelihoods(positive: f64, negative: f64) -> Self {
        Self { log_odds: positive - negative, answer_mass: positive.exp() + negative.exp() }
    }

    /// P(positive answer) given that it is one of the two answers.
    pub fn probability(self) -> f64 {
        1.0 / (1.0 + (-self.log_odds).exp())
    }
}
