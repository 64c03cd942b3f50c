//! Training through the frozen model: what learns, what stays, what stops.

use std::cell::RefCell;

use burn::module::Module;
use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig};
use burn::tensor::{Device, Tensor, TensorData};
use helm_core::{Answers, Cohort, Context, Question, Record};
use helm_encoders::{Modality, ModalityEncoder, SoftTokens, TabularEncoderConfig, TabularReader};
use helm_llm::{
    Error, Examples, Helm, Imbalance, LanguageModel, Padding, StepReport, TrainConfig, TrainObserver, Trainer,
    Validation, ValidationReport,
};

use crate::models::{cohort, device, seeded, stories_folder, tiny};

const PARTICIPANTS: usize = 96;

fn config(epochs: usize) -> TrainConfig {
    let mut config = TrainConfig::default();
    config.epochs = epochs;
    config.batch_size = 16;
    config.learning_rate = 1e-2;
    config
}

/// A model with a tabular encoder whose initial weights a seed decides.
fn helm(model: LanguageModel, cohort: &Cohort, seed: u64) -> Helm {
    let modality = tabular(model.frozen().d_model(), cohort, seed);
    Helm::new(model, vec![modality]).unwrap()
}

fn tabular(d_model: usize, cohort: &Cohort, seed: u64) -> Modality {
    seeded(seed, |device| {
        let reader = TabularReader::fit(["x"], cohort.records()).unwrap();
        let encoder = TabularEncoderConfig::new(reader.width(), 2, d_model).with_d_hidden(16);
        Modality::new("tabular", encoder.init(device), reader, device)
    })
}

fn question(text: &str) -> Question {
    Question { text: text.into(), answers: Answers::yes_no() }
}

fn context() -> Context {
    Context::default().with_text("x:").with_soft("tabular")
}

/// Two questions: whether x is above 0.5, and whether it is below 0.3; a tenth of the labels is unknown.
fn examples(helm: &Helm, cohort: &Cohort, rows: impl Iterator<Item = usize>) -> Examples {
    let questions = [question(" ill:"), question(" well:")];
    let (prompts, labels) = rows
        .map(|row| {
            let record = cohort.record(row);
            let x = record.value("x").unwrap().as_number().unwrap();
            let labels = vec![(row % 10 != 3).then_some(x > 0.5), Some(x < 0.3)];
            (helm.prompt(&context(), record, &questions).unwrap(), labels)
        })
        .unzip();
    Examples::new(prompts, labels).unwrap()
}

fn log_odds(helm: &Helm, cohort: &Cohort) -> Vec<f64> {
    let prompt = |record: Record<'_>| helm.prompt(&context(), record, &[question(" ill:")]).unwrap();
    let prompts: Vec<_> = cohort.records().map(prompt).collect();
    helm.risks(&prompts).unwrap().into_iter().map(|risks| risks[0].log_odds).collect()
}

/// The share of pairs of a case and a control that are in the right order.
fn auroc(validation: &Validation, question: usize) -> f64 {
    let (scores, labels) = &validation.questions[question];
    let of = |case| scores.iter().zip(labels).filter(move |(_, label)| **label == case).map(|(score, _)| *score);
    let right =
        of(true).flat_map(|case| of(false).map(move |control| f64::from(u8::from(case > control)))).sum::<f64>();
    right / (of(true).count() * of(false).count()) as f64
}

#[test]
fn encoders_learn_and_the_language_model_stays_bit_identical() {
    let cohort = cohort(PARTICIPANTS);
    let models = [Some(tiny()), stories_folder().map(|folder| LanguageModel::load(&folder, &device()).unwrap())];
    for model in models.into_iter().flatten() {
        let before = (model.frozen().weights_sha256(), crate::models::continuation(&model, "She was sick", 8));
        let mut helm = helm(model.clone(), &cohort, 1);
        let untrained = log_odds(&helm, &cohort);
        let train = examples(&helm, &cohort, (0..PARTICIPANTS).filter(|row| row % 4 != 0));
        let validation = examples(&helm, &cohort, (0..PARTICIPANTS).filter(|row| row % 4 == 0));
        let aurocs = RefCell::new(Vec::new());
        let metric = |validation: &Validation| {
            let pair = [auroc(validation, 0), auroc(validation, 1)];
            aurocs.borrow_mut().push(pair);
            pair.iter().sum()
        };
        let trainer = Trainer::new(config(12)).unwrap().with_validation(validation).with_metric(metric);
        let report = trainer.fit(&mut helm, &train, &mut ()).unwrap();
        assert_eq!(report.steps, 12 * train.len().div_ceil(16));
        let best = aurocs.borrow()[report.best_epoch.unwrap() - 1];
        assert!(best.iter().all(|&auroc| auroc > 0.95), "{best:?}");
        assert_ne!(log_odds(&helm, &cohort), untrained);
        let after = (model.frozen().weights_sha256(), crate::models::continuation(&model, "She was sick", 8));
        assert_eq!(before, after, "the frozen model");
    }
}

