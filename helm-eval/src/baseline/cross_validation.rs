use helm_core::{Folds, Standardizer};

use crate::Error;

/// Log-odds of every row from a model that was fitted on the other folds; rows without a label are scored, and train
/// nothing.
pub(super) fn cross_validate<R: AsRef<[Option<f64>]>, M>(
    rows: &[R],
    labels: &[Option<bool>],
    folds: &Folds,
    fit: impl Fn(&[&[Option<f64>]], &[bool]) -> Result<M, Error>,
    log_odds_of: impl Fn(&M, &[Option<f64>]) -> f64,
) -> Result<Vec<f64>, Error> {
    for (what, found) in [("labels", labels.len()), ("folds", folds.fold_of_row().len())] {
        if found != rows.len() {
            return Err(Error::Length { what: what.into(), expected: rows.len(), found });
        }
    }
    // All rows, also those that train nothing: a row to be scored must be sound, too.
    Standardizer::fit(rows.iter().map(AsRef::as_ref))?;
    let mut log_odds = vec![0.0; rows.len()];
    for fold in 0..folds.k() {
        let train = folds.train_rows(fold).into_iter().filter_map(|row| Some((rows[row].as_ref(), labels[row]?)));
        let (train, labels): (Vec<&[Option<f64>]>, Vec<bool>) = train.unzip();
        let model = fit(&train, &labels)?;
        for row in folds.test_rows(fold) {
            log_odds[row] = log_odds_of(&model, rows[row].as_ref());
        }
    }
    Ok(log_odds)
}
