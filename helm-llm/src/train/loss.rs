use crate::likelihood::AnswerLogLikelihoods;

/// The loss of one answered question, and its derivatives with respect to the two answers' log-likelihoods.
///
/// With `z` the log-odds, it is `log(1 + exp(∓z)) − likelihood_weight · log P(right answer)`.
pub(crate) fn answer_loss(answer: AnswerLogLikelihoods, case: bool, likelihood_weight: f64) -> (f64, (f64, f64)) {
    let sign = if case { 1.0 } else { -1.0 };
    let margin = sign * (answer.positive - answer.negative);
    // log(1 + exp(−margin)) without overflow.
    let cross_entropy = (-margin).max(0.0) + (-margin.abs()).exp().ln_1p();
    let of_margin = -1.0 / (1.0 + margin.exp());
    let right = if case { answer.positive } else { answer.negative };
    let mut gradient = (sign * of_margin, -sign * of_margin);
    if case {
        gradient.0 -= likelihood_weight;
    } else {
        gradient.1 -= likelihood_weight;
    }
    (cross_entropy - likelihood_weight * right, gradient)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn derivatives_equal_differences(positive in -20.0f64..0.0, negative in -20.0f64..0.0, case: bool, weight in 0.0f64..2.0) {
            let loss = |positive, negative| answer_loss(AnswerLogLikelihoods { positive, negative }, case, weight).0;
            let (_, (of_positive, of_negative)) = answer_loss(AnswerLogLikelihoods { positive, negative }, case, weight);
            let h = 1e-5;
            let numeric = (loss(positive + h, negative) - loss(positive - h, negative)) / (2.0 * h);
            prop_assert!((numeric - of_positive).abs() < 1e-7);
            let numeric = (loss(positive, negative + h) - loss(positive, negative - h)) / (2.0 * h);
            prop_assert!((numeric - of_negative).abs() < 1e-7);
        }
    }

    #[test]
    fn a_sure_and_wrong_answer_does_not_overflow() {
        let (loss, _) = answer_loss(AnswerLogLikelihoods { positive: -2000.0, negative: 0.0 }, true, 0.0);
        assert_eq!(loss, 2000.0);
    }
}
