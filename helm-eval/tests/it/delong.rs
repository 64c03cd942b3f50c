use approx::{assert_abs_diff_eq, assert_relative_eq};
use helm_eval::{DeLong, Error, JointDeLong, Scored};
use proptest::prelude::*;

use crate::data::{booleans, golden_csv, hanley_mcneil, labelled_scores, two_normals};

#[test]
fn small_vectors() {
    let delong = Scored::new(&[false, false, true, true], &[0.1, 0.4, 0.35, 0.8]).unwrap().delong().unwrap();
    assert_eq!(delong, DeLong { auroc: 0.75, variance: 0.125 });
    let labels = booleans(&[0., 0., 1., 1., 0., 1., 0., 0., 1., 1., 0., 1.]);
    let scores = [0.1, 0.35, 0.24, 0.8, 0.2, 0.85, 0.13, 0.85, 0.74, 0.58, 0.71, 0.25];
    let delong = Scored::new(&labels, &scores).unwrap().delong().unwrap();
    assert_abs_diff_eq!(delong.variance, 0.028_472_2, epsilon = 5e-8);
    // The upper end would be 1.039052: the interval is cut there, and the logit interval does without.
    let wald = delong.wald(0.95).unwrap();
    assert_abs_diff_eq!(wald.lower, 0.377_615, epsilon = 5e-7);
    assert_eq!(wald.upper, 1.0);
    assert_abs_diff_eq!(delong.auroc + (delong.auroc - wald.lower), 1.039_052, epsilon = 5e-7);
    let logit = delong.logit(0.95).unwrap();
    assert!(0.3 < logit.lower && logit.lower < delong.auroc && delong.auroc < logit.upper && logit.upper < 1.0);
    // ln(A/(1−A)) ± 1.959964 SE / (A (1−A)) worked by hand: 0.887303 ± 1.600790.
    assert_abs_diff_eq!(logit.lower, 0.328_829, epsilon = 5e-6);
    assert_abs_diff_eq!(logit.upper, 0.923_303, epsilon = 5e-6);
}

#[test]
fn hanley_and_mcneil() {
    let (labels, scores) = hanley_mcneil();
    let delong = Scored::new(&labels, &scores).unwrap().delong().unwrap();
    assert_abs_diff_eq!(delong.auroc, 0.893_171_061_5, epsilon = 1e-10);
    assert_abs_diff_eq!(delong.standard_error(), 0.030_724_4, epsilon = 5e-8);
}

#[test]
fn ovarian_cancer() {
    let Some([alb, tp, total, popind]) = golden_csv("delong_1988_ovarian.csv", ["alb", "tp", "totscore", "popind"])
    else {
        return;
    };
    let labels = booleans(&popind);
    let kg: Vec<f64> = total.iter().map(|score| 10.0 - score).collect();
    let [alb, tp, kg] = [alb, tp, kg].map(|scores| Scored::new(&labels, &scores).unwrap());
    for (scored, auroc, standard_error) in
        [(&alb, 0.736_559_14, 0.092_694_35), (&tp, 0.647_849_46, 0.100_047_38), (&kg, 0.725_806_45, 0.102_821_61)]
    {
        let delong = scored.delong().unwrap();
        assert_abs_diff_eq!(delong.auroc, auroc, epsilon = 5e-9);
        assert_abs_diff_eq!(delong.standard_error(), standard_error, epsilon = 5e-9);
    }
    for (scored, difference, standard_error) in [(&alb, 0.010_752_7, 0.095_343_6), (&tp, -0.077_957_0, 0.104_609_6)] {
        let test = scored.delong_test(&kg).unwrap();
        assert_abs_diff_eq!(test.difference, difference, epsilon = 5e-8);
        assert_abs_diff_eq!(test.standard_error, standard_error, epsilon = 5e-8);
        assert_eq!(test.z, test.difference / test.standard_error);
    }
    let joint = JointDeLong::new(&[&alb, &tp, &kg]).unwrap();
    let test = joint.against(2).unwrap();
    assert_eq!(test.degrees, 2);
    assert_abs_diff_eq!(test.statistic, 2.533_978, epsilon = 5e-7);
    assert_abs_diff_eq!(test.p, 0.281_678, epsilon = 5e-7);
    // Any two independent differences ask the same.
    let same = joint.contrast(&[vec![1.0, -1.0, 0.0], vec![0.0, -2.0, 2.0], vec![-3.0, 0.0, 3.0]]).unwrap();
    assert_eq!(same.degrees, 2);
    assert_relative_eq!(same.statistic, test.statistic, max_relative = 1e-9);
    // One contrast is the square of z.
    let one = joint.contrast(&[vec![1.0, 0.0, -1.0]]).unwrap();
    let z = alb.delong_test(&kg).unwrap();
    assert_relative_eq!(one.statistic, z.z * z.z, max_relative = 1e-9);
    assert_relative_eq!(one.p, z.p, max_relative = 1e-9);
    assert_relative_eq!(joint.covariance()[0][0], alb.delong().unwrap().variance, max_relative = 1e-12);
}

