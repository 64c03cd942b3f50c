use approx::assert_abs_diff_eq;
use helm_eval::{Error, OperatingPoint, Predictions, Scored, Subgroup};
use proptest::prelude::*;

use crate::data::{dca, labelled_scores, two_normals};

#[test]
fn decision_curve_of_the_dcurves_cohort() {
    let Some((labels, risks)) = dca() else { return };
    let predictions = Predictions::new(&labels, &risks).unwrap();
    let curve = predictions.decision_curve(&[0.0, 0.1, 0.25], None).unwrap();
    assert_abs_diff_eq!(curve[0].net_benefit, 0.14, epsilon = 1e-12);
    assert_abs_diff_eq!(curve[1].net_benefit, 0.087_407_4, epsilon = 5e-8);
    assert_abs_diff_eq!(curve[1].treat_all, 0.044_444_4, epsilon = 5e-8);
    assert_abs_diff_eq!(curve[2].net_benefit, 0.064, epsilon = 5e-8);
    assert_abs_diff_eq!(curve[2].treat_all, -0.146_666_7, epsilon = 5e-8);
    // The rows' own prevalence changes nothing; a case-control sample's rows weigh as the population's.
    assert_eq!(predictions.decision_curve(&[0.25], Some(0.14)).unwrap()[0].net_benefit, curve[2].net_benefit);
    let sampled = predictions.decision_curve(&[0.1], Some(0.2)).unwrap()[0];
    let called = |case| (0..labels.len()).filter(|&row| labels[row] == case && risks[row] >= 0.1).count() as f64;
    let expected = called(true) / 105.0 * 0.2 - called(false) / 645.0 * 0.8 / 9.0;
    assert_abs_diff_eq!(sampled.net_benefit, expected, epsilon = 1e-12);
    assert_abs_diff_eq!(sampled.treat_all, 0.2 - 0.8 / 9.0, epsilon = 1e-12);
}

#[test]
fn a_risk_at_the_threshold_is_treated() {
    let predictions = Predictions::new(&[true, false], &[0.3, 0.2]).unwrap();
    let curve = predictions.decision_curve(&[0.3, 0.3_f64.next_up(), 0.2], None).unwrap();
    assert_eq!((curve[0].net_benefit, curve[1].net_benefit), (0.5, 0.0));
    assert_eq!(curve[2].net_benefit, curve[2].treat_all);
}

#[test]
fn bad_thresholds_and_prevalences() {
    let predictions = Predictions::new(&[true, false], &[0.3, 0.2]).unwrap();
    for threshold in [-0.1, 1.0, f64::NAN] {
        let error = predictions.decision_curve(&[0.5, threshold], None).unwrap_err().to_string();
        assert_eq!(error, format!("threshold: expected a number from 0 and below 1, found {threshold}"));
    }
    for prevalence in [0.0, 1.0, f64::NAN] {
        assert!(matches!(predictions.decision_curve(&[0.5], Some(prevalence)), Err(Error::Setting { .. })));
    }
    let one_class = Predictions::new(&[true, true], &[0.3, 0.2]).unwrap();
    assert!(matches!(one_class.decision_curve(&[0.5], None), Err(Error::OneClass { cases: 2, controls: 0 })));
    let scored = Scored::new(&[true, false], &[0.3, 0.2]).unwrap();
    assert!(matches!(scored.operating_point(f64::NAN, 0.95), Err(Error::Setting { what: "threshold", .. })));
    assert!(scored.operating_point(0.1, 1.0).is_err());
    for share in [-0.1, 1.1, f64::NAN] {
        assert!(matches!(scored.at_specificity(share, 0.95), Err(Error::Setting { what: "specificity", .. })));
        assert!(matches!(scored.at_sensitivity(share, 0.95), Err(Error::Setting { what: "sensitivity", .. })));
    }
    let weighted = Scored::weighted(&[true, false], &[0.3, 0.2], &[1.0, 2.0]).unwrap();
    let error = weighted.operating_point(0.1, 0.95).unwrap_err().to_string();
    assert_eq!(error, "operating point: expected rows that count alike, found weights");
    let several = scored.clustered(&[7, 7]).unwrap();
    assert!(matches!(several.operating_point(0.1, 0.95), Err(Error::Undefined { .. })));
}

