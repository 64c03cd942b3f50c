use approx::assert_abs_diff_eq;
use helm_eval::{PrPoint, RocPoint, Scored};
use proptest::prelude::*;

use crate::data::{SKLEARN, booleans, dca, hanley_mcneil, labelled_scores, numbers};

const NO: bool = false;
const YES: bool = true;

#[test]
fn small_vector() {
    let scored = Scored::new(&[NO, NO, YES, YES], &[0.1, 0.4, 0.35, 0.8]).unwrap();
    assert_eq!((scored.len(), scored.n_cases(), scored.n_controls()), (4, 2, 2));
    assert_eq!(scored.auroc(), 0.75);
    assert_abs_diff_eq!(scored.auprc(), 0.833_333_333_333_333, epsilon = 1e-12);
    assert_abs_diff_eq!(scored.auprc_trapezoid(), 0.791_666_666_666_667, epsilon = 1e-12);
    for (limit, expected) in [(0.1, 0.736_842_1), (0.25, 0.714_285_7), (0.5, 0.666_666_7), (1.0, 0.75)] {
        assert_abs_diff_eq!(scored.partial_auroc(limit).unwrap(), expected, epsilon = 5e-8);
    }
    let (labels, scores) = ([NO, NO, YES, YES], [0.1, 0.4, 0.35, 0.8]);
    let weighted = Scored::weighted(&labels, &scores, &[1.0, 2.0, 3.0, 4.0]).unwrap();
    assert_abs_diff_eq!(weighted.auroc(), 0.714_285_7, epsilon = 5e-8);
    assert_abs_diff_eq!(weighted.auprc(), 0.904_761_9, epsilon = 5e-8);
    let roc = |threshold, sensitivity, false_positive_rate| RocPoint { threshold, sensitivity, false_positive_rate };
    let expected =
        [roc(f64::INFINITY, 0.0, 0.0), roc(0.8, 0.5, 0.0), roc(0.4, 0.5, 0.5), roc(0.35, 1.0, 0.5), roc(0.1, 1.0, 1.0)];
    assert_eq!(scored.roc_curve(), expected);
    let pr = |threshold, precision, recall| PrPoint { threshold, precision, recall };
    let expected = [pr(0.8, 1.0, 0.5), pr(0.4, 0.5, 0.5), pr(0.35, 2.0 / 3.0, 1.0), pr(0.1, 0.5, 1.0)];
    assert_eq!(scored.pr_curve(), expected);
}

#[test]
fn ties_in_either_order_of_rows() {
    let labels = [YES, NO, YES, NO, YES, NO, NO, YES];
    let scores = [0.9, 0.9, 0.8, 0.7, 0.7, 0.7, 0.2, 0.1];
    let (mut reversed_labels, mut reversed_scores) = (labels, scores);
    reversed_labels.reverse();
    reversed_scores.reverse();
    for (labels, scores) in [(labels, scores), (reversed_labels, reversed_scores)] {
        let scored = Scored::new(&labels, &scores).unwrap();
        assert_eq!(scored.auroc(), 0.53125);
        assert_abs_diff_eq!(scored.auprc(), 0.541_666_666_666_667, epsilon = 1e-12);
    }
}

#[test]
fn all_scores_equal() {
    for (n_cases, n_controls) in [(1, 1), (2, 5), (300, 7)] {
        let labels = [vec![YES; n_cases], vec![NO; n_controls]].concat();
        let scored = Scored::new(&labels, &vec![0.3; labels.len()]).unwrap();
        assert_eq!(scored.auroc(), 0.5);
        assert_abs_diff_eq!(scored.auprc(), n_cases as f64 / labels.len() as f64, epsilon = 1e-15);
        assert_eq!(scored.roc_curve().len(), 2);
    }
}

