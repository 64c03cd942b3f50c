//! The classical baselines beside scikit-learn and XGBoost, in one run on the same rows, with as many threads: logistic
//! regression and 150 trees of depth 3, fitted and asked for the log-odds of all rows.
//!
//! `HELM_BENCH_PYTHON` names a Python with the packages of scripts/bench_baselines.py; without it, that side is left out.
#![allow(clippy::print_stdout, clippy::expect_used, reason = "a bench prints its table")]

use std::path::Path;
use std::process::Command;

use helm_benches::{seconds, spread};
use helm_eval::Scored;
use helm_eval::baseline::{BoostingConfig, LogisticConfig};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::Deserialize;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Rows and features.
const SIZES: [(usize, usize); 3] = [(4_000, 30), (40_000, 30), (400_000, 30)];
const ROUNDS: usize = 3;

/// What the script prints of a task: the median of its rounds, and the AUROC on the rows themselves.
#[derive(Deserialize)]
struct Theirs {
    n: usize,
    model: String,
    seconds: f64,
    auroc: f64,
}

/// Rows of which a tenth are cases, and of whose features half tell something, some of them not along a line.
fn draw(n: usize, width: usize) -> (Vec<Vec<Option<f64>>>, Vec<bool>) {
    let mut rng = ChaCha8Rng::seed_from_u64(n as u64);
    let row = |rng: &mut ChaCha8Rng| (0..width).map(|_| rng.random_range(-1.0..1.0)).collect::<Vec<f64>>();
    let rows: Vec<Vec<f64>> = (0..n).map(|_| row(&mut rng)).collect();
    let log_odds = |row: &[f64]| -3.0 + row[..width / 4].iter().sum::<f64>() + 2.0 * row[width / 4] * row[width / 3];
    let labels = rows.iter().map(|row| rng.random_range(0.0..1.0) < 1.0 / (1.0 + (-log_odds(row)).exp())).collect();
    (rows.into_iter().map(|row| row.into_iter().map(Some).collect()).collect(), labels)
}

/// As Python reads them: rows as f64 after one another, labels as bytes.
fn write(folder: &Path, rows: &[Vec<Option<f64>>], labels: &[bool]) {
    let bytes: Vec<u8> = rows.iter().flatten().flat_map(|x| x.unwrap_or(f64::NAN).to_le_bytes()).collect();
    std::fs::write(folder.join(format!("{}_rows", rows.len())), bytes).expect("a writable folder");
    let bytes: Vec<u8> = labels.iter().map(|&case| u8::from(case)).collect();
    std::fs::write(folder.join(format!("{}_labels", rows.len())), bytes).expect("a writable folder");
}

fn python(folder: &Path, threads: usize) -> Option<Vec<Theirs>> {
    let python = std::env::var_os("HELM_BENCH_PYTHON")?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/bench_baselines.py");
    let sizes = SIZES.map(|(n, width)| format!("{n}x{width}"));
    let output = Command::new(python).arg(script).arg(folder).arg(threads.to_string()).args(sizes).output();
    let output = output.expect("Python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).expect("JSON of scripts/bench_baselines.py"))
}

/// Median seconds of a task that gives scores, and their AUROC.
fn run(labels: &[bool], task: impl Fn() -> Vec<f64>) -> (f64, f64) {
    let auroc = Scored::new(labels, &task()).expect("cases and controls").auroc();
    (spread((0..ROUNDS).map(|_| seconds(&task)).collect()).0, auroc)
}

fn main() {
    // `cargo test --benches` only asks whether it builds.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let threads = rayon::current_num_threads();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let tables = SIZES.map(|(n, width)| draw(n, width));
    tables.iter().for_each(|(rows, labels)| write(folder.path(), rows, labels));
    let theirs = python(folder.path(), threads);
    println!("{threads} threads, median of {ROUNDS} rounds\n");
    println!("| model | rows × features | helm-eval | peer | its time / our time | AUROC | its AUROC |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    for ((rows, labels), (n, width)) in tables.iter().zip(SIZES) {
        let logistic = || {
            let model = LogisticConfig::default().fit(rows, labels).expect("a fit");
            rows.iter().map(|row| model.log_odds(row)).collect()
        };
        let boosting = || {
            let model = BoostingConfig::default().fit(rows, labels).expect("a fit");
            rows.iter().map(|row| model.log_odds(row)).collect()
        };
        let found = [("logistic", run(labels, logistic)), ("boosting", run(labels, boosting))];
        for (model, (seconds, auroc)) in found {
            let theirs = theirs.iter().flatten().find(|theirs| theirs.n == n && theirs.model == model);
            let theirs = theirs.map_or(format!("not run | – | {auroc:.4} | –"), |theirs| {
                let ratio = theirs.seconds / seconds;
                format!("{:.3} s | {ratio:.1} | {auroc:.4} | {:.4}", theirs.seconds, theirs.auroc)
            });
            println!("| {model} | {n} × {width} | {seconds:.3} s | {theirs} |");
        }
    }
}
