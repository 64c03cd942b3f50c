//! How hard the simulated cohort is: logistic regression at n = 20,000 beside the calibration points of an open study of
//! the same tasks on UK Biobank (AUROC on baseline and on expanded features). The table is the one in
//! `helm_core::simulate`'s documentation; `--nocapture` prints it.

use helm_core::simulate::SimulatedCohort;
use helm_core::spirometry::{MeasureSettings, Measures, Spirogram};
use helm_core::{Cohort, Folds};
use helm_eval::Scored;
use helm_eval::baseline::LogisticConfig;

const N: usize = 20_000;

/// Outcome; the study's AUROC from baseline and expanded features, and how far ours may lie from it.
const POINTS: [(&str, Option<(f64, f64)>); 14] = [
    ("asthma", None),
    ("copd", None),
    ("diabetes", Some((0.759, 0.811))),
    ("hypertension", None),
    ("mortality", None),
    ("depression", Some((0.603, 0.638))),
    ("migraine", None),
    ("myocardial_infarction", Some((0.713, 0.744))),
    ("stroke", Some((0.708, 0.743))),
    ("cataract", Some((0.747, 0.747))),
    ("gerd", Some((0.596, 0.620))),
    ("hay_fever_eczema", Some((0.567, 0.577))),
    ("osteoarthritis", Some((0.687, 0.696))),
    ("pneumonia", Some((0.643, 0.651))),
];
const TOLERANCE: f64 = 0.03;

/// AUROC of pooled out-of-fold predictions, five folds of seed 0.
fn auroc(cohort: &Cohort, outcome: &str, rows: &[Vec<Option<f64>>]) -> f64 {
    let labels = cohort.labels(outcome).unwrap();
    let strata: Vec<usize> = labels.iter().map(|label| usize::from(*label == Some(true))).collect();
    let folds = Folds::stratified(cohort.participants(), &strata, 5, 0).unwrap();
    let log_odds = LogisticConfig::default().cross_validate(rows, labels, &folds).unwrap();
    let labels: Vec<bool> = labels.iter().map(|label| *label == Some(true)).collect();
    Scored::new(&labels, &log_odds).unwrap().auroc()
}

fn inputs(cohort: &Cohort, features: &[&str]) -> Vec<Vec<Option<f64>>> {
    cohort.records().map(|record| record.model_inputs(features).unwrap()).collect()
}

#[test]
#[expect(clippy::print_stdout, reason = "the table is for the documentation")]
fn outcomes_are_as_hard_as_the_papers() {
    let simulated = SimulatedCohort::new(N, 0).unwrap();
    let cohort = simulated.to_cohort().unwrap();
    let (baseline, expanded) =
        (inputs(&cohort, &SimulatedCohort::BASELINE), inputs(&cohort, &SimulatedCohort::EXPANDED));
    // What the true lungs are, and what a spirometer would say of the recorded breaths.
    let lungs: Vec<Vec<Option<f64>>> = (0..N)
        .map(|row| {
            let lung = simulated.participant(row).unwrap().lung;
            vec![Some(lung.fvc_z), Some(lung.time_constant_seconds.ln()), Some(lung.spread.ln())]
        })
        .collect();
    let measured: Vec<Vec<Option<f64>>> = cohort
        .signals(SimulatedCohort::SPIROGRAM)
        .unwrap()
        .iter()
        .map(|state| {
            let Some(signal) = state.signal() else { return vec![None; 5] };
            let blow = Spirogram::from_signal(signal.clone()).unwrap();
            let measures = Measures::new(&blow, &MeasureSettings::default()).unwrap();
            let share = |flow: Option<f64>| flow.map(|flow| flow / measures.fvc_litres);
            vec![
                measures.fev1_fvc(),
                share(Some(measures.pef_litres_per_second)),
                share(measures.fef50_litres_per_second),
                share(measures.fef75_litres_per_second),
                share(measures.fef25_75_litres_per_second),
            ]
        })
        .collect();
    println!("| outcome | prevalence | baseline | the study's | expanded | the study's | true lungs | measures |");
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    let mut failures = Vec::new();
    for (outcome, point) in POINTS {
        let [base, wide, lung, blow] =
            [&baseline, &expanded, &lungs, &measured].map(|rows| auroc(&cohort, outcome, rows));
        let cases = cohort.labels(outcome).unwrap().iter().filter(|label| **label == Some(true)).count();
        let study = |value: Option<f64>| value.map_or("–".into(), |value| format!("{value:.3}"));
        let (of_base, of_wide) = (point.map(|point| point.0), point.map(|point| point.1));
        println!(
            "| {outcome} | {:.3} | {base:.3} | {} | {wide:.3} | {} | {lung:.3} | {blow:.3} |",
            cases as f64 / N as f64,
            study(of_base),
            study(of_wide)
        );
        for (found, expected) in [(base, of_base), (wide, of_wide)] {
            if expected.is_some_and(|expected| (found - expected).abs() > TOLERANCE) {
                failures.push(format!("{outcome}: {found:.3} where the study has {expected:?}"));
            }
        }
        let within = |what: &str, found: f64, low: f64, high: f64| {
            (!(low..=high).contains(&found)).then(|| format!("{outcome} from {what}: {found:.3}"))
        };
        if outcome == "asthma" {
            failures.extend(within("baseline features", base, 0.47, 0.56));
            failures.extend(within("expanded features", wide, 0.47, 0.56));
            failures.extend(within("true lungs", lung, 0.72, 0.80));
            failures.extend(within("measures", blow, 0.65, 0.80));
        }
        if outcome == "diabetes" {
            failures.extend(within("expanded features", wide, 0.76, 0.84));
        }
        if outcome == "copd" {
            failures.extend(within("measures", blow, 0.65, 0.85));
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}
