use approx::assert_abs_diff_eq;
use helm_eval::{Error, Permutation, Scored};

use crate::data::{on_threads, two_normals};

fn scored(shift: f64, seed: u64) -> Scored {
    let (labels, scores) = two_normals(60, shift, seed);
    Scored::new(&labels, &scores).unwrap()
}

/// All ways to choose three cases of eight rows, one by one.
#[test]
fn chance_is_that_of_all_permutations() {
    let scores = [0.1, 0.2, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8];
    let auroc = |cases: u32| {
        let labels: Vec<bool> = (0..8).map(|row| cases >> row & 1 == 1).collect();
        Scored::new(&labels, &scores).unwrap().auroc()
    };
    let all: Vec<u32> = (0..256u32).filter(|cases| cases.count_ones() == 3).collect();
    for cases in [0b1110_0000, 0b1010_0100, 0b0000_0111] {
        let distance = (auroc(cases) - 0.5).abs();
        let as_far = all.iter().filter(|&&other| (auroc(other) - 0.5).abs() >= distance - 1e-12).count();
        let labels: Vec<bool> = (0..8).map(|row| cases >> row & 1 == 1).collect();
        let permutation = Permutation { replicates: 20_000, seed: 1 };
        let found = permutation.chance_p(&Scored::new(&labels, &scores).unwrap()).unwrap();
        // Four standard errors of 20,000 replicates, at most.
        assert_abs_diff_eq!(found, as_far as f64 / all.len() as f64, epsilon = 0.015);
    }
}

/// All 2⁶ exchanges of six rows, one by one.
#[test]
fn paired_is_that_of_all_exchanges() {
    let labels = [false, true, false, true, false, true];
    let (a, b) = ([1.0, 4.0, 2.0, 5.0, 3.0, 6.0], [6.0, 4.0, 1.0, 2.5, 2.5, 5.0]);
    let difference = |exchanged: u32| {
        let pick = |x: [f64; 6], y: [f64; 6]| -> Vec<f64> {
            (0..6).map(|row| if exchanged >> row & 1 == 1 { y[row] } else { x[row] }).collect()
        };
        let of = |scores: Vec<f64>| Scored::new(&labels, &scores).unwrap().auroc();
        (of(pick(a, b)) - of(pick(b, a))).abs()
    };
    // These scores are midranks already.
    let as_far = (0..64).filter(|&exchanged| difference(exchanged) >= difference(0) - 1e-12).count();
    // The scale does not matter.
    let scaled = b.map(|score| 1000.0 + score * score);
    let [a, b] = [a, scaled].map(|scores| Scored::new(&labels, &scores).unwrap());
    let found = Permutation { replicates: 20_000, seed: 1 }.paired_p(&a, &b).unwrap();
    assert_abs_diff_eq!(found, as_far as f64 / 64.0, epsilon = 0.015);
}

#[test]
fn threads_clusters_and_weights() {
    let (a, b) = (scored(1.2, 1), scored(0.3, 2));
    let permutation = Permutation { replicates: 500, seed: 3 };
    let both = || (permutation.chance_p(&b).unwrap(), permutation.paired_p(&a, &b).unwrap());
    assert_eq!(on_threads(1, both), on_threads(4, both));
    assert!(permutation.chance_p(&a).unwrap() < 0.01);
    // Every row three times over: participants are exchanged whole, and p stays about what it was.
    let (labels, of_a) = two_normals(60, 1.2, 1);
    let (_, of_b) = two_normals(60, 0.3, 2);
    let people: Vec<usize> = (0..60).collect();
    let three = |scores: &[f64]| {
        let scored = Scored::new(&labels.repeat(3), &scores.repeat(3)).unwrap();
        scored.clustered(&people.repeat(3)).unwrap()
    };
    let clustered = permutation.paired_p(&three(&of_a), &three(&of_b)).unwrap();
    assert_abs_diff_eq!(clustered, permutation.paired_p(&a, &b).unwrap(), epsilon = 0.03);
    let weighted = |scores: &[f64]| Scored::weighted(&labels, scores, &[2.0; 60]).unwrap();
    let equal = permutation.paired_p(&weighted(&of_a), &weighted(&of_b)).unwrap();
    assert_eq!(equal, permutation.paired_p(&a, &b).unwrap());
    let error = permutation.chance_p(&weighted(&of_a)).unwrap_err().to_string();
    assert_eq!(error, "permutation of labels: expected rows that count alike, found weights");
    let error = permutation.chance_p(&three(&of_a)).unwrap_err().to_string();
    assert_eq!(error, "permutation of labels: expected one row a participant, found several");
}

#[test]
fn ends() {
    let permutation = Permutation { replicates: 99, seed: 0 };
    let a = scored(1.0, 1);
    assert_eq!(permutation.paired_p(&a, &a).unwrap(), 1.0);
    assert!(permutation.chance_p(&scored(9.0, 1)).unwrap() <= 0.011);
    let none = Permutation { replicates: 0, seed: 0 };
    assert!(matches!(none.chance_p(&a), Err(Error::Setting { .. })));
    assert!(matches!(none.paired_p(&a, &a), Err(Error::Setting { .. })));
    let tied = Scored::new(&[true, false, false], &[0.5; 3]).unwrap();
    assert_eq!(permutation.chance_p(&tied).unwrap(), 1.0);
}
