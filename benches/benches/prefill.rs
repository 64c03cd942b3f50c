//! One question behind a context of growing length, without anything kept: how near the engine comes to the processor's
//! matrix products, beside transformers on PyTorch and, with the feature `candle`, candle's Llama, in turn in one run,
//! in f32; and with helm's weights in bf16. The shape of SmolLM2-135M with random weights, 6 soft tokens and a question
//! of 8 tokens behind the text.
//!
//! `HELM_BENCH_PYTHON` names a Python with the packages of scripts/bench_frozen.py; without it, that side is left out.
#![allow(clippy::print_stdout, clippy::expect_used, reason = "a bench prints its table")]

use burn::tensor::DType;
#[cfg(feature = "candle")]
use helm_benches::CandlePeer;
use helm_benches::{
    FrozenPeer, FrozenTask, LlamaShape, SoftSource, gflops_at_best, is_only_built, random_llama, seconds, spread,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SHAPE: LlamaShape = LlamaShape::SMOLLM2_135M;
const CONTEXTS: [usize; 3] = [120, 500, 1000];
const PARTICIPANTS: usize = 4;
/// The first round warms up.
const ROUNDS: usize = 3;

fn main() {
    if is_only_built() {
        return;
    }
    let threads = rayon::current_num_threads();
    let folder = tempfile::tempdir().expect("a temporary folder");
    random_llama(folder.path(), SHAPE);
    println!("{PARTICIPANTS} participants on {threads} threads, median of {ROUNDS} rounds in turn (least to most)\n");
    println!(
        "| tokens of text | helm | share of the peak | PyTorch / helm | candle / helm | helm with bf16 weights / helm |"
    );
    println!("| --- | --- | --- | --- | --- | --- |");
    for n_text in CONTEXTS {
        let task = FrozenTask { shape: SHAPE, participants: PARTICIPANTS, n_text, n_outcomes: 1 };
        let helm = task.helm(folder.path(), SoftSource::Given, 0);
        let prompts = task.prompts(&helm, &task.cohort());
        let narrow = task.helm_in(folder.path(), SoftSource::Given, 0, DType::BF16);
        let narrow_prompts = task.prompts(&narrow, &task.cohort());
        let mut peer = FrozenPeer::start(&task, 1, folder.path(), threads);
        #[cfg(feature = "candle")]
        let mut candle = CandlePeer::load(&task, folder.path());
        let risks = helm.risks(&prompts).expect("risks");
        let equal = |theirs: &[f64]| {
            assert_eq!(theirs.len(), PARTICIPANTS, "one for each participant");
            for (own, other) in risks.iter().flatten().map(|risk| risk.log_odds).zip(theirs) {
                assert!((own - other).abs() < 1e-4, "log-odds {own} and {other}");
            }
        };
        peer.iter().flat_map(|peer| &peer.log_odds).for_each(|theirs| equal(theirs));
        #[cfg(feature = "candle")]
        equal(&candle.log_odds());

        let tokens = n_text + task.n_behind_text();
        let operations = task.operations(tokens) + attention_operations(tokens);
        let (mut own, mut shares) = (vec![], vec![]);
        let (mut pytorch, mut of_candle, mut of_narrow) = (vec![], Vec::<f64>::new(), vec![]);
        for round in 0..=ROUNDS {
            let peak = gflops_at_best(1);
            let time = seconds(|| helm.risks(&prompts).expect("risks"));
            let narrows = seconds(|| narrow.risks(&narrow_prompts).expect("risks"));
            let theirs = peer.as_mut().and_then(|peer| peer.seconds("scoring", "f32", 1));
            #[cfg(feature = "candle")]
            let candles = Some(seconds(|| candle.log_odds()));
            #[cfg(not(feature = "candle"))]
            let candles: Option<f64> = None;
            if round > 0 {
                own.push(time);
                shares.push(100.0 * operations / time / 1e9 / peak);
                of_narrow.push(narrows / time);
                pytorch.extend(theirs.map(|theirs| theirs / time));
                of_candle.extend(candles.map(|theirs| theirs / time));
            }
        }
        let (median, least, most) = spread(own);
        let (share, low, high) = spread(shares);
        println!(
            "| {n_text} | {median:.3} s ({least:.3} to {most:.3}) | {share:.0} % ({low:.0} to {high:.0}) | {} | {} | {} |",
            ratio(pytorch),
            ratio(of_candle),
            ratio(of_narrow)
        );
    }
}

/// Operations of all participants' products of queries with keys and of weights with values, of what the mask allows.
fn attention_operations(tokens: usize) -> f64 {
    let pairs = PARTICIPANTS * tokens * (tokens + 1) / 2;
    (4 * pairs * SHAPE.d_model * (SHAPE.n_layers - 1)) as f64
}

fn ratio(ratios: Vec<f64>) -> String {
    if ratios.is_empty() {
        return "not run".into();
    }
    let (median, least, most) = spread(ratios);
    format!("{median:.1} ({least:.1} to {most:.1})")
}
