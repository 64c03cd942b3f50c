//! Scoring and training through a frozen language model beside transformers and PyTorch, in one run: the shape of
//! SmolLM2-135M with random weights, a text of 120 tokens a participant, 6 soft tokens, then outcomes with questions of
//! 8 tokens and answers of one. In training, the soft tokens come from the ResNet18-D on a curve of 1000 points, whose
//! weights learn; in scoring, they are given.
//!
//! `HELM_BENCH_PYTHON` names a Python with the packages of scripts/bench_frozen.py; without it, that side is left out.
//! Both sides run in turn, with as many threads as there are cores; PyTorch in bf16 only where the processor has
//! instructions for it.
#![allow(clippy::print_stdout, clippy::expect_used, reason = "a bench prints its table")]

use helm_benches::{
    FrozenPeer, FrozenTask, LlamaShape, SoftSource, gflops_at_best, is_only_built, random_llama, seconds, spread,
};
use helm_core::Risk;
use helm_llm::{Examples, TrainConfig, Trainer};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SHAPE: LlamaShape = LlamaShape::SMOLLM2_135M;
/// At their most outcomes.
const TASK: FrozenTask = FrozenTask { shape: SHAPE, participants: 4, n_text: 120, n_outcomes: 8 };
const ROUNDS: usize = 5;

/// The largest difference of risks' log-odds from others.
fn worst(risks: &[Vec<Risk>], others: &[f64]) -> f64 {
    let own = risks.iter().flatten().map(|risk| risk.log_odds);
    own.zip(others).map(|(own, other)| (own - other).abs()).fold(0.0, f64::max)
}

/// A task of ours and the peer's ways to do the same, in turn.
struct Race<'a> {
    work: &'a str,
    n_outcomes: usize,
    prefix: &'a str,
    /// Of the peer: work and dtype.
    ways: &'a [(&'a str, &'a str)],
    /// What the matrix products take.
    operations: f64,
    peak: f64,
}

impl Race<'_> {
    fn run(&self, peer: &mut Option<FrozenPeer>, mut ours: impl FnMut()) {
        let mut own = Vec::new();
        let mut ratios = vec![Vec::new(); self.ways.len()];
        // The first round warms up.
        for round in 0..=ROUNDS {
            let seconds = seconds(&mut ours);
            let theirs: Vec<Option<f64>> = match peer {
                Some(peer) => {
                    let ways = self.ways.iter();
                    ways.map(|&(work, dtype)| peer.seconds(work, dtype, self.n_outcomes)).collect()
                }
                None => Vec::new(),
            };
            if round > 0 {
                own.push(seconds);
                ratios.iter_mut().zip(theirs).for_each(|(ratios, theirs)| ratios.extend(theirs.map(|it| it / seconds)));
            }
        }
        let (own, least, most) = spread(own);
        let share = 100.0 * self.operations / own / 1e9 / self.peak;
        let ratios: Vec<String> = ratios
            .into_iter()
            .map(|ratios| {
                if ratios.is_empty() {
                    return "not run".into();
                }
                let (median, least, most) = spread(ratios);
                format!("{median:.1} ({least:.1} to {most:.1})")
            })
            .chain(std::iter::repeat("–".into()))
            .take(3)
            .collect();
        println!(
            "| {} | {} | {} | {own:.3} s ({least:.3} to {most:.3}) | {} | {share:.0} % |",
            self.work,
            self.n_outcomes,
            self.prefix,
            ratios.join(" | "),
        );
    }
}

fn main() {
    if is_only_built() {
        return;
    }
    let threads = rayon::current_num_threads();
    let folder = tempfile::tempdir().expect("a temporary folder");
    random_llama(folder.path(), SHAPE);
    let mut peer = FrozenPeer::start(&TASK, TASK.n_outcomes, folder.path(), threads);
    let cohort = TASK.cohort();
    let peak = gflops_at_best(ROUNDS);
    println!("{} participants, {threads} threads; a matrix product reaches {peak:.0} GFLOP/s", TASK.participants);
    println!("times faster than transformers on PyTorch, median of {ROUNDS} rounds in turn (least to most)\n");
    println!("| work | outcomes | prefix | helm | f32 | bf16 | f32, contexts kept | share of the peak |");
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    for n_outcomes in [1, TASK.n_outcomes] {
        let task = FrozenTask { n_outcomes, ..TASK };
        for (prefix, cache_bytes) in [("computed", 0), ("kept", 1 << 30)] {
            let helm = task.helm(folder.path(), SoftSource::Given, cache_bytes);
            let prompts = task.prompts(&helm, &cohort);
            if let Some(peer) = peer.as_ref().filter(|_| n_outcomes == TASK.n_outcomes) {
                let risks = helm.risks(&prompts).expect("risks");
                for theirs in &peer.log_odds {
                    let worst = worst(&risks, theirs);
                    assert!(worst < 1e-4, "log-odds differ by {worst:e}");
                }
            }
            let forward = task.operations(task.n_behind_text() + if cache_bytes == 0 { task.n_text } else { 0 });
            let scoring = Race {
                work: "scoring",
                n_outcomes,
                prefix,
                ways: &[("scoring", "f32"), ("scoring", "bf16"), ("cached", "f32")],
                operations: forward,
                peak,
            };
            scoring.run(&mut peer, || drop(helm.risks(&prompts).expect("risks")));

            let mut helm = task.helm(folder.path(), SoftSource::ResNet, cache_bytes);
            let labels = (0..task.participants).map(|row| vec![Some(row % 2 == 0); n_outcomes]).collect();
            let train = Examples::new(task.prompts(&helm, &cohort), labels).expect("examples");
            let mut config = TrainConfig::default();
            (config.epochs, config.batch_size) = (1, task.participants);
            let trainer = Trainer::new(config).expect("settings");
            let training = Race {
                work: "training step",
                ways: &[("training", "f32"), ("training", "bf16")],
                // The gradient to the soft tokens takes as much again as what it goes through, which is not the prefix.
                // The encoder's operations are not in it.
                operations: forward + task.operations(task.n_behind_text()),
                ..scoring
            };
            training.run(&mut peer, || {
                trainer.fit(&mut helm, &train, &mut ()).expect("a step");
            });
        }
    }
}