#[test]
fn scores_a_hair_apart_are_not_tied() {
    let labels = [NO, NO, YES, YES];
    assert_eq!(Scored::new(&labels, &[1e-12, 2e-12, 3e-12, 4e-12]).unwrap().auroc(), 1.0);
    // Log-odds whose probabilities all round to 1.
    assert_eq!(Scored::new(&labels, &[40.0, 41.0, 42.0, 43.0]).unwrap().auroc(), 1.0);
    let next = 0.7_f64.next_up();
    assert_eq!(Scored::new(&[NO, YES], &[0.7, next]).unwrap().auroc(), 1.0);
    assert_eq!(Scored::new(&[NO, YES], &[-0.0, 0.0]).unwrap().auroc(), 0.5);
    assert_eq!(Scored::new(&[NO, YES], &[f64::MIN, f64::MAX]).unwrap().auroc(), 1.0);
}

#[test]
fn wrong_way_round_is_not_flipped() {
    let scored = Scored::new(&[NO, NO, YES, YES], &[0.9, 0.8, 0.2, 0.1]).unwrap();
    assert_eq!(scored.auroc(), 0.0);
}

#[test]
fn an_area_past_one_half_in_a_longer_vector() {
    let labels = booleans(&[0., 0., 1., 1., 0., 1., 0., 0., 1., 1., 0., 1.]);
    let scores = [0.1, 0.35, 0.24, 0.8, 0.2, 0.85, 0.13, 0.85, 0.74, 0.58, 0.71, 0.25];
    assert_abs_diff_eq!(Scored::new(&labels, &scores).unwrap().auroc(), 0.708_333_333_333_333, epsilon = 1e-12);
}

#[test]
fn hanley_and_mcneil() {
    let (labels, scores) = hanley_mcneil();
    let scored = Scored::new(&labels, &scores).unwrap();
    assert_abs_diff_eq!(scored.auroc(), 0.893_171_061_5, epsilon = 1e-10);
    assert_abs_diff_eq!(scored.auprc(), 0.857_639_9, epsilon = 5e-8);
    assert_eq!(scored.roc_curve().len(), 6);
}

#[test]
fn dcurves_cohort() {
    let Some((labels, scores)) = dca() else { return };
    let scored = Scored::new(&labels, &scores).unwrap();
    assert_eq!((scored.len(), scored.n_cases()), (750, 105));
    assert_abs_diff_eq!(scored.auroc(), 0.860_627_5, epsilon = 5e-8);
    assert_abs_diff_eq!(scored.auprc(), 0.566_444_4, epsilon = 5e-8);
}

#[test]
fn as_scikit_learn() {
    for case in SKLEARN["discrimination"].as_array().unwrap() {
        let scored = Scored::from_numbers(&numbers(&case["labels"]), &numbers(&case["scores"])).unwrap();
        let labels = booleans(&numbers(&case["labels"]));
        let weighted = Scored::weighted(&labels, &numbers(&case["scores"]), &numbers(&case["weights"])).unwrap();
        for (scored, expected) in [(scored, &case["unweighted"]), (weighted, &case["weighted"])] {
            let value = |what: &str| expected[what].as_f64().unwrap();
            assert_abs_diff_eq!(scored.auroc(), value("auroc"), epsilon = 1e-9);
            assert_abs_diff_eq!(scored.auprc(), value("average_precision"), epsilon = 1e-9);
            assert_abs_diff_eq!(scored.auprc_trapezoid(), value("trapezoid_pr"), epsilon = 1e-9);
            let limits = numbers(&SKLEARN["max_false_positive_rates"]);
            for (limit, expected) in limits.into_iter().zip(numbers(&expected["partial"])) {
                assert_abs_diff_eq!(scored.partial_auroc(limit).unwrap(), expected, epsilon = 1e-9);
            }
        }
    }
}

/// The share of pairs in the right order, each pair looked at.
fn auroc_of_pairs(labels: &[bool], scores: &[f64]) -> f64 {
    let of = |case| (0..labels.len()).filter(move |&row| labels[row] == case).map(|row| scores[row]);
    let (mut right, mut pairs) = (0.0, 0.0);
    for case in of(true) {
        for control in of(false) {
            pairs += 1.0;
            right += if case > control { 1.0 } else { 0.5 * f64::from(u8::from(case == control)) };
        }
    }
    right / pairs
}

