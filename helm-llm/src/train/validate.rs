use super::examples::{Examples, Validation};
use super::loss::answer_loss;
use super::step::total_weight;
use crate::Helm;

/// Scores validation examples, the encoders in scoring mode.
pub(super) fn validate(helm: &Helm, examples: &Examples, weights: &[[f64; 2]], likelihood_weight: f64) -> Validation {
    let mut loss = 0.0;
    let mut questions = vec![(Vec::new(), Vec::new()); examples.n_questions()];
    let labels: Vec<&[Option<bool>]> = examples.labels().iter().map(Vec::as_slice).collect();
    let total = total_weight(&labels, weights);
    for (answers, labels) in helm.unchecked_scores(examples.prompts()).into_iter().zip(labels) {
        for (question, (answer, label)) in answers.into_iter().zip(labels).enumerate() {
            let Some(case) = *label else { continue };
            let answer = answer.log_likelihoods();
            loss += weights[question][usize::from(case)] / total * answer_loss(answer, case, likelihood_weight).0;
            questions[question].0.push(answer.risk().log_odds);
            questions[question].1.push(case);
        }
    }
    Validation { loss, questions }
}
