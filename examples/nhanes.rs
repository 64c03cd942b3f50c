//! Asthma-like risk from real breaths: HeLM on the US National Health and Nutrition Examination Survey 2011–2012.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use helm_core::{Cohort, Folds, Schema};
use helm_examples::{
    AllScores, DataSource, Encoders, Failure, Fold, GRID, Inputs, Manifest, OutcomeGroup, Progress, Scorer, Scores,
    SignalColumn, SignalInput, Study, StudyArgs, at_least, breath_attribution, calibrate, check_classes, classical,
    flat_schema_file, nhanes, run, write_atomically,
};
use helm_llm::{Bundle, Helm, TrainConfig};
use serde_json::json;

/// The system's allocator returns the memory of every tensor and takes fresh pages for the next one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Estimate the risk of health outcomes from NHANES 2011–2012 with a frozen language model, with and without the
/// spirogram, beside logistic regression, by cross-validation.
#[derive(Parser)]
#[command(after_help = "\
Prints a table for each outcome: logistic regression and gradient boosting on tabular features (logistic_tabular,
boosting_tabular) and with spirometry (logistic_multimodal, boosting_multimodal), HeLM on text and tabular soft tokens (helm_tabular) and with the spirogram (helm_multimodal).

diagnoses_labs.csv is a table that you make of other files of the same survey, one row a participant, cells may be empty:
  SEQN
  systolic_mmhg, diastolic_mmhg  means of BPXSY1 to BPXSY4 and of BPXDI1 to BPXDI4 (BPX_G)
  congestive_heart_failure, coronary_heart_disease, heart_attack, stroke, arthritis
                                 1 told by a doctor, 0 not: MCQ160B, MCQ160C, MCQ160E, MCQ160F, MCQ160A (MCQ_G)
  hypertension_jnc7              Yes or No: from 140 mmHg systolic or 90 diastolic, or medication for it (BPQ_G)
  total_cholesterol, hdl_cholesterol
                                 LBXTC (TCHOL_G) and LBDHDD (HDL_G), mg/dL

Where the folder also has SPXRAW_G.csv, the survey's raw curves with its own column names, the spirogram is a person's
best accepted breath in full instead of a few points of it.

With --save, the risks of the bundle are calibrated by Platt scaling on half of the participants, from log-odds that models
of the cross-validation gave to people they had not seen; how calibrated they are on the other half stands in the
bundle's parts/calibration.json. No participant's data are in it, only statistics: means and deviations of features,
learned weights. All outcomes must share their features: hypertension needs a bundle of its own.

With --report, attribution_OUTCOME.svg shows what in the breaths of cases speaks for the outcome: their mean flow–volume
curve, coloured by integrated gradients.

This is software for research. It is not a medical device.")]
struct Args {
    /// Folder with the survey's files: SPX_G.XPT, DEMO_G.XPT, BMX_G.XPT, SMQ_G.XPT, RDQ_G.XPT, DIQ_G.XPT, the linked
    /// mortality file NHANES_2011_2012_MORT_2019_PUBLIC.dat and diagnoses_labs.csv (see below)
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// An outcome: wheeze, death, chronic_cough, diabetes, heart_failure, heart_attack, stroke,
    /// coronary_heart_disease, hypertension or arthritis; may be given several times. Folds are stratified by the first
    #[arg(long, value_name = "NAME", default_value = "wheeze")]
    outcome: Vec<String>,
    /// Passes over the training participants
    #[arg(long, default_value_t = 4, value_parser = at_least(1))]
    epochs: usize,
    /// Train helm_multimodal once more, on everyone, and save it as a bundle with all that it takes to score new people
    /// (example predict). The folder may be new or empty, or hold a bundle, which is replaced
    #[arg(long, value_name = "DIR")]
    save: Option<PathBuf>,
    #[command(flatten)]
    study: StudyArgs,
}

fn main() -> ExitCode {
    run(|| estimate(&Args::parse()))
}

