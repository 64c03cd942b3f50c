//! Published data and made-up cohorts.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::LazyLock;

use proptest::prelude::*;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde_json::Value;

/// What scripts/golden_eval.py wrote.
pub(crate) static SKLEARN: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("golden/sklearn.json")).unwrap());

pub(crate) fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

pub(crate) fn booleans(numbers: &[f64]) -> Vec<bool> {
    numbers.iter().map(|&number| number == 1.0).collect()
}

/// Rating classes 1 to 5 of the CT scans of Hanley and McNeil 1982, table I.
pub(crate) fn hanley_mcneil() -> (Vec<bool>, Vec<f64>) {
    let (normal, abnormal) = ([33, 6, 6, 11, 2], [3, 2, 2, 11, 33]);
    let (mut labels, mut scores) = (Vec::new(), Vec::new());
    for (case, counts) in [(false, normal), (true, abnormal)] {
        for (class, count) in (1..).zip(counts) {
            labels.extend(vec![case; count]);
            scores.extend(vec![f64::from(class); count]);
        }
    }
    (labels, scores)
}

/// Columns of a file of golden/, by name; none where `HELM_TEST_DATA` does not say where that is.
pub(crate) fn golden_csv<const N: usize>(file: &str, columns: [&str; N]) -> Option<[Vec<f64>; N]> {
    let Some(data) = std::env::var_os("HELM_TEST_DATA") else {
        // Not eprintln, which a passing test swallows.
        let _ = writeln!(std::io::stderr(), "skipped {file}: HELM_TEST_DATA is not set");
        return None;
    };
    let text = std::fs::read_to_string(PathBuf::from(data).join("golden").join(file)).unwrap();
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let places = columns.map(|column| header.iter().position(|name| *name == column).unwrap());
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    Some(places.map(|place| rows.iter().map(|row| row[place].parse().unwrap()).collect()))
}

/// `cancer` and `cancerpredmarker` of dcurves' example cohort.
pub(crate) fn dca() -> Option<(Vec<bool>, Vec<f64>)> {
    let [cancer, marker] = golden_csv("dca.csv", ["cancer", "cancerpredmarker"])?;
    Some((booleans(&cancer), marker))
}

/// A third of n rows are cases, who score higher by `shift` standard deviations (nearly: the sum of twelve uniform
/// numbers stands for a normal one).
pub(crate) fn two_normals(n: usize, shift: f64, seed: u64) -> (Vec<bool>, Vec<f64>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let labels: Vec<bool> = (0..n).map(|row| row % 3 == 0).collect();
    let normal = |rng: &mut ChaCha8Rng| (0..12).map(|_| rng.random_range(0.0..1.0)).sum::<f64>() - 6.0;
    let scores = labels.iter().map(|&case| normal(&mut rng) + if case { shift } else { 0.0 }).collect();
    (labels, scores)
}

/// Labels with cases and controls, and scores with ties among them.
pub(crate) fn labelled_scores() -> impl Strategy<Value = (Vec<bool>, Vec<f64>)> {
    let row = (any::<bool>(), prop_oneof![(-3i32..3).prop_map(f64::from), -1e3..1e3]);
    proptest::collection::vec(row, 0..60).prop_map(|rows| {
        let ends = [(true, 0.5), (false, 1.0)];
        rows.into_iter().chain(ends).unzip()
    })
}

/// Runs a task on so many threads.
pub(crate) fn on_threads<T: Send>(threads: usize, task: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(task)
}

/// Rows of cases or of controls from the highest score, equal scores in their order: as a bootstrap numbers them.
pub(crate) fn falling(labels: &[bool], scores: &[f64], case: bool) -> Vec<usize> {
    let mut rows: Vec<usize> = (0..labels.len()).filter(|&row| labels[row] == case).collect();
    rows.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    rows
}
