use approx::{assert_abs_diff_eq, assert_relative_eq};
use helm_eval::{Bins, Error, Predictions, Recalibration, RecalibrationMethod, RecalibrationSplit, shift_prevalence};
use proptest::prelude::*;

use crate::data::{SKLEARN, booleans, dca, numbers, two_normals};

const Z: f64 = 1.959_963_984_540_054;

#[test]
fn small_vectors() {
    let predictions = Predictions::new(&[false, true, true, false], &[0.1, 0.9, 0.8, 0.3]).unwrap();
    assert_abs_diff_eq!(predictions.brier(), 0.0375, epsilon = 1e-15);
    assert_eq!((predictions.len(), predictions.n_cases(), predictions.n_controls()), (4, 2, 2));
    assert_eq!(predictions.prevalence(), 0.5);
    // The example of scikit-learn's documentation of log_loss: spam, ham, ham, spam.
    let spam = Predictions::new(&[true, false, false, true], &[0.9, 0.1, 0.2, 0.65]).unwrap();
    assert_abs_diff_eq!(spam.log_loss(), 0.216_161_874_7, epsilon = 5e-11);
    let sure = Predictions::new(&[true, false], &[1.0, 0.0]).unwrap();
    assert_eq!((sure.log_loss(), sure.brier()), (0.0, 0.0));
    assert_eq!(Predictions::new(&[true, false], &[0.0, 0.0]).unwrap().log_loss(), f64::INFINITY);
}

#[test]
fn dcurves_cohort() {
    let Some((labels, risks)) = dca() else { return };
    let predictions = Predictions::new(&labels, &risks).unwrap();
    assert_abs_diff_eq!(predictions.brier(), 0.084_929_1, epsilon = 5e-8);
    assert_abs_diff_eq!(predictions.ece(Bins::EqualWidth(10)).unwrap(), 0.021_855_0, epsilon = 5e-8);
    assert_abs_diff_eq!(predictions.ece(Bins::EqualMass(10)).unwrap(), 0.029_874_2, epsilon = 5e-8);
    // In sample; the risks of the file have seven digits.
    let calibration = predictions.calibration(0.95).unwrap();
    assert_abs_diff_eq!(calibration.intercept, 0.0, epsilon = 1e-5);
    assert_abs_diff_eq!(calibration.slope, 1.0, epsilon = 1e-5);
    assert!(calibration.slope_interval.lower < 1.0 && 1.0 < calibration.slope_interval.upper);
    assert_abs_diff_eq!(predictions.observed_expected(0.95).unwrap().ratio, 1.0, epsilon = 1e-6);
}

#[test]
fn as_scikit_learn() {
    let golden = &SKLEARN["calibration"];
    let value = |what: &str| golden[what].as_f64().unwrap();
    let (labels, risks) = (booleans(&numbers(&golden["labels"])), numbers(&golden["risks"]));
    let predictions = Predictions::new(&labels, &risks).unwrap();
    assert_abs_diff_eq!(predictions.brier(), value("brier"), epsilon = 1e-9);
    assert_abs_diff_eq!(predictions.log_loss(), value("log_loss"), epsilon = 1e-9);
    let found = predictions.calibration(0.95).unwrap();
    assert_abs_diff_eq!(found.intercept, value("intercept"), epsilon = 1e-7);
    assert_abs_diff_eq!(found.slope, value("slope"), epsilon = 1e-7);
    assert_abs_diff_eq!(found.slope_intercept, value("slope_intercept"), epsilon = 1e-7);
    for (interval, estimate, standard_error) in [
        (found.intercept_interval, found.intercept, value("intercept_standard_error")),
        (found.slope_interval, found.slope, value("slope_standard_error")),
    ] {
        assert_abs_diff_eq!(interval.lower, estimate - Z * standard_error, epsilon = 1e-7);
        assert_abs_diff_eq!(interval.upper, estimate + Z * standard_error, epsilon = 1e-7);
    }
}

