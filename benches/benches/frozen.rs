//! Scoring and training through a frozen language model beside transformers and PyTorch, in one run: the shape of
//! SmolLM2-135M with random weights, a text of 120 tokens a participant, 6 soft tokens, then outcomes with questions of 8
//! tokens and answers of one.
//!
//! `HELM_BENCH_PYTHON` names a Python with the packages of scripts/bench_frozen.py; without it, that side is left out.
//! Times are the best of some runs; both sides use as many threads as there are cores.
#![allow(clippy::print_stdout, clippy::expect_used, reason = "a bench prints its table")]

use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use burn::module::{Module, Param};
use burn::tensor::{Device, Distribution, Tensor, TensorData};
use helm_benches::{LlamaShape, random_llama};
use helm_core::{Answers, Cohort, Context, Feature, ParticipantId, Question, Record, Schema, Value};
use helm_encoders::{Modality, ModalityEncoder, SoftTokens};
use helm_llm::{Examples, FrozenDecoder, Helm, LanguageModel, Prompt, Tokenizer, TrainConfig, Trainer};
use serde_json::{Value as Json, json};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SHAPE: LlamaShape =
    LlamaShape { d_model: 576, d_hidden: 1536, n_layers: 30, n_heads: 9, n_kv_heads: 3, n_vocab: 49152 };
const PARTICIPANTS: usize = 4;
const N_TEXT: usize = 120;
const N_SOFT: usize = 6;
const N_QUESTION: usize = 8;
const OUTCOMES: [usize; 2] = [1, 8];
const RUNS: usize = 4;

/// Passes given vectors on as soft tokens, each times a trainable factor.
#[derive(Module, Debug)]
struct PassOn {
    factor: Param<Tensor<1>>,
}

impl ModalityEncoder for PassOn {
    type Input = Vec<f32>;

    fn n_soft(&self) -> usize {
        N_SOFT
    }

    fn d_model(&self) -> usize {
        SHAPE.d_model
    }

    fn encode(&self, inputs: &[&Vec<f32>], device: &Device) -> SoftTokens {
        let flat: Vec<f32> = inputs.iter().flat_map(|input| input.iter().copied()).collect();
        let data = TensorData::new(flat, [inputs.len(), N_SOFT, SHAPE.d_model]);
        SoftTokens::new(Tensor::<3>::from_data(data, device) * self.factor.val().unsqueeze())
    }
}

/// A participant's soft tokens, the same on both sides.
fn soft(row: usize) -> Vec<f32> {
    (0..N_SOFT * SHAPE.d_model).map(|i| 0.05 * (0.7 * (i + 31 * row) as f32).sin()).collect()
}

/// A participant's text; each of its bytes is a token, and one more is the start token.
fn text(row: usize) -> String {
    (0..N_TEXT - 1).map(|i| char::from(b'A' + ((i * (row + 3)) % 26) as u8)).collect()
}

fn question(i: usize) -> Question {
    let text: String = (0..N_QUESTION - 1).map(|at| char::from(b'A' + ((i * 5 + at * 7) % 26) as u8)).collect();
    Question { text: format!("{text}:"), answers: Answers::new(["1"], ["0"]).expect("answers") }
}

fn cohort() -> Cohort {
    let schema = Schema::new(vec![Feature::number("row", "row", "", 0.0..=1e9)], vec![], vec![]).expect("a schema");
    let ids = (0..PARTICIPANTS).map(|row| ParticipantId::new(row.to_string())).collect();
    let rows = (0..PARTICIPANTS).map(|row| Value::Number(row as f64)).collect();
    Cohort::builder(schema, ids).and_then(|builder| builder.feature("row", rows)?.build()).expect("a cohort")
}

fn helm(folder: &Path, cache_bytes: usize) -> Helm {
    let device = helm_encoders::device("cpu").expect("the CPU");
    let frozen = FrozenDecoder::load(folder, &device).expect("the model").with_cache_bytes(cache_bytes);
    let tokenizer = Tokenizer::from_file(&folder.join("tokenizer.json")).expect("the tokenizer");
    let model = LanguageModel::new(Arc::new(frozen), Arc::new(tokenizer));
    let encoder = PassOn { factor: Param::from_tensor(Tensor::ones([SHAPE.d_model], &device)) };
    let reader = |record: Record<'_>| Ok(record.value("row")?.as_number().map(|row| soft(row as usize)));
    Helm::new(model, vec![Modality::new("breath", encoder, reader, &device)])
        .expect("a model")
        .with_trees_per_pass(PARTICIPANTS.div_ceil(rayon::current_num_threads()))
}

fn prompts(helm: &Helm, cohort: &Cohort, n_outcomes: usize) -> Vec<Prompt> {
    let questions: Vec<Question> = (0..n_outcomes).map(question).collect();
    let prompt = |record: Record<'_>| {
        let context = Context::default().with_text(text(record.row())).with_soft("breath");
        helm.prompt(&context, record, &questions).expect("a prompt")
    };
    cohort.records().map(prompt).collect()
}

/// The best of some runs after one to warm up, in seconds.
fn seconds<T>(mut task: impl FnMut() -> T) -> f64 {
    let once = |_| {
        let begin = Instant::now();
        black_box(task());
        begin.elapsed().as_secs_f64()
    };
    (0..=RUNS).map(once).skip(1).fold(f64::INFINITY, f64::min)
}

