//! Scoring and training through a frozen Llama of random weights: outcomes that share their context against one at a
//! time, the constant prefix from the cache against computed afresh, and texts behind one instruction against texts
//! behind instructions that differ.
//!
//! 16 participants; a text of 120 tokens, 6 soft tokens, questions of 8 tokens, answers of one.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use helm_benches::{LlamaShape, random_llama};
use helm_core::{Answers, Cohort, Context, Feature, ParticipantId, Question, Schema, Value};
use helm_encoders::{Modality, TabularEncoderConfig, TabularReader};
use helm_llm::{Examples, FrozenDecoder, Helm, LanguageModel, Prompt, Tokenizer, TrainConfig, Trainer};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PARTICIPANTS: usize = 16;
const N_TEXT: usize = 120;
const N_SOFT: usize = 6;
const N_QUESTION: usize = 8;
const N_INSTRUCTION: usize = 256;

const SHAPE: LlamaShape =
    LlamaShape { d_model: 256, d_hidden: 768, n_layers: 6, n_heads: 8, n_kv_heads: 4, n_vocab: 300 };

fn cohort() -> Cohort {
    let schema = Schema::new(vec![Feature::number("x", "x", "", 0.0..=1.0)], vec![], vec![]).expect("a schema");
    let ids = (0..PARTICIPANTS).map(|i| ParticipantId::new(i.to_string())).collect();
    let x = (0..PARTICIPANTS).map(|i| Value::Number(i as f64 / PARTICIPANTS as f64)).collect();
    let builder = Cohort::builder(schema, ids).and_then(|builder| builder.feature("x", x));
    builder.and_then(|builder| builder.build()).expect("a cohort")
}

fn helm(folder: &Path, cohort: &Cohort, cache_bytes: usize) -> Helm {
    let device = helm_encoders::device("cpu").expect("the CPU");
    device.seed(0);
    let frozen = FrozenDecoder::load(folder, &device).expect("the model").with_cache_bytes(cache_bytes);
    let tokenizer = Tokenizer::from_file(&folder.join("tokenizer.json")).expect("the tokenizer");
    let reader = TabularReader::fit(["x"], cohort.records()).expect("a reader");
    let encoder = TabularEncoderConfig::new(reader.width(), N_SOFT, SHAPE.d_model).init(&device);
    let modality = Modality::new("tabular", encoder, reader, &device);
    let model = LanguageModel::new(Arc::new(frozen), Arc::new(tokenizer));
    Helm::new(model, vec![modality]).expect("a model").with_trees_per_pass(PARTICIPANTS / 2)
}

/// A prompt for each participant; their texts differ, and each byte of them is a token.
fn prompts(helm: &Helm, cohort: &Cohort, questions: &[Question]) -> Vec<Prompt> {
    prompts_behind(|_| String::new(), helm, cohort, questions)
}

/// The same with something in front of each text.
fn prompts_behind(
    instruction: impl Fn(usize) -> String,
    helm: &Helm,
    cohort: &Cohort,
    questions: &[Question],
) -> Vec<Prompt> {
    let context = |row: usize| {
        // One token is the start token.
        let text: String = (0..N_TEXT - 1).map(|i| char::from(b'A' + ((i * (row + 3)) % 26) as u8)).collect();
        Context::default().with_text(instruction(row) + &text).with_soft("tabular")
    };
    let contexts: Vec<Context> = (0..cohort.n_participants()).map(context).collect();
    helm.prompts(&contexts, cohort.records(), questions).expect("prompts")
}

fn questions(n: usize) -> Vec<Question> {
    let question = |i: usize| {
        let text: String = (0..N_QUESTION - 1).map(|at| char::from(b'A' + ((i * 5 + at * 7) % 26) as u8)).collect();
        Question { text: format!("{text}:"), answers: Answers::new(["1"], ["0"]).expect("answers") }
    };
    (0..n).map(question).collect()
}

