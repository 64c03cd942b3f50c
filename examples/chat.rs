//! A conversation with a language model about one person's record, breath and estimated risks.

use std::io::{BufRead, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use helm_core::spirometry::CurveUnit;
use helm_core::{Cohort, Context, Outcome, Risk, Schema};
use helm_examples::{
    BlowInput, Failure, Manifest, ModelArgs, Person, Progress, Scorer, at_least, check_writable, run, say, write_json,
};
use helm_llm::{Conversation, GenerationConfig, Helm, LanguageModel, NOTICE};
use serde_json::{Map, Value, json};

/// The system's allocator returns the memory of every tensor and takes fresh pages for the next one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Talk with a language model about one person's record, breath and estimated risks.
#[derive(Parser)]
#[command(after_help = "\
The record is a JSON object of features as the bundle's parts/schema.json names them: numbers in the feature's unit, or one
of the levels' names; what is left out is missing.

  {\"age\": 54, \"sex\": \"female\", \"bmi\": 27.1}

The signal is a forced breath as the example spirometry reads it: a .wf file, a .csv file with --column and --rate-hz, or a
UK Biobank string of field 3066.

Without a bundle, the model reads the record as it stands and estimates no risks. Without --ask, questions are read line by
line, until an empty one or the end of the input.

What the model can say depends on the model: one of a few million parameters knows words and little else. This is
software for research. It is not a medical device.")]
struct Args {
    #[command(flatten)]
    model: ModelArgs,
    /// Folder that --save wrote; the language model must be the one that it was made with
    #[arg(long, value_name = "DIR")]
    bundle: Option<PathBuf>,
    /// The person's record (see below)
    #[arg(long, value_name = "F.json")]
    record: Option<PathBuf>,
    /// The person's breath (see below)
    #[arg(long, value_name = "F", requires = "bundle")]
    signal: Option<PathBuf>,
    /// Column of a .csv file with the breath's volume in litres
    #[arg(long, value_name = "COL", requires = "signal")]
    column: Option<String>,
    /// Samples a second of a .csv file
    #[arg(long, value_name = "HZ", requires = "signal")]
    rate_hz: Option<f64>,
    /// Ask this once
    #[arg(long, value_name = "TEXT")]
    ask: Option<String>,
    /// The longest reply, in tokens
    #[arg(long, default_value_t = 128, value_parser = at_least(1))]
    max_tokens: usize,
    /// 0 takes the most likely token each time; larger ones draw more freely
    #[arg(long, default_value_t = 0.0)]
    temperature: f64,
    /// Write the machine-readable result here; - is standard output, and nothing else is printed then
    #[arg(long, value_name = "PATH", requires = "ask")]
    json: Option<PathBuf>,
    /// Decides what is drawn
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

fn main() -> ExitCode {
    run(|| chat(&Args::parse()))
}

fn chat(args: &Args) -> Result<(), Failure> {
    args.json.iter().try_for_each(|path| check_writable(path))?;
    let about = About::new(args, args.model.load()?)?;
    let risks: Vec<(&Outcome, Risk)> = about.estimates.iter().map(|it| (&it.outcome, it.shown())).collect();
    let mut conversation = Conversation::new(&about.helm, about.cohort.record(0), &about.context, &risks)?;
    say(args.json.as_deref(), &about.summary());
    match &args.ask {
        Some(question) => {
            let reply = answer(args, &mut conversation, question)?;
            args.json.iter().try_for_each(|path| write_json(path, &about.result(args, &reply)?))
        }
        None => talk(args, &mut conversation),
    }
}

/// Asks line by line.
fn talk(args: &Args, conversation: &mut Conversation<'_>) -> Result<(), Failure> {
    let (input, mut out) = (std::io::stdin(), std::io::stdout());
    let mut lines = input.lock().lines();
    loop {
        if input.is_terminal() {
            write!(out, "> ")?;
            out.flush()?;
        }
        match lines.next().transpose()? {
            Some(line) if !line.trim().is_empty() => drop(answer(args, conversation, &line)?),
            _ => return Ok(()),
        }
    }
}

/// One reply, printed as it comes.
fn answer(args: &Args, conversation: &mut Conversation<'_>, question: &str) -> Result<String, Failure> {
    let mut config = GenerationConfig::default();
    (config.max_tokens, config.temperature, config.seed) = (args.max_tokens, args.temperature, args.seed);
    let quiet = args.json.as_deref() == Some("-".as_ref());
    let mut out = std::io::stdout();
    let reply = conversation.ask(question, config, |piece| {
        if !quiet {
            // Whoever closed the pipe has read enough.
            let _ = write!(out, "{piece}").and_then(|()| out.flush());
        }
    })?;
    say(args.json.as_deref(), "");
    Ok(reply)
}

/// What the conversation is about.
struct About {
    helm: Helm,
    /// The person alone.
    cohort: Cohort,
    context: Context,
    estimates: Vec<Estimate>,
}

/// An estimated risk.
struct Estimate {
    outcome: Outcome,
    risk: Risk,
    calibrated_risk: Option<f64>,
}

impl Estimate {
    /// The risk as it is told: calibrated, where that is known.
    fn shown(&self) -> Risk {
        let log_odds = self.calibrated_risk.map_or(self.risk.log_odds, |risk| (risk / (1.0 - risk)).ln());
        Risk { log_odds, ..self.risk }
    }
}

impl About {
    fn new(args: &Args, model: LanguageModel) -> Result<Self, Failure> {
        let mut person = args.record.as_deref().map_or_else(|| Ok(Person::default()), Person::read)?;
        let Some(bundle) = &args.bundle else {
            let cohort = Person::default().cohort(&Schema::new(vec![], vec![], vec![])?)?;
            let context = Context::default().with_text(person.to_text());
            return Ok(Self { helm: Helm::new(model, vec![])?, cohort, context, estimates: Vec::new() });
        };
        if let Some(path) = &args.signal {
            let input = BlowInput::read(path, args.column.as_deref(), args.rate_hz, CurveUnit::Litres)?;
            person = person.with_signal(input.blow.into_signal());
        }
        let scorer = Scorer::load(bundle, model)?;
        let cohort = person.cohort(&scorer.schema)?;
        let mut progress = Progress::new(1);
        let risks = scorer.risks(&cohort, &mut progress)?.remove(0);
        progress.finish();
        let estimate = |(outcome, risk): (&Outcome, Risk)| {
            let calibrated = scorer.calibration.get(&outcome.name).and_then(Option::as_ref);
            let calibrated_risk = calibrated.map(|it| it.recalibration.risk(risk.log_odds));
            Estimate { outcome: outcome.clone(), risk, calibrated_risk }
        };
        let estimates = scorer.schema.outcomes().iter().zip(risks).map(estimate).collect();
        let context = scorer.serializer.context(cohort.record(0))?;
        Ok(Self { helm: scorer.helm, cohort, context, estimates })
    }

    fn summary(&self) -> String {
        let mut text = format!("{NOTICE}\n\n");
        let about = self.context.to_text();
        if !about.trim_end().is_empty() {
            text += about.trim_end();
            text.push('\n');
        }
        for estimate in &self.estimates {
            let kind = if estimate.calibrated_risk.is_some() { "calibrated" } else { "uncalibrated" };
            let percent = 100.0 * estimate.shown().probability();
            text += &format!("{}: {percent:.0} % ({kind})\n", estimate.outcome.label);
        }
        text
    }

    fn result(&self, args: &Args, reply: &str) -> Result<Value, Failure> {
        let risks: Map<String, Value> = self
            .estimates
            .iter()
            .map(|Estimate { outcome, risk, calibrated_risk }| {
                let value = json!({
                    "log_odds": risk.log_odds, "answer_mass": risk.answer_mass, "risk": risk.probability(),
                    "calibrated_risk": calibrated_risk,
                });
                (outcome.name.clone(), value)
            })
            .collect();
        let settings = json!({
            "language_model": args.model.settings(), "max_tokens": args.max_tokens, "temperature": args.temperature,
        });
        let mut manifest = Manifest::new("chat", settings, args.seed);
        let bundle = args.bundle.as_ref().map(|folder| folder.join("manifest.json"));
        bundle.iter().chain(&args.model.files()?).try_for_each(|path| manifest.add_file(path))?;
        Ok(json!({ "risks": risks, "reply": reply, "notice": NOTICE, "manifest": manifest }))
    }
}
