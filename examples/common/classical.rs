use helm_core::{Cohort, Folds};
use helm_eval::baseline::{BoostingConfig, LogisticConfig};

use crate::{Failure, Scores};

/// Logistic regression and gradient boosting on some features, cross-validated, under these names.
///
/// # Errors
/// If the cohort lacks an outcome or a feature, or a fold has no cases or no controls.
pub fn classical<S: AsRef<str>>(
    cohort: &Cohort,
    folds: &Folds,
    outcome: &str,
    features: &[S],
    [logistic, boosting]: [&str; 2],
) -> Result<Vec<Scores>, Failure> {
    let labels = cohort.labels(outcome)?;
    let features: Vec<&str> = features.iter().map(AsRef::as_ref).collect();
    let rows = cohort.records().map(|record| record.model_inputs(&features)).collect::<Result<Vec<_>, _>>()?;
    let scores = [
        (logistic, LogisticConfig::default().cross_validate(&rows, labels, folds)?),
        (boosting, BoostingConfig::default().cross_validate(&rows, labels, folds)?),
    ];
    let named = |(model, log_odds): (&str, Vec<f64>)| Scores {
        outcome: outcome.into(),
        model: model.into(),
        log_odds,
        answer_mass: None,
    };
    Ok(scores.map(named).into())
}
