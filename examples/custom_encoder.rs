//! An encoder of one's own in under 60 lines: atrial fibrillation from an ECG, through a frozen language model.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor, TensorData};
use clap::Parser;
use helm_core::{Record, Signal};
use helm_encoders::{Modality, ModalityEncoder, Projector, ProjectorConfig, SoftTokens};
use helm_eval::baseline::LogisticConfig;
use helm_examples::{
    AllScores, Failure, Manifest, Part, Progress, Scores, Study, StudyArgs, at_least, check_classes, ecg, run,
};
use helm_llm::{Helm, TrainConfig};
use helm_serialize::Serializer;
use serde_json::json;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

// The encoder begins here: a network, how it encodes, and what it reads of a participant's record.

/// A perceptron on how alike an ECG is to itself some time later.
#[derive(Module, Debug)]
struct EcgEncoder {
    hidden: Linear,
    projector: Projector,
}

impl ModalityEncoder for EcgEncoder {
    type Input = Vec<f32>;

    fn n_soft(&self) -> usize {
        self.projector.n_soft()
    }

    fn d_model(&self) -> usize {
        self.projector.d_model()
    }

    fn encode(&self, inputs: &[&Vec<f32>], device: &Device) -> SoftTokens {
        let flat: Vec<f32> = inputs.iter().flat_map(|input| input.iter().copied()).collect();
        let rhythms = Tensor::<2>::from_data(TensorData::new(flat, [inputs.len(), N_LAGS]), device);
        self.projector.forward(relu(self.hidden.forward(rhythms)))
    }
}

/// Lags of 0.2 to 2 s in steps of 20 ms: heart rates of 30 to 300 a minute.
const LAGS: std::ops::Range<usize> = 10..100;
const N_LAGS: usize = LAGS.end - LAGS.start;

/// The autocorrelation of the heart's beats over 10 s, on average over the record. It has a peak at every beat of a
/// regular rhythm and hardly any in atrial fibrillation, whatever the electrodes and the heart rate.
fn rhythm(ecg: &Signal) -> Vec<f32> {
    // How fast the voltage changes, in steps of 20 ms, smoothed over 100 ms: a hill for each beat.
    let millivolts = ecg.channel(0);
    let step = |at: usize| (at as f64 * 0.02 * ecg.rate_hz()) as usize;
    let change = |range: &[f32]| range.windows(2).map(|pair| (pair[1] - pair[0]).abs()).sum::<f32>();
    let steps = (ecg.duration_seconds() / 0.02) as usize;
    let beats: Vec<f32> =
        (2..steps.saturating_sub(3)).map(|at| change(&millivolts[step(at - 2)..step(at + 3)])).collect();
    let windows: Vec<&[f32]> = beats.chunks(500).filter(|window| window.len() > LAGS.end).collect();
    let mut mean_correlation = vec![0.0; N_LAGS];
    for window in &windows {
        let mean = window.iter().sum::<f32>() / window.len() as f32;
        let product = |lag: usize| window.iter().zip(&window[lag..]).map(|(a, b)| (a - mean) * (b - mean)).sum::<f32>();
        let variance = product(0).max(f32::MIN_POSITIVE);
        let correlations = LAGS.map(|lag| product(lag) / variance / windows.len() as f32);
        mean_correlation.iter_mut().zip(correlations).for_each(|(sum, correlation)| *sum += correlation);
    }
    mean_correlation
}

/// What the encoder reads; `None` for a participant without an ECG.
fn read(record: Record<'_>) -> Result<Option<Vec<f32>>, helm_encoders::Error> {
    Ok(record.signal(ecg::ECG)?.signal().map(rhythm))
}

// The encoder ends here; what follows trains and evaluates it.

/// Train an encoder of ECGs, written in this example's source in under 60 lines, through a frozen language model, and
/// estimate the risk of atrial fibrillation by cross-validation.
#[derive(Parser)]
#[command(after_help = "\
Prints a table: logistic regression on what the encoder reads (logistic_rhythm) and HeLM with the encoder (helm_ecg).

