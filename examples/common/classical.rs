use helm_core::{Cohort, Folds};
use helm_eval::baseline::{BoostingConfig, LogisticConfig};

use crate::{Failure, Scores, side_by_side};

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

/// Logistic regression on some features and an encoder's embedding: how far a linear model comes with what the encoder
/// found. `embeddings` has everyone's, by the encoder of each fold.
///
/// # Errors
/// If the cohort lacks an outcome or a feature, or a fold has no cases or no controls.
pub fn logistic_on_embeddings<S: AsRef<str>>(
    name: &str,
    (cohort, folds): (&Cohort, &Folds),
    outcome: &str,
    features: &[S],
    embeddings: &[Vec<Vec<Option<f64>>>],
) -> Result<Scores, Failure> {
    let labels = cohort.labels(outcome)?;
    let features: Vec<&str> = features.iter().map(AsRef::as_ref).collect();
    let inputs = cohort.records().map(|record| record.model_inputs(&features)).collect::<Result<Vec<_>, _>>()?;
    let row = |fold: usize, row: usize| [inputs[row].as_slice(), &embeddings[fold][row]].concat();
    let fitted = side_by_side(0..folds.k(), |fold, _| {
        let known = folds.train_rows(fold).into_iter().filter_map(|train| Some((row(fold, train), labels[train]?)));
        let (rows, cases): (Vec<_>, Vec<bool>) = known.unzip();
        Ok(LogisticConfig::default().fit(&rows, &cases)?)
    })?;
    let mut log_odds = vec![0.0; cohort.n_participants()];
    for (fold, logistic) in fitted.iter().enumerate() {
        for test in folds.test_rows(fold) {
            log_odds[test] = logistic.log_odds(&row(fold, test));
        }
    }
    Ok(Scores { outcome: outcome.into(), model: name.into(), log_odds, answer_mass: None })
}
