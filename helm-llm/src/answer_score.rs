use helm_core::Risk;

use crate::frozen::TargetScore;
use crate::likelihood::{AnswerLogLikelihoods, log_sum_exp, take};
use crate::tree::{Target, TokenTree};

/// What a language model says of every surface form of the answers to one question.
#[derive(Clone, Debug, PartialEq)]
pub struct AnswerScore {
    positive: Vec<f64>,
    negative: Vec<f64>,
    is_valid: bool,
}

impl AnswerScore {
    /// The natural log-likelihoods of the positive answer's forms, in the order of
    /// [`Answers::positive`](helm_core::Answers::positive). All forms of a question count from the same token on.
    pub fn positive(&self) -> &[f64] {
        &self.positive
    }

    /// The natural log-likelihoods of the negative answer's forms, in the order of
    /// [`Answers::negative`](helm_core::Answers::negative).
    pub fn negative(&self) -> &[f64] {
        &self.negative
    }

    /// Whether the model, asked to go on greedily, would write one of the declared forms.
    pub fn is_valid(&self) -> bool {
        self.is_valid
    }

    /// The answers against each other, each the sum of its forms' probabilities.
    pub fn risk(&self) -> Risk {
        self.log_likelihoods().risk()
    }

    pub(crate) fn log_likelihoods(&self) -> AnswerLogLikelihoods {
        AnswerLogLikelihoods { positive: log_sum_exp(&self.positive), negative: log_sum_exp(&self.negative) }
    }

    pub(crate) fn is_finite(&self) -> bool {
        let answers = self.log_likelihoods();
        answers.positive.is_finite() && answers.negative.is_finite()
    }
}

/// The scores of all questions of a tree from those of its targets, in their order.
pub(crate) fn answer_scores(tree: &TokenTree, targets: &[TargetScore]) -> Vec<AnswerScore> {
    let mut rest = targets;
    tree.questions()
        .iter()
        .map(|question| {
            let mut is_valid = false;
            let mut answer = |forms: &[Vec<Target>]| -> Vec<f64> {
                let mut form = |form: &Vec<Target>| {
                    let tokens = take(&mut rest, form.len());
                    is_valid |= tokens.iter().all(|token| token.is_most_likely);
                    tokens.iter().map(|token| token.log_prob).sum()
                };
                forms.iter().map(&mut form).collect()
            };
            let (positive, negative) = (answer(&question.positive), answer(&question.negative));
            AnswerScore { positive, negative, is_valid }
        })
        .collect()
}