The data are those of the PhysioNet/CinC Challenge 2017 (https://physionet.org/content/challenge-2017): REFERENCE.csv
and a .hea and a .mat file a record; records labelled N and A are used.

This is software for research. It is not a medical device.")]
struct Args {
    /// Folder of the challenge's records; without it, ECGs are simulated, which shows how it works and no more
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Passes over the training records
    #[arg(long, default_value_t = 40, value_parser = at_least(1))]
    epochs: usize,
    #[command(flatten)]
    study: StudyArgs,
}

fn main() -> ExitCode {
    run(|| estimate(&Args::parse()))
}

/// Soft tokens of an ECG.
const N_SOFT: usize = 4;
/// Simulated ECGs.
const N_SIMULATED: usize = 200;

const LOGISTIC: &str = "logistic_rhythm";
const HELM: &str = "helm_ecg";

fn estimate(args: &Args) -> Result<(), Failure> {
    let begin = Instant::now();
    args.study.check()?;
    let (device, model) = (args.study.model.device()?, args.study.model.load()?);
    let cohort = match &args.data {
        Some(folder) => ecg::load(folder)?,
        None => ecg::simulate(N_SIMULATED, args.study.seed)?,
    };
    let mut training = TrainConfig::default();
    (training.epochs, training.batch_size, training.learning_rate, training.seed) =
        (args.epochs, 16, 2e-3, args.study.seed);
    let settings = json!({
        "epochs": args.epochs, "folds": args.study.folds, "bootstrap": args.study.bootstrap,
        "language_model": args.study.model.settings(),
        "training": training, "n_soft": N_SOFT,
    });
    let mut manifest = Manifest::new("custom_encoder", settings, args.study.seed);
    for path in args.data.as_deref().map(ecg::reference).iter().chain(&args.study.model.files()?) {
        manifest.add_file(path)?;
    }
    let outcomes = [ecg::ATRIAL_FIBRILLATION.to_owned()];
    let folds = args.study.folds_of(&cohort, &outcomes)?;
    check_classes(&cohort, &outcomes[0], &folds)?;
    let labels = cohort.labels(&outcomes[0])?;
    let kind = if args.data.is_some() { "ECGs" } else { "SIMULATED ECGs" };
    let text = format!("{} {kind}, {} of atrial fibrillation; not a medical device.\n", labels.len(), count(labels));
    args.study.say(&text);

    // As many numbers as the encoder reads, in logistic regression: what is there without a language model.
    let rows = cohort.records().map(|record| {
        let input = read(record)?.unwrap_or_default();
        Ok::<_, helm_encoders::Error>(input.into_iter().map(|number| Some(f64::from(number))).collect::<Vec<_>>())
    });
    let rows = rows.collect::<Result<Vec<_>, _>>()?;
    let log_odds = LogisticConfig::default().cross_validate(&rows, labels, &folds)?;
    let logistic = Scores { outcome: outcomes[0].clone(), model: LOGISTIC.into(), log_odds, answer_mass: None };

    let (d_model, rms) = (model.frozen().d_model(), model.frozen().embedding_rms());
    let helm = |&Part { seed, .. }: &Part<'_>| {
        device.seed(seed);
        let projector = ProjectorConfig::new(64, N_SOFT, d_model).with_initial_rms(rms).init(&device);
        let encoder = EcgEncoder { hidden: LinearConfig::new(N_LAGS, 64).init(&device), projector };
        Ok(Helm::new(model.clone(), vec![Modality::new(ecg::ECG, encoder, read, &device)])?)
    };
    let study = Study {
        cohort: &cohort,
        serializer: Serializer::new(cohort.schema()).with_signal(ecg::ECG, "ECG")?,
        outcomes: &outcomes,
        training,
        helm: &helm,
    };
    let mut progress = Progress::new(folds.k());
    let mut scores = vec![logistic];
    scores.extend(study.cross_validate(HELM, &folds, &mut progress, &mut |_| Ok(()))?);
    progress.finish();

    let scores = AllScores { cohort: &cohort, folds: &folds, scores };
    let table = scores.table(&outcomes, &[(HELM, LOGISTIC)], &args.study.bootstrap())?;
    args.study.finish(&scores, &table, &manifest, args.data.is_none(), begin)
}

fn count(labels: &[Option<bool>]) -> usize {
    labels.iter().filter(|&&label| label == Some(true)).count()
}