#[test]
fn no_overlap_has_no_variance_and_no_logit_interval() {
    for (scores, area) in [([1.0, 2.0, 3.0, 4.0], 1.0), ([4.0, 3.0, 2.0, 1.0], 0.0)] {
        let delong = Scored::new(&[false, false, true, true], &scores).unwrap().delong().unwrap();
        assert_eq!(delong, DeLong { auroc: area, variance: 0.0 });
        let wald = delong.wald(0.95).unwrap();
        assert_eq!((wald.lower, wald.upper), (area, area));
        let error = delong.logit(0.95).unwrap_err().to_string();
        assert_eq!(error, format!("logit interval: expected an AUROC above 0 and below 1, found {area}"));
    }
}

#[test]
fn a_score_against_itself_and_its_reverse() {
    let (labels, scores) = two_normals(40, 1.0, 1);
    let cubes: Vec<f64> = scores.iter().map(|score| score.powi(3)).collect();
    let [a, b] = [&scores, &cubes].map(|scores| Scored::new(&labels, scores).unwrap());
    let test = a.delong_test(&b).unwrap();
    assert_eq!((test.difference, test.standard_error, test.z, test.p), (0.0, 0.0, 0.0, 1.0));
    let joint = JointDeLong::new(&[&a, &b]).unwrap().against(1).unwrap();
    assert_eq!((joint.statistic, joint.degrees, joint.p), (0.0, 0, 1.0));
    let perfect = Scored::new(&[false, false, true, true], &[1.0, 2.0, 3.0, 4.0]).unwrap();
    let worst = Scored::new(&[false, false, true, true], &[4.0, 3.0, 2.0, 1.0]).unwrap();
    let test = perfect.delong_test(&worst).unwrap();
    assert_eq!((test.difference, test.z, test.p), (1.0, f64::INFINITY, 0.0));
    let joint = JointDeLong::new(&[&perfect, &worst]).unwrap().against(0).unwrap();
    assert_eq!((joint.statistic, joint.degrees, joint.p), (f64::INFINITY, 1, 0.0));
}

#[test]
fn other_people_are_compared_unpaired() {
    let of = |n, seed| {
        let (labels, scores) = two_normals(n, 1.0, seed);
        Scored::new(&labels, &scores).unwrap().delong().unwrap()
    };
    let (a, b) = (of(100, 1), of(70, 2));
    let test = a.unpaired_test(&b);
    assert_eq!(test.difference, a.auroc - b.auroc);
    assert_relative_eq!(test.standard_error, (a.variance + b.variance).sqrt());
    let interval = test.interval(0.95).unwrap();
    assert_relative_eq!(interval.upper - interval.lower, 2.0 * 1.959_963_984_540_054 * test.standard_error);
}

