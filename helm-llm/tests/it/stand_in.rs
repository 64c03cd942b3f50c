//! Participants who lack a modality: its stand-in, and dropout in training.

use std::collections::BTreeMap;

use helm_core::{Answers, Cohort, Context, Feature, MissingReason, ParticipantId, Question, Record, Schema, Value};
use helm_encoders::{
    FeatureEncoder, Modality, ModalityEncoder, ModalityInput, PretrainConfig, Pretrainer, ResNet1dConfig,
    SpirogramEncoder, SpirogramEncoderConfig, SpirogramInput, TabularEncoderConfig, TabularReader, Targets,
};
use helm_llm::{Checkpoint, Error, Examples, Helm, Prompt, TrainConfig, Trainer};
use safetensors::SafeTensors;

use crate::models::{cohort, device, pass_on, same, seeded, tiny};

const PARTICIPANTS: usize = 48;

fn question() -> Question {
    Question { text: " ill:".into(), answers: Answers::yes_no() }
}

fn context() -> Context {
    Context::default().with_text("x:").with_soft("x")
}

/// A modality that lacks the input of every third participant.
fn modality(cohort: &Cohort, stand_in: bool) -> Modality {
    seeded(1, |device| {
        let reader = TabularReader::fit(["x"], cohort.records()).unwrap();
        let encoder = TabularEncoderConfig::new(reader.width(), 2, 16).with_d_hidden(16).init(device);
        let some =
            move |record: Record<'_>| if record.row() % 3 == 0 { Ok(None) } else { reader.row(record).map(Some) };
        let modality = Modality::new("x", encoder, some, device);
        if stand_in { modality.with_stand_in(0.02) } else { modality }
    })
}

fn prompts(helm: &Helm, cohort: &Cohort) -> Vec<Prompt> {
    cohort.records().map(|record| helm.prompt(&context(), record, &[question()]).unwrap()).collect()
}

fn config() -> TrainConfig {
    let mut config = TrainConfig::default();
    config.epochs = 6;
    config.batch_size = 12;
    config.learning_rate = 1e-2;
    config
}

fn log_odds(helm: &Helm, prompts: &[Prompt]) -> Vec<f64> {
    helm.risks(prompts).unwrap().into_iter().map(|risks| risks[0].log_odds).collect()
}

#[test]
fn a_slot_without_an_input_needs_a_stand_in() {
    let cohort = cohort(6);
    let helm = |stand_in| Helm::new(tiny(), vec![modality(&cohort, stand_in)]).unwrap();
    let error = helm(false).prompt(&context(), cohort.record(3), &[question()]).unwrap_err();
    assert!(matches!(&error, Error::Prompt { expected, .. } if expected.contains("stand-in")), "{error}");
    assert!(error.to_string().contains("row 4"), "{error}");
    helm(false).prompt(&context(), cohort.record(1), &[question()]).unwrap();
    let helm = helm(true);
    let together = log_odds(&helm, &prompts(&helm, &cohort));
    let alone: Vec<f64> =
        prompts(&helm, &cohort).iter().flat_map(|it| log_odds(&helm, std::slice::from_ref(it))).collect();
    for (together, alone) in together.iter().zip(&alone) {
        assert!((together - alone).abs() < 1e-5, "{together} {alone}");
    }
    // All who lack the input have the same risk.
    assert!((together[0] - together[3]).abs() < 1e-5 && (together[1] - together[2]).abs() > 1e-9);
}

/// Those who lack the input are ill, and of the others, those of a large x: the stand-in learns to say so.
#[test]
fn the_stand_in_learns_what_lacking_means() {
    let cohort = cohort(PARTICIPANTS);
    let mut helm = Helm::new(tiny(), vec![modality(&cohort, true)]).unwrap();
    let prompts = prompts(&helm, &cohort);
    let ill = |record: Record<'_>| record.row() % 3 == 0 || record.value("x").unwrap().as_number().unwrap() > 0.8;
    let labels: Vec<bool> = cohort.records().map(ill).collect();
    let train = Examples::new(prompts.clone(), labels.iter().map(|&label| vec![Some(label)]).collect()).unwrap();
    let mut config = config();
    config.epochs = 25;
    Trainer::new(config).unwrap().fit(&mut helm, &train, &mut ()).unwrap();
    let log_odds = log_odds(&helm, &prompts);
    let mean = |case: bool| {
        let of: Vec<f64> =
            (1..PARTICIPANTS).filter(|row| row % 3 != 0 && labels[*row] == case).map(|row| log_odds[row]).collect();
        of.iter().sum::<f64>() / of.len() as f64
    };
    assert!(log_odds[0] > mean(false) + 1.0, "{} {}", log_odds[0], mean(false));
    assert!(mean(true) > mean(false) + 0.5, "{} {}", mean(true), mean(false));
}

