//! A study of one's own cohort: what a language model estimates from it, beside classical models.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use helm_core::{BadData, Cohort, CohortFile, Folds, Loaded, ReadOptions, Schema, SchemaFile};
use helm_examples::{
    AllScores, DataSource, Encoders, Failure, Inputs, Manifest, OutcomeGroup, Progress, Scorer, Scores, SignalInput,
    Study, StudyArgs, at_least, calibrate, check_classes, classical, run,
};
use helm_llm::{Bundle, Helm, TrainConfig};
use serde_json::json;

/// The system's allocator returns the memory of every tensor and takes fresh pages for the next one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Estimate outcomes of your own cohort with a frozen language model, beside logistic regression and gradient boosting,
/// by cross-validation.
#[derive(Parser)]
#[command(after_help = "\
What the columns mean stands in a schema file. Let the example schema_init write a first one, look at it, and go on:

  schema_init --data heart.csv --outcome HeartDisease --output heart.toml
  own_cohort --data heart.csv --schema heart.toml --model MODEL_FOLDER --report report

Prints a table for each outcome: logistic regression and gradient boosting on the features (logistic_tabular,
boosting_tabular), HeLM on text and soft tokens of the features (helm_tabular) and, where the schema has signals, with
these (helm_multimodal). A signal in litres is read as a forced breath, any other as a waveform.

This is software for research. It is not a medical device.")]
struct Args {
    /// The cohort: .csv or .xpt, and .parquet in a build with the feature parquet
    #[arg(long, value_name = "F")]
    data: PathBuf,
    /// What its columns mean
    #[arg(long, value_name = "F.toml")]
    schema: PathBuf,
    /// An outcome; may be given several times. All of the schema by default. Folds are stratified by the first
    #[arg(long, value_name = "NAME")]
    outcome: Vec<String>,
    /// Features: a set of the schema file. All by default
    #[arg(long, value_name = "SET")]
    features: Option<String>,
    /// Skip bad rows and cells and say how many, in place of an error
    #[arg(long)]
    lenient: bool,
    /// Passes over the training participants; by default as many as make about 300 steps, and at least 4
    #[arg(long, value_parser = at_least(1))]
    epochs: Option<usize>,
    /// Train the richest HeLM once more, on everyone, and save it as a bundle with all that it takes to score new people
    /// (example predict). The folder may be new or empty, or hold a bundle, which is replaced
    #[arg(long, value_name = "DIR")]
    save: Option<PathBuf>,
    #[command(flatten)]
    study: StudyArgs,
}

fn main() -> ExitCode {
    run(|| estimate(&Args::parse()))
}

/// Steps of training, about, where --epochs is not given.
const STEPS: usize = 300;
/// Batches of an epoch, of which a small cohort has fewer.
const BATCHES: usize = 50;

const LOGISTIC: &str = "logistic_tabular";
const BOOSTING: &str = "boosting_tabular";
const HELM_TABULAR: &str = "helm_tabular";
const HELM_MULTIMODAL: &str = "helm_multimodal";

fn estimate(args: &Args) -> Result<(), Failure> {
    let begin = Instant::now();
    args.study.check()?;
    args.save.iter().try_for_each(|folder| Bundle::check_folder(folder))?;
    let schema = SchemaFile::read(&args.schema)?;
    let outcomes = outcomes(args, &schema)?;
    let features = |outcome: &str| Ok(schema.features_for(args.features.as_deref(), outcome)?);
    let groups = OutcomeGroup::of(&outcomes, features)?;
    if args.save.is_some() {
        OutcomeGroup::check_one(&groups)?;
    }
    let bad = if args.lenient { BadData::CountAndSkip } else { BadData::Refuse };
    let loaded = CohortFile::new(schema, &args.data, ReadOptions { bad, ..ReadOptions::default() }).load()?;
    let cohort = &loaded.cohort;
    let folds = folds(args, &loaded, &outcomes)?;
    outcomes.iter().try_for_each(|outcome| check_classes(cohort, outcome, &folds))?;
    args.study.say(&describe(&loaded));

    let (device, model) = (args.study.model.device()?, args.study.model.load()?);
    let training = training(args, cohort);
    let mut manifest = Manifest::new(
        "own_cohort",
        json!({
            "outcomes": outcomes, "features": args.features, "lenient": args.lenient, "folds": args.study.folds,
            "bootstrap": args.study.bootstrap, "language_model": args.study.model.settings(), "training": training,
            "n_soft": Encoders::N_SOFT, "resnet_width": Encoders::RESNET_WIDTH, "d_hidden": Encoders::D_HIDDEN,
        }),
        args.study.seed,
    );
    [&args.schema, &args.data].into_iter().try_for_each(|path| manifest.add_file(path))?;
    args.study.model.files()?.iter().try_for_each(|path| manifest.add_file(path))?;

    let signals = cohort.schema().signals();
    let signals: Vec<_> = signals.iter().map(|name| SignalInput { name, label: name, beside: &[] }).collect();
    let has_signals = !signals.is_empty();
    let helms: Vec<&str> = [HELM_TABULAR, HELM_MULTIMODAL].into_iter().take(1 + usize::from(has_signals)).collect();
    let mut progress = Progress::new(groups.len() * helms.len() * folds.k() + usize::from(args.save.is_some()));
    let mut scores = Vec::new();
    for OutcomeGroup { features, outcomes } in &groups {
        for outcome in outcomes {
            scores.extend(classical(cohort, &folds, outcome, features, [LOGISTIC, BOOSTING])?);
        }
        for &name in &helms {
            let richest = name == helms[helms.len() - 1];
            let signals = if name == HELM_MULTIMODAL { &signals[..] } else { &[] };
            let inputs = Inputs { cohort, model: &model, device: &device, features, signals };
            let study = Study {
                cohort,
                serializer: inputs.serializer()?,
                outcomes,
                training: training.clone(),
                helm: &|part| inputs.helm(part),
            };
            let of_study = study.cross_validate(name, &folds, &mut progress, &mut |_| Ok(()))?;
            if let (Some(folder), true) = (&args.save, richest) {
                let helm = study.fit_all(name, &folds, &mut progress)?;
                save(args, folder, helm, &study, &inputs, &of_study)?;
            }
            scores.extend(of_study);
        }
    }
    progress.finish();

    let mut comparisons = vec![(HELM_TABULAR, LOGISTIC), (HELM_TABULAR, BOOSTING)];
    if has_signals {
        comparisons.extend([(HELM_MULTIMODAL, HELM_TABULAR), (HELM_MULTIMODAL, LOGISTIC)]);
    }
    let scores = AllScores { cohort, folds: &folds, scores };
    let table = scores.table(&outcomes, &comparisons, &args.study.bootstrap())?;
    args.study.finish(&scores, &table, &manifest, false, begin)
}