#[test]
fn operating_points() {
    let labels = [true, true, true, true, false, false, false, false, false];
    let scores = [0.9, 0.8, 0.6, 0.2, 0.7, 0.5, 0.4, 0.3, 0.1];
    let scored = Scored::new(&labels, &scores).unwrap();
    let counts = |point: OperatingPoint| {
        [point.true_positives, point.false_negatives, point.true_negatives, point.false_positives]
    };
    let point = scored.operating_point(0.5, 0.95).unwrap();
    assert_eq!(counts(point), [3, 1, 3, 2]);
    assert_eq!((point.sensitivity.value, point.specificity.value), (0.75, 0.6));
    assert_eq!((point.ppv.unwrap().value, point.npv.unwrap().value), (0.6, 0.75));
    // Wilson's interval of 3 in 4.
    assert_abs_diff_eq!(point.sensitivity.interval.lower, 0.300_642, epsilon = 5e-7);
    assert_abs_diff_eq!(point.sensitivity.interval.upper, 0.954_413, epsilon = 5e-7);
    // 0.8 of five controls leaves one false positive; 0.81 none.
    let point = scored.at_specificity(0.8, 0.95).unwrap();
    assert_eq!((point.threshold, counts(point)), (0.6, [3, 1, 4, 1]));
    assert_eq!(scored.at_specificity(0.81, 0.95).unwrap().threshold, 0.8);
    assert_eq!(scored.at_specificity(0.0, 0.95).unwrap().threshold, 0.1);
    assert_eq!(scored.at_specificity(1.0, 0.95).unwrap().threshold, 0.8);
    assert_eq!(scored.at_sensitivity(0.75, 0.95).unwrap().threshold, 0.6);
    assert_eq!(scored.at_sensitivity(0.76, 0.95).unwrap().threshold, 0.2);
    let nobody = scored.at_sensitivity(0.0, 0.95).unwrap();
    assert_eq!((nobody.threshold, nobody.ppv, nobody.npv.unwrap().value), (f64::INFINITY, None, 5.0 / 9.0));
    let everyone = scored.operating_point(f64::NEG_INFINITY, 0.95).unwrap();
    assert_eq!((everyone.npv, everyone.sensitivity.value), (None, 1.0));
    // The best control is above all cases: no case can be called without it.
    let worst = Scored::new(&[true, false], &[0.1, 0.9]).unwrap();
    assert_eq!(worst.at_specificity(1.0, 0.95).unwrap().threshold, f64::INFINITY);
}

#[test]
fn subgroups() {
    let (labels, scores) = two_normals(300, 1.0, 1);
    let risks: Vec<f64> = scores.iter().map(|score| 1.0 / (1.0 + (-score).exp())).collect();
    let group = |row: usize| ["b", "a", "c"][row / 3 % 7 % 3];
    let names: Vec<&str> = (0..300).map(group).collect();
    let found = Subgroup::all(&labels, &risks, &names, 0.9).unwrap();
    assert_eq!(found.iter().map(|each| each.name.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
    assert_eq!(found.iter().map(|each| each.n).sum::<usize>(), 300);
    assert_eq!(found.iter().map(|each| each.cases).sum::<usize>(), 100);
    let rows = |inside: bool| (0..300).filter(move |&row| (group(row) == "b") == inside);
    let delong = |inside| {
        let (labels, risks): (Vec<bool>, Vec<f64>) = rows(inside).map(|row| (labels[row], risks[row])).unzip();
        Scored::new(&labels, &risks).unwrap().delong().unwrap()
    };
    assert_eq!(found[1].auroc, Some(delong(true).auroc));
    assert_eq!(found[1].interval, Some(delong(true).logit(0.9).unwrap()));
    assert_eq!(found[1].difference, Some(delong(true).unpaired_test(&delong(false))));
    assert!(found.iter().all(|each| each.observed_expected.is_some()));
    // Log-odds are no risks.
    let found = Subgroup::all(&labels, &scores, &names, 0.9).unwrap();
    assert!(found.iter().all(|each| each.observed_expected.is_none() && each.interval.is_some()));
}

#[test]
fn small_subgroups_have_what_they_can() {
    let labels = [false, false, true, true, true, true, false];
    let scores = [0.1, 0.4, 0.35, 0.8, 0.5, 0.6, 0.2];
    let found = Subgroup::all(&labels, &scores, &["a", "a", "a", "a", "b", "c", "c"], 0.95).unwrap();
    assert!(found[0].interval.is_some() && found[0].difference.is_none());
    assert_eq!((found[1].n, found[1].cases, found[1].auroc), (1, 1, None));
    assert_eq!((found[2].auroc, found[2].interval, found[2].difference), (Some(1.0), None, None));
    let error = Subgroup::all(&labels, &scores, &["a"; 6], 0.95).unwrap_err().to_string();
    assert_eq!(error, "subgroups: expected 7 rows, found 6");
    assert!(Subgroup::all(&labels, &scores, &["a"; 7], 1.0).is_err());
    assert!(matches!(Subgroup::all(&[true], &[0.5], &["a"], 0.95), Err(Error::OneClass { .. })));
}

proptest! {
    #[test]
    fn an_operating_point_is_on_the_curve((labels, scores) in labelled_scores(), share in 0.0..=1.0) {
        let scored = Scored::new(&labels, &scores).unwrap();
        let curve = scored.roc_curve();
        for point in &curve {
            let found = scored.operating_point(point.threshold, 0.95).unwrap();
            prop_assert!((found.sensitivity.value - point.sensitivity).abs() < 1e-12);
            prop_assert!((1.0 - found.specificity.value - point.false_positive_rate).abs() < 1e-12);
        }
        let best = |ok: &dyn Fn(f64, f64) -> bool, value: &dyn Fn(f64, f64) -> f64| {
            let points = curve.iter().map(|point| (point.sensitivity, 1.0 - point.false_positive_rate));
            points.filter(|&(se, sp)| ok(se, sp)).map(|(se, sp)| value(se, sp)).fold(0.0, f64::max)
        };
        let found = scored.at_specificity(share, 0.95).unwrap();
        prop_assert!(found.specificity.value >= share - 1e-9);
        prop_assert!((found.sensitivity.value - best(&|_, sp| sp >= share, &|se, _| se)).abs() < 1e-9);
        let found = scored.at_sensitivity(share, 0.95).unwrap();
        prop_assert!(found.sensitivity.value >= share - 1e-9);
        prop_assert!((found.specificity.value - best(&|se, _| se >= share, &|_, sp| sp)).abs() < 1e-9);
    }
}
