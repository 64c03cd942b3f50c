use approx::assert_abs_diff_eq;
use helm_core::{Folds, ParticipantId};
use helm_eval::baseline::LogisticConfig;
use helm_eval::{Error, Scored};
use serde_json::Value;

use crate::data::{SKLEARN, booleans, numbers};

fn rows(value: &Value) -> Vec<Vec<Option<f64>>> {
    let row = |row: &Value| row.as_array().unwrap().iter().map(Value::as_f64).collect();
    value.as_array().unwrap().iter().map(row).collect()
}

fn folds(n: usize, k: usize) -> Folds {
    let ids: Vec<ParticipantId> = (0..n).map(|row| ParticipantId::new(row.to_string())).collect();
    Folds::new(&ids, k, 0).unwrap()
}

/// Tolerance: 1e-3 of the largest coefficient, as the optimiser stops where the gradient is small; 1e-4 of AUROC.
#[test]
fn as_scikit_learn() {
    let golden = &SKLEARN["logistic"];
    let (rows, labels) = (rows(&golden["rows"]), booleans(&numbers(&golden["labels"])));
    for fit in golden["fits"].as_array().unwrap() {
        let model = LogisticConfig { c: fit["c"].as_f64().unwrap() }.fit(&rows, &labels).unwrap();
        let expected = numbers(&fit["coefficients"]);
        let near = 1e-3 * expected.iter().fold(0.0_f64, |largest, each| largest.max(each.abs()));
        assert_eq!(model.coefficients().len(), expected.len());
        for (found, expected) in model.coefficients().iter().zip(expected) {
            assert_abs_diff_eq!(*found, expected, epsilon = near);
        }
        assert_abs_diff_eq!(model.intercept(), fit["intercept"].as_f64().unwrap(), epsilon = near);
        let log_odds: Vec<f64> = rows.iter().map(|row| model.log_odds(row)).collect();
        for (found, expected) in log_odds.iter().zip(numbers(&fit["log_odds"])) {
            assert_abs_diff_eq!(*found, expected, epsilon = 10.0 * near);
        }
        let auroc = Scored::new(&labels, &log_odds).unwrap().auroc();
        assert_abs_diff_eq!(auroc, fit["auroc"].as_f64().unwrap(), epsilon = 1e-4);
    }
}

#[test]
fn each_row_is_scored_by_a_model_that_has_not_seen_it() {
    let golden = &SKLEARN["logistic"];
    let rows = rows(&golden["rows"]);
    let mut labels: Vec<Option<bool>> = booleans(&numbers(&golden["labels"])).into_iter().map(Some).collect();
    labels[11] = None;
    let folds = folds(rows.len(), 4);
    let log_odds = LogisticConfig::default().cross_validate(&rows, &labels, &folds).unwrap();
    for fold in 0..4 {
        let train: Vec<usize> = folds.train_rows(fold).into_iter().filter(|&row| labels[row].is_some()).collect();
        let train_rows: Vec<&[Option<f64>]> = train.iter().map(|&row| rows[row].as_slice()).collect();
        let train_labels: Vec<bool> = train.iter().map(|&row| labels[row].unwrap()).collect();
        let model = LogisticConfig::default().fit(&train_rows, &train_labels).unwrap();
        for row in folds.test_rows(fold) {
            assert_eq!(log_odds[row], model.log_odds(&rows[row]));
        }
    }
    // A row's own label does not move its score.
    labels[20] = labels[20].map(|case| !case);
    let again = LogisticConfig::default().cross_validate(&rows, &labels, &folds).unwrap();
    let fold = folds.fold_of_row()[20];
    for row in folds.test_rows(fold) {
        assert_eq!(log_odds[row], again[row]);
    }
    assert_ne!(log_odds, again);
}

#[test]
fn bad_input() {
    let rows = vec![vec![Some(1.0), None], vec![Some(2.0), Some(3.0)], vec![None, Some(1.0)], vec![Some(0.0), None]];
    let labels = [true, false, true, false];
    let config = LogisticConfig::default();
    for c in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let error = LogisticConfig { c }.fit(&rows, &labels).unwrap_err().to_string();
        assert!(error.starts_with("C: expected a number above 0, found"), "{error}");
    }
    assert!(matches!(config.fit(&rows, &labels[1..]), Err(Error::Length { expected: 4, found: 3, .. })));
    assert!(matches!(config.fit(&rows, &[true; 4]), Err(Error::OneClass { cases: 4, controls: 0 })));
    let known: Vec<Option<bool>> = labels.iter().map(|&label| Some(label)).collect();
    assert!(matches!(config.cross_validate(&rows, &known[1..], &folds(4, 2)), Err(Error::Length { .. })));
    assert!(matches!(config.cross_validate(&rows, &known, &folds(5, 2)), Err(Error::Length { .. })));
    // A bad row is an error wherever it stands: also where it has no label and where it is tested first.
    for row in 0..4 {
        for unlabelled in [false, true] {
            let mut known = known.clone();
            if unlabelled {
                known[row] = None;
            }
            let mut ragged = rows.clone();
            ragged[row].pop();
            assert!(config.cross_validate(&ragged, &known, &folds(4, 2)).is_err());
            for bad in [f64::NAN, f64::INFINITY] {
                let mut holed = rows.clone();
                holed[row][1] = Some(bad);
                assert!(config.cross_validate(&holed, &known, &folds(4, 2)).is_err());
            }
        }
    }
}
