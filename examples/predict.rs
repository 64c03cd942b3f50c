//! Scores new people with what `nhanes --save` kept.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use helm_core::{Cohort, Risk};
use helm_examples::{
    Failure, Manifest, ModelArgs, Prediction, Progress, Scorer, check_writable, nhanes, run, say, write_json,
    write_predictions,
};
use helm_llm::NOTICE;
use serde_json::{Map, json};

/// The system's allocator returns the memory of every tensor and takes fresh pages for the next one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Estimate the risks of new people with a model that `nhanes --save DIR` or `own_cohort --save DIR` trained and saved.
#[derive(Parser)]
#[command(after_help = "\
The language model must be the one that the bundle was made with: another one is refused.

For a bundle of own_cohort, the table is one like that which it was trained on; outcomes may be missing. For a bundle of
nhanes, it has a row for each person and columns named as in the bundle's parts/schema.json: features as numbers in their
unit or as one of the levels' names, an empty cell where something is not known; a signal as a list of samples in one
cell (the spirogram: litres, 100 a second); the column id. Outcomes may be there as 1 and 0, and need not.

Prints a summary for each outcome. --json has everyone's predictions: log-odds; answer_mass, the share of the language
model's probability that fell on the declared answers; risk, the probability that goes with the log-odds; and
calibrated_risk, the same mapped to what was observed among the participants of the study (null where no such map could
be fitted). People are named by their row, from 1, and never by an identifier.

A calibrated risk holds for people like those of the study. This is software for research. It is not a medical device.")]
struct Args {
    /// Folder that --save wrote
    #[arg(long, value_name = "DIR")]
    bundle: PathBuf,
    /// The people: a table (.csv or .xpt; see below), or for a bundle of nhanes a folder of the survey's files
    #[arg(long, value_name = "PATH")]
    data: PathBuf,
    #[command(flatten)]
    model: ModelArgs,
    /// Write the machine-readable result here; - is standard output, and nothing else is printed then
    #[arg(long, value_name = "PATH")]
    json: Option<PathBuf>,
    /// Write every prediction as CSV; fold and, where it is unknown, label are empty
    #[arg(long, value_name = "F.csv")]
    predictions: Option<PathBuf>,
    /// Is noted in the result; predicting draws nothing at random
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

fn main() -> ExitCode {
    run(|| predict(&Args::parse()))
}

fn predict(args: &Args) -> Result<(), Failure> {
    args.json.iter().chain(&args.predictions).try_for_each(|path| check_writable(path))?;
    let scorer = Scorer::load(&args.bundle, args.model.load()?)?;
    let people = scorer.read(&args.data)?;
    let mut manifest = Manifest::new("predict", json!({ "language_model": args.model.settings() }), args.seed);
    manifest.add_file(&args.bundle.join("manifest.json"))?;
    let files = if args.data.is_dir() { nhanes::paths(&args.data) } else { vec![args.data.clone()] };
    files.iter().try_for_each(|path| manifest.add_file(path))?;
    let mut progress = Progress::new(1);
    let risks = scorer.risks(&people, &mut progress)?;
    progress.finish();

    let mut outcomes = Map::new();
    let mut summary = format!("{} people. {NOTICE}\n", people.n_participants());
    for (index, outcome) in scorer.schema.outcomes().iter().enumerate() {
        let of_outcome: Vec<Risk> = risks.iter().map(|risks| risks[index]).collect();
        let calibrated = scorer.calibration.get(&outcome.name).and_then(Option::as_ref);
        let calibrated_risk = |risk: &Risk| calibrated.map(|it| it.recalibration.risk(risk.log_odds));
        summary += &summarise(&outcome.label, &of_outcome, calibrated_risk);
        let predictions = of_outcome.iter().enumerate().map(|(row, risk)| {
            json!({
                "row": row + 1, "log_odds": risk.log_odds, "answer_mass": risk.answer_mass,
                "risk": risk.probability(), "calibrated_risk": calibrated_risk(risk),
            })
        });
        let result = json!({
            "label": outcome.label, "definition": outcome.definition, "calibration": calibrated,
            "predictions": predictions.collect::<Vec<_>>(),
        });
        outcomes.insert(outcome.name.clone(), result);
    }
    say(args.json.as_deref(), &summary);
    if let Some(path) = &args.predictions {
        write_predictions(path, &lines(&scorer, &people, &risks)?)?;
    }
    if let Some(path) = &args.json {
        let result = json!({
            "n": people.n_participants(), "outcomes": outcomes, "notice": NOTICE, "manifest": manifest,
        });
        write_json(path, &result)?;
    }
    Ok(())
}

/// The middle and the ends of the risks.
fn summarise(label: &str, risks: &[Risk], calibrated: impl Fn(&Risk) -> Option<f64>) -> String {
    let kind = if risks.iter().all(|risk| calibrated(risk).is_some()) { "calibrated" } else { "uncalibrated" };
    let mut numbers: Vec<f64> = risks.iter().map(|risk| calibrated(risk).unwrap_or(risk.probability())).collect();
    numbers.sort_by(f64::total_cmp);
    let at = |share: f64| numbers[((numbers.len() - 1) as f64 * share).round() as usize];
    let (median, low, high) = (at(0.5), at(0.0), at(1.0));
    format!("{label}: median {kind} risk {median:.3}, lowest {low:.3}, highest {high:.3}\n")
}

fn lines(scorer: &Scorer, people: &Cohort, risks: &[Vec<Risk>]) -> Result<Vec<Prediction>, Failure> {
    let mut lines = Vec::new();
    for (index, outcome) in scorer.schema.outcomes().iter().enumerate() {
        let labels = people.labels(&outcome.name)?;
        lines.extend(risks.iter().zip(labels).enumerate().map(|(row, (risks, label))| Prediction {
            row: row + 1,
            fold: None,
            outcome: outcome.name.clone(),
            model: "helm".into(),
            log_odds: risks[index].log_odds,
            answer_mass: Some(risks[index].answer_mass),
            label: *label,
        }));
    }
    Ok(lines)
}
