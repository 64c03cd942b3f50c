use approx::assert_abs_diff_eq;
use helm_eval::{Bootstrap, BootstrapMethod, Error, Interval, Scored};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::data::{falling, hanley_mcneil, on_threads, two_normals};

/// The same draws, from rows in the order of a first model's scores, each replicate resampled and computed from nothing:
/// (AUROC, average precision) of each.
fn naive(bootstrap: &Bootstrap, labels: &[bool], scores: &[f64], first: &[f64]) -> Vec<(f64, f64)> {
    let strata = [true, false].map(|case| falling(labels, first, case));
    let replicate = |index: usize| {
        let mut rng = ChaCha8Rng::seed_from_u64(bootstrap.seed);
        rng.set_stream(index as u64);
        let mut draw = |rows: &Vec<usize>| -> Vec<usize> {
            (0..rows.len()).map(|_| rows[rng.random_range(0..rows.len() as u32) as usize]).collect()
        };
        let rows = strata.each_ref().map(&mut draw).concat();
        let labels: Vec<bool> = rows.iter().map(|&row| labels[row]).collect();
        let scores: Vec<f64> = rows.iter().map(|&row| scores[row]).collect();
        let scored = Scored::new(&labels, &scores).unwrap();
        (scored.auroc(), scored.auprc())
    };
    (0..bootstrap.replicates).map(replicate).collect()
}

/// numpy's default quantiles.
fn percentile(mut values: Vec<f64>, confidence: f64) -> Interval {
    values.sort_by(f64::total_cmp);
    let quantile = |q: f64| {
        let at = q * (values.len() - 1) as f64;
        let below = at as usize;
        let above = (below + 1).min(values.len() - 1);
        values[below] * (1.0 - at.fract()) + values[above] * at.fract()
    };
    Interval { lower: quantile((1.0 - confidence) / 2.0), upper: quantile((1.0 + confidence) / 2.0) }
}

fn assert_same(found: Interval, expected: Interval) {
    assert_abs_diff_eq!(found.lower, expected.lower, epsilon = 1e-12);
    assert_abs_diff_eq!(found.upper, expected.upper, epsilon = 1e-12);
}

#[test]
fn intervals_are_those_of_naive_resampling() {
    let bootstrap = Bootstrap { replicates: 301, confidence: 0.9, seed: 7, ..Bootstrap::default() };
    for (labels, scores) in [two_normals(60, 1.0, 1), hanley_mcneil()] {
        let found = bootstrap.intervals(&Scored::new(&labels, &scores).unwrap()).unwrap();
        let (aurocs, auprcs) = naive(&bootstrap, &labels, &scores, &scores).into_iter().unzip();
        assert_same(found.auroc, percentile(aurocs, 0.9));
        assert_same(found.auprc, percentile(auprcs, 0.9));
    }
}

#[test]
fn comparisons_are_those_of_naive_resampling() {
    let bootstrap = Bootstrap { replicates: 300, confidence: 0.95, seed: 8, ..Bootstrap::default() };
    let (labels, a) = two_normals(90, 1.0, 2);
    let (_, b) = two_normals(90, 0.8, 3);
    let of = |scores: &[f64]| Scored::new(&labels, scores).unwrap();
    let comparison = bootstrap.compare(&of(&a), &of(&b)).unwrap();
    let pairs = naive(&bootstrap, &labels, &a, &a).into_iter().zip(naive(&bootstrap, &labels, &b, &a));
    let (aurocs, auprcs): (Vec<f64>, Vec<f64>) = pairs.map(|(a, b)| (a.0 - b.0, a.1 - b.1)).unzip();
    for (found, differences, whole) in [
        (comparison.auroc, aurocs, of(&a).auroc() - of(&b).auroc()),
        (comparison.auprc, auprcs, of(&a).auprc() - of(&b).auprc()),
    ] {
        assert_eq!(found.difference, whole);
        let below = differences.iter().filter(|&&difference| difference <= 0.0).count();
        let above = differences.iter().filter(|&&difference| difference >= 0.0).count();
        assert_abs_diff_eq!(found.p, (2.0 * (below.min(above) + 1) as f64 / 301.0).min(1.0), epsilon = 1e-12);
        assert_same(found.interval, percentile(differences, 0.95));
    }
}

