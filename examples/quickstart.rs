//! helm in three minutes, with nothing to download: an encoder of breaths trained through a frozen language model.

use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use burn::tensor::Device;
use clap::Parser;
use helm_core::simulate::SimulatedCohort;
use helm_core::{Cohort, Folds};
use helm_examples::{
    AllScores, BreathTargets, Encoders, Failure, GRID, Inputs, Manifest, Part, PretrainedBreath, Progress, SignalInput,
    Study, StudyArgs, at_least, breath_measures, breath_pretraining, check_classes, classical, logistic_on_embeddings,
    run, side_by_side, simulated_people, untuned,
};
use helm_llm::{Helm, LanguageModel, TrainConfig};
use helm_serialize::Serializer;
use serde_json::json;

/// The system's allocator returns the memory of every tensor and takes fresh pages for the next one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Simulate a cohort, train HeLM on it, and compare its risks with those of classical models
#[derive(Parser)]
#[command(after_help = "\
Simulated people with a forced breath are split in folds. In each, an encoder learns by itself what breaths measure and
who is ill; then it is trained on, through the frozen language model, to say who is ill.

  helm_untuned         the language model as it is, asked about the features as text
  helm_tabular         HeLM on the features, as text and as soft tokens
  helm_multimodal      HeLM on these and the soft tokens of the breath
  logistic_tabular     logistic regression on the features; boosting_tabular: boosted trees
  logistic_multimodal  the same on the features and fourteen measures of the breath; boosting_multimodal: boosted trees
  logistic_encoder     logistic regression on the features and the encoder's embedding of the breath, before the
                       language model comes in

Everyone is tested by models that were trained on others. The people are SIMULATED: the numbers say nothing about a
disease. This is software for research. It is not a medical device.")]
#[command(
    mut_arg("folds", |folds| folds.default_value("2")),
    mut_arg("report", |report| report.default_value("quickstart_report"))
)]
struct Args {
    /// Simulated people, of whom those with a usable breath are in the study
    #[arg(long, default_value_t = 7000, value_parser = at_least(100))]
    participants: usize,
    /// An outcome; may be given several times. Folds are stratified by the first
    #[arg(long, value_name = "NAME", default_values = ["asthma", "diabetes"])]
    outcome: Vec<String>,
    /// Passes over the training participants through the language model
    #[arg(long, default_value_t = 4, value_parser = at_least(1))]
    epochs: usize,
    /// Passes of the breath's encoder alone, before
    #[arg(long, default_value_t = 16, value_parser = at_least(1))]
    pretraining_epochs: usize,
    #[command(flatten)]
    study: StudyArgs,
}

const LOGISTIC_TABULAR: &str = "logistic_tabular";
const BOOSTING_TABULAR: &str = "boosting_tabular";
const LOGISTIC_MULTIMODAL: &str = "logistic_multimodal";
const BOOSTING_MULTIMODAL: &str = "boosting_multimodal";
const LOGISTIC_ENCODER: &str = "logistic_encoder";
const HELM_UNTUNED: &str = "helm_untuned";
const HELM_TABULAR: &str = "helm_tabular";
const HELM_MULTIMODAL: &str = "helm_multimodal";

fn main() -> ExitCode {
    run(|| estimate(&Args::parse()))
}

