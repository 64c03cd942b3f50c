//! helm-eval beside scikit-learn, in one run on the same numbers: AUROC with a paired bootstrap of two models, DeLong's
//! variance, AUROC alone, and what each costs as rows grow tenfold from a thousand.
//!
//! `HELM_BENCH_PYTHON` names a Python with the packages of scripts/bench_eval.py; without it, that side is left out.
//! `HELM_BENCH_REPORT` names a folder for the table and a drawing of cost against rows. Everything runs on as many threads
//! as rayon takes (RAYON_NUM_THREADS).
#![allow(clippy::print_stdout, clippy::expect_used, reason = "a bench prints its table")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use helm_benches::is_only_built;
use helm_eval::{Bootstrap, Scored};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde_json::Value;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const REPLICATES: usize = 1000;
const N_BOOTSTRAP: usize = 100_000;
const N_DELONG: usize = 1_000_000;

/// Labels, a tenth of them cases, and the scores of two models that agree in part.
struct Data {
    labels: Vec<bool>,
    scores: [Vec<f64>; 2],
}

impl Data {
    fn draw(n: usize) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(n as u64);
        let mut normal = || (0..4).map(|_| rng.random_range(-1.0..1.0)).sum::<f64>();
        let labels: Vec<bool> = (0..n).map(|row| row % 10 == 0).collect();
        let shared: Vec<f64> = labels.iter().map(|&case| normal() + if case { 1.0 } else { 0.0 }).collect();
        let scores = [0.5, 1.0].map(|noise| shared.iter().map(|shared| shared + noise * normal()).collect());
        Self { labels, scores }
    }

    fn scored(&self, model: usize) -> Scored {
        Scored::new(&self.labels, &self.scores[model]).expect("cases and controls")
    }

    /// As Python reads it: labels as bytes, scores as f64.
    fn write(&self, folder: &Path) {
        let n = self.labels.len();
        let labels: Vec<u8> = self.labels.iter().map(|&case| u8::from(case)).collect();
        std::fs::write(folder.join(format!("{n}_labels")), labels).expect("a writable folder");
        for (model, scores) in self.scores.iter().enumerate() {
            let bytes: Vec<u8> = scores.iter().flat_map(|score| score.to_le_bytes()).collect();
            std::fs::write(folder.join(format!("{n}_scores_{model}")), bytes).expect("a writable folder");
        }
    }
}

/// The best of some runs, in seconds: what else the machine does only adds.
fn seconds<T>(runs: usize, mut task: impl FnMut() -> T) -> f64 {
    let once = |_| {
        let begin = Instant::now();
        black_box(task());
        begin.elapsed().as_secs_f64()
    };
    (0..runs).map(once).fold(f64::INFINITY, f64::min)
}

