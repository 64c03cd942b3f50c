//! Scoring and training through a frozen language model beside transformers and PyTorch, in one run: the shape of
//! SmolLM2-135M with random weights, a text of 120 tokens a participant, 6 soft tokens, then outcomes with questions of 8
//! tokens and answers of one.
//!
//! `HELM_BENCH_PYTHON` names a Python with the packages of scripts/bench_frozen.py; without it, that side is left out.
//! Both sides run in turn, with as many threads as there are cores; PyTorch in bf16 only where the processor has
//! instructions for it.
#![allow(clippy::print_stdout, clippy::expect_used, reason = "a bench prints its table")]

use std::hint::black_box;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use burn::module::{Module, Param};
use burn::tensor::{Device, Distribution, Tensor, TensorData};
use helm_benches::{LlamaShape, random_llama};
use helm_core::{Answers, Cohort, Context, Feature, ParticipantId, Question, Record, Risk, Schema, Value};
use helm_encoders::{Modality, ModalityEncoder, SoftTokens};
use helm_llm::{Examples, FrozenDecoder, Helm, LanguageModel, Prompt, Tokenizer, TrainConfig, Trainer};
use serde::Deserialize;
use serde_json::{Value as Json, json};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SHAPE: LlamaShape =
    LlamaShape { d_model: 576, d_hidden: 1536, n_layers: 30, n_heads: 9, n_kv_heads: 3, n_vocab: 49152 };
const PARTICIPANTS: usize = 4;
const N_TEXT: usize = 120;
const N_SOFT: usize = 6;
const N_QUESTION: usize = 8;
const MOST_OUTCOMES: usize = 8;
const ROUNDS: usize = 5;

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

/// One run of a task, in seconds.
fn seconds<T>(task: impl FnOnce() -> T) -> f64 {
    let begin = Instant::now();
    black_box(task());
    begin.elapsed().as_secs_f64()
}

/// Multiply-adds of a matrix product in 10⁹ a second, at its best.
fn peak() -> f64 {
    let device = helm_encoders::device("cpu").expect("the CPU");
    let random = || Tensor::<2>::random([2048, 2048], Distribution::Uniform(-1.0, 1.0), &device);
    let (a, b) = (random(), random());
    let best = (0..=ROUNDS).map(|_| seconds(|| a.clone().matmul(b.clone()).into_data())).fold(f64::INFINITY, f64::min);
    2.0 * 2048f64.powi(3) / best / 1e9
}

/// Operations of the matrix products of a forward pass over so many tokens, without attention's own, and of the output
/// layer over some places.
fn operations(tokens: usize, places: usize) -> f64 {
    let LlamaShape { d_model, d_hidden, n_layers, n_heads, n_kv_heads, n_vocab } = SHAPE;
    let kv = d_model / n_heads * n_kv_heads;
    let layer = 2 * d_model * d_model + 2 * d_model * kv + 3 * d_model * d_hidden;
    2.0 * (tokens * n_layers * layer + places * d_model * n_vocab) as f64
}

/// Python with transformers on the same weights, which runs what it is asked to.
struct Peer {
    process: Child,
    answers: BufReader<ChildStdout>,
    /// Log-odds of all participants and outcomes, row by row and behind kept contexts.
    log_odds: Vec<Vec<f64>>,
}

impl Peer {
    fn start(folder: &Path, threads: usize) -> Option<Self> {
        let python = std::env::var_os("HELM_BENCH_PYTHON")?;
        let tokenizer = Tokenizer::from_file(&folder.join("tokenizer.json")).expect("the tokenizer");
        let ids = |text: &str| tokenizer.encode(text).expect("ids");
        let texts: Vec<Vec<u32>> =
            (0..PARTICIPANTS).map(|row| [tokenizer.start(), &ids(&text(row))].concat()).collect();
        let questions: Vec<Vec<u32>> = (0..MOST_OUTCOMES).map(|i| ids(&question(i).text)).collect();
        assert!(texts.iter().all(|text| text.len() == N_TEXT) && questions.iter().all(|ids| ids.len() == N_QUESTION));
        let input = json!({
            "model": folder, "threads": threads, "most": MOST_OUTCOMES, "texts": texts, "questions": questions,
            "soft": (0..PARTICIPANTS).map(soft).collect::<Vec<_>>(), "n_soft": N_SOFT, "yes": ids("1")[0], "no": ids("0")[0],
        });
        let path = folder.join("input.json");
        std::fs::write(&path, input.to_string()).expect("a writable folder");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/bench_frozen.py");
        let mut command = Command::new(python);
        command.arg(script).arg(path).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("Python runs");
        let answers = BufReader::new(process.stdout.take().expect("a pipe"));
        let mut peer = Self { process, answers, log_odds: Vec::new() };
        let first: First = serde_json::from_value(peer.read()).expect("what the script prints first");
        peer.log_odds = first.log_odds;
        Some(peer)
    }