const LOGISTIC_TABULAR: &str = "logistic_tabular";
const LOGISTIC_MULTIMODAL: &str = "logistic_multimodal";
const BOOSTING_TABULAR: &str = "boosting_tabular";
const BOOSTING_MULTIMODAL: &str = "boosting_multimodal";
const HELM_TABULAR: &str = "helm_tabular";
const HELM_MULTIMODAL: &str = "helm_multimodal";

fn estimate(args: &Args) -> Result<(), Failure> {
    let begin = Instant::now();
    let groups = groups(args)?;
    let (device, model) = (args.study.model.device()?, args.study.model.load()?);
    let nhanes = nhanes::load(&args.data)?;
    let cohort = &nhanes.cohort;
    let mut training = TrainConfig::default();
    (training.epochs, training.seed) = (args.epochs, args.study.seed);
    let mut manifest = Manifest::new(
        "nhanes",
        json!({
            "outcomes": args.outcome, "epochs": args.epochs, "folds": args.study.folds, "bootstrap": args.study.bootstrap,
            "language_model": args.study.model.settings(), "training": training, "n_soft": Encoders::N_SOFT,
            "resnet_width": Encoders::RESNET_WIDTH, "d_hidden": Encoders::D_HIDDEN, "grid": GRID,
        }),
        args.study.seed,
    );
    for path in nhanes::paths(&args.data).iter().chain(&args.study.model.files()?) {
        manifest.add_file(path)?;
    }
    let folds = args.study.folds_of(cohort, &args.outcome)?;
    for outcome in &args.outcome {
        check_classes(cohort, outcome, &folds)?;
    }
    args.study.say(&describe(&nhanes)?);
    let mut scores = baselines(cohort, args, &folds)?;
    let mut progress = Progress::new(groups.len() * 2 * folds.k() + usize::from(args.save.is_some()));
    let breath = [SignalInput { name: nhanes::SPIROGRAM, label: "breath", beside: &nhanes::BESIDE_THE_CURVE }];
    for OutcomeGroup { features, outcomes } in &groups {
        for (name, signals) in [(HELM_TABULAR, &breath[..0]), (HELM_MULTIMODAL, &breath[..])] {
            let spirogram = !signals.is_empty();
            let inputs = Inputs { cohort, model: &model, device: &device, features, signals };
            let study = Study {
                cohort,
                serializer: inputs.serializer()?,
                outcomes,
                training: training.clone(),
                helm: &|part| inputs.helm(part),
            };
            let mut look = |fold: &Fold<'_>| -> Result<(), Failure> {
                let (Some(folder), true, 0) = (&args.study.report, spirogram, fold.index) else { return Ok(()) };
                let test: Vec<_> = fold.test.iter().copied().zip(fold.prompts).collect();
                for (question, outcome) in outcomes.iter().enumerate() {
                    let asked = (outcome.as_str(), question);
                    let svg = breath_attribution(cohort, &GRID, fold.helm, asked, fold.train, &test)?;
                    if let Some(svg) = svg {
                        write_atomically(&folder.join(format!("attribution_{outcome}.svg")), svg.as_bytes())?;
                    }
                }
                Ok(())
            };
            let of_study = study.cross_validate(name, &folds, &mut progress, &mut look)?;
            if let (Some(folder), true) = (&args.save, spirogram) {
                let helm = study.fit_all(name, &folds, &mut progress)?;
                scorer(helm, &study, features, &of_study, args.study.seed)?.save(folder)?;
                let bundle = folder.display();
                args.study.say(&format!("Saved the model of everyone to {bundle}, for the example predict.\n"));
            }
            scores.extend(of_study);
        }
    }
    progress.finish();

    let comparisons = [
        (HELM_MULTIMODAL, HELM_TABULAR),
        (HELM_MULTIMODAL, LOGISTIC_MULTIMODAL),
        (HELM_MULTIMODAL, BOOSTING_MULTIMODAL),
        (HELM_TABULAR, LOGISTIC_TABULAR),
        (LOGISTIC_MULTIMODAL, LOGISTIC_TABULAR),
    ];
    let scores = AllScores { cohort, folds: &folds, scores };
    let table = scores.table(&args.outcome, &comparisons, &args.study.bootstrap())?;
    args.study.finish(&scores, &table, &manifest, false, begin)
}