#[test]
fn a_seed_decides_everything_on_any_number_of_threads() {
    let cohort = cohort(PARTICIPANTS);
    let run = |seed: u64, threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut helm = helm(tiny(), &cohort, 1).with_trees_per_pass(5);
            let mut config = config(2);
            config.seed = seed;
            let train = examples(&helm, &cohort, 0..PARTICIPANTS);
            Trainer::new(config).unwrap().fit(&mut helm, &train, &mut ()).unwrap();
            log_odds(&helm, &cohort).into_iter().map(f64::to_bits).collect::<Vec<_>>()
        })
    };
    let first = run(7, 1);
    assert_eq!(first, run(7, 1));
    assert_eq!(first, run(7, 3));
    assert_ne!(first, run(8, 1));
}

/// Notes what the observer sees.
#[derive(Default)]
struct Seen {
    steps: Vec<StepReport>,
    validations: Vec<ValidationReport>,
}

impl TrainObserver for Seen {
    fn step(&mut self, report: &StepReport) {
        self.steps.push(*report);
    }

    fn validated(&mut self, report: &ValidationReport) {
        self.validations.push(*report);
    }
}

#[test]
fn early_stopping_returns_to_the_best_epoch() {
    let cohort = cohort(PARTICIPANTS);
    let fit = |epochs: usize, metrics: Vec<f64>, patience: usize| {
        let mut helm = helm(tiny(), &cohort, 1);
        let train = examples(&helm, &cohort, (0..PARTICIPANTS).filter(|row| row % 4 != 0));
        let validation = examples(&helm, &cohort, (0..PARTICIPANTS).filter(|row| row % 4 == 0));
        let mut config = config(epochs);
        config.patience = patience;
        let given = RefCell::new(metrics.into_iter());
        let metric = |_: &Validation| given.borrow_mut().next().unwrap();
        let mut seen = Seen::default();
        let trainer = Trainer::new(config).unwrap().with_validation(validation).with_metric(metric);
        let report = trainer.fit(&mut helm, &train, &mut seen);
        (report, seen, log_odds(&helm, &cohort))
    };
    // The best of the 2nd epoch is followed by two that are no better.
    let (report, seen, stopped) = fit(6, vec![0.5, 0.7, 0.7, 0.6, 0.9, 0.9], 2);
    let report = report.unwrap();
    assert_eq!((report.best_epoch, report.best_metric), (Some(2), Some(0.7)));
    assert_eq!(seen.validations.iter().map(|it| it.best).collect::<Vec<_>>(), [true, true, false, false]);
    assert_eq!(report.steps, seen.steps.len());
    assert!(seen.steps.iter().all(|step| step.loss.is_finite() && step.gradient_norm > 0.0));
    assert_eq!(seen.steps[0].n_steps, 6 * 5);
    // The same run without patience has the same weights after its best epoch, and others where another is the best.
    let (_, _, same) = fit(6, vec![0.5, 0.7, 0.1, 0.1, 0.1, 0.1], 0);
    assert_eq!(stopped, same);
    let (_, _, other) = fit(6, vec![0.5, 0.4, 0.1, 0.1, 0.1, 0.9], 0);
    assert_ne!(stopped, other);
    // A metric that is no number ends the run instead of deciding it.
    let (report, _, _) = fit(2, vec![f64::NAN, 0.5], 0);
    assert!(matches!(report, Err(Error::NotFinite { what, .. }) if what == "validation metric"));
}

