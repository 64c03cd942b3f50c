//! The classical baselines beside scikit-learn and XGBoost, on the same rows and in turn: logistic regression, and 150
//! trees of depth 3, fitted and asked for the log-odds of all rows. helm-eval fits logistic regressions and asks models
//! on one thread; trees grow on as many as rayon has, which Python gets, too.
//!
//! `HELM_BENCH_PYTHON` names a Python with the packages of scripts/bench_baselines.py; without it, that side is left
//! out.
#![allow(clippy::print_stdout, clippy::expect_used, reason = "a bench prints its table")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use helm_benches::{is_only_built, seconds, spread};
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
/// The first round warms up.
const ROUNDS: usize = 3;

/// Rows of which a tenth are cases, and of whose features a third tell something, two of them only together.
struct Rows {
    inputs: Vec<Vec<Option<f64>>>,
    labels: Vec<bool>,
}

impl Rows {
    fn draw(n: usize, width: usize) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(n as u64);
        let mut row = || (0..width).map(|_| rng.random_range(-1.0..1.0)).collect::<Vec<f64>>();
        let rows: Vec<Vec<f64>> = (0..n).map(|_| row()).collect();
        let log_odds =
            |row: &[f64]| -3.0 + row[..width / 4].iter().sum::<f64>() + 2.0 * row[width / 4] * row[width / 3];
        let labels = rows.iter().map(|row| rng.random_range(0.0..1.0) < 1.0 / (1.0 + (-log_odds(row)).exp())).collect();
        Self { inputs: rows.into_iter().map(|row| row.into_iter().map(Some).collect()).collect(), labels }
    }

    /// As Python reads them: rows as f64 after one another, labels as bytes.
    fn write(&self, folder: &Path) {
        let n = self.labels.len();
        let bytes: Vec<u8> = self.inputs.iter().flatten().flat_map(|x| x.unwrap_or(f64::NAN).to_le_bytes()).collect();
        std::fs::write(folder.join(format!("{n}_rows")), bytes).expect("a writable folder");
        let bytes: Vec<u8> = self.labels.iter().map(|&case| u8::from(case)).collect();
        std::fs::write(folder.join(format!("{n}_labels")), bytes).expect("a writable folder");
    }

    /// Log-odds of all rows from a model that was fitted on them.
    fn log_odds(&self, model: &str) -> Vec<f64> {
        if model == "logistic" {
            let fitted = LogisticConfig::default().fit(&self.inputs, &self.labels).expect("a fit");
            self.inputs.iter().map(|row| fitted.log_odds(row)).collect()
        } else {
            let fitted = BoostingConfig::default().fit(&self.inputs, &self.labels).expect("a fit");
            self.inputs.iter().map(|row| fitted.log_odds(row)).collect()
        }
    }

    fn auroc(&self, log_odds: &[f64]) -> f64 {
        Scored::new(&self.labels, log_odds).expect("cases and controls").auroc()
    }
}

/// What the script answers to a task.
#[derive(Deserialize)]
struct Answer {
    seconds: f64,
    log_odds: Vec<f64>,
}

/// Python with scikit-learn and XGBoost.
struct Peer {
    process: Child,
    answers: BufReader<ChildStdout>,
}

impl Peer {
    fn start(folder: &Path, threads: usize) -> Option<Self> {
        let python = std::env::var_os("HELM_BENCH_PYTHON")?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/bench_baselines.py");
        let mut command = Command::new(python);
        command.arg(script).arg(folder).arg(threads.to_string()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("Python runs");
        let answers = BufReader::new(process.stdout.take().expect("a pipe"));
        Some(Self { process, answers })
    }

    fn run(&mut self, model: &str, n: usize) -> Answer {
        let pipe = self.process.stdin.as_mut().expect("a pipe");
        let task = serde_json::json!({"model": model, "n": n});
        writeln!(pipe, "{task}").and_then(|()| pipe.flush()).expect("the script listens");
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("the script answers");
        serde_json::from_str(&line).expect("JSON of scripts/bench_baselines.py")
    }
}

fn main() {
    if is_only_built() {
        return;
    }
    let threads = rayon::current_num_threads();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut peer = Peer::start(folder.path(), threads);
    println!("{threads} threads, median of {ROUNDS} rounds in turn\n");
    println!("| model | rows × features | helm-eval | peer | its time / our time | AUROC | its AUROC |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    for (n, width) in SIZES {
        let rows = Rows::draw(n, width);
        rows.write(folder.path());
        for model in ["logistic", "boosting"] {
            let (mut own, mut others, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
            let own_scores = rows.log_odds(model);
            let auroc = rows.auroc(&own_scores);
            let mut their_auroc = None;
            for round in 0..=ROUNDS {
                let time = seconds(|| rows.log_odds(model));
                let theirs = peer.as_mut().map(|peer| peer.run(model, n));
                if round == 0 {
                    their_auroc = theirs.as_ref().map(|theirs| rows.auroc(&theirs.log_odds));
                    check(model, (&own_scores, auroc), theirs.as_ref().zip(their_auroc));
                    continue;
                }
                own.push(time);
                if let Some(theirs) = theirs {
                    others.push(theirs.seconds);
                    ratios.push(theirs.seconds / time);
                }
            }
            let (median, _, _) = spread(own);
            let theirs = their_auroc.map_or(format!("not run | – | {auroc:.4} | –"), |theirs| {
                let (ratio, least, most) = spread(ratios);
                let times = format!("{:.3} s | {ratio:.1} ({least:.1} to {most:.1})", spread(others).0);
                format!("{times} | {auroc:.4} | {theirs:.4}")
            });
            println!("| {model} | {n} × {width} | {median:.3} s | {theirs} |");
        }
    }
}

/// Both sides computed the same: log-odds of logistic regression within 1e-3, trees' AUROC within 0.005.
fn check(model: &str, (own, auroc): (&[f64], f64), theirs: Option<(&Answer, f64)>) {
    let Some((theirs, their_auroc)) = theirs else { return };
    assert_eq!(own.len(), theirs.log_odds.len(), "log-odds of all rows");
    if model == "logistic" {
        let worst = own.iter().zip(&theirs.log_odds).map(|(own, other)| (own - other).abs()).fold(0.0, f64::max);
        assert!(worst < 1e-3, "log-odds differ by {worst:e}");
    } else {
        assert!((auroc - their_auroc).abs() < 0.005, "AUROC {auroc} and {their_auroc}");
    }
}
