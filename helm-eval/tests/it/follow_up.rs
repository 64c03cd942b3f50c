use approx::assert_abs_diff_eq;
use helm_eval::{Error, FollowUp, Scored};
use proptest::prelude::*;
use serde_json::Value;

use crate::data::{booleans, numbers};

#[test]
fn as_scikit_survival() {
    let golden: Value = serde_json::from_str(include_str!("golden/survival.json")).unwrap();
    for cohort in golden["cohorts"].as_array().unwrap() {
        let column = |name: &str| numbers(&cohort[name]);
        let number = |name: &str| cohort[name].as_f64().unwrap();
        let follow_up = FollowUp::new(&column("times"), &booleans(&column("events")), &column("scores")).unwrap();
        let harrell = follow_up.harrell().unwrap();
        assert_abs_diff_eq!(harrell.index, number("harrell"), epsilon = 1e-12);
        let counts = (harrell.concordant, harrell.discordant, harrell.tied);
        assert_eq!(counts, (number("concordant"), number("discordant"), number("tied")));
        assert_abs_diff_eq!(follow_up.uno(None).unwrap().index, number("uno"), epsilon = 1e-9);
        let horizon = Some(number("horizon"));
        assert_abs_diff_eq!(follow_up.uno(horizon).unwrap().index, number("uno_horizon"), epsilon = 1e-9);
    }
}

/// Times with ties, events and scores with ties.
fn people() -> impl Strategy<Value = Vec<(f64, bool, f64)>> {
    proptest::collection::vec(((0u8..9).prop_map(f64::from), any::<bool>(), (-3i8..3).prop_map(f64::from)), 2..40)
}

proptest! {
    #[test]
    fn harrell_counts_pairs(people in people()) {
        let times: Vec<f64> = people.iter().map(|person| person.0).collect();
        let events: Vec<bool> = people.iter().map(|person| person.1).collect();
        let scores: Vec<f64> = people.iter().map(|person| person.2).collect();
        let (mut concordant, mut discordant, mut tied) = (0.0, 0.0, 0.0);
        for (time, event, score) in &people {
            for (later, later_event, lower) in &people {
                if *event && (time < later || (time == later && !later_event)) {
                    concordant += f64::from(u8::from(lower < score));
                    discordant += f64::from(u8::from(lower > score));
                    tied += f64::from(u8::from(lower == score));
                }
            }
        }
        match FollowUp::new(&times, &events, &scores).unwrap().harrell() {
            Ok(found) => {
                prop_assert_eq!((found.concordant, found.discordant, found.tied), (concordant, discordant, tied));
            }
            Err(_) => prop_assert_eq!(concordant + discordant + tied, 0.0),
        }
    }

    /// Cases at once, everyone else followed for the same time: concordance is AUROC, and nothing is censored early.
    #[test]
    fn without_early_censoring_it_is_auroc(cases in proptest::collection::vec(any::<bool>(), 4..40), seed: u8) {
        prop_assume!(cases.iter().any(|&case| case) && cases.iter().any(|&case| !case));
        let scores: Vec<f64> = (0..cases.len()).map(|row| ((row * 7 + usize::from(seed)) % 11) as f64).collect();
        let times: Vec<f64> = cases.iter().map(|&case| if case { 1.0 } else { 5.0 }).collect();
        let follow_up = FollowUp::new(&times, &cases, &scores).unwrap();
        let auroc = Scored::new(&cases, &scores).unwrap().auroc();
        prop_assert!((follow_up.harrell().unwrap().index - auroc).abs() < 1e-12);
        prop_assert!((follow_up.uno(Some(2.0)).unwrap().index - auroc).abs() < 1e-12);
    }
}

#[test]
fn bad_follow_up() {
    let message = |times: &[f64], events: &[bool], scores: &[f64]| {
        FollowUp::new(times, events, scores).map(drop).unwrap_err().to_string()
    };
    assert!(matches!(FollowUp::new(&[], &[], &[]), Err(Error::Empty)));
    assert_eq!(message(&[1.0, 2.0], &[true], &[0.1, 0.2]), "events: expected 2 rows, found 1");
    assert_eq!(message(&[1.0, 2.0], &[true, false], &[0.1]), "scores: expected 2 rows, found 1");
    for bad in [-1.0, f64::NAN, f64::INFINITY] {
        let expected =
            "times: expected finite numbers of at least 0, found a negative number, NaN or infinity in row 2";
        assert_eq!(message(&[1.0, bad], &[true, false], &[0.1, 0.2]), expected);
    }
    assert!(matches!(FollowUp::new(&[1.0], &[true], &[f64::NAN]), Err(Error::NotFinite { row: 1 })));
    let censored = FollowUp::new(&[1.0, 2.0], &[false, false], &[0.1, 0.2]).unwrap();
    assert_eq!((censored.len(), censored.n_events()), (2, 0));
    let expected = "concordance: expected an event before the end of another's follow-up, found none";
    assert_eq!(censored.harrell().unwrap_err().to_string(), expected);
    assert_eq!(censored.uno(None).unwrap_err().to_string(), expected);
    for bad in [0.0, -1.0, f64::NAN] {
        assert!(censored.uno(Some(bad)).unwrap_err().to_string().starts_with("horizon: expected a time above 0"));
    }
}
