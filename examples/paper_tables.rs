//! The experiments of HeLM's paper, on simulated people or on NHANES 2011–2012, as tables and plots.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use helm_eval::report::HtmlReport;
use helm_examples::paper::{Budget, Experiments, FeatureSet, Made, PaperData, PaperPlot, PaperTable, Store, Tables};
use helm_examples::{
    Encoders, Failure, GRID, Manifest, Progress, StudyArgs, at_least, breath_pretraining, check_classes, nhanes, run,
    write_atomically, write_json, write_predictions,
};
use serde_json::{Map, Value, json};

/// The system's allocator returns the memory of every tensor and takes fresh pages for the next one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Make the tables of HeLM's paper: all models on both feature sets, held-out outcomes, missing data, calibration
#[derive(Parser)]
#[command(after_help = "\
Without --data, the people are SIMULATED: the numbers say nothing about a disease. With it, they are the adults of NHANES
2011–2012 (the example nhanes says what the folder holds).

  untuned, ten_shot    the language model as it is, and after ten answered examples
  soft_prompt          twenty learned vectors in front of the text
  helm_text            HeLM on text and six learned soft tokens that are the same for everyone
  helm_tabular         HeLM on text and soft tokens of the features
  helm_multimodal      HeLM on these and soft tokens of the breath
  helm_no_text         HeLM on soft tokens of the features and the breath, without text
  logistic, boosting   on the features; logistic_multimodal, boosting_multimodal: and on measures of the breath
  logistic_encoder     logistic regression on the features and the breath encoder's embedding

Every fold of every model is kept in the report's folder, in cells/: a run that was stopped goes on from there.

This is software for research. It is not a medical device.")]
#[command(mut_arg("report", |report| report.default_value("paper_report").help("\
Write report.html, every table (.md, .csv), the plots, results.json and cells/, from which a stopped run goes on, into \
this folder")))]
#[command(mut_arg("cache", |cache| cache.default_value("8")))]
struct Args {
    /// Folder with the survey's files, in place of simulated people
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Simulated people, of whom those with a usable breath are in the study
    #[arg(long, default_value_t = 4000, value_parser = at_least(100))]
    participants: usize,
    /// An outcome; may be given several times. Without it, all that models are trained on
    #[arg(long, value_name = "NAME")]
    outcome: Vec<String>,
    /// Training seeds of HeLM on the expanded features
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=100))]
    training_seeds: u64,
    /// Passes over the training participants
    #[arg(long, default_value_t = 3, value_parser = at_least(1))]
    epochs: usize,
    /// Passes of the soft prompt, each of which takes several times as long
    #[arg(long, default_value_t = 1, value_parser = at_least(1))]
    soft_prompt_epochs: usize,
    /// Passes of the breath's encoder alone
    #[arg(long, default_value_t = 16, value_parser = at_least(1))]
    pretraining_epochs: usize,
    /// The fewest steps that a model is trained, where there are few participants
    #[arg(long, default_value_t = 300, value_parser = at_least(1))]
    least_steps: usize,
    /// People to learn from, in the learning curve; all of them come last
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = [500, 1500])]
    curve: Vec<usize>,
    #[command(flatten)]
    study: StudyArgs,
}

fn main() -> ExitCode {
    run(|| estimate(&Args::parse()))
}