/// A split whose fitted part is the golden table: the table's people twice, once to fit on and once to report on.
#[test]
fn recalibration_as_scikit_learn() {
    let golden = &SKLEARN["calibration"];
    let value = |what: &str| golden[what].as_f64().unwrap();
    let (labels, log_odds) = (booleans(&numbers(&golden["labels"])), numbers(&golden["log_odds"]));
    // All rows of a part are one participant's; whichever part is fitted on is the same table.
    let people = [vec![0; labels.len()], vec![1; labels.len()]].concat();
    let split = RecalibrationSplit::new(&labels.repeat(2), &log_odds.repeat(2), &people, 0.5, 0).unwrap();
    assert_eq!(split.report_rows().len(), labels.len());
    let (temperature, _) = split.fit(RecalibrationMethod::Temperature).unwrap();
    let (slope, intercept) = temperature.slope_and_intercept().unwrap();
    assert_abs_diff_eq!(slope, value("temperature_slope"), epsilon = 1e-7);
    assert_eq!(intercept, 0.0);
    // scikit-learn's own Platt scaling stops early.
    let (platt, held_out) = split.fit(RecalibrationMethod::Platt).unwrap();
    let (slope, intercept) = platt.slope_and_intercept().unwrap();
    assert_abs_diff_eq!(slope, value("platt_slope"), epsilon = 1e-3);
    assert_abs_diff_eq!(intercept, value("platt_intercept"), epsilon = 1e-3);
    assert_abs_diff_eq!(held_out.mean_risk(), held_out.prevalence(), epsilon = 0.01);
    let (isotonic, held_out) = split.fit(RecalibrationMethod::Isotonic).unwrap();
    assert_eq!(isotonic.slope_and_intercept(), None);
    for (log_odds, expected) in numbers(&golden["grid"]).into_iter().zip(numbers(&golden["isotonic"])) {
        assert_abs_diff_eq!(isotonic.risk(log_odds), expected, epsilon = 1e-9);
    }
    assert_abs_diff_eq!(held_out.mean_risk(), held_out.prevalence(), epsilon = 1e-12);
    let kept = serde_json::to_string(&isotonic).unwrap();
    // serde_json reads the last digit as it likes.
    let kept: Recalibration = serde_json::from_str(&kept).unwrap();
    assert_abs_diff_eq!(kept.risk(0.1), isotonic.risk(0.1), epsilon = 1e-12);
}

#[test]
fn a_split_keeps_participants_whole_and_has_a_mind_of_its_own() {
    let (labels, log_odds) = two_normals(300, 1.5, 1);
    let people: Vec<usize> = (0..300).map(|row| row / 2).collect();
    let split = RecalibrationSplit::new(&labels, &log_odds, &people, 0.4, 5).unwrap();
    let reported = split.report_rows();
    assert!((170..190).contains(&reported.len()), "{}", reported.len());
    assert!(reported.is_sorted());
    for pair in reported.chunks(2) {
        assert_eq!((pair[0] / 2, pair[0] + 1), (pair[1] / 2, pair[1]));
    }
    // Another order of the rows, the same people.
    let turn = |row: usize| (row + 100) % 300;
    let turned = RecalibrationSplit::new(
        &(0..300).map(|row| labels[turn(row)]).collect::<Vec<_>>(),
        &(0..300).map(|row| log_odds[turn(row)]).collect::<Vec<_>>(),
        &(0..300).map(|row| people[turn(row)]).collect::<Vec<_>>(),
        0.4,
        5,
    )
    .unwrap();
    let mut rows: Vec<usize> = turned.report_rows().iter().map(|&row| turn(row)).collect();
    rows.sort_unstable();
    assert_eq!(rows, reported);
    let other = RecalibrationSplit::new(&labels, &log_odds, &people, 0.4, 6).unwrap();
    assert_ne!(other.report_rows(), reported);
    for method in [RecalibrationMethod::Temperature, RecalibrationMethod::Platt, RecalibrationMethod::Isotonic] {
        let (map, held_out) = split.fit(method).unwrap();
        assert_eq!(held_out.len(), reported.len());
        // A map never turns the order of two people round.
        let mut risks: Vec<(f64, f64)> = log_odds.iter().map(|&log_odds| (log_odds, map.risk(log_odds))).collect();
        risks.sort_by(|a, b| a.0.total_cmp(&b.0));
        assert!(risks.is_sorted_by(|a, b| a.1 <= b.1));
    }
}