#[test]
fn bad_input() {
    let message = |scored: Result<Scored, Error>| scored.unwrap().delong().unwrap_err().to_string();
    let found = message(Scored::new(&[true, false, false], &[0.5, 0.1, 0.2]));
    assert_eq!(found, "DeLong variance: expected at least 2 cases and 2 controls, found 1 cases and 2 controls");
    let (labels, scores) = ([true, false, true, false], [0.5, 0.1, 0.2, 0.3]);
    let found = message(Scored::weighted(&labels, &scores, &[1.0, 1.0, 2.0, 2.0]));
    assert_eq!(found, "DeLong variance: expected rows that count alike, found weights");
    let a = Scored::new(&labels, &scores).unwrap();
    let b = Scored::new(&[false, true, true, false], &scores).unwrap();
    assert!(matches!(a.delong_test(&b), Err(Error::Setting { what: "labels", .. })));
    assert!(matches!(JointDeLong::new(&[&a, &b]), Err(Error::Setting { what: "labels", .. })));
    assert!(matches!(JointDeLong::new(&[]), Err(Error::Empty)));
    let joint = JointDeLong::new(&[&a, &a]).unwrap();
    assert!(matches!(joint.against(2), Err(Error::Setting { what: "reference", .. })));
    for contrast in [vec![1.0], vec![1.0, f64::NAN]] {
        assert!(matches!(joint.contrast(&[contrast]), Err(Error::Setting { what: "contrast", .. })));
    }
    for confidence in [0.0, 1.0, f64::NAN] {
        assert!(a.delong().unwrap().wald(confidence).is_err());
        assert!(a.delong().unwrap().logit(confidence).is_err());
        assert!(a.delong_test(&a).unwrap().interval(confidence).is_err());
    }
}

#[test]
fn intervals_cover_and_tests_hold_their_level() {
    let (mut covered, mut rejected) = (0, 0);
    for seed in 0..400 {
        let (labels, a) = two_normals(120, 1.0, 1000 + seed);
        let (_, b) = two_normals(120, 1.0, 5000 + seed);
        let [a, b] = [a, b].map(|scores| Scored::new(&labels, &scores).unwrap());
        // Two normals a standard deviation apart: AUROC Φ(1/√2) = 0.76025.
        let interval = a.delong().unwrap().logit(0.9).unwrap();
        covered += usize::from(interval.lower <= 0.760_25 && 0.760_25 <= interval.upper);
        rejected += usize::from(a.delong_test(&b).unwrap().p < 0.1);
    }
    // 360 and 40 expected, standard deviation 6.
    assert!((342..=378).contains(&covered), "{covered} of 400");
    assert!((22..=60).contains(&rejected), "{rejected} of 400");
}

/// DeLong's covariance from the definition, each pair of rows looked at.
fn naive_covariance(labels: &[bool], a: &[f64], b: &[f64]) -> f64 {
    let kernel = |case: f64, control: f64| match case.total_cmp(&control) {
        std::cmp::Ordering::Greater => 1.0,
        std::cmp::Ordering::Equal => 0.5,
        std::cmp::Ordering::Less => 0.0,
    };
    let of = |case| (0..labels.len()).filter(|&row| labels[row] == case).collect::<Vec<_>>();
    let (cases, controls) = (of(true), of(false));
    let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len() as f64;
    let v10 = |s: &[f64]| -> Vec<f64> {
        cases.iter().map(|&i| mean(controls.iter().map(|&j| kernel(s[i], s[j])).collect())).collect()
    };
    let v01 = |s: &[f64]| -> Vec<f64> {
        controls.iter().map(|&j| mean(cases.iter().map(|&i| kernel(s[i], s[j])).collect())).collect()
    };
    let share = |x: Vec<f64>, y: Vec<f64>| {
        let (mx, my, n) = (mean(x.clone()), mean(y.clone()), x.len() as f64);
        x.iter().zip(&y).map(|(x, y)| (x - mx) * (y - my)).sum::<f64>() / (n - 1.0) / n
    };
    share(v10(a), v10(b)) + share(v01(a), v01(b))
}

proptest! {
    #[test]
    fn covariance_is_that_of_the_definition((labels, scores) in labelled_scores(), seed in 0u64..100) {
        let (mut labels, mut a) = (labels, scores);
        labels.extend([true, false]);
        a.extend([0.0, 0.0]);
        let (_, b) = two_normals(labels.len(), 1.0, seed);
        let [sa, sb] = [&a, &b].map(|scores| Scored::new(&labels, scores).unwrap());
        prop_assert!((sa.delong().unwrap().variance - naive_covariance(&labels, &a, &a)).abs() < 1e-12);
        let joint = JointDeLong::new(&[&sa, &sb]).unwrap();
        prop_assert!((joint.covariance()[1][0] - naive_covariance(&labels, &a, &b)).abs() < 1e-12);
        let variance = naive_covariance(&labels, &a, &a) + naive_covariance(&labels, &b, &b)
            - 2.0 * naive_covariance(&labels, &a, &b);
        prop_assert!((sa.delong_test(&sb).unwrap().standard_error.powi(2) - variance).abs() < 1e-12);
    }
}
