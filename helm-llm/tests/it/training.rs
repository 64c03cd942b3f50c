//! Training through the frozen model: what learns, what stays, and that only what should decides it.

use std::cell::RefCell;

use helm_core::{Cohort, Context};
use helm_encoders::{Modality, TabularEncoderConfig, TabularReader};
use helm_llm::{Examples, Helm, Imbalance, LanguageModel, Padding, Trainer, Validation};

use crate::models::{cohort, device, same, seeded, stories_folder, tiny};
use crate::task::{PARTICIPANTS, Seen, auroc, config, context, examples, helm, log_odds, question, tabular};

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
        let trainer = Trainer::new(config(12)).unwrap().with_validation(validation).with_metric("AUROC", metric);
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
            log_odds(&helm, &cohort)
        })
    };
    let first = run(7, 1);
    assert!(same(&first, &run(7, 1)));
    assert!(same(&first, &run(7, 3)));
    assert!(!same(&first, &run(8, 1)));
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