#[test]
fn log_odds_far_too_large_are_recalibrated() {
    let (labels, log_odds) = two_normals(300, 1.5, 2);
    let people: Vec<usize> = (0..300).collect();
    let fit = |factor: f64, method| {
        let log_odds: Vec<f64> = log_odds.iter().map(|log_odds| log_odds * factor).collect();
        let split = RecalibrationSplit::new(&labels, &log_odds, &people, 0.5, 0).unwrap();
        split.fit(method).unwrap()
    };
    for method in [RecalibrationMethod::Temperature, RecalibrationMethod::Platt] {
        let (plain, plain_held_out) = fit(1.0, method);
        for factor in [1e-6, 1e3, 1e6] {
            let (large, held_out) = fit(factor, method);
            assert_relative_eq!(large.risk(factor), plain.risk(1.0), max_relative = 1e-6);
            assert_abs_diff_eq!(held_out.brier(), plain_held_out.brier(), epsilon = 1e-6);
        }
    }
}

#[test]
fn what_can_not_be_recalibrated() {
    let people: Vec<usize> = (0..8).collect();
    let labels = [true, false, true, false, true, false, true, false];
    let split = |log_odds: &[f64]| RecalibrationSplit::new(&labels, log_odds, &people, 0.5, 0);
    let fit = |log_odds: &[f64], method| split(log_odds).unwrap().fit(method);
    let falling = [-1.0, 1.0, -2.0, 2.0, -3.0, 3.0, -1.0, 1.0];
    let right = falling.map(|log_odds| -log_odds);
    for method in [RecalibrationMethod::Temperature, RecalibrationMethod::Platt] {
        assert!(matches!(fit(&falling, method), Err(Error::Fit { .. })));
        assert!(matches!(fit(&[0.0; 8], method), Err(Error::Fit { .. })));
    }
    assert!(matches!(fit(&right, RecalibrationMethod::Temperature), Err(Error::Fit { .. })));
    assert!(fit(&right, RecalibrationMethod::Platt).unwrap().0.risk(1.0) < 1.0);
    assert_eq!(fit(&[0.3; 8], RecalibrationMethod::Isotonic).unwrap().0.risk(9.0), 0.5);
    assert!(matches!(split(&[0.0; 7]), Err(Error::Length { expected: 8, found: 7, .. })));
    assert!(matches!(split(&[1.0, f64::NAN, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]), Err(Error::NotFinite { row: 2 })));
    assert!(matches!(RecalibrationSplit::new::<u8>(&[], &[], &[], 0.5, 0), Err(Error::Empty)));
    for share in [0.0, 1.0, f64::NAN] {
        assert!(matches!(RecalibrationSplit::new(&labels, &right, &people, share, 0), Err(Error::Setting { .. })));
    }
    assert!(matches!(RecalibrationSplit::new(&labels, &right, &[1; 8], 0.5, 0), Err(Error::OneClass { .. })));
}

#[test]
fn reliability_curve() {
    let risks = [0.05, 0.0, 0.1, 0.15, 0.95, 1.0, 0.9];
    let labels = [false, false, true, false, true, true, false];
    let predictions = Predictions::new(&labels, &risks).unwrap();
    let curve = predictions.reliability_curve(Bins::EqualWidth(10), 0.95).unwrap();
    assert_eq!(curve.iter().map(|bin| (bin.n, bin.cases)).collect::<Vec<_>>(), [(2, 0), (2, 1), (3, 2)]);
    assert_abs_diff_eq!(curve[2].mean_risk, 0.95, epsilon = 1e-12);
    // Wilson's interval of 1 in 2 at 95 %.
    assert_abs_diff_eq!(curve[1].interval.lower, 0.094_531, epsilon = 5e-7);
    assert_abs_diff_eq!(curve[1].interval.upper, 0.905_469, epsilon = 5e-7);
    assert_eq!(curve[0].interval.lower, 0.0);
    let equal = predictions.reliability_curve(Bins::EqualMass(3), 0.95).unwrap();
    assert_eq!(equal.iter().map(|bin| bin.n).collect::<Vec<_>>(), [3, 2, 2]);
    // Equal risks stay in one bin.
    let tied = Predictions::new(&labels, &[0.2; 7]).unwrap();
    assert_eq!(tied.reliability_curve(Bins::EqualMass(3), 0.95).unwrap().len(), 1);
    assert_abs_diff_eq!(tied.ece(Bins::EqualMass(3)).unwrap(), 3.0 / 7.0 - 0.2, epsilon = 1e-12);
}