fn estimate(args: &Args) -> Result<(), Failure> {
    let begin = Instant::now();
    args.study.check()?;
    let (device, model) = (args.study.model.device()?, args.study.model.load()?);
    let cohort = simulated_people(args.participants, args.study.seed)?;
    let folds = args.study.folds_of(&cohort, &args.outcome)?;
    args.outcome.iter().try_for_each(|outcome| check_classes(&cohort, outcome, &folds))?;
    let training = training(args);
    let manifest = manifest(args, &training)?;
    args.study.say(&format!(
        "{} SIMULATED people, {} of them with a breath, {} folds; software for research, not a medical device.\n",
        args.participants,
        cohort.n_participants(),
        folds.k()
    ));

    let features = SimulatedCohort::BASELINE.map(String::from);
    let measures = breath_measures();
    let mut progress = Progress::new(2 * folds.k() + 2);
    progress.stage("untuned and classical models", 1);
    let serializer = Serializer::new(cohort.schema()).with_features(&features);
    let mut scores = untuned(HELM_UNTUNED, &cohort, &model, &serializer, &args.outcome)?;
    for outcome in &args.outcome {
        let both: Vec<&str> = features.iter().map(String::as_str).chain(measures.iter().copied()).collect();
        scores.extend(classical(&cohort, &folds, outcome, &features, [LOGISTIC_TABULAR, BOOSTING_TABULAR])?);
        scores.extend(classical(&cohort, &folds, outcome, &both, [LOGISTIC_MULTIMODAL, BOOSTING_MULTIMODAL])?);
    }
    let breaths = breaths(args, (&cohort, &folds), (&model, &device), &mut progress)?;
    let embeddings = breaths.iter().map(|breath| breath.embeddings(&cohort)).collect::<Result<Vec<_>, _>>()?;
    for outcome in &args.outcome {
        scores.push(logistic_on_embeddings(LOGISTIC_ENCODER, (&cohort, &folds), outcome, &features, &embeddings)?);
    }
    let breath = [SignalInput { name: SimulatedCohort::SPIROGRAM, label: "breath", beside: &[] }];
    for (name, signals) in [(HELM_TABULAR, &breath[..0]), (HELM_MULTIMODAL, &breath[..])] {
        let tabular = Inputs { cohort: &cohort, model: &model, device: &device, features: &features, signals: &[] };
        let study = Study {
            cohort: &cohort,
            serializer: Inputs { signals, ..tabular }.serializer()?,
            outcomes: &args.outcome,
            training: training.clone(),
            helm: &|part: &Part<'_>| {
                let mut modalities = tabular.modalities(part)?;
                if !signals.is_empty() {
                    modalities.push(breaths[part.fold].modality()?);
                }
                Ok(Helm::new(model.clone(), modalities)?)
            },
        };
        scores.extend(study.cross_validate(name, &folds, &mut progress, &mut |_| Ok(()))?);
    }
    progress.finish();

    let comparisons = [
        (HELM_MULTIMODAL, HELM_TABULAR),
        (HELM_MULTIMODAL, LOGISTIC_ENCODER),
        (HELM_MULTIMODAL, LOGISTIC_MULTIMODAL),
        (HELM_TABULAR, LOGISTIC_TABULAR),
        (HELM_TABULAR, HELM_UNTUNED),
    ];
    let scores = AllScores { cohort: &cohort, folds: &folds, scores };
    let table = scores.table(&args.outcome, &comparisons, &args.study.bootstrap())?;
    args.study.finish(&scores, &table, &manifest, true, begin)?;
    if let Some(folder) = &args.study.report {
        args.study.say(&format!(
            "{:.0} s; see {}",
            begin.elapsed().as_secs_f64(),
            folder.join("report.html").display()
        ));
    }
    Ok(())
}

fn training(args: &Args) -> TrainConfig {
    let mut training = TrainConfig::default();
    (training.epochs, training.seed) = (args.epochs, args.study.seed);
    training.learning_rate = 1e-3;
    training
}

fn manifest(args: &Args, training: &TrainConfig) -> Result<Manifest, Failure> {
    let settings = json!({
        "participants": args.participants, "outcomes": args.outcome, "folds": args.study.folds,
        "bootstrap": args.study.bootstrap, "language_model": args.study.model.settings(), "training": training,
        "pretraining": breath_pretraining(args.pretraining_epochs, args.study.seed), "n_soft": Encoders::N_SOFT,
        "resnet_width": Encoders::RESNET_WIDTH, "d_hidden": Encoders::D_HIDDEN, "grid": GRID,
    });
    let mut manifest = Manifest::new("quickstart", settings, args.study.seed);
    args.study.model.files()?.iter().try_for_each(|path| manifest.add_file(path))?;
    Ok(manifest)
}

/// An encoder of breaths for each fold, which has learned from its training rows; folds side by side.
fn breaths(
    args: &Args,
    (cohort, folds): (&Cohort, &Folds),
    (model, device): (&LanguageModel, &Device),
    progress: &mut Progress,
) -> Result<Vec<PretrainedBreath>, Failure> {
    let measures = breath_measures();
    progress.stage("the breath's encoder", 1);
    let training = |fold: usize| {
        let seed = args.study.seed.wrapping_mul(1000).wrapping_add(fold as u64);
        breath_pretraining(args.pretraining_epochs, seed)
    };
    let new = |fold: usize| {
        let train = folds.train_rows(fold);
        device.seed(training(fold).seed);
        let encoders = Encoders { cohort, model, device, train: &train };
        Ok((encoders.new_breath(SimulatedCohort::SPIROGRAM, (GRID, &[]))?, train))
    };
    // The device draws random numbers for everyone in turn, so that no two folds may draw at once.
    let new = (0..folds.k()).map(new).collect::<Result<Vec<_>, Failure>>()?;
    let targets = BreathTargets { measures: &measures, outcomes: &args.outcome };
    let (steps, progress) = (AtomicUsize::new(0), &*progress);
    side_by_side(new, |fold, (breath, train)| {
        breath.pretrained((cohort, &train), targets, &training(fold), &mut |step| {
            progress.advance(steps.fetch_add(1, Ordering::Relaxed) + 1, folds.k() * step.n_steps);
        })
    })
}
