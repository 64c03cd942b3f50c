//! The log-likelihoods that a language model gives to the answers of questions about texts.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use helm_core::{Answers, Cohort, Context, ParticipantId, Question, Schema};
use helm_examples::{Failure, ModelArgs, Progress, check_writable, run, say, write_lines};
use helm_llm::{AnswerScore, Error, Helm, Prompt};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// The system's allocator returns the memory of every tensor and takes fresh pages for the next one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Score the answers to questions about texts with a language model.
#[derive(Parser)]
#[command(after_help = r#"
The input has a line of JSON for each text:

    {"id": 1, "context": "Age: 54 years.", "questions": ["\nAsthma:", "\nStroke:"],
     "answers": {"yes": [" yes", " Yes"], "no": [" no", " No"]}}

A question follows the context's last character, an answer the question's: write the blanks that stand between them.
The tokens are those of context, question and answer as one string.

The result has a line for each text, with natural logarithms:

    {"id": 1, "questions": [{"log_likelihood": {"yes": {" yes": -2.1, ...}, "no": {...}}, "log_odds": 0.3,
     "answer_mass": 0.2, "is_valid": false}, ...]}

log_odds compares the sum of the probabilities of all forms of yes with that of no; answer_mass is the sum of both;
is_valid says whether the model, asked to go on, would write one of the forms. The context is read once for all of its
questions; --no-sharing reads it anew for each, and the numbers are the same within 1e-5."#)]
struct Args {
    #[command(flatten)]
    model: ModelArgs,
    /// The texts and questions (see below)
    #[arg(long, value_name = "F.jsonl")]
    input: PathBuf,
    /// Compute every question on its own
    #[arg(long)]
    no_sharing: bool,
    /// Write a line of JSON for each text here; - is standard output, and nothing else is printed then
    #[arg(long, value_name = "PATH")]
    json: Option<PathBuf>,
    /// Changes nothing: scoring draws nothing at random
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

/// One line of the input.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Item {
    id: Value,
    context: String,
    questions: Vec<String>,
    answers: Forms,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Forms {
    yes: Vec<String>,
    no: Vec<String>,
}

/// Texts that are read, scored and written together.
const TEXTS_AT_A_TIME: usize = 256;

fn main() -> ExitCode {
    run(|| score_prompts(&Args::parse()))
}

fn score_prompts(args: &Args) -> Result<(), Failure> {
    args.json.iter().try_for_each(|path| check_writable(path))?;
    let unreadable = |error: std::io::Error| Failure::new(format!("{}: can't be read: {error}", args.input.display()));
    let file = File::open(&args.input).map_err(unreadable)?;
    let total = file.metadata().map_err(unreadable)?.len() as usize;
    let helm = Helm::new(args.model.load()?, vec![])?;

    let mut progress = Progress::new(1);
    progress.stage("scoring", 1);
    let (mut done, mut lines, mut seen) = (0, Vec::new(), Seen::default());
    let mut items: Vec<(usize, Item)> = Vec::new();
    for (index, line) in BufReader::new(file).lines().enumerate() {
        let line = line.map_err(unreadable)?;
        done += line.len() + 1;
        if !line.trim().is_empty() {
            items.push((index + 1, parse(&args.input, index + 1, &line)?));
        }
        if items.len() == TEXTS_AT_A_TIME {
            score(args, &helm, &items, &mut seen, &mut lines)?;
            items.clear();
            progress.advance(done, total);
        }
    }
    score(args, &helm, &items, &mut seen, &mut lines)?;
    progress.finish();
    if lines.is_empty() {
        let expected = "expected a line of JSON for each text, found no line";
        return Err(Failure::new(format!("{}: {expected}", args.input.display())));
    }
    say(args.json.as_deref(), &seen.summary(lines.len()));
    args.json.iter().try_for_each(|path| write_lines(path, &lines))
}

/// Reads a line; what it holds stays out of the message.
fn parse(path: &Path, line: usize, text: &str) -> Result<Item, Failure> {
    serde_json::from_str(text).map_err(|error| {
        let found = if error.is_data() { "another JSON value" } else { "no JSON" };
        Failure::new(format!(
            "{}, line {line}: expected an object with id, context, questions and answers (yes and no, a list of texts \
             each), found {found} at byte {}",
            path.display(),
            error.column()
        ))
    })
}

/// Scores some texts, and appends their lines.
fn score(
    args: &Args,
    helm: &Helm,
    items: &[(usize, Item)],
    seen: &mut Seen,
    lines: &mut Vec<Value>,
) -> Result<(), Failure> {
    let nobody = Cohort::builder(Schema::new(vec![], vec![], vec![])?, vec![ParticipantId::new("text")])?.build()?;
    let (mut prompts, mut lines_of_prompts): (Vec<Prompt>, Vec<usize>) = (Vec::new(), Vec::new());
    let at = |line: usize, error: &dyn std::fmt::Display| {
        Failure::new(format!("{}, line {line}: {error}", args.input.display()))
    };
    for (line, item) in items {
        let place = |error: &dyn std::fmt::Display| at(*line, error);
        let answers = Answers::new(&item.answers.yes, &item.answers.no).map_err(|error| place(&error))?;
        let question = |text: &String| Question { text: text.clone(), answers: answers.clone() };
        let questions: Vec<Question> = item.questions.iter().map(question).collect();
        let context = Context::default().with_text(&item.context);
        let together = if args.no_sharing { 1 } else { questions.len().max(1) };
        for questions in questions.chunks(together) {
            prompts.push(helm.prompt(&context, nobody.record(0), questions).map_err(|error| place(&error))?);
            lines_of_prompts.push(*line);
        }
        if questions.is_empty() {
            return Err(place(&"expected at least one question, found none"));
        }
    }
    let scores = helm.answer_scores(&prompts).map_err(|error| match error {
        Error::RiskNotFinite { participant, .. } => {
            let problem = "expected finite log-likelihoods, found NaN or infinity: are the model's weights damaged?";
            at(lines_of_prompts[participant - 1], &problem)
        }
        other => other.into(),
    })?;
    let mut scores = scores.into_iter().flatten();
    for (_, item) in items {
        let scores: Vec<AnswerScore> = scores.by_ref().take(item.questions.len()).collect();
        scores.iter().for_each(|score| seen.add(score));
        let questions: Vec<Value> = scores.iter().map(|score| result(&item.answers, score)).collect();
        lines.push(json!({ "id": item.id, "questions": questions }));
    }
    Ok(())
}

fn result(forms: &Forms, score: &AnswerScore) -> Value {
    let named = |forms: &[String], found: &[f64]| -> Map<String, Value> {
        forms.iter().cloned().zip(found.iter().map(|&log_likelihood| json!(log_likelihood))).collect()
    };
    let risk = score.risk();
    json!({
        "log_likelihood": { "yes": named(&forms.yes, score.positive()), "no": named(&forms.no, score.negative()) },
        "log_odds": risk.log_odds, "answer_mass": risk.answer_mass, "is_valid": score.is_valid(),
    })
}

/// What the summary needs of all answers.
#[derive(Default)]
struct Seen {
    masses: Vec<f64>,
    n_valid: usize,
}

impl Seen {
    fn add(&mut self, score: &AnswerScore) {
        self.masses.push(score.risk().answer_mass);
        self.n_valid += usize::from(score.is_valid());
    }

    fn summary(mut self, n_texts: usize) -> String {
        let n = self.masses.len();
        let share = 100.0 * self.n_valid as f64 / n as f64;
        self.masses.sort_by(f64::total_cmp);
        let median = self.masses[n / 2];
        format!(
            "Texts: {n_texts}, questions: {n}. {share:.1} % of the answers that the model would write are declared ones; \
             the declared ones hold {median:.2e} of its probability (median). --json PATH writes everything."
        )
    }
}