#[test]
fn rare_outcomes_are_weighted_or_sampled() {
    let cohort = cohort(PARTICIPANTS);
    // Risks follow the training prevalence, one in eight; the likelihood term would trade some of that for answer mass.
    let mean_risk = |imbalance: Imbalance| {
        let mut helm = helm(tiny(), &cohort, 1);
        let prompts = cohort.records().map(|record| helm.prompt(&context(), record, &[question(" ill:")]).unwrap());
        let prompts: Vec<_> = prompts.collect();
        let labels = (0..PARTICIPANTS).map(|row| vec![Some(row % 8 == 0)]).collect();
        let train = Examples::new(prompts.clone(), labels).unwrap();
        let mut config = config(30);
        config.likelihood_weight = 0.0;
        config.imbalance = imbalance;
        Trainer::new(config).unwrap().fit(&mut helm, &train, &mut ()).unwrap();
        let risks = helm.risks(&prompts).unwrap();
        risks.iter().map(|risks| risks[0].probability()).sum::<f64>() / PARTICIPANTS as f64
    };
    let none = mean_risk(Imbalance::None);
    assert!((none - 0.125).abs() < 0.05, "{none}");
    for imbalance in [Imbalance::Weights, Imbalance::Sampling] {
        let balanced = mean_risk(imbalance);
        assert!((balanced - 0.5).abs() < 0.15, "{imbalance:?}: {balanced}");
    }
}

#[test]
fn checkpoints_are_whole_and_load() {
    let cohort = cohort(PARTICIPANTS);
    let folder = tempfile::tempdir().unwrap();
    let mut trained = helm(tiny(), &cohort, 1);
    let train = examples(&trained, &cohort, 0..PARTICIPANTS);
    let mut config = config(2);
    config.checkpoints = Some(folder.path().join("run"));
    // What an interrupted run left behind is replaced.
    std::fs::create_dir_all(folder.path().join("run/.epoch-002.part/junk")).unwrap();
    Trainer::new(config.clone()).unwrap().fit(&mut trained, &train, &mut ()).unwrap();
    let mut names: Vec<_> =
        std::fs::read_dir(folder.path().join("run")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["epoch-001", "epoch-002"]);
    let state = std::fs::read_to_string(folder.path().join("run/epoch-002/state.json")).unwrap();
    let state: serde_json::Value = serde_json::from_str(&state).unwrap();
    assert_eq!(state["epoch"], 2);
    assert_eq!(state["language_model_sha256"], trained.model().frozen().weights_sha256());

    let mut modality = tabular(16, &cohort, 2);
    modality.load(&folder.path().join("run/epoch-002/tabular.safetensors")).unwrap();
    let loaded = Helm::new(tiny(), vec![modality]).unwrap();
    assert_eq!(log_odds(&loaded, &cohort), log_odds(&trained, &cohort));

    // A run that can't write its checkpoints says so.
    std::fs::write(folder.path().join("file"), "").unwrap();
    config.checkpoints = Some(folder.path().join("file"));
    let error = Trainer::new(config).unwrap().fit(&mut trained, &train, &mut ()).unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error}");
}

/// An encoder with a batch norm.
#[derive(Module, Debug)]
struct Normed {
    norm: BatchNorm,
    linear: Linear,
}

impl ModalityEncoder for Normed {
    type Input = f32;

    fn n_soft(&self) -> usize {
        1
    }

    fn d_model(&self) -> usize {
        self.linear.weight.dims()[1]
    }

    fn encode(&self, inputs: &[&f32], device: &Device) -> SoftTokens {
        let values: Vec<f32> = inputs.iter().map(|input| **input).collect();
        let batch = values.len();
        let columns = Tensor::<2>::from_data(TensorData::new(values, [batch, 1]), device);
        // [batch, 1] -> [batch, 1, 1], a channel of one position
        let normed = self.norm.forward(columns.reshape([batch, 1, 1])).reshape([batch, 1]);
        SoftTokens::new(self.linear.forward(normed).reshape([batch, 1, self.d_model()]))
    }
}

#[test]
fn numbers_that_are_not_finite_stop_the_run_and_the_last_good_weights_stay() {
    let cohort = cohort(PARTICIPANTS);
    // One participant's input makes the batch norm's statistics NaN.
    let reader = |record: Record<'_>| {
        let x = record.value("x")?.as_number().unwrap() as f32;
        Ok(Some(if record.row() == PARTICIPANTS - 1 { f32::INFINITY } else { x }))
    };
    let modality = seeded(3, |device| {
        let encoder =
            Normed { norm: BatchNormConfig::new(1).init(device), linear: LinearConfig::new(1, 16).init(device) };
        Modality::new("tabular", encoder, reader, device)
    });
    let mut helm = Helm::new(tiny(), vec![modality]).unwrap();
    let question = question(" ill:");
    let prompts = |helm: &Helm, n: usize| -> Vec<_> {
        cohort
            .records()
            .take(n)
            .map(|it| helm.prompt(&context(), it, std::slice::from_ref(&question)).unwrap())
            .collect()
    };
    let labels = |n: usize| (0..n).map(|row| vec![Some(row % 2 == 0)]).collect();
    let good = PARTICIPANTS - 1;
    let before = helm.risks(&prompts(&helm, good)).unwrap();
    let mut config = config(1);
    config.batch_size = PARTICIPANTS;
    let bad = Examples::new(prompts(&helm, PARTICIPANTS), labels(PARTICIPANTS)).unwrap();
    let error = Trainer::new(config.clone()).unwrap().fit(&mut helm, &bad, &mut ()).unwrap_err();
    assert!(matches!(&error, Error::NotFinite { step: 1, what, .. } if what == "output of tabular"), "{error}");
    // The running statistics, too, are those from before.
    assert_eq!(helm.risks(&prompts(&helm, good)).unwrap(), before);
    let fine = Examples::new(prompts(&helm, good), labels(good)).unwrap();
    Trainer::new(config).unwrap().fit(&mut helm, &fine, &mut ()).unwrap();
    // In scoring, such a participant is an error as well, never a risk.
    let error = helm.risks(&prompts(&helm, PARTICIPANTS)).unwrap_err();
    assert!(matches!(error, Error::RiskNotFinite { participant: PARTICIPANTS, question: 1 }), "{error}");
}

