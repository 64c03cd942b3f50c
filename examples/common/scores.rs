use helm_core::{Cohort, Folds};
use helm_eval::Bootstrap;
use helm_eval::report::{OutcomeResult, Table};

use crate::labelled::labelled;
use crate::{Failure, Prediction};

/// One model's out-of-fold scores of one outcome, for every participant.
pub struct Scores {
    /// The outcome.
    pub outcome: String,
    /// The model.
    pub model: String,
    /// Log-odds, one a participant, also of those without a label.
    pub log_odds: Vec<f64>,
    /// The share of a language model's probability on the declared answers.
    pub answer_mass: Option<Vec<f64>>,
}

/// The scores of several models and outcomes on one cohort and one set of folds.
pub struct AllScores<'a> {
    /// The participants.
    pub cohort: &'a Cohort,
    /// Who was tested by a model that had not seen them.
    pub folds: &'a Folds,
    /// Outcome by outcome, each with its models.
    pub scores: Vec<Scores>,
}

/// Every fold needs cases and controls on both of its sides.
///
/// # Errors
/// With the first fold that lacks one.
pub fn check_classes(cohort: &Cohort, outcome: &str, folds: &Folds) -> Result<(), Failure> {
    let labels = cohort.labels(outcome)?;
    for fold in 0..folds.k() {
        for rows in [folds.train_rows(fold), folds.test_rows(fold)] {
            let count = |case| rows.iter().filter(|&&row| labels[row] == Some(case)).count();
            if count(true) == 0 || count(false) == 0 {
                let error = helm_eval::Error::OneClass { cases: count(true), controls: count(false) };
                return Err(Failure::new(format!("outcome {outcome}, fold {}: {error}", fold + 1)));
            }
        }
    }
    Ok(())
}

impl AllScores<'_> {
    /// AUROC and AUPRC of each model with intervals, and paired differences.
    ///
    /// # Errors
    /// Where an outcome has no cases or no controls, or a compared model no scores.
    pub fn table(
        &self,
        outcomes: &[String],
        comparisons: &[(&str, &str)],
        bootstrap: &Bootstrap,
    ) -> Result<Table, Failure> {
        let outcomes = outcomes.iter().map(|outcome| {
            let (known, cases) = labelled(self.cohort, outcome)?;
            let models: Vec<(&str, Vec<f64>)> = self
                .scores
                .iter()
                .filter(|scores| scores.outcome == *outcome)
                .map(|scores| (scores.model.as_str(), known.iter().map(|&row| scores.log_odds[row]).collect()))
                .collect();
            let models: Vec<(&str, &[f64])> = models.iter().map(|(name, scores)| (*name, scores.as_slice())).collect();
            Ok(OutcomeResult::evaluate(outcome, &cases, &models, comparisons, bootstrap)?)
        });
        Ok(Table::new(outcomes.collect::<Result<_, Failure>>()?))
    }

    /// Every labelled participant's prediction by every model.
    ///
    /// # Errors
    /// If the cohort lacks an outcome.
    pub fn predictions(&self) -> Result<Vec<Prediction>, Failure> {
        let mut predictions = Vec::new();
        for scores in &self.scores {
            for (row, label) in self.cohort.labels(&scores.outcome)?.iter().enumerate() {
                let Some(label) = *label else { continue };
                predictions.push(Prediction {
                    row: row + 1,
                    fold: Some(self.folds.fold_of_row()[row] + 1),
                    outcome: scores.outcome.clone(),
                    model: scores.model.clone(),
                    log_odds: scores.log_odds[row],
                    answer_mass: scores.answer_mass.as_ref().map(|mass| mass[row]),
                    label: Some(label),
                });
            }
        }
        Ok(predictions)
    }
}
