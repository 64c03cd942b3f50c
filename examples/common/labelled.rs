use helm_core::Cohort;

use crate::Failure;

/// The participants who are cases or controls, and which.
///
/// # Errors
/// If the cohort lacks the outcome.
pub(crate) fn labelled(cohort: &Cohort, outcome: &str) -> Result<(Vec<usize>, Vec<bool>), Failure> {
    Ok(cohort.labels(outcome)?.iter().enumerate().filter_map(|(row, label)| Some((row, (*label)?))).unzip())
}
