use helm_core::Risk;

use crate::tree::{Target, TokenTree};

/// The two answers' log-likelihoods of one question, and how they depend on the log-probabilities of tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct AnswerLogLikelihoods {
    pub(crate) positive: f64,
    pub(crate) negative: f64,
}

impl AnswerLogLikelihoods {
    pub(crate) fn risk(self) -> Risk {
        Risk::from_log_likelihoods(self.positive, self.negative)
    }
}

/// The answers' log-likelihoods of all questions of a tree from the log-probabilities of its targets, in their order.
///
/// A surface form's log-likelihood is the sum over its tokens, an answer's the log-sum-exp over its forms.
pub(crate) fn answer_log_likelihoods(tree: &TokenTree, log_probs: &[f64]) -> Vec<AnswerLogLikelihoods> {
    let mut rest = log_probs;
    let mut answer = |forms: &[Vec<Target>]| log_sum_exp(&form_sums(forms, &mut rest));
    tree.questions()
        .iter()
        .map(|question| AnswerLogLikelihoods {
            positive: answer(&question.positive),
            negative: answer(&question.negative),
        })
        .collect()
}

/// The gradient of a loss with respect to the targets' log-probabilities, from its gradient with respect to the two
/// answers' log-likelihoods of each question.
pub(crate) fn target_gradients(tree: &TokenTree, log_probs: &[f64], of_answers: &[(f64, f64)]) -> Vec<f64> {
    let mut rest = log_probs;
    let mut gradients = Vec::with_capacity(log_probs.len());
    let mut answer = |forms: &[Vec<Target>], gradient: f64| {
        let sums = form_sums(forms, &mut rest);
        let total = log_sum_exp(&sums);
        for (form, sum) in forms.iter().zip(sums) {
            gradients.extend(std::iter::repeat_n(gradient * (sum - total).exp(), form.len()));
        }
    };
    for (question, &(positive, negative)) in tree.questions().iter().zip(of_answers) {
        answer(&question.positive, positive);
        answer(&question.negative, negative);
    }
    gradients
}

fn form_sums(forms: &[Vec<Target>], rest: &mut &[f64]) -> Vec<f64> {
    forms.iter().map(|form| take(rest, form.len()).iter().sum()).collect()
}

/// The next so many of the rest.
pub(crate) fn take<'a, T>(rest: &mut &'a [T], n: usize) -> &'a [T] {
    let (own, others) = rest.split_at(n);
    *rest = others;
    own
}

pub(crate) fn log_sum_exp(values: &[f64]) -> f64 {
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if most == f64::NEG_INFINITY {
        return most;
    }
    most + values.iter().map(|value| (value - most).exp()).sum::<f64>().ln()
}