/// The outcomes that are asked for.
fn outcomes(args: &Args, schema: &SchemaFile) -> Result<Vec<String>, Failure> {
    let all = schema.schema().outcomes().iter().map(|outcome| outcome.name.clone());
    let outcomes: Vec<String> = if args.outcome.is_empty() { all.collect() } else { args.outcome.clone() };
    if outcomes.is_empty() {
        return Err(Failure::new(format!("{}: expected at least one outcome, found none", args.schema.display())));
    }
    Ok(outcomes)
}

/// Folds of clusters where the schema names them, else of participants, stratified by the first outcome.
fn folds(args: &Args, loaded: &Loaded, outcomes: &[String]) -> Result<Folds, Failure> {
    if let Some(clusters) = &loaded.clusters {
        return Ok(Folds::grouped(clusters, args.study.folds, args.study.seed)?);
    }
    args.study.folds_of(&loaded.cohort, outcomes)
}

/// What was read, in counts.
fn describe(loaded: &Loaded) -> String {
    let Loaded { cohort, n_left_out, skipped, parts, .. } = loaded;
    let schema = cohort.schema();
    let mut text = format!(
        "{} participants, {} features, {} signals, {} outcomes; {n_left_out} rows left out.\n",
        cohort.n_participants(),
        schema.features().len(),
        schema.signals().len(),
        schema.outcomes().len()
    );
    if parts.is_some() {
        text += "The column of parts is not used: everyone is tested once, in cross-validation.\n";
    }
    for (place, found, n) in skipped.iter() {
        text += &format!("Skipped in {place}: {found} ({n} times).\n");
    }
    text
}

/// The settings of training: small cohorts need smaller batches and more passes for as many steps.
fn training(args: &Args, cohort: &Cohort) -> TrainConfig {
    let mut training = TrainConfig::default();
    let n_train = cohort.n_participants() * (args.study.folds - 1) / args.study.folds;
    training.batch_size = (n_train / BATCHES).clamp(16, training.batch_size);
    let steps_each = n_train.div_ceil(training.batch_size).max(1);
    training.epochs = args.epochs.unwrap_or(STEPS.div_ceil(steps_each).max(training.epochs));
    training.seed = args.study.seed;
    training
}

/// Saves a model of everyone. New people's tables are read by the same schema file.
fn save(
    args: &Args,
    folder: &Path,
    helm: Helm,
    study: &Study<'_>,
    inputs: &Inputs<'_>,
    scores: &[Scores],
) -> Result<(), Failure> {
    let whole = study.cohort.schema();
    let asked = |name: &String| study.outcomes.contains(name);
    let schema = Schema::new(
        whole.features().iter().filter(|feature| inputs.features.contains(&feature.name)).cloned().collect(),
        inputs.signals.iter().map(|signal| signal.name.to_owned()).collect(),
        whole.outcomes().iter().filter(|outcome| asked(&outcome.name)).cloned().collect(),
    )?;
    let schema_file = std::fs::read_to_string(&args.schema)
        .map_err(|error| Failure::new(format!("{}: can't be read: {error}", args.schema.display())))?;
    let source = DataSource { nhanes_folder: false, schema_file };
    let calibration = calibrate(study.cohort, scores, args.study.seed)?;
    Scorer { helm, serializer: study.serializer.clone(), schema, source, calibration }.save(folder)?;
    args.study.say(&format!("Saved the model of everyone to {}, for the example predict.\n", folder.display()));
    Ok(())
}