#[test]
fn participants_without_a_modality_train_and_score() {
    let cohort = cohort(PARTICIPANTS);
    let mut helm = helm(tiny(), &cohort, 1);
    let questions = [question(" ill:")];
    // One in three has no soft token at all; the last batch may hold none or one that has.
    let prompts: Vec<_> = cohort
        .records()
        .map(|record| {
            let without = Context::default().with_text("x: not available");
            let context = if record.row() % 3 == 0 { without } else { context() };
            helm.prompt(&context, record, &questions).unwrap()
        })
        .collect();
    let labels = cohort.records().map(|it| vec![Some(it.value("x").unwrap().as_number().unwrap() > 0.5)]).collect();
    let train = Examples::new(prompts.clone(), labels).unwrap();
    let mut config = config(4);
    config.batch_size = 2;
    Trainer::new(config).unwrap().fit(&mut helm, &train, &mut ()).unwrap();
    assert_eq!(helm.risks(&prompts).unwrap().len(), PARTICIPANTS);
}

/// Two modalities of which some participants lack one, texts of different lengths, two questions: however the batch is
/// cut and padded, a step is the same. One tree in a pass is a participant alone.
#[test]
fn a_step_does_not_depend_on_how_its_batch_is_packed() {
    let cohort = cohort(PARTICIPANTS);
    let step = |trees_per_pass: usize, padding: Padding| {
        let model = tiny();
        let d_model = model.frozen().d_model();
        let modalities = vec![tabular(d_model, &cohort, 1), other(d_model, &cohort)];
        let mut helm = Helm::new(model, modalities).unwrap().with_trees_per_pass(trees_per_pass).with_padding(padding);
        let questions = [question(" ill:"), question(" well and happy:")];
        let prompts: Vec<_> = cohort
            .records()
            .map(|record| {
                let text = "x ".repeat(1 + record.row() % 5);
                let mut context = Context::default().with_text(text);
                for (slot, every) in [("tabular", 3), ("other", 2)] {
                    context = if record.row() % every == 0 { context } else { context.with_soft(slot) };
                }
                helm.prompt(&context, record, &questions).unwrap()
            })
            .collect();
        let labels = (0..PARTICIPANTS).map(|row| vec![Some(row % 4 == 0), (row % 3 != 0).then_some(row % 2 == 0)]);
        let train = Examples::new(prompts.clone(), labels.collect()).unwrap();
        let mut config = config(1);
        config.batch_size = PARTICIPANTS;
        let mut seen = Seen::default();
        Trainer::new(config).unwrap().fit(&mut helm, &train, &mut seen).unwrap();
        let risks = helm.risks(&prompts).unwrap();
        let log_odds: Vec<f64> = risks.iter().flatten().map(|risk| risk.log_odds).collect();
        (seen.steps[0].loss, seen.steps[0].gradient_norm, log_odds)
    };
    let (loss, norm, log_odds) = step(1, Padding::Right);
    for (trees_per_pass, padding) in [(1, Padding::Left), (3, Padding::Right), (3, Padding::Left), (96, Padding::Right)]
    {
        let (other_loss, other_norm, other_log_odds) = step(trees_per_pass, padding);
        assert!((loss - other_loss).abs() < 1e-5, "{loss} {other_loss}");
        assert!((norm / other_norm - 1.0).abs() < 1e-4, "{norm} {other_norm}");
        for (a, b) in log_odds.iter().zip(&other_log_odds) {
            // AdamW's first step turns the smallest gradients, which are rounding, into whole steps.
            assert!((a - b).abs() < 1e-2, "{a} {b}");
        }
    }
}