/// Multiply-adds of a matrix product in 10⁹ a second, at its best.
fn peak() -> f64 {
    let device = helm_encoders::device("cpu").expect("the CPU");
    let random = || Tensor::<2>::random([2048, 2048], Distribution::Uniform(-1.0, 1.0), &device);
    let (a, b) = (random(), random());
    2.0 * 2048f64.powi(3) / seconds(|| a.clone().matmul(b.clone()).into_data()) / 1e9
}

/// Operations of the matrix products of a forward pass over so many tokens, without attention's own, and of the output
/// layer over some places.
fn operations(tokens: usize, places: usize) -> f64 {
    let LlamaShape { d_model, d_hidden, n_layers, n_heads, n_kv_heads, n_vocab } = SHAPE;
    let kv = d_model / n_heads * n_kv_heads;
    let layer = 2 * d_model * d_model + 2 * d_model * kv + 3 * d_model * d_hidden;
    2.0 * (tokens * n_layers * layer + places * d_model * n_vocab) as f64
}

fn python(folder: &Path, threads: usize) -> Option<Json> {
    let python = std::env::var_os("HELM_BENCH_PYTHON")?;
    let tokenizer = Tokenizer::from_file(&folder.join("tokenizer.json")).expect("the tokenizer");
    let ids = |text: &str| tokenizer.encode(text).expect("ids");
    let texts: Vec<Vec<u32>> = (0..PARTICIPANTS).map(|row| [tokenizer.start(), &ids(&text(row))].concat()).collect();
    let most = OUTCOMES.into_iter().max().unwrap_or(1);
    let questions: Vec<Vec<u32>> = (0..most).map(|i| ids(&question(i).text)).collect();
    assert!(texts.iter().all(|text| text.len() == N_TEXT) && questions.iter().all(|ids| ids.len() == N_QUESTION));
    let input = json!({
        "model": folder, "threads": threads, "runs": RUNS, "outcomes": OUTCOMES, "texts": texts, "questions": questions,
        "soft": (0..PARTICIPANTS).map(soft).collect::<Vec<_>>(), "n_soft": N_SOFT, "yes": ids("1")[0], "no": ids("0")[0],
    });
    let path = folder.join("input.json");
    std::fs::write(&path, input.to_string()).expect("a writable folder");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/bench_frozen.py");
    let output = Command::new(python).arg(script).arg(path).output().expect("Python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).expect("JSON of scripts/bench_frozen.py"))
}

fn main() {
    // `cargo test --benches` only asks whether it builds.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let threads = rayon::current_num_threads();
    let folder = tempfile::tempdir().expect("a temporary folder");
    random_llama(folder.path(), SHAPE);
    let peer = python(folder.path(), threads);
    let cohort = cohort();
    let peak = peak();
    println!("{PARTICIPANTS} participants, {threads} threads; a matrix product reaches {peak:.0} GFLOP/s");
    println!("| work | outcomes | prefix | helm | transformers | its time / ours | share of the peak |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    for n_outcomes in OUTCOMES {
        for (prefix, cache_bytes) in [("computed", 0), ("kept", 1 << 30)] {
            let mut helm = helm(folder.path(), cache_bytes);
            let prompts = prompts(&helm, &cohort, n_outcomes);
            let live = N_SOFT + n_outcomes * N_QUESTION + if cache_bytes == 0 { N_TEXT } else { 0 };
            let forward = operations(PARTICIPANTS * live, PARTICIPANTS * n_outcomes);
            let risks = helm.risks(&prompts).expect("risks");
            if let Some(peer) = &peer {
                let theirs = peer["log_odds"].as_array().expect("log-odds").iter();
                let ours = risks.iter().flatten().map(|risk| risk.log_odds);
                let all = PARTICIPANTS * OUTCOMES.into_iter().max().unwrap_or(1);
                if n_outcomes * PARTICIPANTS == all {
                    let worst = ours
                        .zip(theirs)
                        .map(|(ours, theirs)| (ours - theirs.as_f64().expect("a number")).abs())
                        .fold(0.0, f64::max);
                    assert!(worst < 1e-4, "log-odds differ by {worst:e}");
                }
            }
            let row = |work: &str, key: &str, ours: f64, operations: f64| {
                let theirs = peer.as_ref().and_then(|peer| peer[key][n_outcomes.to_string()].as_f64());
                let (text, ratio) = theirs.map_or(("not run".into(), "–".into()), |theirs| {
                    (format!("{theirs:.2} s"), format!("{:.1}", theirs / ours))
                });
                let share = 100.0 * operations / ours / 1e9 / peak;
                println!("| {work} | {n_outcomes} | {prefix} | {ours:.3} s | {text} | {ratio} | {share:.0} % |");
            };
            row("scoring", "scoring_seconds", seconds(|| helm.risks(&prompts).expect("risks")), forward);
            let labels = (0..PARTICIPANTS).map(|row| vec![Some(row % 2 == 0); n_outcomes]).collect();
            let train = Examples::new(prompts, labels).expect("examples");
            let mut config = TrainConfig::default();
            (config.epochs, config.batch_size) = (1, PARTICIPANTS);
            let trainer = Trainer::new(config).expect("settings");
            let step = seconds(|| trainer.fit(&mut helm, &train, &mut ()).expect("a step"));
            // The gradient to the soft tokens takes as much again as what it goes through, which is not the prefix.
            let backward = operations(PARTICIPANTS * (N_SOFT + n_outcomes * N_QUESTION), PARTICIPANTS * n_outcomes);
            row("training step", "training_seconds", step, forward + backward);
        }
    }
}
