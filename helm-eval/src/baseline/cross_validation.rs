use helm_core::{Folds, Standardizer};
use rayon::prelude::*;

use crate::Error;

/// Whether folds are fitted one after another or on all threads.
pub(super) enum Order {
    /// For models whose fit has threads of its own.
    InTurn,
    /// For models that are fitted on one thread.
    SideBySide,
}

/// Log-odds of every row from a model that was fitted on the other folds; rows without a label are scored, and train
/// nothing.
pub(super) fn cross_validate<R: AsRef<[Option<f64>]> + Sync, M>(
    rows: &[R],
    labels: &[Option<bool>],
    folds: &Folds,
    order: Order,
    fit: impl Fn(&[&[Option<f64>]], &[bool]) -> Result<M, Error> + Sync,
    log_odds_of: impl Fn(&M, &[Option<f64>]) -> f64 + Sync,
) -> Result<Vec<f64>, Error> {
    for (what, found) in [("labels", labels.len()), ("folds", folds.fold_of_row().len())] {
        if found != rows.len() {
            return Err(Error::Length { what: what.into(), expected: rows.len(), found });
        }
    }
    // All rows, also those that train nothing: a row to be scored must be sound, too.
    Standardizer::fit(rows.iter().map(AsRef::as_ref))?;
    let of_fold = |fold: usize| {
        let train = folds.train_rows(fold).into_iter().filter_map(|row| Some((rows[row].as_ref(), labels[row]?)));
        let (train, labels): (Vec<&[Option<f64>]>, Vec<bool>) = train.unzip();
        let model = fit(&train, &labels)?;
        let test = folds.test_rows(fold).into_iter();
        Ok(test.map(|row| (row, log_odds_of(&model, rows[row].as_ref()))).collect())
    };
    let of_folds: Vec<Result<Vec<(usize, f64)>, Error>> = match order {
        Order::InTurn => (0..folds.k()).map(of_fold).collect(),
        Order::SideBySide => (0..folds.k()).into_par_iter().map(of_fold).collect(),
    };
    let mut log_odds = vec![0.0; rows.len()];
    // The first fold's error, whichever thread was faster.
    for of_fold in of_folds {
        for (row, found) in of_fold? {
            log_odds[row] = found;
        }
    }
    Ok(log_odds)
}
