//! Baselines on the ten outcomes of NHANES 2011–2012 beside scikit-learn and XGBoost, where `HELM_TEST_DATA` names the
//! survey's folder.

use std::fmt::Write;
use std::path::PathBuf;
use std::sync::LazyLock;

use helm_core::Folds;
use helm_eval::Scored;
#[cfg(feature = "xgboost")]
use helm_eval::baseline::BoostingLibrary;
use helm_eval::baseline::{BoostingConfig, LogisticConfig};
use serde_json::Value;

/// The cohort as the example of that name has it.
#[path = "../../../examples/common/nhanes.rs"]
#[allow(dead_code, unreachable_pub, missing_docs, reason = "shared with the example")]
mod cohort;

/// What scripts/golden_eval.py wrote of the table that `table` writes.
static GOLDEN: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(include_str!("golden/nhanes.json")).unwrap());

/// One outcome from one set of features.
struct Task {
    outcome: String,
    features: &'static str,
    rows: Vec<Vec<Option<f64>>>,
    labels: Vec<Option<bool>>,
    /// Five folds, stratified by the label (case, control, none), of seed 0.
    folds: Folds,
}

impl Task {
    fn auroc(&self, log_odds: &[f64]) -> f64 {
        let known = |row: &usize| self.labels[*row].is_some();
        let rows: Vec<usize> = (0..self.labels.len()).filter(known).collect();
        let labels: Vec<bool> = rows.iter().filter_map(|&row| self.labels[row]).collect();
        let scores: Vec<f64> = rows.iter().map(|&row| log_odds[row]).collect();
        Scored::new(&labels, &scores).unwrap().auroc()
    }
}

fn tasks() -> Option<Vec<Task>> {
    let Some(data) = std::env::var_os("HELM_TEST_DATA") else {
        // Not eprintln, which a passing test swallows.
        let _ = std::io::Write::write_all(&mut std::io::stderr(), b"skipped: HELM_TEST_DATA is not set\n");
        return None;
    };
    let cohort = cohort::load(&PathBuf::from(data).join("data/nhanes_2011_2012")).unwrap().cohort;
    let mut tasks = Vec::new();
    for outcome in cohort.schema().outcomes() {
        let labels = cohort.labels(&outcome.name).unwrap();
        let strata: Vec<usize> = labels.iter().map(|label| label.map_or(2, usize::from)).collect();
        let folds = Folds::stratified(cohort.participants(), &strata, 5, 0).unwrap();
        let tabular = cohort::tabular_features(&outcome.name);
        let spirometry = [tabular.as_slice(), &cohort::SPIROMETRY].concat();
        for (name, features) in [("tabular", tabular), ("spirometry", spirometry)] {
            let rows = cohort.records().map(|record| record.model_inputs(&features).unwrap()).collect();
            let (outcome, folds) = (outcome.name.clone(), folds.clone());
            tasks.push(Task { outcome, features: name, rows, labels: labels.to_vec(), folds });
        }
    }
    Some(tasks)
}

/// Logistic regression within 0.003 of scikit-learn's AUROC, boosting within 0.01 or one standard error of the paired
/// difference of XGBoost's, whichever is larger; on the same features and folds, pooled out-of-fold.
#[test]
fn baselines_are_as_good_as_their_peers() {
    let Some(tasks) = tasks() else { return };
    let golden = GOLDEN["tasks"].as_array().unwrap();
    assert_eq!((tasks.len(), golden.len()), (20, 20));
    let mut report = String::new();
    let mut far = 0;
    for (task, golden) in tasks.iter().zip(golden) {
        assert_eq!((&golden["outcome"], &golden["features"]), (&task.outcome.as_str().into(), &task.features.into()));
        let count = |case| task.labels.iter().filter(|&&label| label == Some(case)).count();
        assert_eq!(golden["cases"], count(true));
        assert_eq!(golden["controls"], count(false));
        let number = |key: &str| golden[key].as_f64().unwrap();
        let logistic = LogisticConfig::default().cross_validate(&task.rows, &task.labels, &task.folds).unwrap();
        let boosting = BoostingConfig::default().cross_validate(&task.rows, &task.labels, &task.folds).unwrap();
        let (logistic, boosting) = (task.auroc(&logistic), task.auroc(&boosting));
        let near = 0.01_f64.max(number("boosting_standard_error"));
        let (off_logistic, off_boosting) = (logistic - number("logistic"), boosting - number("xgboost"));
        far += usize::from(off_logistic.abs() > 0.003) + usize::from(off_boosting.abs() > near);
        #[cfg(feature = "xgboost")]
        {
            // The same library on the same rows: 1e-3 is left for the rounding of features.
            let config = BoostingConfig { library: BoostingLibrary::Xgboost, ..BoostingConfig::default() };
            let theirs = task.auroc(&config.cross_validate(&task.rows, &task.labels, &task.folds).unwrap());
            assert!((theirs - number("xgboost")).abs() < 1e-3, "{theirs} {golden}");
        }
        let (outcome, features) = (&task.outcome, task.features);
        writeln!(
            report,
            "{outcome:24} {features:10} logistic {logistic:.4} ({off_logistic:+.4}), boosting {boosting:.4} \
             ({off_boosting:+.4}, within {near:.4})"
        )
        .unwrap();
    }
    assert_eq!(far, 0, "\n{report}");
    if let Some(folder) = std::env::var_os("HELM_TABLES") {
        std::fs::write(PathBuf::from(folder).join("baselines.txt"), report).unwrap();
    }
}

/// Writes what scripts/golden_eval.py computes golden/nhanes.json from, where `HELM_TABLES` names a folder: a CSV file
/// for each task, with label, fold, our boosting's log-odds and the features, missing ones empty.
#[test]
fn table() {
    let Some(folder) = std::env::var_os("HELM_TABLES") else { return };
    let Some(tasks) = tasks() else { return };
    for (index, task) in tasks.iter().enumerate() {
        let boosting = BoostingConfig::default().cross_validate(&task.rows, &task.labels, &task.folds).unwrap();
        let names: Vec<String> = (0..task.rows[0].len()).map(|feature| format!("x{feature}")).collect();
        let mut text = format!("label,fold,boosting,{}\n", names.join(","));
        for (row, features) in task.rows.iter().enumerate() {
            let label = task.labels[row].map_or_else(String::new, |case| u8::from(case).to_string());
            write!(text, "{label},{},{}", task.folds.fold_of_row()[row], boosting[row]).unwrap();
            for feature in features {
                write!(text, ",{}", feature.map_or_else(String::new, |x| x.to_string())).unwrap();
            }
            text.push('\n');
        }
        let name = format!("{index:02} {} {}.csv", task.outcome, task.features);
        std::fs::write(PathBuf::from(&folder).join(name), text).unwrap();
    }
}
