//! Makes the embedded language model, helm-tiny, from nothing.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use helm_core::Cohort;
use helm_core::simulate::SimulatedCohort;
use helm_eval::Scored;
use helm_examples::tiny::{CHAT_TEMPLATE, END, LABELLED, TextStream, TinyTokenizer};
use helm_examples::{Failure, at_least, check_writable, run, say, write_atomically, write_json};
use helm_llm::{Helm, LanguageModel, Pretraining, WeightedText};
use helm_serialize::Serializer;
use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The system's allocator returns the memory of every tensor and takes fresh pages for the next one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Train the embedded language model from scratch on text that helm makes itself: simulated people with questions about
/// them, facts, and conversations.
#[derive(Parser)]
#[command(after_help = "\
The run is decided by its settings alone. Stop it whenever you like: the same command goes on from the last checkpoint in
the folder run of the output folder, and ends as if it had never stopped. At the end the folder holds the model in Hugging
Face form, and the risks that it gives without tuning to simulated people it has not read of are compared with their
outcomes.

This is software for research. It is not a medical device.")]
struct Args {
    /// The folder of the model
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
    /// Steps of the whole run
    #[arg(long, default_value_t = 6000, value_parser = at_least(1))]
    steps: usize,
    /// Texts in a step
    #[arg(long, default_value_t = 48, value_parser = at_least(1))]
    batch: usize,
    /// The highest learning rate
    #[arg(long, default_value_t = 2e-3)]
    learning_rate: f64,
    /// Steps between two checkpoints
    #[arg(long, default_value_t = 100, value_parser = at_least(1))]
    checkpoint_steps: usize,
    /// Decides the initial weights
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Print the first texts of a run and train nothing; a folder without a run gets its tokenizer
    #[arg(long, value_name = "N")]
    show: Option<usize>,
    /// Write the losses and what the model knows here; - is standard output
    #[arg(long, value_name = "PATH")]
    json: Option<PathBuf>,
}

/// Tokens of the vocabulary.
const N_VOCAB: usize = 1024;
/// The longest text; a conversation with its reply takes some four hundred tokens.
const N_POSITIONS: usize = 2048;
const LONGEST_TEXT: usize = 640;
/// Texts that teach the tokenizer its merges.
const TOKENIZER_TEXTS: usize = 6000;
/// People whose outcomes the model is asked at the end, of a cohort of its own.
const N_TEST: usize = 3000;
const TEST_SEED: u64 = 1;

/// Where a run stands; the settings that decide its course must stay.
#[derive(Serialize, Deserialize)]
struct State {
    steps: usize,
    batch: usize,
    learning_rate: f64,
    seed: u64,
    /// The mean loss between two checkpoints.
    losses: Vec<(usize, f64)>,
}

fn main() -> ExitCode {
    run(|| pretrain(&Args::parse()))
}

