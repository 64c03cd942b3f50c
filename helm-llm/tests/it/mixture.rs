//! A mixture of outcomes, and steps that are computed in parts.

use burn::tensor::Tensor;
use helm_core::{Cohort, Context, Record};
use helm_encoders::Modality;
use helm_llm::{Error, Examples, Helm, Imbalance, Prompt, SoftPrompt, TrainConfig, Trainer};

use crate::models::{cohort, seeded, tiny};
use crate::task::{Normed, PARTICIPANTS, Seen, config, context, helm, question, tabular};

/// Two questions of which the second is asked about the same number the other way round: both can't be right.
fn contradiction(helm: &Helm, cohort: &Cohort) -> (Vec<Prompt>, Examples) {
    let prompts: Vec<Prompt> = cohort
        .records()
        .map(|record| helm.prompt(&context(), record, &[question(" ill:"), question(" ill:")]).unwrap())
        .collect();
    let high = |record: Record<'_>| record.value("x").unwrap().as_number().unwrap() > 0.5;
    let labels = cohort.records().map(|record| vec![Some(high(record)), Some(!high(record))]).collect();
    (prompts.clone(), Examples::new(prompts, labels).unwrap())
}

/// The mean log-odds of those with a high number over the others.
fn slope(helm: &Helm, prompts: &[Prompt], cohort: &Cohort) -> f64 {
    let sign = |record: Record<'_>| if record.value("x").unwrap().as_number().unwrap() > 0.5 { 1.0 } else { -1.0 };
    let risks = helm.risks(prompts).unwrap();
    cohort.records().zip(&risks).map(|(record, risks)| sign(record) * risks[0].log_odds).sum::<f64>()
        / risks.len() as f64
}

#[test]
fn the_question_that_weighs_more_is_learned() {
    let cohort = cohort(PARTICIPANTS);
    let learned = |weights: [f64; 2], drawn: usize| {
        let mut helm = helm(tiny(), &cohort, 1);
        let (prompts, train) = contradiction(&helm, &cohort);
        let mut config = config(8);
        config.question_weights = weights.to_vec();
        config.questions_per_participant = drawn;
        Trainer::new(config).unwrap().fit(&mut helm, &train, &mut ()).unwrap();
        slope(&helm, &prompts, &cohort)
    };
    for drawn in [0, 1] {
        let (first, second) = (learned([4.0, 1.0], drawn), learned([1.0, 4.0], drawn));
        assert!(first > 0.3 && second < -0.3, "{drawn} drawn: {first} {second}");
        // A question of weight 0 teaches nothing at all; only proportions count.
        let alone = learned([1.0, 0.0], drawn);
        assert!(alone > first, "{drawn} drawn: {alone} {first}");
        assert!((learned([0.5, 0.0], drawn) - alone).abs() < 1e-3);
    }
}

#[test]
fn a_question_of_weight_0_needs_no_cases() {
    let cohort = cohort(PARTICIPANTS);
    let mut helm = helm(tiny(), &cohort, 1);
    let (prompts, _) = contradiction(&helm, &cohort);
    let train =
        Examples::new(prompts, (0..PARTICIPANTS).map(|row| vec![Some(row % 3 == 0), Some(false)]).collect()).unwrap();
    let mut config = config(1);
    let mut fit = |config: &TrainConfig| Trainer::new(config.clone()).unwrap().fit(&mut helm, &train, &mut ());
    assert!(matches!(fit(&config), Err(Error::Training { expected, .. }) if expected.contains("question 2")));
    config.question_weights = vec![1.0, 0.0];
    for imbalance in [Imbalance::None, Imbalance::Weights, Imbalance::Sampling] {
        config.imbalance = imbalance;
        fit(&config).unwrap();
    }
    config.question_weights = vec![1.0];
    assert!(matches!(fit(&config), Err(Error::Training { expected, .. }) if expected.contains("2 questions")));
}