/// A second modality.
fn other(d_model: usize, cohort: &Cohort) -> Modality {
    seeded(2, |device| {
        let reader = TabularReader::fit(["x"], cohort.records()).unwrap();
        let encoder = TabularEncoderConfig::new(reader.width(), 3, d_model).with_d_hidden(8);
        Modality::new("other", encoder.init(device), reader, device)
    })
}

#[test]
fn what_holds_participants_data_shows_sizes_only() {
    let cohort = cohort(8);
    let helm = helm(tiny(), &cohort, 1);
    let examples = examples(&helm, &cohort, 0..8);
    assert_eq!(format!("{examples:?}"), "Examples(8 prompts, 2 questions)");
    let validation = Validation { loss: 0.5, questions: vec![(vec![1.25], vec![true])] };
    assert_eq!(format!("{validation:?}"), "Validation(loss 0.5, labels [1])");
    let prompt = helm.prompt(&context(), cohort.record(0), &[question(" ill:")]).unwrap();
    assert!(format!("{prompt:?}").starts_with("Prompt("));
    assert_eq!(
        format!("{:?}", helm_encoders::SoftTokens::new(Tensor::ones([1, 2, 3], &device()))),
        "SoftTokens([1, 2, 3])"
    );
}

#[test]
fn runs_that_cannot_start_are_errors() {
    let cohort = cohort(8);
    let mut helm = helm(tiny(), &cohort, 1);
    let prompts: Vec<_> =
        cohort.records().map(|record| helm.prompt(&context(), record, &[question(" ill:")]).unwrap()).collect();
    let all = |label| Examples::new(prompts.clone(), vec![vec![label]; 8]).unwrap();
    let mut fit = |train: &Examples| {
        let error = Trainer::new(TrainConfig::default()).unwrap().fit(&mut helm, train, &mut ()).unwrap_err();
        assert!(matches!(error, Error::Training { .. }));
        error.to_string()
    };
    assert!(fit(&all(Some(true))).contains("8 cases and 0 controls"));
    assert!(all(None).is_empty());
    assert!(fit(&all(None)).contains("two examples"));
    assert!(Examples::new(prompts.clone(), vec![vec![Some(true)]; 7]).is_err());
    assert!(Examples::new(prompts.clone(), vec![vec![Some(true), None]; 8]).is_err());
    let labels = (0..8).map(|row| vec![Some(row % 2 == 0)]).collect();
    let train = Examples::new(prompts, labels).unwrap();
    let mut bare = Helm::new(tiny(), vec![]).unwrap();
    assert!(Trainer::new(TrainConfig::default()).unwrap().fit(&mut bare, &train, &mut ()).is_err());

    // Patience or checkpoints that could not do what they are for.
    let mut patient = TrainConfig::default();
    patient.patience = 2;
    let error = Trainer::new(patient).unwrap().fit(&mut helm, &train, &mut ()).unwrap_err().to_string();
    assert!(error.contains("patient"), "{error}");
    let trainer = Trainer::new(TrainConfig::default()).unwrap().with_validation(Examples::default());
    assert!(trainer.fit(&mut helm, &train, &mut ()).unwrap_err().to_string().contains("validation examples"));
    let modality = seeded(1, |device| {
        let reader = TabularReader::fit(["x"], cohort.records()).unwrap();
        Modality::new("../x", TabularEncoderConfig::new(1, 2, 16).init(device), reader, device)
    });
    let mut checkpoints = TrainConfig::default();
    checkpoints.checkpoints = Some("never".into());
    let mut elsewhere = Helm::new(tiny(), vec![modality]).unwrap();
    let error = Trainer::new(checkpoints).unwrap().fit(&mut elsewhere, &train, &mut ()).unwrap_err().to_string();
    assert!(error.contains("../x"), "{error}");

    let changes: [fn(&mut TrainConfig); 8] = [
        |config| config.epochs = 0,
        |config| config.batch_size = 1,
        |config| config.learning_rate = f64::NAN,
        |config| config.learning_rate = 0.0,
        |config| config.warmup = 1.0,
        |config| config.weight_decay = -1.0,
        |config| config.max_gradient_norm = f64::NAN,
        |config| config.likelihood_weight = f64::INFINITY,
    ];
    for change in changes {
        let mut config = TrainConfig::default();
        change(&mut config);
        assert!(matches!(Trainer::new(config), Err(Error::Training { .. })));
    }
}