fn estimate(args: &Args) -> Result<(), Failure> {
    let begin = Instant::now();
    args.study.check()?;
    let folder = args.study.report.as_deref().ok_or_else(|| Failure::new("--report: expected a folder, found none"))?;
    let (device, model) = (args.study.model.device()?, args.study.model.load()?);
    let mut data = match &args.data {
        Some(folder) => PaperData::nhanes(folder)?,
        None => PaperData::simulated(args.participants, args.study.seed)?,
    };
    if !args.outcome.is_empty() {
        data = data.with_outcomes(&args.outcome)?;
    }
    let folds = args.study.folds_of(&data.cohort, &data.outcomes)?;
    let asked = data.outcomes.iter().chain(&data.held_out);
    asked.clone().try_for_each(|outcome| check_classes(&data.cohort, outcome, &folds))?;
    let budget = Budget {
        epochs: args.epochs,
        soft_prompt_epochs: args.soft_prompt_epochs,
        pretraining_epochs: args.pretraining_epochs,
        least_steps: args.least_steps,
        ..Budget::default()
    };
    let manifest = manifest(args, &data, &budget)?;
    let store = Store::open(&folder.join("cells"), &json!(manifest))?;
    let experiments = Experiments::new(&data, &folds, (&model, &device), &store, (budget, args.study.seed));
    // A number that no fold has is all of them, which come anyway.
    let most = (0..folds.k()).map(|fold| folds.train_rows(fold).len()).min().unwrap_or(0);
    let tables = Tables {
        data: &data,
        folds: &folds,
        experiments: &experiments,
        bootstrap: args.study.bootstrap(),
        seeds: args.training_seeds,
        curve: args.curve.iter().copied().filter(|&n| n < most).collect(),
        seed: args.study.seed,
    };
    let about = about(args, &data, &experiments)?;
    args.study.say(&about);
    let cells: usize = tables.jobs().into_iter().map(|job| experiments.n_cells(job)).sum::<Result<usize, Failure>>()?;
    let mut progress = Progress::new(cells + FeatureSet::ALL.len() * data.outcomes.len());
    let Made { tables, plots, scores } = tables.make(&mut progress)?;
    progress.finish();

    if let Some(path) = &args.study.predictions {
        write_predictions(path, &scores.predictions()?)?;
    }
    for table in &tables {
        args.study.say(&table.to_markdown());
        write_atomically(&folder.join(format!("{}.md", table.name)), table.to_markdown().as_bytes())?;
        write_atomically(&folder.join(format!("{}.csv", table.name)), &table.to_csv()?)?;
    }
    for plot in &plots {
        write_atomically(&folder.join(format!("{}.svg", plot.name)), plot.svg.as_bytes())?;
    }
    // The cells don't depend on these, and a run may go on with others.
    let evaluation = json!({
        "bootstrap": args.study.bootstrap, "training_seeds": args.training_seeds, "curve": args.curve,
    });
    let html = html(&about, &tables, &plots, &json!([manifest, evaluation]))?;
    write_atomically(&folder.join("report.html"), html.as_bytes())?;
    let of_tables: Map<String, Value> =
        tables.iter().map(|table| (table.name.to_owned(), table.json.clone())).collect();
    let result = json!({
        "simulated": data.simulated, "tables": of_tables, "evaluation": evaluation, "seconds": begin.elapsed().as_secs_f64(), "manifest": manifest,
    });
    write_json(&folder.join("results.json"), &result)?;
    if let Some(path) = &args.study.json {
        write_json(path, &result)?;
    }
    let seconds = begin.elapsed().as_secs_f64();
    args.study.say(&format!("{:.0} s; see {}", seconds, folder.join("report.html").display()));
    Ok(())
}

fn manifest(args: &Args, data: &PaperData, budget: &Budget) -> Result<Manifest, Failure> {
    let settings = json!({
        "participants": args.data.is_none().then_some(args.participants), "folds": args.study.folds, "budget": budget,
        "outcomes": data.outcomes,
        "language_model": args.study.model.settings(), "n_soft": Encoders::N_SOFT,
        "resnet_width": Encoders::RESNET_WIDTH,
        "d_hidden": Encoders::D_HIDDEN, "grid": GRID,
        "pretraining": breath_pretraining(args.pretraining_epochs, args.study.seed),
    });
    let mut manifest = Manifest::new("paper_tables", settings, args.study.seed);
    let of_data = args.data.iter().flat_map(|folder| nhanes::paths(folder)).collect::<Vec<_>>();
    of_data.iter().chain(&args.study.model.files()?).try_for_each(|path| manifest.add_file(path))?;
    Ok(manifest)
}

/// What the tables are of.
fn about(args: &Args, data: &PaperData, experiments: &Experiments<'_>) -> Result<String, Failure> {
    let mut text = format!(
        "{}: {} participants, {} folds. Software for research; not a medical device.\n",
        if data.simulated { "SIMULATED people, whose numbers say nothing about a disease" } else { data.name },
        data.cohort.n_participants(),
        args.study.folds
    );
    if !data.lacking.is_empty() {
        text += &format!("The data lack of the paper's expanded features: {}.\n", data.lacking.join(", "));
    }
    for set in FeatureSet::ALL {
        let examples = experiments.n_examples(set)?;
        let fewer: Vec<String> = examples
            .iter()
            .filter(|&(_, &n)| n < experiments.budget.examples)
            .map(|(outcome, n)| format!("{outcome} {n}"))
            .collect();
        if !fewer.is_empty() {
            text += &format!(
                "ten_shot on the {} features has fewer examples than {}, as many as the model's positions hold: {}.\n",
                set.name(),
                experiments.budget.examples,
                fewer.join(", ")
            );
        }
    }
    Ok(text)
}

fn html(about: &str, tables: &[PaperTable], plots: &[PaperPlot], made_by: &Value) -> Result<String, Failure> {
    let mut report = HtmlReport::new("The experiments of HeLM's paper").paragraph(about);
    for table in tables {
        let header: Vec<&str> = table.header.iter().map(String::as_str).collect();
        report = report.heading(&table.name.replace('_', " ")).paragraph(&table.title).table(&header, &table.rows);
        for plot in plots.iter().filter(|plot| plot.name == table.name) {
            report = report.plot(&plot.svg, plot.caption);
        }
    }
    let made_by = serde_json::to_string_pretty(made_by)?;
    Ok(report.heading("How to make it again").preformatted(&made_by).to_html())
}