/// What is kept of the multimodal model.
fn scorer(helm: Helm, study: &Study<'_>, features: &[String], scores: &[Scores], seed: u64) -> Result<Scorer, Failure> {
    let whole = study.cohort.schema();
    let read = |name: &str| features.iter().any(|it| it == name) || nhanes::BESIDE_THE_CURVE.contains(&name);
    let schema = Schema::new(
        whole.features().iter().filter(|feature| read(&feature.name)).cloned().collect(),
        vec![nhanes::SPIROGRAM.into()],
        whole.outcomes().iter().filter(|outcome| study.outcomes.contains(&outcome.name)).cloned().collect(),
    )?;
    let breath = SignalColumn { name: nhanes::SPIROGRAM, rate_hz: nhanes::RATE_HZ, unit: "L" };
    let source = DataSource { nhanes_folder: true, schema_file: flat_schema_file(&schema, &[breath])? };
    let calibration = calibrate(study.cohort, scores, seed)?;
    Ok(Scorer { helm, serializer: study.serializer.clone(), schema, source, calibration })
}

/// The outcomes by their features, after what would otherwise show only at the end of the run.
fn groups(args: &Args) -> Result<Vec<OutcomeGroup>, Failure> {
    let groups = OutcomeGroup::of(&args.outcome, |outcome| Ok(nhanes::tabular_features(outcome)))?;
    if let Some(folder) = &args.save {
        OutcomeGroup::check_one(&groups)?;
        Bundle::check_folder(folder)?;
    }
    args.study.check()?;
    Ok(groups)
}

/// What the data are, in the words of a paper's methods section.
fn describe(nhanes: &nhanes::Nhanes) -> Result<String, Failure> {
    let nhanes::Nhanes { cohort, unusable_curves, levelled_curves, whole_curves } = nhanes;
    let curves = cohort.signals(nhanes::SPIROGRAM)?;
    let present = curves.iter().filter(|curve| curve.signal().is_some()).count();
    let mut cut = 0;
    for curve in curves.iter().filter_map(|curve| curve.signal()) {
        cut += usize::from(GRID.cuts(&helm_core::spirometry::Spirogram::from_signal(curve.clone())?));
    }
    Ok(format!(
        "NHANES 2011–2012: {} adults with spirometry; {present} have a curve, {unusable_curves} an unusable one.\n\
         {whole_curves} are whole breaths of {}. Of the others the survey's summary file keeps five volumes and the\n\
         end of the breath: the spirogram is a sparse measured one there, a monotone interpolation through these points.\n\
         Five single numbers (peak flow, FEF25–75, back-extrapolated volume, expiratory time, FEV1/FVC) stand beside the\n\
         curve. The volume grid ends at {} L and cuts {cut} of them; in {levelled_curves} sparse ones, a volume up to\n\
         0.150 L below an earlier one (another blow's) was raised to it. Unweighted; not a medical device.\n",
        cohort.n_participants(),
        nhanes::RAW_CURVES,
        GRID.max_volume_litres,
    ))
}

/// The classical models of all outcomes.
fn baselines(cohort: &Cohort, args: &Args, folds: &Folds) -> Result<Vec<Scores>, Failure> {
    let mut scores = Vec::new();
    for outcome in &args.outcome {
        let tabular = nhanes::tabular_features(outcome);
        let multimodal = [tabular.as_slice(), &nhanes::SPIROMETRY].concat();
        scores.extend(classical(cohort, folds, outcome, &tabular, [LOGISTIC_TABULAR, BOOSTING_TABULAR])?);
        scores.extend(classical(cohort, folds, outcome, &multimodal, [LOGISTIC_MULTIMODAL, BOOSTING_MULTIMODAL])?);
    }
    Ok(scores)
}