#[test]
fn equal_weights_change_nothing() {
    let (labels, scores) = two_normals(80, 1.0, 9);
    let bootstrap = Bootstrap { replicates: 100, ..Bootstrap::default() };
    let plain = bootstrap.intervals(&Scored::new(&labels, &scores).unwrap()).unwrap();
    let weighted = bootstrap.intervals(&Scored::weighted(&labels, &scores, &[2.5; 80]).unwrap()).unwrap();
    assert_same(plain.auroc, weighted.auroc);
    assert_same(plain.auprc, weighted.auprc);
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let (labels, a) = two_normals(200, 1.0, 4);
    let (_, b) = two_normals(200, 0.5, 5);
    let (a, b) = (Scored::new(&labels, &a).unwrap(), Scored::new(&labels, &b).unwrap());
    let bootstrap = Bootstrap { replicates: 500, ..Bootstrap::default() };
    let all = || {
        [BootstrapMethod::Percentile, BootstrapMethod::Bca].map(|method| {
            let bootstrap = Bootstrap { method, ..bootstrap };
            (bootstrap.intervals(&a).unwrap(), bootstrap.compare(&a, &b).unwrap())
        })
    };
    let once = on_threads(1, all);
    assert_eq!(once, on_threads(4, all));
    assert_eq!(once, on_threads(4, all));
    // Weights, participants with several rows, draws that may lack a class.
    let (labels, scores) = two_normals(200, 1.0, 4);
    let weights: Vec<f64> = (0..200).map(|row| f64::from(row % 7)).collect();
    let people: Vec<usize> = (0..200).map(|row| row / 3).collect();
    let odd = Scored::weighted(&labels, &scores, &weights).unwrap().clustered(&people).unwrap();
    for stratified in [true, false] {
        for method in [BootstrapMethod::Percentile, BootstrapMethod::Bca] {
            let bootstrap = Bootstrap { stratified, method, ..bootstrap };
            let found = on_threads(1, || bootstrap.intervals(&odd).unwrap());
            assert_eq!(found, on_threads(4, || bootstrap.intervals(&odd).unwrap()));
            assert!(found.auroc.lower < odd.auroc() && odd.auroc() < found.auroc.upper);
        }
    }
    let other = Bootstrap { seed: 1, ..bootstrap };
    assert_ne!(once[0].0, other.intervals(&a).unwrap());
}

#[test]
fn a_model_is_no_different_from_itself() {
    let (labels, scores) = two_normals(50, 1.0, 6);
    let a = Scored::new(&labels, &scores).unwrap();
    // The same ranks: what counts, whatever the numbers.
    let cubes: Vec<f64> = scores.iter().map(|score| score.powi(3)).collect();
    for b in [a.clone(), Scored::new(&labels, &cubes).unwrap()] {
        let comparison = Bootstrap { replicates: 200, ..Bootstrap::default() }.compare(&a, &b).unwrap();
        for difference in [comparison.auroc, comparison.auprc] {
            assert_eq!(difference.p, 1.0);
            assert_eq!((difference.difference, difference.interval.lower, difference.interval.upper), (0.0, 0.0, 0.0));
        }
    }
}

#[test]
fn a_perfect_order_stays_perfect() {
    let scored = Scored::new(&[false, false, true], &[1.0, 2.0, 3.0]).unwrap();
    for method in [BootstrapMethod::Percentile, BootstrapMethod::Bca] {
        let found = Bootstrap { method, ..Bootstrap::default() }.intervals(&scored).unwrap();
        assert_eq!(
            (found.auroc, found.auprc),
            (Interval { lower: 1.0, upper: 1.0 }, Interval { lower: 1.0, upper: 1.0 })
        );
    }
}

#[test]
fn intervals_cover_the_true_area() {
    // Two normals a standard deviation apart: AUROC Φ(1/√2) = 0.76025.
    for method in [BootstrapMethod::Percentile, BootstrapMethod::Bca] {
        let covered = (0..200)
            .filter(|&seed| {
                let (labels, scores) = two_normals(150, 1.0, 1000 + seed);
                let bootstrap = Bootstrap { replicates: 300, confidence: 0.9, seed, method, ..Bootstrap::default() };
                let auroc = bootstrap.intervals(&Scored::new(&labels, &scores).unwrap()).unwrap().auroc;
                auroc.lower <= 0.760_25 && 0.760_25 <= auroc.upper
            })
            .count();
        // 180 expected, standard deviation 4.2; percentile intervals of small samples cover a little less.
        assert!((165..=194).contains(&covered), "{covered} of 200 by {method:?}");
    }
}

