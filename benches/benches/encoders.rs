//! The 1-D ResNet18-D beside PyTorch's, in one run: a batch of 32 curves of 1000 points, width 64, forward, and forward
//! with backward to all weights. And the measures of 100,000 blows of 6 s at 100 Hz.
//!
//! `HELM_BENCH_PYTHON` names a Python with the packages of scripts/bench_encoders.py; without it, that side is left out.
#![allow(clippy::print_stdout, clippy::expect_used, reason = "a bench prints its table")]

use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Distribution, Tensor};
use helm_benches::is_only_built;
use helm_core::spirometry::{MeasureSettings, Measures, Spirogram};
use helm_encoders::ResNet1dConfig;
use serde_json::Value;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The best of some runs after two to warm up, in seconds.
fn seconds<T>(runs: usize, mut task: impl FnMut() -> T) -> f64 {
    let once = |_| {
        let begin = Instant::now();
        black_box(task());
        begin.elapsed().as_secs_f64()
    };
    (0..runs + 2).map(once).skip(2).fold(f64::INFINITY, f64::min)
}

fn python(threads: usize) -> Option<Value> {
    let python = std::env::var_os("HELM_BENCH_PYTHON")?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/bench_encoders.py");
    let output = Command::new(python).arg(script).arg(threads.to_string()).output().expect("Python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).expect("JSON of scripts/bench_encoders.py"))
}

fn main() {
    if is_only_built() {
        return;
    }
    let threads = rayon::current_num_threads();
    let peer = python(threads);
    let device = helm_encoders::device("cpu").expect("the CPU");
    device.seed(0);
    let network = ResNet1dConfig::new(1).init(&device);
    let curves = Tensor::<3>::random([32, 1, 1000], Distribution::Normal(0.0, 1.0), &device);
    let forward = seconds(10, || network.forward(curves.clone()).into_data());
    let training = network.train();
    let curves = Tensor::<3>::from_inner(curves);
    let both = seconds(10, || {
        let gradients = training.forward(curves.clone()).sum().backward();
        GradientsParams::from_grads(gradients, &training)
    });

    println!("| ResNet18-D, 1-D, batch 32 x 1000, {threads} threads | helm-encoders | PyTorch | its time / ours |");
    println!("| --- | --- | --- | --- |");
    for (task, ours, key) in [("forward", forward, "forward_seconds"), ("forward + backward", both, "both_seconds")] {
        let theirs = peer.as_ref().and_then(|peer| peer[key].as_f64());
        let (text, ratio) = theirs.map_or(("not run".into(), "–".into()), |theirs| {
            (format!("{theirs:.4} s"), format!("{:.2}", theirs / ours))
        });
        println!("| {task} | {ours:.4} s | {text} | {ratio} |");
    }

    let blows: Vec<Spirogram> = (0..100)
        .map(|i| {
            let (litres, rate) = (2.0 + f64::from(i) * 0.04, 1.0 + f64::from(i) * 0.02);
            let volume = (0..600).map(|at| (litres * (1.0 - (-rate * f64::from(at) / 100.0).exp())) as f32);
            Spirogram::from_volume_litres(volume.collect(), 100.0).expect("a blow")
        })
        .collect();
    let settings = MeasureSettings::default();
    let measured = seconds(1, || {
        (0..1000)
            .flat_map(|_| &blows)
            .map(|blow| Measures::new(blow, &settings).expect("measures").fvc_litres)
            .sum::<f64>()
    });
    println!("\nMeasures of 100,000 blows of 6 s at 100 Hz, one thread: {measured:.2} s");
}