fn scoring(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    random_llama(folder.path(), SHAPE);
    let cohort = cohort();
    let mut group = criterion.benchmark_group("scoring_16_participants_120_text_6_soft");
    group.sample_size(10);
    for n_outcomes in [1, 8, 32] {
        let questions = questions(n_outcomes);
        group.throughput(Throughput::Elements((PARTICIPANTS * n_outcomes) as u64));
        // What stands in front of all computing, once for a participant: text to tokens to a tree.
        let reading = helm(folder.path(), &cohort, 0);
        let id = BenchmarkId::new("making_the_prompts", n_outcomes);
        group.bench_function(id, |bencher| bencher.iter(|| black_box(prompts(&reading, &cohort, &questions))));
        for (name, cache_bytes) in [("prefix_computed", 0), ("prefix_cached", 1 << 30)] {
            let helm = helm(folder.path(), &cohort, cache_bytes);
            let together = prompts(&helm, &cohort, &questions);
            let id = BenchmarkId::new(format!("shared_context_{name}"), n_outcomes);
            group.bench_function(id, |bencher| bencher.iter(|| black_box(helm.risks(&together).expect("risks"))));
            if cache_bytes == 0 {
                let alone: Vec<Prompt> =
                    questions.iter().flat_map(|it| prompts(&helm, &cohort, std::slice::from_ref(it))).collect();
                let id = BenchmarkId::new("one_outcome_at_a_time", n_outcomes);
                group.bench_function(id, |bencher| bencher.iter(|| black_box(helm.risks(&alone).expect("risks"))));
            }
        }
    }
    group.finish();
}

fn training(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    random_llama(folder.path(), SHAPE);
    let cohort = cohort();
    let mut group = criterion.benchmark_group("training_step_16_participants_120_text_6_soft");
    group.sample_size(10);
    for n_outcomes in [1, 8] {
        let questions = questions(n_outcomes);
        group.throughput(Throughput::Elements((PARTICIPANTS * n_outcomes) as u64));
        for (name, cache_bytes) in [("prefix_computed", 0), ("prefix_cached", 1 << 30)] {
            let mut helm = helm(folder.path(), &cohort, cache_bytes);
            let labels = (0..PARTICIPANTS).map(|row| vec![Some(row % 2 == 0); n_outcomes]).collect();
            let train = Examples::new(prompts(&helm, &cohort, &questions), labels).expect("examples");
            let mut config = TrainConfig::default();
            config.epochs = 1;
            config.batch_size = PARTICIPANTS;
            let trainer = Trainer::new(config).expect("settings");
            let id = BenchmarkId::new(name, n_outcomes);
            group.bench_function(id, |bencher| {
                bencher.iter(|| black_box(trainer.fit(&mut helm, &train, &mut ()).expect("a step")));
            });
        }
    }
    group.finish();
}

/// Nothing kept from pass to pass: one instruction for everyone against one of the same length that begins differently
/// for each.
fn instructions(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    random_llama(folder.path(), SHAPE);
    let cohort = cohort();
    let helm = helm(folder.path(), &cohort, 0);
    let mut group = criterion.benchmark_group("scoring_16_participants_256_instruction_120_text_6_soft");
    group.sample_size(10);
    for (name, is_shared) in [("one_instruction", true), ("instructions_that_differ", false)] {
        let instruction = |row: usize| {
            let first = if is_shared { 'a' } else { char::from(b'a' + row as u8) };
            std::iter::once(first).chain((1..N_INSTRUCTION).map(|i| char::from(b'a' + (i * 7 % 26) as u8))).collect()
        };
        let prompts = prompts_behind(instruction, &helm, &cohort, &questions(1));
        group.bench_function(name, |bencher| bencher.iter(|| black_box(helm.risks(&prompts).expect("risks"))));
    }
    group.finish();
}

criterion_group!(benches, scoring, training, instructions);
criterion_main!(benches);