proptest! {
    #[test]
    fn auroc_is_the_share_of_pairs((labels, scores) in labelled_scores()) {
        let scored = Scored::new(&labels, &scores).unwrap();
        prop_assert!((scored.auroc() - auroc_of_pairs(&labels, &scores)).abs() < 1e-12);
    }

    #[test]
    fn auroc_is_the_area_under_the_curve((labels, scores) in labelled_scores()) {
        let scored = Scored::new(&labels, &scores).unwrap();
        let curve = scored.roc_curve();
        let area: f64 = curve
            .windows(2)
            .map(|pair| {
                let width = pair[1].false_positive_rate - pair[0].false_positive_rate;
                width * (pair[0].sensitivity + pair[1].sensitivity) / 2.0
            })
            .sum();
        prop_assert!((scored.auroc() - area).abs() < 1e-12);
        let last = curve.last().unwrap();
        prop_assert_eq!((last.sensitivity, last.false_positive_rate), (1.0, 1.0));
    }

    #[test]
    fn the_order_of_rows_does_not_matter((labels, scores) in labelled_scores(), turn in 0usize..60) {
        let scored = Scored::new(&labels, &scores).unwrap();
        let (mut turned_labels, mut turned_scores) = (labels.clone(), scores.clone());
        turned_labels.rotate_left(turn % labels.len());
        turned_scores.rotate_left(turn % labels.len());
        turned_labels.reverse();
        turned_scores.reverse();
        let turned = Scored::new(&turned_labels, &turned_scores).unwrap();
        prop_assert_eq!(scored.auroc(), turned.auroc());
        prop_assert_eq!(scored.auprc(), turned.auprc());
        prop_assert_eq!(scored.roc_curve(), turned.roc_curve());
        prop_assert_eq!(scored.pr_curve(), turned.pr_curve());
    }

    #[test]
    fn whole_weights_are_repeated_rows(
        (labels, scores) in labelled_scores(),
        repeats in proptest::collection::vec(0usize..4, 62),
        turn in 0usize..60,
        unit in prop_oneof![Just(1.0), Just(1e-200), Just(0.3), Just(1e300)],
    ) {
        let mut weights: Vec<f64> = repeats[..labels.len()].iter().map(|&repeats| repeats as f64 * unit).collect();
        // The last two rows are a case and a control.
        weights[labels.len() - 2..].fill(unit);
        let times: Vec<usize> = weights.iter().map(|weight| (weight / unit).round() as usize).collect();
        let weighted = Scored::weighted(&labels, &scores, &weights).unwrap();
        let rows: Vec<usize> = (0..labels.len()).flat_map(|row| vec![row; times[row]]).collect();
        let repeated_labels: Vec<bool> = rows.iter().map(|&row| labels[row]).collect();
        let repeated_scores: Vec<f64> = rows.iter().map(|&row| scores[row]).collect();
        let repeated = Scored::new(&repeated_labels, &repeated_scores).unwrap();
        prop_assert_eq!(weighted.len(), times.iter().filter(|&&times| times > 0).count());
        prop_assert!((weighted.auroc() - repeated.auroc()).abs() < 1e-12);
        prop_assert!((weighted.auprc() - repeated.auprc()).abs() < 1e-12);
        prop_assert!((weighted.auprc_trapezoid() - repeated.auprc_trapezoid()).abs() < 1e-12);
        prop_assert!((weighted.partial_auroc(0.4).unwrap() - repeated.partial_auroc(0.4).unwrap()).abs() < 1e-12);
        let (mut labels, mut scores) = (labels, scores);
        labels.rotate_left(turn % weights.len());
        scores.rotate_left(turn % weights.len());
        weights.rotate_left(turn % scores.len());
        let turned = Scored::weighted(&labels, &scores, &weights).unwrap();
        prop_assert_eq!(weighted.roc_curve(), turned.roc_curve());
        prop_assert_eq!((weighted.auroc(), weighted.auprc()), (turned.auroc(), turned.auprc()));
    }

    #[test]
    fn negated_scores_turn_auroc_over((labels, scores) in labelled_scores()) {
        let negated: Vec<f64> = scores.iter().map(|score| -score).collect();
        let sum = Scored::new(&labels, &scores).unwrap().auroc() + Scored::new(&labels, &negated).unwrap().auroc();
        prop_assert!((sum - 1.0).abs() < 1e-12);
    }
}