#[test]
fn dropout_is_decided_by_the_seed_on_any_number_of_threads() {
    let cohort = cohort(PARTICIPANTS);
    let run = |dropout: f64, seed: u64, threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut helm = Helm::new(tiny(), vec![modality(&cohort, true)]).unwrap().with_trees_per_pass(5);
            let prompts = prompts(&helm, &cohort);
            let labels = (0..PARTICIPANTS).map(|row| vec![Some(row % 2 == 0)]).collect();
            let train = Examples::new(prompts.clone(), labels).unwrap();
            let mut config = config();
            config.epochs = 2;
            config.modality_dropout = dropout;
            config.seed = seed;
            Trainer::new(config).unwrap().fit(&mut helm, &train, &mut ()).unwrap();
            log_odds(&helm, &prompts)
        })
    };
    let first = run(0.4, 7, 1);
    assert!(same(&first, &run(0.4, 7, 3)));
    assert!(!same(&first, &run(0.4, 8, 1)));
    assert!(!same(&first, &run(0.0, 7, 1)));
}

/// The encoder passes a constant on that training can't change where every input is dropped.
#[test]
fn dropped_inputs_train_the_stand_in_alone() {
    let cohort = cohort(PARTICIPANTS);
    let full = |_: f64| vec![1.0f32; 16];
    let new = || Helm::new(tiny(), vec![seeded(2, |_| pass_on("x", 1, 16, full).with_stand_in(0.1))]).unwrap();
    let soft = |helm: &Helm| {
        let of = |input: &ModalityInput| helm.modalities()[0].encode(&[input]).into_data().try_to_vec::<f32>().unwrap();
        let read = helm.modalities()[0].read(cohort.record(0)).unwrap().unwrap();
        (of(&read), of(&helm.modalities()[0].stand_in().unwrap()))
    };
    let run = |dropout: f64| {
        let mut helm = new();
        let labels = (0..PARTICIPANTS).map(|row| vec![Some(row % 2 == 0)]).collect();
        let train = Examples::new(prompts(&helm, &cohort), labels).unwrap();
        let mut config = config();
        config.epochs = 1;
        config.modality_dropout = dropout;
        Trainer::new(config).unwrap().fit(&mut helm, &train, &mut ()).unwrap();
        soft(&helm)
    };
    let (read, stand_in) = soft(&new());
    let (none_read, none_stand_in) = run(0.0);
    assert!(none_read != read && none_stand_in == stand_in);
    let (most_read, most_stand_in) = run(1.0 - 1e-12);
    assert!(most_read == read && most_stand_in != stand_in);
}

#[test]
fn dropout_without_a_stand_in_is_an_error() {
    let cohort = cohort(PARTICIPANTS);
    let mut helm = Helm::new(tiny(), vec![pass_on("x", 1, 16, |x| vec![x as f32; 16])]).unwrap();
    let labels = (0..PARTICIPANTS).map(|row| vec![Some(row % 2 == 0)]).collect();
    let train = Examples::new(prompts(&helm, &cohort), labels).unwrap();
    let mut config = config();
    config.modality_dropout = 0.2;
    let error = Trainer::new(config.clone()).unwrap().fit(&mut helm, &train, &mut ()).unwrap_err();
    assert!(matches!(error, Error::Training { .. }) && error.to_string().contains("slot x"), "{error}");
    for bad in [1.0, -0.1, f64::NAN] {
        config.modality_dropout = bad;
        assert!(matches!(Trainer::new(config.clone()), Err(Error::Training { .. })));
    }
}

/// Checkpoints of a modality made of a configuration hold its reader's statistics, and score new people the same.
#[test]
fn a_checkpoint_is_a_modality_saved_whole() {
    let schema = || Schema::new(vec![Feature::number("x", "x", "", -10.0..=10.0)], vec![], vec![]).unwrap();
    let people = |values: Vec<Value>| {
        let ids = (0..values.len()).map(|i| ParticipantId::new(i.to_string())).collect();
        Cohort::builder(schema(), ids).unwrap().feature("x", values).unwrap().build().unwrap()
    };
    let missing = Value::Missing(MissingReason::NotRecorded);
    let train = people((0..12).map(|i| if i == 5 { missing } else { Value::Number(f64::from(i) / 7.0) }).collect());
    let new = people(vec![Value::Number(9.1), missing, Value::Number(-3.3)]);
    let mut helm = seeded(6, |device| {
        let reader = TabularReader::fit(["x"], train.records()).unwrap();
        let config = TabularEncoderConfig::new(reader.width(), 2, 16).with_d_hidden(8);
        let modality = Modality::from_config("x", &config, &reader, device).unwrap().with_stand_in(0.02);
        Helm::new(tiny(), vec![modality]).unwrap()
    });
    let folder = tempfile::tempdir().unwrap();
    let mut config = config();
    config.epochs = 1;
    config.modality_dropout = 0.3;
    config.checkpoints = Some(folder.path().into());
    let labels = (0..12).map(|row| vec![Some(row % 2 == 0)]).collect();
    let examples = Examples::new(prompts(&helm, &train), labels).unwrap();
    Trainer::new(config).unwrap().fit(&mut helm, &examples, &mut ()).unwrap();
    let saved = Checkpoint::latest(folder.path()).unwrap().unwrap().weights();
    let loaded = Modality::load_from::<TabularEncoderConfig, TabularReader>(&saved, "x", &device()).unwrap();
    let loaded = Helm::new(tiny(), vec![loaded]).unwrap();
    assert!(same(&log_odds(&loaded, &prompts(&loaded, &new)), &log_odds(&helm, &prompts(&helm, &new))));
}

