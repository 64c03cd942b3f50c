//! Each error says what was expected and found and in which row, and never a value.

use helm_eval::report::OutcomeResult;
use helm_eval::{Bootstrap, Error, Scored};

fn message(result: Result<Scored, Error>) -> String {
    result.err().unwrap().to_string()
}

#[test]
fn bad_scores_and_labels() {
    assert_eq!(message(Scored::new(&[], &[])), "scores: expected at least one row, found none");
    assert_eq!(message(Scored::new(&[], &[0.5])), "scores: expected at least one row, found none");
    assert_eq!(message(Scored::new(&[true, false], &[0.5])), "scores: expected 2 rows, found 1");
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let found = message(Scored::new(&[true, false, true], &[0.5, 0.1, bad]));
        assert_eq!(found, "scores: expected finite numbers, found NaN or infinity in row 3");
    }
    let one_class = "labels: expected cases and controls, found";
    assert_eq!(message(Scored::new(&[true; 3], &[0.5; 3])), format!("{one_class} 3 cases and 0 controls"));
    assert_eq!(message(Scored::new(&[false; 2], &[0.5; 2])), format!("{one_class} 0 cases and 2 controls"));
}

#[test]
fn bad_weights() {
    let (labels, scores) = ([true, false, true], [0.5, 0.1, 0.2]);
    let weighted = |weights: &[f64]| Scored::weighted(&labels, &scores, weights);
    assert_eq!(message(weighted(&[1.0, 2.0])), "weights: expected 3 rows, found 2");
    for bad in [-1.0, -f64::MIN_POSITIVE, f64::NAN, f64::INFINITY] {
        let expected =
            "weights: expected finite numbers of at least 0, found a negative number, NaN or infinity in row 2";
        assert_eq!(message(weighted(&[1.0, bad, 0.0])), expected);
    }
    assert!(matches!(weighted(&[1.0, 0.0, 2.0]), Err(Error::OneClass { cases: 2, controls: 0 })));
    assert!(matches!(weighted(&[0.0, 1.0, 0.0]), Err(Error::OneClass { cases: 0, controls: 1 })));
    assert!(matches!(weighted(&[0.0; 3]), Err(Error::OneClass { cases: 0, controls: 0 })));
    // So small beside the others that it is nothing.
    assert!(matches!(weighted(&[1e300, 1e-300, 1e300]), Err(Error::OneClass { cases: 2, controls: 0 })));
    assert_eq!(weighted(&[1.0, -0.0, 1.0]).err().unwrap().to_string(), message(Scored::new(&[true; 2], &[0.5; 2])));
}

#[test]
fn limits_of_a_partial_area() {
    let scored = Scored::new(&[true, false], &[0.5, 0.1]).unwrap();
    for limit in [0.0, -0.1, 1.0 + 1e-12, f64::NAN] {
        let found = scored.partial_auroc(limit).unwrap_err().to_string();
        assert!(found.starts_with("largest false positive rate: expected a number above 0 and at most 1"), "{found}");
    }
}

#[test]
fn labels_other_than_0_and_1() {
    for bad in [2.0, -1.0, 0.5, 1.0 + 1e-12, f64::NAN, f64::INFINITY] {
        let found = message(Scored::from_numbers(&[0.0, bad, 1.0], &[0.5, 0.1, 0.2]));
        assert_eq!(found, "labels: expected 0 or 1, found another number in row 2");
    }
    // 1 and 2, as SAS and R factors have them.
    assert!(matches!(Scored::from_numbers(&[1.0, 2.0], &[0.5, 0.1]), Err(Error::Label { row: 2 })));
    assert!(Scored::from_numbers(&[0.0, -0.0, 1.0], &[0.5, 0.1, 0.2]).is_ok());
    assert!(matches!(Scored::from_numbers(&[], &[]), Err(Error::Empty)));
}

#[test]
fn bad_settings_of_a_bootstrap() {
    let scored = Scored::new(&[true, false], &[0.5, 0.1]).unwrap();
    let message = |bootstrap: Bootstrap| bootstrap.intervals(&scored).unwrap_err().to_string();
    for replicates in [0, 1] {
        let found = message(Bootstrap { replicates, ..Bootstrap::default() });
        assert_eq!(found, format!("bootstrap replicates: expected at least 2, found {replicates}"));
    }
    for confidence in [0.0, 1.0, -0.1, 95.0, f64::NAN] {
        let found = message(Bootstrap { confidence, ..Bootstrap::default() });
        assert!(found.starts_with("confidence: expected a number between 0 and 1, found"), "{found}");
    }
}

#[test]
fn comparisons_need_the_same_labels() {
    let a = Scored::new(&[true, false, true], &[0.5, 0.1, 0.2]).unwrap();
    for (labels, scores) in [(vec![true, true, false], vec![0.5, 0.1, 0.2]), (vec![true, false], vec![0.5, 0.1])] {
        let b = Scored::new(&labels, &scores).unwrap();
        let error = Bootstrap::default().compare(&a, &b).unwrap_err().to_string();
        assert_eq!(error, "labels: expected the same labels for all scores, found others");
    }
    let b = Scored::weighted(&[true, false, true], &[0.5, 0.1, 0.2], &[1.0, 1.0, 2.0]).unwrap();
    let error = Bootstrap::default().compare(&a, &b).unwrap_err().to_string();
    assert_eq!(error, "weights: expected the same weights for all scores, found others");
}

#[test]
fn comparisons_need_known_models() {
    let labels = [true, false];
    let models: [(&str, &[f64]); 2] = [("age", &[0.5, 0.1]), ("breath", &[0.5, 0.1])];
    let bootstrap = Bootstrap { replicates: 10, ..Bootstrap::default() };
    let error = OutcomeResult::evaluate("wheeze", &labels, &models, &[("age", "sex")], &bootstrap).unwrap_err();
    assert_eq!(error.to_string(), "comparison: expected age, breath, found sex");
    let twice: [(&str, &[f64]); 2] = [("age", &[0.5, 0.1]), ("age", &[0.5, 0.1])];
    let error = OutcomeResult::evaluate("wheeze", &labels, &twice, &[], &bootstrap).unwrap_err();
    assert_eq!(error.to_string(), "models: expected each model's name once, found age twice");
    assert!(matches!(OutcomeResult::evaluate("wheeze", &labels, &[], &[], &bootstrap), Err(Error::Empty)));
}
