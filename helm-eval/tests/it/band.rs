use approx::assert_abs_diff_eq;
use helm_eval::{Bootstrap, Scored};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::data::{falling, on_threads, two_normals};

/// Curves of the same replicates, made one by one: rows drawn as the bootstrap draws them, curves read off.
#[test]
fn bands_are_those_of_naive_resampling() {
    let (labels, scores) = two_normals(90, 1.0, 1);
    let scores: Vec<f64> = scores.iter().map(|score| (score * 2.0).round() / 2.0).collect();
    let scored = Scored::new(&labels, &scores).unwrap();
    let bootstrap = Bootstrap { replicates: 40, seed: 3, ..Bootstrap::default() };
    let (mut sensitivities, mut precisions) = (vec![vec![]; 101], vec![vec![]; 101]);
    for replicate in 0..40 {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        rng.set_stream(replicate);
        let (mut drawn_labels, mut drawn_scores) = (vec![], vec![]);
        for case in [true, false] {
            let rows = falling(&labels, &scores, case);
            for _ in 0..rows.len() {
                let row = rows[rng.random_range(0..rows.len())];
                drawn_labels.push(labels[row]);
                drawn_scores.push(scores[row]);
            }
        }
        let drawn = Scored::new(&drawn_labels, &drawn_scores).unwrap();
        let (roc, pr) = (drawn.roc_curve(), drawn.pr_curve());
        for place in 0..=100 {
            let x = f64::from(place) / 100.0;
            let right = roc.iter().position(|point| point.false_positive_rate > x).unwrap_or(roc.len() - 1);
            let (a, b) = (roc[right - 1], roc[right]);
            let width = b.false_positive_rate - a.false_positive_rate;
            let share = if width > 0.0 { ((x - a.false_positive_rate) / width).min(1.0) } else { 1.0 };
            sensitivities[place as usize].push(a.sensitivity + (b.sensitivity - a.sensitivity) * share);
            precisions[place as usize].push(pr.iter().find(|point| point.recall >= x).unwrap().precision);
        }
    }
    let interval = |mut values: Vec<f64>| {
        values.sort_unstable_by(f64::total_cmp);
        let quantile = |share: f64| {
            let at = share * 39.0;
            let (below, above) = (values[at.floor() as usize], values[at.ceil() as usize]);
            below + (above - below) * at.fract()
        };
        (quantile(0.025), quantile(0.975))
    };
    let (roc, pr) = (bootstrap.roc_band(&scored).unwrap(), bootstrap.pr_band(&scored).unwrap());
    assert_eq!((roc.len(), roc[0].x, pr.len(), pr[0].x), (101, 0.0, 100, 0.01));
    for (band, naive) in [(&roc[..], &sensitivities[..]), (&pr[..], &precisions[1..])] {
        for (point, values) in band.iter().zip(naive) {
            let (lower, upper) = interval(values.clone());
            assert_abs_diff_eq!(point.interval.lower, lower, epsilon = 1e-12);
            assert_abs_diff_eq!(point.interval.upper, upper, epsilon = 1e-12);
        }
    }
}

#[test]
fn threads_change_nothing_and_weights_count() {
    let (labels, scores) = two_normals(200, 1.0, 2);
    let scored = Scored::new(&labels, &scores).unwrap();
    let bootstrap = Bootstrap { replicates: 50, ..Bootstrap::default() };
    let one = on_threads(1, || bootstrap.roc_band(&scored).unwrap());
    assert_eq!(one, on_threads(3, || bootstrap.roc_band(&scored).unwrap()));
    let even = Scored::weighted(&labels, &scores, &[2.0; 200]).unwrap();
    for (a, b) in one.iter().zip(bootstrap.roc_band(&even).unwrap()) {
        assert_abs_diff_eq!(a.interval.lower, b.interval.lower, epsilon = 1e-12);
    }
    let weights: Vec<f64> = (0..200).map(|row| f64::from(row % 5)).collect();
    let weighted = Scored::weighted(&labels, &scores, &weights).unwrap();
    assert_ne!(one, bootstrap.roc_band(&weighted).unwrap());
    assert!(bootstrap.pr_band(&weighted).unwrap().iter().all(|point| point.interval.upper <= 1.0));
    let none = Bootstrap { replicates: 1, ..bootstrap };
    assert!(none.roc_band(&scored).is_err() && none.pr_band(&scored).is_err());
}
