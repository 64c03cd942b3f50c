//! When a run ends early, and what doesn't begin.

use std::cell::RefCell;

use burn::tensor::Tensor;
use helm_core::Record;
use helm_encoders::{Modality, TabularEncoderConfig, TabularReader};
use helm_llm::{Error, Examples, Helm, TrainConfig, Trainer, Validation};

use crate::models::{cohort, device, seeded, tiny};
use crate::task::{Normed, PARTICIPANTS, Seen, config, context, examples, helm, log_odds, question};

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
        let trainer = Trainer::new(config).unwrap().with_validation(validation).with_metric("AUROC", metric);
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
fn numbers_that_are_not_finite_stop_the_run_and_the_last_good_weights_stay() {
    let cohort = cohort(PARTICIPANTS);
    // One participant's input makes the batch norm's statistics NaN.
    let reader = |record: Record<'_>| {
        let x = record.value("x")?.as_number().unwrap() as f32;
        Ok(Some(if record.row() == PARTICIPANTS - 1 { f32::INFINITY } else { x }))
    };
    let modality = seeded(3, |device| Modality::new("tabular", Normed::new(device, 16), reader, device));
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