#[test]
fn observed_expected() {
    let predictions = Predictions::new(&[true, true, false, false, false], &[0.5, 0.1, 0.1, 0.2, 0.1]).unwrap();
    let found = predictions.observed_expected(0.95).unwrap();
    assert_abs_diff_eq!(found.ratio, 2.0, epsilon = 1e-12);
    let factor = (Z * (0.6_f64 / 2.0).sqrt()).exp();
    assert_relative_eq!(found.interval.upper, 2.0 * factor, max_relative = 1e-12);
    assert_relative_eq!(found.interval.lower, 2.0 / factor, max_relative = 1e-12);
    for (labels, risks) in [([false, false], [0.5, 0.5]), ([true, false], [0.0, 0.0])] {
        let predictions = Predictions::new(&labels, &risks).unwrap();
        assert!(matches!(predictions.observed_expected(0.95), Err(Error::Undefined { .. })));
    }
}

#[test]
fn bad_input() {
    let message = |labels: &[bool], risks: &[f64]| Predictions::new(labels, risks).unwrap_err().to_string();
    assert_eq!(message(&[], &[]), "scores: expected at least one row, found none");
    assert_eq!(message(&[true, false], &[0.1]), "risks: expected 2 rows, found 1");
    for bad in [-1e-9, 1.0 + 1e-9, f64::NAN, f64::INFINITY] {
        assert_eq!(message(&[true, false], &[0.1, bad]), "risks: expected numbers from 0 to 1, found another in row 2");
    }
    let predictions = |labels: &[bool], risks: &[f64]| Predictions::new(labels, risks).unwrap();
    let one = predictions(&[true, true], &[0.5, 0.6]);
    assert!(matches!(one.calibration(0.95), Err(Error::OneClass { cases: 2, controls: 0 })));
    assert_abs_diff_eq!(one.brier(), 0.205, epsilon = 1e-12);
    let labels = [true, false, true, false];
    let ends = predictions(&labels, &[0.5, 0.0, 0.2, 0.3]).calibration(0.95).unwrap_err().to_string();
    assert_eq!(ends, "calibration intercept and slope: expected risks above 0 and below 1, found a risk of 0 or 1");
    for risks in [[0.5; 4], [0.9, 0.2, 0.8, 0.1], [0.1, 0.8, 0.2, 0.9], [0.9, 0.5, 0.5, 0.1]] {
        assert!(matches!(predictions(&labels, &risks).calibration(0.95), Err(Error::Fit { .. })));
    }
    let plain = predictions(&labels, &[0.5, 0.4, 0.2, 0.3]);
    for confidence in [0.0, 1.0, f64::NAN] {
        assert!(plain.calibration(confidence).is_err());
        assert!(plain.reliability_curve(Bins::EqualWidth(2), confidence).is_err());
        assert!(plain.observed_expected(confidence).is_err());
    }
    for bins in [Bins::EqualMass(0), Bins::EqualWidth(0)] {
        assert_eq!(plain.ece(bins).unwrap_err().to_string(), "bins: expected at least 1, found 0");
        assert!(plain.brier_parts(bins).is_err());
    }
    assert!(matches!(shift_prevalence(&[0.5, 1.5], 0.1, 0.2), Err(Error::Probability { row: 2, .. })));
    for (from, to) in [(0.0, 0.5), (0.5, 1.0), (f64::NAN, 0.5)] {
        assert!(matches!(shift_prevalence(&[0.5], from, to), Err(Error::Setting { what: "prevalence", .. })));
    }
}

#[test]
fn intervals_cover_the_true_slope() {
    let (mut slopes, mut intercepts) = (0, 0);
    for seed in 0..200 {
        // With cases a standard deviation d higher and half as many, the log-odds are d x − d²/2 − ln 2; these are
        // stretched by 2 and 1 too high, so that the slope is 1/2.
        let (labels, scores) = two_normals(240, 1.0, 3000 + seed);
        let log_odds = |score: f64| score - 0.5 - std::f64::consts::LN_2;
        let risks = |of: &dyn Fn(f64) -> f64| -> Vec<f64> {
            scores.iter().map(|&score| 1.0 / (1.0 + (-of(log_odds(score))).exp())).collect()
        };
        let stretched = Predictions::new(&labels, &risks(&|log_odds| 2.0 * log_odds + 1.0)).unwrap();
        let slope = stretched.calibration(0.9).unwrap().slope_interval;
        slopes += usize::from(slope.lower <= 0.5 && 0.5 <= slope.upper);
        let shifted = Predictions::new(&labels, &risks(&|log_odds| log_odds + 1.0)).unwrap();
        let intercept = shifted.calibration(0.9).unwrap().intercept_interval;
        intercepts += usize::from(intercept.lower <= -1.0 && -1.0 <= intercept.upper);
    }
    // 180 expected, standard deviation 4.2; the number of cases is fixed, which makes the intercept surer.
    assert!((167..=193).contains(&slopes), "{slopes} of 200");
    assert!(intercepts >= 172, "{intercepts} of 200");
}