fn pretrain(args: &Args) -> Result<(), Failure> {
    let begin = Instant::now();
    args.json.iter().try_for_each(|path| check_writable(path))?;
    let device = helm_encoders::device("cpu")?;
    let folder = args.output.join("run");
    std::fs::create_dir_all(&folder).map_err(at(&folder))?;
    let people = TextStream::people(usize::MAX)?;
    let state_path = folder.join("state.json");
    if !state_path.is_file() {
        begin_run(&folder, &people, args.seed)?;
    }
    let helm = Helm::new(LanguageModel::load(&folder, &device)?, vec![])?;
    let tokenizer = TinyTokenizer::load(&folder.join("tokenizer.json"))?;
    let mut texts = TextStream::new(&people, Some(&helm))?;
    if let Some(n) = args.show {
        for _ in 0..n {
            let text = texts.next_text()?;
            let tokens = tokenizer.weighted(&text, usize::MAX)?.ids.len();
            say(args.json.as_deref(), &format!("---- {tokens} tokens\n{}", text.whole()));
        }
        return Ok(());
    }
    let (mut state, mut training) = if state_path.is_file() {
        let state: State = read_state(&state_path)?;
        let settings = |state: &State| json!([state.steps, state.batch, state.learning_rate, state.seed]);
        let (expected, found) = (settings(&state), settings(&new_state(args)));
        if expected != found {
            return Err(Failure::new(format!(
                "{}: expected the settings of the run that began there, {expected}, found {found}",
                state_path.display()
            )));
        }
        let done = state.losses.last().map_or(0, |(step, _)| *step);
        let weights = folder.join(format!("step-{done}"));
        (state, Pretraining::load_progress(&weights, done, &device)?)
    } else {
        (new_state(args), Pretraining::new(&folder, &device)?)
    };
    texts = texts.skip_texts(training.steps() * args.batch)?;
    say(args.json.as_deref(), &format!("{} weights, {} tokens", training.n_parameters(), tokenizer.n_vocab()));

    let bar = ProgressBar::new(args.steps as u64).with_position(training.steps() as u64);
    let style = ProgressStyle::with_template("{bar:30} {pos} of {len} steps  {elapsed}, {eta} left  {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let (mut sum, mut since) = (0.0, 0);
    while training.steps() < args.steps {
        let mut batch: Vec<WeightedText> = (0..args.batch)
            .map(|_| tokenizer.weighted(&texts.next_text()?, LONGEST_TEXT))
            .collect::<Result<_, Failure>>()?;
        batch.sort_by_key(|text| text.ids.len());
        let step = training.step(&batch.iter().collect::<Vec<_>>(), rate(training.steps(), args))?;
        (sum, since) = (sum + step.loss, since + 1);
        bar.inc(1);
        bar.set_message(format!("loss {:.3}", step.loss));
        if step.step % args.checkpoint_steps == 0 || step.step == args.steps {
            state.losses.push((step.step, sum / f64::from(since)));
            (sum, since) = (0.0, 0);
            checkpoint(&folder, &training, &state)?;
        }
    }
    bar.finish_and_clear();

    for file in ["config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"] {
        std::fs::copy(folder.join(file), args.output.join(file)).map_err(at(&args.output.join(file)))?;
    }
    training.save_weights(&args.output.join("model.safetensors"))?;
    let knows = knows(&LanguageModel::load(&args.output, &device)?)?;
    for (outcome, found) in knows.as_object().into_iter().flatten() {
        let number = |what: &str| found[what].as_f64().unwrap_or(f64::NAN);
        let (auroc, mass) = (number("auroc"), number("answer_mass"));
        say(args.json.as_deref(), &format!("{outcome}: AUROC {auroc:.3}, answer mass {mass:.3}"));
    }
    if let Some(path) = &args.json {
        let result = json!({
            "losses": state.losses, "untuned": knows, "seconds": begin.elapsed().as_secs_f64(),
            "n_parameters": training.n_parameters(),
        });
        write_json(path, &result)?;
    }
    Ok(())
}

fn read_state(path: &Path) -> Result<State, Failure> {
    let json = std::fs::read(path).map_err(at(path))?;
    serde_json::from_slice(&json)
        .map_err(|error| Failure::new(format!("{}: expected the state of a run, found {error}", path.display())))
}

/// What the operating system says of a file, with its name.
fn at(path: &Path) -> impl Fn(std::io::Error) -> Failure {
    move |error| Failure::new(format!("{}: {error}", path.display()))
}

fn new_state(args: &Args) -> State {
    let &Args { steps, batch, learning_rate, seed, .. } = args;
    State { steps, batch, learning_rate, seed, losses: vec![] }
}

/// A rise over the first steps, then a cosine to a twentieth.
fn rate(step: usize, args: &Args) -> f64 {
    let warm = 200.min(args.steps / 10 + 1);
    let rise = ((step + 1) as f64 / warm as f64).min(1.0);
    let fall = 0.5 * (1.0 + (std::f64::consts::PI * step as f64 / args.steps as f64).cos());
    args.learning_rate * rise * (0.05 + 0.95 * fall)
}

/// Writes a checkpoint whole: the state names the folder of its weights, and is replaced after them.
fn checkpoint(folder: &Path, training: &Pretraining, state: &State) -> Result<(), Failure> {
    let weights = |step: usize| folder.join(format!("step-{step}"));
    let own = weights(training.steps());
    std::fs::create_dir_all(&own).map_err(at(&own))?;
    std::fs::copy(folder.join("config.json"), own.join("config.json")).map_err(at(&own))?;
    training.save_progress(&own)?;
    write_atomically(&folder.join("state.json"), &serde_json::to_vec(state)?)?;
    if let [.., (before, _), _] = state.losses[..] {
        std::fs::remove_dir_all(weights(before)).map_err(at(&weights(before)))?;
    }
    Ok(())
}

/// Writes the configuration, the tokenizer and random weights.
///
/// The tokenizer learns from conversations, too, which are written as a model holds them: one that knows bytes alone
/// comes first.
fn begin_run(folder: &Path, people: &SimulatedCohort, seed: u64) -> Result<(), Failure> {
    let mut helm = None;
    for n_texts in [50, TOKENIZER_TEXTS] {
        let texts = {
            let mut stream = TextStream::new(people, helm.as_ref())?;
            (0..n_texts).map(|_| Ok(stream.next_text()?.whole())).collect::<Result<Vec<_>, Failure>>()?
        };
        let tokenizer = TinyTokenizer::train(texts.into_iter(), N_VOCAB)?;
        tokenizer.save(&folder.join("tokenizer.json"))?;
        let write = |file: &str, json: Value| -> Result<(), Failure> {
            write_atomically(&folder.join(file), &serde_json::to_vec_pretty(&json)?)
        };
        write("config.json", config(tokenizer.n_vocab()))?;
        write("generation_config.json", json!({ "bos_token_id": 0, "eos_token_id": 1 }))?;
        write(
            "tokenizer_config.json",
            json!({
                "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": END,
                "chat_template": CHAT_TEMPLATE, "model_max_length": N_POSITIONS,
                "clean_up_tokenization_spaces": false,
            }),
        )?;
        Pretraining::write_random_weights(folder, seed)?;
        helm = Some(Helm::new(LanguageModel::load(folder, &helm_encoders::device("cpu")?)?, vec![])?);
    }
    Ok(())
}

fn config(n_vocab: usize) -> Value {
    json!({
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": 128,
        "intermediate_size": 384,
        "num_hidden_layers": 6,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 32,
        "vocab_size": n_vocab,
        "max_position_embeddings": N_POSITIONS,
        "rms_norm_eps": 1e-5,
        "hidden_act": "silu",
        "rope_theta": 10000.0,
        "tie_word_embeddings": true,
        "attention_bias": false,
        "mlp_bias": false,
        "bos_token_id": 0,
        "eos_token_id": 1,
        "torch_dtype": "bfloat16",
    })
}

/// AUROC and answer mass of the model, not tuned, on people it has not read of.
fn knows(model: &LanguageModel) -> Result<Value, Failure> {
    let cohort: Cohort = SimulatedCohort::new(N_TEST, TEST_SEED)?.to_cohort()?;
    let helm = Helm::new(model.clone(), vec![])?;
    let serializer = Serializer::new(cohort.schema()).with_features(SimulatedCohort::EXPANDED);
    let outcomes: Vec<_> = cohort.schema().outcomes().to_vec();
    let questions: Vec<_> = outcomes.iter().map(|outcome| serializer.question(outcome)).collect();
    let prompts = helm.prompts(&serializer.contexts(&cohort)?, cohort.records(), &questions)?;
    let risks = helm.risks(&prompts)?;
    let mut found = serde_json::Map::new();
    for (index, outcome) in outcomes.iter().enumerate() {
        let labels: Vec<bool> = cohort.labels(&outcome.name)?.iter().map(|label| *label == Some(true)).collect();
        let scores: Vec<f64> = risks.iter().map(|risks| risks[index].log_odds).collect();
        let mass = risks.iter().map(|risks| risks[index].answer_mass).sum::<f64>() / risks.len() as f64;
        found.insert(
            outcome.name.clone(),
            json!({
                "auroc": Scored::new(&labels, &scores)?.auroc(), "answer_mass": mass,
                "labels_in_texts": LABELLED.contains(&outcome.name.as_str()),
            }),
        );
    }
    Ok(Value::Object(found))
}
