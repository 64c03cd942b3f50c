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
    /// The risk from the log-likelihoods of the two answers; its log-odds are NaN where neither answer is possible,
    /// that is, where both are negative infinity.
    pub fn from_log_likelihoods(positive: f64, negative: f64) -> Self {
        Self { log_odds: positive - negative, answer_mass: positive.exp() + negative.exp() }
    }

    /// P(positive answer) given that it is one of the two answers.
    pub fn probability(self) -> f64 {
        1.0 / (1.0 + (-self.log_odds).exp())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_two_answers_share_the_probability() {
        let risk = Risk::from_log_likelihoods(0.3f64.ln(), 0.1f64.ln());
        assert!((risk.log_odds - 3f64.ln()).abs() < 1e-15);
        assert!((risk.probability() - 0.75).abs() < 1e-15);
        assert!((risk.answer_mass - 0.4).abs() < 1e-15);
    }

    #[test]
    fn extremes_stay_in_order() {
        // The probabilities of both are 1 in f64: the log-odds still rank them.
        let (high, higher) = (Risk::from_log_likelihoods(-1.0, -900.0), Risk::from_log_likelihoods(-1.0, -901.0));
        assert_eq!((high.probability(), higher.probability()), (1.0, 1.0));
        assert!(higher.log_odds > high.log_odds);
        assert_eq!(Risk::from_log_likelihoods(f64::NEG_INFINITY, -1.0).probability(), 0.0);
        assert_eq!(Risk::from_log_likelihoods(-1.0, f64::NEG_INFINITY).probability(), 1.0);
        assert!(Risk::from_log_likelihoods(f64::NEG_INFINITY, f64::NEG_INFINITY).log_odds.is_nan());
    }

    proptest! {
        #[test]
        fn probability_is_the_positive_share(positive in -30.0f64..0.0, negative in -30.0f64..0.0) {
            let risk = Risk::from_log_likelihoods(positive, negative);
            let share = positive.exp() / (positive.exp() + negative.exp());
            prop_assert!((risk.probability() - share).abs() < 1e-12);
            let turned = Risk::from_log_likelihoods(negative, positive);
            prop_assert!((risk.probability() + turned.probability() - 1.0).abs() < 1e-12);
        }
    }
}