/// The highest memory of a process that does nothing but a task, its input included, in MB, where Linux says it.
fn megabytes(task: &str) -> Option<f64> {
    let this = std::env::current_exe().expect("this program");
    let output = Command::new(this).args(["--task", task]).output().expect("this program runs");
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

/// A task in a process of its own, which prints its highest memory.
fn alone(task: &str) {
    match task {
        "delong" => {
            black_box(Data::draw(N_DELONG).scored(0).delong().expect("a variance"));
        }
        replicates => {
            let replicates = replicates.parse().expect("a number of replicates");
            let (data, bootstrap) = (Data::draw(N_BOOTSTRAP), Bootstrap { replicates, ..Bootstrap::default() });
            black_box(bootstrap.compare(&data.scored(0), &data.scored(1)).expect("a comparison"));
        }
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    if let Some(kilobytes) = line.split_whitespace().next().and_then(|number| number.parse::<f64>().ok()) {
        println!("{}", kilobytes / 1000.0);
    }
}

/// One pass of a bootstrap replicate at its least: n draws into a table of counts, and n look-ups in it.
fn one_pass(n: usize) -> f64 {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let order: Vec<u32> = (0..n).map(|_| rng.random_range(0..n as u32)).collect();
    let mut counts = vec![0u16; n];
    seconds(20, || {
        counts.fill(0);
        for _ in 0..n {
            counts[rng.random_range(0..n)] += 1;
        }
        order.iter().map(|&unit| u64::from(counts[unit as usize])).sum::<u64>()
    })
}

fn python(folder: &Path) -> Option<Value> {
    let python = std::env::var_os("HELM_BENCH_PYTHON")?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/bench_eval.py");
    let output = Command::new(python).arg(script).arg(folder).output().expect("Python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).expect("JSON of scripts/bench_eval.py"))
}

fn main() {
    if is_only_built() {
        return;
    }
    if let Some(task) = std::env::args().skip_while(|argument| argument != "--task").nth(1) {
        return alone(&task);
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut report = String::from("| task | helm-eval | peer | times faster |\n| --- | --- | --- | --- |\n");
    for n in [N_BOOTSTRAP, N_DELONG] {
        Data::draw(n).write(folder.path());
    }
    let peer = python(folder.path());
    let mut line = |task: &str, ours: f64, key: &str| {
        let theirs = peer.as_ref().and_then(|peer| peer[key].as_f64());
        let (text, ratio) = theirs.map_or(("not run".into(), "–".into()), |theirs| {
            (format!("{theirs:.4} s"), format!("{:.1}", theirs / ours))
        });
        writeln!(report, "| {task} | {ours:.4} s | {text} | {ratio} |").expect("a string");
    };

    let data = Data::draw(N_BOOTSTRAP);
    let bootstrap = Bootstrap { replicates: REPLICATES, ..Bootstrap::default() };
    let paired = || bootstrap.compare(&data.scored(0), &data.scored(1)).expect("a comparison");
    let time = seconds(3, paired);
    line("paired bootstrap of two AUROC, 1000 replicates, n = 100000", time, "paired_bootstrap_seconds");
    let threads = rayon::current_num_threads() as f64;
    let (replicate, pass) = (time * threads / REPLICATES as f64, one_pass(N_BOOTSTRAP));

    let data = Data::draw(N_DELONG);
    let auroc = data.scored(0).auroc();
    if let Some(theirs) = peer.as_ref().and_then(|peer| peer["auroc"].as_f64()) {
        assert!((auroc - theirs).abs() < 1e-12, "{auroc} {theirs}");
    }
    line("AUROC, n = 1000000", seconds(5, || data.scored(0).auroc()), "auroc_seconds");
    let delong = || data.scored(0).delong().expect("a variance");
    line("AUROC with DeLong's variance, n = 1000000", seconds(5, delong), "delong_seconds");

    let show = |task: &str| megabytes(task).map_or("unknown".into(), |megabytes| format!("{megabytes:.0} MB"));
    writeln!(
        report,
        "\n{threads} threads. Highest memory of a process, input included: {} for 1000 replicates, {} for 100; DeLong {}.",
        show("1000"),
        show("100"),
        show("delong")
    )
    .expect("a string");
    writeln!(
        report,
        "A replicate of both models takes {:.2} ms of a thread; drawing and one look-up a row {:.2} ms: {:.1} passes.",
        replicate * 1e3,
        pass * 1e3,
        replicate / pass
    )
    .expect("a string");

    let growth = growth();
    report.push_str("\nCost against rows, in nanoseconds a row (one replicate, two models):\n\n");
    report.push_str("| n | AUROC | DeLong | replicate |\n| --- | --- | --- | --- |\n");
    for (n, [auroc, delong, replicate]) in &growth {
        let of_row = |seconds: f64| seconds / *n as f64 * 1e9;
        writeln!(report, "| {n} | {:.1} | {:.1} | {:.1} |", of_row(*auroc), of_row(*delong), of_row(*replicate))
            .expect("a string");
    }
    println!("{report}");
    if let Some(folder) = std::env::var_os("HELM_BENCH_REPORT").map(PathBuf::from) {
        std::fs::create_dir_all(&folder).expect("a folder for the report");
        std::fs::write(folder.join("evaluation.md"), report).expect("a writable folder");
        std::fs::write(folder.join("evaluation.svg"), drawing(&growth)).expect("a writable folder");
    }
}

/// Seconds of AUROC, of DeLong's variance and of a paired replicate, against rows.
fn growth() -> Vec<(usize, [f64; 3])> {
    let sizes = [1_000, 10_000, 100_000, 1_000_000, 10_000_000];
    let cost = |n: usize| {
        let data = Data::draw(n);
        let runs = (3_000_000 / n).clamp(4, 50);
        let auroc = seconds(runs, || data.scored(0).auroc());
        let delong = seconds(runs, || data.scored(0).delong().expect("a variance"));
        let (a, b) = (data.scored(0), data.scored(1));
        let of = |replicates: usize| {
            let bootstrap = Bootstrap { replicates, ..Bootstrap::default() };
            seconds(2, || bootstrap.compare(&a, &b).expect("a comparison"))
        };
        let more = (20_000_000 / n).clamp(8, 2000);
        (n, [auroc, delong, (of(more + 2) - of(2)) / more as f64])
    };
    sizes.into_iter().map(cost).collect()
}

/// Both axes logarithmic; n log n is a dotted line through the first point of each curve.
fn drawing(growth: &[(usize, [f64; 3])]) -> String {
    let x = |n: f64| 90.0 + (n.log10() - 3.0) / 4.0 * 560.0;
    let y = |seconds: f64| 30.0 + (1.0 - (seconds.log10() + 6.0) / 7.0) * 420.0;
    let mut svg = String::from(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 800 520\" font-family=\"sans-serif\" \
         font-size=\"14\">\n<rect width=\"800\" height=\"520\" fill=\"white\"/>\n",
    );
    for power in 3..=7 {
        let at = x(10f64.powi(power));
        let _ = writeln!(
            svg,
            "<path d=\"M{at} 30V450\" stroke=\"#ddd\"/><text x=\"{at}\" y=\"472\" text-anchor=\"middle\">1e{power}</text>"
        );
    }
    for power in -6..=1 {
        let at = y(10f64.powi(power));
        let _ = writeln!(
            svg,
            "<path d=\"M90 {at}H650\" stroke=\"#ddd\"/><text x=\"80\" y=\"{}\" text-anchor=\"end\">1e{power}</text>",
            at + 5.0
        );
    }
    svg.push_str("<text x=\"370\" y=\"500\" text-anchor=\"middle\">Rows</text>\n");
    svg.push_str("<text x=\"24\" y=\"240\" text-anchor=\"middle\" transform=\"rotate(-90 24 240)\">Seconds</text>\n");
    for (index, (name, colour)) in
        [("AUROC", "#0072B2"), ("DeLong", "#D55E00"), ("replicate", "#009E73")].into_iter().enumerate()
    {
        let path = |seconds: &dyn Fn(usize, f64) -> f64| -> String {
            let points =
                growth.iter().map(|&(n, costs)| format!("{:.1},{:.1}", x(n as f64), y(seconds(n, costs[index]))));
            points.collect::<Vec<_>>().join(" ")
        };
        let Some(&(first, costs)) = growth.first() else { continue };
        let n_log_n = |n: usize| n as f64 * (n as f64).ln();
        let bound = path(&|n, _| costs[index] * n_log_n(n) / n_log_n(first));
        let measured = path(&|_, seconds| seconds);
        let _ =
            writeln!(svg, "<polyline points=\"{bound}\" fill=\"none\" stroke=\"{colour}\" stroke-dasharray=\"2 5\"/>");
        let _ = writeln!(svg, "<polyline points=\"{measured}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"3\"/>");
        let at = 60 + 22 * index;
        let _ = writeln!(svg, "<text x=\"110\" y=\"{at}\" fill=\"{colour}\">{name} (dotted: n log n)</text>");
    }
    svg + "</svg>\n"
}
