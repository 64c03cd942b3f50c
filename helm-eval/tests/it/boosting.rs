use helm_core::{Folds, ParticipantId};
use helm_eval::baseline::{Boosting, BoostingConfig};
use helm_eval::{Error, Scored};

use crate::data::{on_threads, two_normals};

type Rows = Vec<Vec<Option<f64>>>;

/// Two features that only together tell cases, one that never varies, one that is missing in every ninth row.
fn table(n: usize, seed: u64) -> (Rows, Vec<bool>) {
    let (_, a) = two_normals(n, 0.0, seed);
    let (_, b) = two_normals(n, 0.0, seed + 1);
    let labels = a.iter().zip(&b).enumerate().map(|(row, (a, b))| (a * b > 0.0) ^ (row % 7 == 0)).collect();
    let row =
        |row: usize| vec![Some(a[row]), Some(b[row]), Some(3.0), (!row.is_multiple_of(9)).then_some(a[row] + b[row])];
    ((0..n).map(row).collect(), labels)
}

fn folds(n: usize) -> Folds {
    let ids: Vec<ParticipantId> = (0..n).map(|row| ParticipantId::new(row.to_string())).collect();
    Folds::new(&ids, 4, 0).unwrap()
}

#[test]
fn trees_find_what_no_line_does() {
    let (rows, labels) = table(600, 1);
    let known: Vec<Option<bool>> = labels.iter().map(|&case| Some(case)).collect();
    let log_odds = BoostingConfig::default().cross_validate(&rows, &known, &folds(600)).unwrap();
    let auroc = Scored::new(&labels, &log_odds).unwrap().auroc();
    assert!(auroc > 0.8, "{auroc}");
}

#[test]
fn threads_change_nothing() {
    let (rows, labels) = table(20_000, 3);
    let config = BoostingConfig { trees: 10, ..BoostingConfig::default() };
    let one = on_threads(1, || config.fit(&rows, &labels).unwrap());
    assert_eq!(one, on_threads(5, || config.fit(&rows, &labels).unwrap()));
    assert_eq!(one.n_trees(), 10);
}

#[test]
fn each_row_is_scored_by_a_model_that_has_not_seen_it() {
    let (rows, labels) = table(200, 5);
    let mut known: Vec<Option<bool>> = labels.iter().map(|&case| Some(case)).collect();
    known[11] = None;
    let (config, folds) = (BoostingConfig::default(), folds(200));
    let log_odds = config.cross_validate(&rows, &known, &folds).unwrap();
    for fold in 0..4 {
        let train: Vec<usize> = folds.train_rows(fold).into_iter().filter(|&row| row != 11).collect();
        let (train_rows, train_labels): (Rows, Vec<bool>) =
            train.into_iter().map(|row| (rows[row].clone(), labels[row])).unzip();
        let model = config.fit(&train_rows, &train_labels).unwrap();
        for row in folds.test_rows(fold) {
            assert_eq!(log_odds[row], model.log_odds(&rows[row]));
        }
    }
}

#[test]
fn nothing_to_split() {
    // No feature varies, no feature at all, no tree.
    let labels = [true, false, false, false];
    let odds = (1.0_f64 / 3.0).ln();
    for rows in [vec![vec![Some(2.0), None]; 4], vec![vec![]; 4]] {
        let model = BoostingConfig::default().fit(&rows, &labels).unwrap();
        assert_eq!((model.n_trees(), model.log_odds(&rows[0])), (0, odds));
    }
    let (rows, labels) = table(50, 7);
    let model = BoostingConfig { trees: 0, ..BoostingConfig::default() }.fit(&rows, &labels).unwrap();
    assert_eq!(model.n_trees(), 0);
    // Numbers far from all that was seen.
    let model = BoostingConfig::default().fit(&rows, &labels).unwrap();
    for extreme in [f64::MAX, f64::MIN] {
        assert!(model.log_odds(&[Some(extreme), None, Some(extreme), None]).is_finite());
    }
}

#[test]
fn a_model_comes_back_from_json() {
    let (rows, labels) = table(80, 9);
    let model = BoostingConfig { trees: 3, ..BoostingConfig::default() }.fit(&rows, &labels).unwrap();
    let mut json = serde_json::to_value(&model).unwrap();
    let again: Boosting = serde_json::from_value(json.clone()).unwrap();
    assert_eq!(model, again);
    // What would loop for ever or look past the end is refused.
    let split = |left: usize, right: usize, feature: usize| {
        serde_json::json!([
            { "split": { "feature": feature, "threshold": 0.0, "left": left, "right": right } },
            { "leaf": 0.5 }, { "leaf": -0.5 },
        ])
    };
    for (tree, is_sound) in [
        (split(1, 2, 0), true),
        (split(0, 2, 0), false),
        (split(1, 3, 0), false),
        (split(1, 2, 4), false),
        (serde_json::json!([]), false),
    ] {
        json["trees"][1] = tree;
        assert_eq!(serde_json::from_value::<Boosting>(json.clone()).is_ok(), is_sound);
    }
}

#[test]
fn bad_input() {
    let (rows, labels) = table(40, 11);
    let config = BoostingConfig::default();
    for (bad, message) in [
        (BoostingConfig { learning_rate: 0.0, ..config }, "learning rate: expected a number above 0 and at most 1"),
        (BoostingConfig { learning_rate: f64::NAN, ..config }, "learning rate: expected"),
        (BoostingConfig { l2: -1.0, ..config }, "l2: expected a number of at least 0, found -1"),
        (BoostingConfig { max_depth: 0, ..config }, "tree depth: expected a whole number from 1 to 16, found 0"),
        (BoostingConfig { max_depth: 17, ..config }, "tree depth: expected"),
    ] {
        let error = bad.fit(&rows, &labels).unwrap_err().to_string();
        assert!(error.starts_with(message), "{error}");
    }
    assert!(matches!(config.fit(&rows, &labels[1..]), Err(Error::Length { expected: 40, found: 39, .. })));
    assert!(matches!(config.fit(&rows, &[false; 40]), Err(Error::OneClass { cases: 0, controls: 40 })));
    let mut holed = rows.clone();
    holed[3][0] = Some(f64::NAN);
    assert!(matches!(config.fit(&holed, &labels), Err(Error::Core(_))));
    holed[3] = vec![];
    assert!(matches!(config.fit(&holed, &labels), Err(Error::Core(_))));
}

/// The trees that XGBoost grew, walked by us, rank as its peer's do; where a bin ends is all that differs.
#[cfg(feature = "xgboost")]
#[test]
fn xgboost_and_forust_agree() {
    use helm_eval::baseline::BoostingLibrary;

    let (rows, labels) = table(600, 1);
    let known: Vec<Option<bool>> = labels.iter().map(|&case| Some(case)).collect();
    let auroc = |library| {
        let config = BoostingConfig { library, ..BoostingConfig::default() };
        let log_odds = config.cross_validate(&rows, &known, &folds(600)).unwrap();
        Scored::new(&labels, &log_odds).unwrap().auroc()
    };
    let (ours, theirs) = (auroc(BoostingLibrary::Forust), auroc(BoostingLibrary::Xgboost));
    assert!((ours - theirs).abs() < 0.02, "{ours} {theirs}");
}