/// A step in parts is the step of the whole, for participants who have all, some, or nothing that is trained.
#[test]
fn a_step_in_parts_is_the_whole_step() {
    let cohort = cohort(PARTICIPANTS);
    let step = |micro_batches: usize, front: bool| {
        let mut helm = Helm::new(tiny(), vec![tabular(16, &cohort, 1)]).unwrap();
        if front {
            helm = helm.with_soft_prompt(&SoftPrompt::from_text(2, "a", &tiny()).unwrap()).unwrap();
        }
        let prompt = |record: Record<'_>| {
            let none = Context::default().with_text("nothing");
            // The first sixth has nothing: a whole part, whichever way it is cut.
            let context = if record.row() < PARTICIPANTS / 6 { none } else { context() };
            helm.prompt(&context, record, &[question(" ill:"), question(" well:")]).unwrap()
        };
        let prompts: Vec<Prompt> = cohort.records().map(prompt).collect();
        // Labels are unevenly spread over the parts.
        let labels =
            (0..PARTICIPANTS).map(|row| vec![Some(row % 4 == 0), (row > 60).then_some(row % 2 == 0)]).collect();
        let train = Examples::new(prompts, labels).unwrap();
        let mut config = config(1);
        config.batch_size = PARTICIPANTS;
        config.micro_batches = micro_batches;
        config.imbalance = Imbalance::Weights;
        let mut seen = Seen::default();
        Trainer::new(config).unwrap().fit(&mut helm, &train, &mut seen).unwrap();
        (seen.steps[0].loss, seen.steps[0].gradient_norm)
    };
    for front in [false, true] {
        let (loss, norm) = step(1, front);
        for micro_batches in [2, 3, 7, PARTICIPANTS / 2] {
            let (other_loss, other_norm) = step(micro_batches, front);
            assert!((loss - other_loss).abs() < 1e-5, "{micro_batches}: {loss} {other_loss}");
            assert!((norm / other_norm - 1.0).abs() < 1e-4, "{micro_batches}: {norm} {other_norm}");
        }
    }
}

/// Batch norm sees a part at a time: its running statistics move once a part.
#[test]
fn batch_norm_sees_parts() {
    let cohort = cohort(8);
    let statistics = |micro_batches: usize| {
        let reader = |record: Record<'_>| Ok(Some(record.row() as f32));
        let modality = seeded(1, |device| Modality::new("tabular", Normed::new(device, 16), reader, device));
        let mut helm = Helm::new(tiny(), vec![modality]).unwrap();
        let prompts = cohort.records().map(|it| helm.prompt(&context(), it, &[question(" ill:")]).unwrap()).collect();
        let train = Examples::new(prompts, (0..8).map(|row| vec![Some(row % 2 == 0)]).collect()).unwrap();
        let mut config = config(1);
        config.micro_batches = micro_batches;
        // Nothing but the statistics moves.
        config.learning_rate = 1e-30;
        Trainer::new(config).unwrap().fit(&mut helm, &train, &mut ()).unwrap();
        let read = helm.modalities()[0].read(cohort.record(0)).unwrap().unwrap();
        let soft: Tensor<3> = helm.modalities()[0].encode(&[&read]);
        soft.into_data().try_to_vec::<f32>().unwrap()
    };
    assert_eq!(statistics(1), statistics(1));
    assert_ne!(statistics(1), statistics(2));
}

#[test]
fn settings_that_cannot_be_are_errors() {
    let changes: [fn(&mut TrainConfig); 7] = [
        |config| config.micro_batches = 0,
        // Parts of one.
        |config| config.micro_batches = config.batch_size,
        |config| config.question_weights = vec![0.0, 0.0],
        |config| config.question_weights = vec![1.0, -1.0],
        |config| config.question_weights = vec![1.0, f64::NAN],
        |config| config.question_weights = vec![f64::INFINITY],
        |config| config.question_weights = vec![0.0],
    ];
    for change in changes {
        let mut config = TrainConfig::default();
        change(&mut config);
        assert!(matches!(Trainer::new(config), Err(Error::Training { .. })));
    }
}