    fn read(&mut self) -> Json {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("the script answers");
        serde_json::from_str(&line).expect("JSON of scripts/bench_frozen.py")
    }

    /// One run of a task there, in seconds.
    fn seconds(&mut self, work: &str, dtype: &str, n_outcomes: usize) -> f64 {
        let task = json!({"work": work, "dtype": dtype, "outcomes": n_outcomes});
        let pipe = self.process.stdin.as_mut().expect("a pipe");
        writeln!(pipe, "{task}").and_then(|()| pipe.flush()).expect("the script listens");
        self.read().as_f64().expect("seconds")
    }
}

#[derive(Deserialize)]
struct First {
    log_odds: Vec<Vec<f64>>,
}

/// The largest difference of risks' log-odds from others.
fn worst(risks: &[Vec<Risk>], others: &[f64]) -> f64 {
    let own = risks.iter().flatten().map(|risk| risk.log_odds);
    own.zip(others).map(|(own, other)| (own - other).abs()).fold(0.0, f64::max)
}

/// The median of some numbers, and the least and the largest.
fn spread(mut numbers: Vec<f64>) -> (f64, f64, f64) {
    numbers.sort_by(f64::total_cmp);
    let n = numbers.len();
    (0.5 * (numbers[(n - 1) / 2] + numbers[n / 2]), numbers[0], numbers[n - 1])
}

/// Whether the processor computes in bf16; without, PyTorch takes several times as long in it as in f32.
fn has_bf16() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("avx512bf16");
    #[cfg(not(target_arch = "x86_64"))]
    return false;
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
    fn run(&self, peer: &mut Option<Peer>, mut ours: impl FnMut()) {
        let mut own = Vec::new();
        let mut ratios = vec![Vec::new(); self.ways.len()];
        // The first round warms up.
        for round in 0..=ROUNDS {
            let seconds = seconds(&mut ours);
            let theirs: Vec<Option<f64>> = match peer {
                Some(peer) => self
                    .ways
                    .iter()
                    .map(|&(work, dtype)| {
                        (dtype != "bf16" || has_bf16()).then(|| peer.seconds(work, dtype, self.n_outcomes))
                    })
                    .collect(),
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
    // `cargo test --benches` only asks whether it builds.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let threads = rayon::current_num_threads();
    let folder = tempfile::tempdir().expect("a temporary folder");
    random_llama(folder.path(), SHAPE);
    let mut peer = Peer::start(folder.path(), threads);
    let cohort = cohort();
    let peak = peak();
    println!("{PARTICIPANTS} participants, {threads} threads; a matrix product reaches {peak:.0} GFLOP/s");
    println!("times faster than transformers on PyTorch, median of {ROUNDS} rounds in turn (least to most)\n");
    println!("| work | outcomes | prefix | helm | f32 | bf16 | f32, contexts kept | share of the peak |");
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    for n_outcomes in [1, MOST_OUTCOMES] {
        for (prefix, cache_bytes) in [("computed", 0), ("kept", 1 << 30)] {
            let mut helm = helm(folder.path(), cache_bytes);
            let prompts = prompts(&helm, &cohort, n_outcomes);
            if let Some(peer) = peer.as_ref().filter(|_| n_outcomes == MOST_OUTCOMES) {
                let risks = helm.risks(&prompts).expect("risks");
                for theirs in &peer.log_odds {
                    let worst = worst(&risks, theirs);
                    assert!(worst < 1e-4, "log-odds differ by {worst:e}");
                }
            }
            let live = N_SOFT + n_outcomes * N_QUESTION + if cache_bytes == 0 { N_TEXT } else { 0 };
            let operations_forward = operations(PARTICIPANTS * live, PARTICIPANTS * n_outcomes);
            let scoring = Race {
                work: "scoring",
                n_outcomes,
                prefix,
                ways: &[("scoring", "f32"), ("scoring", "bf16"), ("cached", "f32")],
                operations: operations_forward,
                peak,
            };
            scoring.run(&mut peer, || drop(helm.risks(&prompts).expect("risks")));
            let labels = (0..PARTICIPANTS).map(|row| vec![Some(row % 2 == 0); n_outcomes]).collect();
            let train = Examples::new(prompts, labels).expect("examples");
            let mut config = TrainConfig::default();
            (config.epochs, config.batch_size) = (1, PARTICIPANTS);
            let trainer = Trainer::new(config).expect("settings");
            // The gradient to the soft tokens takes as much again as what it goes through, which is not the prefix.
            let backward = operations(PARTICIPANTS * (N_SOFT + n_outcomes * N_QUESTION), PARTICIPANTS * n_outcomes);
            let training = Race {
                work: "training step",
                ways: &[("training", "f32"), ("training", "bf16")],
                operations: operations_forward + backward,
                ..scoring
            };
            training.run(&mut peer, || {
                trainer.fit(&mut helm, &train, &mut ()).expect("a step");
            });
        }
    }
}