/// BCa from the definition for two samples: every row left out in turn, AUROC recomputed.
#[test]
fn bca_is_that_of_the_definition() {
    bca_comes_near_the_definition(45, 0, 1e-6);
}

/// With 500 cases and 1000 controls the jackknife has 200 parts of each: an end moves by two replicates at most.
#[test]
fn bca_in_parts_comes_near_the_definition() {
    bca_comes_near_the_definition(1500, 2, 1e-6);
}

fn bca_comes_near_the_definition(n: usize, replicates_off: usize, near: f64) {
    let (labels, scores) = two_normals(n, 0.9, 11);
    let scored = Scored::new(&labels, &scores).unwrap();
    let bootstrap = Bootstrap { replicates: 999, seed: 12, method: BootstrapMethod::Bca, ..Bootstrap::default() };
    let found = bootstrap.intervals(&scored).unwrap();
    let replicates = naive(&bootstrap, &labels, &scores, &scores);
    let without = |gone: usize| {
        let kept: Vec<usize> = (0..labels.len()).filter(|&row| row != gone).collect();
        let labels: Vec<bool> = kept.iter().map(|&row| labels[row]).collect();
        let scores: Vec<f64> = kept.iter().map(|&row| scores[row]).collect();
        let scored = Scored::new(&labels, &scores).unwrap();
        (scored.auroc(), scored.auprc())
    };
    let normal_cdf = |z: f64| 0.5 * (1.0 + erf(z / std::f64::consts::SQRT_2));
    let normal_quantile = |p: f64| {
        let (mut lower, mut upper) = (-10.0, 10.0);
        for _ in 0..200 {
            let middle = (lower + upper) / 2.0;
            if normal_cdf(middle) < p { lower = middle } else { upper = middle }
        }
        lower
    };
    type Pick = fn((f64, f64)) -> f64;
    let picks: [(Pick, Interval, f64); 2] =
        [(|pair| pair.0, found.auroc, scored.auroc()), (|pair| pair.1, found.auprc, scored.auprc())];
    for (pick, interval, estimate) in picks {
        let (mut cubes, mut squares) = (0.0, 0.0);
        for case in [true, false] {
            let rows: Vec<usize> = (0..labels.len()).filter(|&row| labels[row] == case).collect();
            let n = rows.len() as f64;
            let values: Vec<f64> = rows.iter().map(|&row| pick(without(row))).collect();
            let mean = values.iter().sum::<f64>() / n;
            for value in values {
                let influence = (n - 1.0) * (mean - value);
                cubes += influence.powi(3) / n.powi(3);
                squares += influence.powi(2) / n.powi(2);
            }
        }
        let acceleration = cubes / (6.0 * squares.powf(1.5));
        let mut values: Vec<f64> = replicates.iter().map(|&pair| pick(pair)).collect();
        let below = values.iter().filter(|&&value| value < estimate).count() as f64;
        let equal = values.iter().filter(|&&value| value == estimate).count() as f64;
        let bias = normal_quantile((below + equal / 2.0) / values.len() as f64);
        values.sort_by(f64::total_cmp);
        for (tail, end) in [(0.025, interval.lower), (0.975, interval.upper)] {
            let z = bias + normal_quantile(tail);
            let at = normal_cdf(bias + z / (1.0 - acceleration * z)) * (values.len() - 1) as f64;
            let expected = values[at as usize] * (1.0 - at.fract()) + values[at as usize + 1] * at.fract();
            let off = values[at as usize + 1 + replicates_off] - values[at as usize - replicates_off];
            assert_abs_diff_eq!(end, expected, epsilon = if replicates_off > 0 { off } else { near });
        }
    }
}

/// By its Taylor series; good for |x| below 4.
fn erf(x: f64) -> f64 {
    let (mut term, mut sum) = (x, x);
    for n in 1..200 {
        term *= -x * x / f64::from(n);
        sum += term / f64::from(2 * n + 1);
    }
    sum * 2.0 / std::f64::consts::PI.sqrt()
}