/// A pretrained encoder goes on through the language model: its frozen features and their batch norms stay, bit by bit,
/// while its projector learns; beside it is a modality that most batches lack.
#[test]
fn pretrained_and_frozen_features_stay_in_joint_training() {
    let cohort = cohort(PARTICIPANTS);
    let curve = |x: f64| -> Vec<f32> { (0..64).map(|i| (8.0 * x * (1.0 - f64::from(i) / 64.0)) as f32).collect() };
    let input = move |x: f64| SpirogramInput { flow_litres_per_second: curve(x), scalars: vec![] };
    let x = |row: usize| cohort.record(row).value("x").unwrap().as_number().unwrap();
    let inputs: Vec<SpirogramInput> = (0..PARTICIPANTS).map(|row| input(x(row))).collect();
    let targets = Targets::new(PARTICIPANTS)
        .with_measure("x", (0..PARTICIPANTS).map(|row| (row % 3 > 0).then(|| x(row))).collect())
        .unwrap();
    let encoder = seeded(5, |device| {
        let resnet = ResNet1dConfig::new(1).with_width(4).with_padding(0);
        let encoder = SpirogramEncoderConfig::new(resnet, 0, 2, 16).with_d_hidden(8).init(device);
        let mut config = PretrainConfig::default();
        config.epochs = 1;
        Pretrainer::new(config).unwrap().supervised(&encoder, &inputs, &targets, device, &mut |_| {}).unwrap().encoder
    });
    let soft = |encoder: &SpirogramEncoder| {
        let all: Vec<&SpirogramInput> = inputs.iter().collect();
        encoder.encode(&all, &device()).into_tensor().into_data().try_to_vec::<f32>().unwrap()
    };
    let pretrained = soft(&encoder);
    let reader = move |record: Record<'_>| Ok(record.value("x")?.as_number().map(&input));
    let modality = Modality::new("blow", encoder.freeze_features(), reader, &device());
    let few = pass_on("few", 1, 16, |x| vec![x as f32; 16]);
    let mut helm = Helm::new(tiny(), vec![modality, few]).unwrap();
    let prompts: Vec<_> = cohort
        .records()
        .map(|record| {
            let context = Context::default().with_text("x:").with_soft("blow");
            let context = if record.row() == 0 { context.with_soft("few") } else { context };
            helm.prompt(&context, record, &[question()]).unwrap()
        })
        .collect();
    let labels = (0..PARTICIPANTS).map(|row| vec![Some(x(row) > 0.5)]).collect();
    let train = Examples::new(prompts, labels).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let tensors = |helm: &Helm| {
        let path = folder.path().join("blow.safetensors");
        helm.modalities()[0].save(&path).unwrap();
        let bytes = std::fs::read(path).unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        tensors.iter().map(|(name, view)| (name.into(), view.data().to_vec())).collect::<BTreeMap<String, _>>()
    };
    // It begins where pretraining ended.
    let read: Vec<_> = cohort.records().map(|it| helm.modalities()[0].read(it).unwrap().unwrap()).collect();
    let begins = helm.modalities()[0].encode(&read.iter().collect::<Vec<_>>()).into_data().try_to_vec::<f32>().unwrap();
    assert_eq!(begins, pretrained);
    let before = tensors(&helm);
    Trainer::new(config()).unwrap().fit(&mut helm, &train, &mut ()).unwrap();
    let after = tensors(&helm);
    let changed: Vec<&String> = before.keys().filter(|name| before[*name] != after[*name]).collect();
    assert!(changed.len() > 2 && changed.iter().all(|name| name.starts_with("projector")), "{changed:?}");
    assert!(before.keys().any(|name| name.contains("running_mean")));
}
