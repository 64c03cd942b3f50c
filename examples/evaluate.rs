//! Are these risk scores any good, and is one better than another? Scores and labels of any model from a CSV file.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use helm_eval::Bootstrap;
use helm_examples::{Failure, Manifest, Progress, at_least, check_writable, run, write_json};
use serde_json::json;

#[path = "common/evaluate.rs"]
mod evaluate;
#[path = "common/evaluate_input.rs"]
mod evaluate_input;
#[path = "common/evaluate_report.rs"]
mod evaluate_report;

use evaluate::Evaluation;
use evaluate_input::{Columns, Input};

/// Evaluate risk scores: AUROC and AUPRC with DeLong and bootstrap intervals, differences of all pairs of scores,
/// calibration, subgroups.
#[derive(Parser)]
#[command(after_help = "\
The file has a header row and a row for each person, or several rows a person with --cluster. It is read in one pass;
memory holds the columns asked for, not the file. Labels are 0 and 1, scores finite numbers, higher for cases; a row
with an empty cell is an error, as nothing is imputed. Calibration (Brier score, ECE in ten bins of equal width,
intercept, slope) is computed of scores that all lie in [0, 1], where rows count alike. With --weight or --cluster, the
columns delong_* hold the design-based standard error (Taylor linearisation of the same placements).

  evaluate --input risks.csv --label died --score age_score --score helm --group sex --report report

This is software for research. It is not a medical device.")]
struct Args {
    /// CSV file with labels and scores
    #[arg(long, value_name = "F.csv")]
    input: PathBuf,
    /// Column with the labels: 1 for a case, 0 for a control
    #[arg(long, value_name = "COL")]
    label: String,
    /// Column with a model's scores; may be given several times
    #[arg(long, value_name = "COL", required = true)]
    score: Vec<String>,
    /// Column with subgroups, each evaluated and compared with everyone else
    #[arg(long, value_name = "COL")]
    group: Option<String>,
    /// Column that says which rows belong to the same person
    #[arg(long, value_name = "COL")]
    cluster: Option<String>,
    /// Column that says how much each row counts
    #[arg(long, value_name = "COL")]
    weight: Option<String>,
    /// Bootstrap replicates
    #[arg(long, default_value_t = 2000, value_parser = at_least(2))]
    bootstrap: usize,
    /// Counts of subgroups below this are not shown, nor what they could be derived from
    #[arg(long, value_name = "N", default_value_t = 20)]
    min_cell: usize,
    /// Write report.html (everything in one file), tables, plots and results.json into this folder
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// Write the machine-readable result here; - is standard output, and nothing else is printed then
    #[arg(long, value_name = "PATH")]
    json: Option<PathBuf>,
    /// Decides what the bootstrap draws
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

fn main() -> ExitCode {
    run(|| evaluate_file(&Args::parse()))
}

fn evaluate_file(args: &Args) -> Result<(), Failure> {
    for (index, score) in args.score.iter().enumerate() {
        if args.score[..index].contains(score) {
            return Err(Failure::new(format!("--score: expected every column once, found {score:?} twice")));
        }
    }
    args.json.iter().try_for_each(|path| check_writable(path))?;
    let mut progress = Progress::new(3);
    progress.stage("reading", 1);
    let columns = Columns {
        label: &args.label,
        scores: &args.score,
        group: args.group.as_deref(),
        cluster: args.cluster.as_deref(),
        weight: args.weight.as_deref(),
    };
    let input = Input::read(&args.input, &columns)?;
    progress.stage("evaluating", 1);
    let bootstrap = Bootstrap { replicates: args.bootstrap, seed: args.seed, ..Bootstrap::default() };
    let evaluation = Evaluation::new(&input, &args.score, &bootstrap, args.min_cell)?;
    let settings = json!({
        "label": args.label, "scores": args.score, "group": args.group, "cluster": args.cluster,
        "weight": args.weight, "bootstrap": args.bootstrap, "min_cell": args.min_cell,
    });
    let mut result = evaluation.to_json();
    result["manifest"] = serde_json::to_value(Manifest::new("evaluate", settings, args.seed))?;
    let name = args.input.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    // The file was hashed as it was read.
    result["manifest"]["files_sha256"] = json!({ (name): input.sha256 });
    progress.stage("writing", 1);
    if let Some(folder) = &args.report {
        evaluate_report::write(folder, &args.label, &evaluation, &bootstrap, &result)?;
    }
    progress.finish();
    if args.json.as_deref() != Some(Path::new("-")) {
        say(&evaluation.to_table(&args.label).to_markdown());
    }
    if let Some(path) = &args.json {
        write_json(path, &result)?;
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the example's result")]
fn say(text: &str) {
    print!("{text}");
}