#[test]
fn participants_of_one_row_change_nothing() {
    let (labels, scores) = two_normals(50, 1.0, 13);
    let plain = Scored::new(&labels, &scores).unwrap();
    let rows: Vec<usize> = (0..50).collect();
    let clustered = plain.clone().clustered(&rows).unwrap();
    for method in [BootstrapMethod::Percentile, BootstrapMethod::Bca] {
        let bootstrap = Bootstrap { replicates: 200, method, ..Bootstrap::default() };
        assert_eq!(bootstrap.intervals(&plain).unwrap(), bootstrap.intervals(&clustered).unwrap());
    }
}

#[test]
fn rows_of_a_participant_stay_together() {
    // Each person four times over: the interval is that of the people, not that of four times as many.
    let (labels, scores) = two_normals(60, 1.0, 14);
    let people: Vec<usize> = (0..60).collect();
    let plain = Scored::new(&labels, &scores).unwrap();
    let four = Scored::new(&labels.repeat(4), &scores.repeat(4)).unwrap();
    let clustered = four.clone().clustered(&people.repeat(4)).unwrap();
    let bootstrap = Bootstrap { replicates: 400, ..Bootstrap::default() };
    let intervals = [&plain, &clustered, &four].map(|scored| bootstrap.intervals(scored).unwrap());
    assert_same(intervals[0].auroc, intervals[1].auroc);
    assert_same(intervals[0].auprc, intervals[1].auprc);
    let width = |interval: Interval| interval.upper - interval.lower;
    assert!(width(intervals[2].auroc) < 0.6 * width(intervals[1].auroc));
    // Participants who are cases and controls in turn, in another order of the rows.
    let mixed = Scored::new(&labels, &scores).unwrap().clustered(&people.iter().map(|row| row / 2).collect::<Vec<_>>());
    let mixed = bootstrap.intervals(&mixed.unwrap()).unwrap();
    assert_eq!(mixed.undefined, 0);
    assert!(mixed.auroc.lower < plain.auroc() && plain.auroc() < mixed.auroc.upper);
    let turned = |values: &[usize]| [&values[20..], &values[..20]].concat();
    let order = turned(&people);
    let turned = Scored::new(
        &order.iter().map(|&row| labels[row]).collect::<Vec<_>>(),
        &order.iter().map(|&row| scores[row]).collect::<Vec<_>>(),
    );
    let turned = turned.unwrap().clustered(&order.iter().map(|row| row / 2).collect::<Vec<_>>()).unwrap();
    assert_eq!(mixed, bootstrap.intervals(&turned).unwrap());
    assert!(matches!(plain.clone().clustered(&people[1..]), Err(Error::Length { expected: 60, found: 59, .. })));
    assert!(matches!(bootstrap.compare(&clustered, &four), Err(Error::Setting { what: "participants", .. })));
    let error = clustered.delong().unwrap_err().to_string();
    assert_eq!(error, "DeLong variance: expected one row a participant, found several");
}

#[test]
fn replicates_of_one_class_are_counted() {
    let bootstrap = Bootstrap { replicates: 1000, stratified: false, ..Bootstrap::default() };
    let scored = Scored::new(&[true, false, false, false], &[0.5, 0.1, 0.6, 0.3]).unwrap();
    let found = bootstrap.intervals(&scored).unwrap();
    // No case in (3/4)⁴ of replicates, no control in (1/4)⁴: 0.3203.
    assert!((270..370).contains(&found.undefined), "{}", found.undefined);
    assert_eq!(bootstrap.compare(&scored, &scored).unwrap().undefined, found.undefined);
    let stratified = Bootstrap { stratified: true, ..bootstrap };
    assert_eq!(stratified.intervals(&scored).unwrap().undefined, 0);
    // A single participant is all that can be drawn.
    let one = scored.clustered(&[1; 4]).unwrap();
    assert_eq!(bootstrap.intervals(&one).unwrap().undefined, 0);
    let two = Scored::new(&[true, false], &[0.5, 0.1]).unwrap();
    let few = Bootstrap { replicates: 2, stratified: false, ..Bootstrap::default() };
    let errors = (0..400).filter(|&seed| Bootstrap { seed, ..few }.intervals(&two).is_err()).count();
    assert!(250 < errors && errors < 350, "{errors}");
}
