use helm_core::Cohort;
use helm_llm::{Helm, LanguageModel};
use helm_serialize::Serializer;

use crate::{Failure, Scores, prompts};

/// The risks by the language model as it is, from text alone.
///
/// # Errors
/// If the cohort lacks an outcome, or a prompt can't be made.
pub fn untuned(
    name: &str,
    cohort: &Cohort,
    model: &LanguageModel,
    serializer: &Serializer,
    outcomes: &[String],
) -> Result<Vec<Scores>, Failure> {
    let helm = Helm::new(model.clone(), vec![])?;
    let everyone: Vec<usize> = (0..cohort.n_participants()).collect();
    let risks = helm.risks(&prompts(&helm, serializer, cohort, outcomes, &everyone)?)?;
    let of_outcome = |(index, outcome): (usize, &String)| Scores {
        outcome: outcome.clone(),
        model: name.into(),
        log_odds: risks.iter().map(|risks| risks[index].log_odds).collect(),
        answer_mass: Some(risks.iter().map(|risks| risks[index].answer_mass).collect()),
    };
    Ok(outcomes.iter().enumerate().map(of_outcome).collect())
}
