use helm_core::Cohort;
use helm_llm::{Helm, LanguageModel};
use helm_serialize::Serializer;

use crate::{Failure, Scores};

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
    let schema = cohort.schema();
    let questions = outcomes
        .iter()
        .map(|outcome| Ok(serializer.question(&schema.outcomes()[schema.outcome_index(outcome)?])))
        .collect::<Result<Vec<_>, Failure>>()?;
    let prompts = cohort
        .records()
        .map(|record| Ok(helm.prompt(&serializer.context(record)?, record, &questions)?))
        .collect::<Result<Vec<_>, Failure>>()?;
    let risks = helm.risks(&prompts)?;
    let of_outcome = |(index, outcome): (usize, &String)| Scores {
        outcome: outcome.clone(),
        model: name.into(),
        log_odds: risks.iter().map(|risks| risks[index].log_odds).collect(),
        answer_mass: Some(risks.iter().map(|risks| risks[index].answer_mass).collect()),
    };
    Ok(outcomes.iter().enumerate().map(of_outcome).collect())
}