#[test]
fn risks_next_to_0_have_an_intercept() {
    let labels: Vec<bool> = (0..20).map(|row| row % 10 == 0).collect();
    let risks: Vec<f64> = (0..20).map(|row| 1e-300 * f64::from(row + 1)).collect();
    let calibration = Predictions::new(&labels, &risks).unwrap().calibration(0.95).unwrap();
    assert!((680.0..690.0).contains(&calibration.intercept), "{}", calibration.intercept);
}

/// Labels and risks, ties among them.
fn predictions() -> impl Strategy<Value = (Vec<bool>, Vec<f64>)> {
    let risk = prop_oneof![(0u8..=10).prop_map(|tenths| f64::from(tenths) / 10.0), 0.0..=1.0];
    proptest::collection::vec((any::<bool>(), risk), 1..80).prop_map(|rows| rows.into_iter().unzip())
}

proptest! {
    #[test]
    fn parts_make_the_whole((labels, risks) in predictions(), n_bins in 1usize..15, turn in 0usize..80) {
        let whole = Predictions::new(&labels, &risks).unwrap();
        for bins in [Bins::EqualWidth(n_bins), Bins::EqualMass(n_bins)] {
            let curve = whole.reliability_curve(bins, 0.9).unwrap();
            prop_assert!(curve.len() <= n_bins);
            prop_assert_eq!(curve.iter().map(|bin| bin.n).sum::<usize>(), labels.len());
            prop_assert_eq!(curve.iter().map(|bin| bin.cases).sum::<usize>(), whole.n_cases());
            for bin in &curve {
                prop_assert!(bin.interval.lower <= bin.observed + 1e-12 && bin.observed <= bin.interval.upper + 1e-12);
            }
            let parts = whole.brier_parts(bins).unwrap();
            let sum = parts.reliability - parts.resolution + parts.uncertainty + parts.within_bins;
            prop_assert!((sum - whole.brier()).abs() < 1e-12);
            let ece = whole.ece(bins).unwrap();
            prop_assert!((0.0..=1.0).contains(&ece));
            let (mut labels, mut risks) = (labels.clone(), risks.clone());
            labels.rotate_left(turn % whole.len());
            risks.rotate_left(turn % whole.len());
            prop_assert_eq!(Predictions::new(&labels, &risks).unwrap().ece(bins).unwrap(), ece);
        }
        // As many bins as a distinct risk each: nothing is left within them.
        let tenths: Vec<f64> = risks.iter().map(|risk| (risk * 4.0).round() / 4.0).collect();
        let parts = Predictions::new(&labels, &tenths).unwrap().brier_parts(Bins::EqualWidth(4000)).unwrap();
        prop_assert!(parts.within_bins.abs() < 1e-12);
    }

    #[test]
    fn a_prevalence_shifts_there_and_back(risk in 0.0..=1.0, from in 0.01..0.99, to in 0.01..0.99) {
        let there = shift_prevalence(&[risk], from, to).unwrap();
        let back = shift_prevalence(&there, to, from).unwrap();
        prop_assert!((back[0] - risk).abs() < 1e-9);
        prop_assert!((there[0] - risk) * (to - from) >= -1e-12);
    }
}

/// Rows many times over are the same line, and take a second: sums of millions of rows still tell when it is found.
#[test]
fn millions_of_rows_are_fitted() {
    let (labels, scores) = two_normals(1000, 1.0, 21);
    let risks: Vec<f64> = scores.iter().map(|score| 1.0 / (1.0 + (1.5 - 0.7 * score).exp())).collect();
    let few = Predictions::new(&labels, &risks).unwrap().calibration(0.95).unwrap();
    let many = Predictions::new(&labels.repeat(4000), &risks.repeat(4000)).unwrap().calibration(0.95).unwrap();
    for (few, many) in [(few.intercept, many.intercept), (few.slope, many.slope)] {
        assert_abs_diff_eq!(few, many, epsilon = 1e-9);
    }
    let width = |interval: helm_eval::Interval| interval.upper - interval.lower;
    assert_relative_eq!(width(few.slope_interval), width(many.slope_interval) * 4000_f64.sqrt(), epsilon = 1e-9);
}
