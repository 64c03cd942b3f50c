//! A modality: soft tokens, gradients, steps, files.

use burn::optim::AdamWConfig;
use burn::tensor::Tensor;
use helm_core::spirometry::MeasuredPoints;
use helm_core::{Cohort, Feature, ParticipantId, Schema, SignalState, Value};
use helm_encoders::{
    Error, FlowVolume, Modality, ModalityInput, ResNet1dConfig, SpirogramEncoderConfig, SpirogramReader,
    TabularEncoderConfig, TabularReader,
};

use crate::{alone, seeded};

const N_SOFT: usize = 3;
const D_MODEL: usize = 8;
const GRID: FlowVolume = FlowVolume { n_points: 64, max_volume_litres: 8.0, max_seconds: 30.0 };

/// Five people, of whom the last has no spirogram.
fn cohort() -> Cohort {
    let schema =
        Schema::new(vec![Feature::number("age", "age", "years", 0.0..=120.0)], vec!["spirogram".into()], vec![])
            .unwrap();
    let ids = (0..5).map(|i| ParticipantId::new(i.to_string())).collect();
    let ages = [30.0, 40.0, 55.0, 70.0, 50.0].map(Value::Number).to_vec();
    let blow = |litres: f64| {
        let points = MeasuredPoints {
            volume_litres_at_seconds: vec![(0.5, 0.6 * litres), (1.0, 0.8 * litres), (3.0, 0.95 * litres)],
            expiratory_time_seconds: 6.0,
            fvc_litres: litres,
        };
        SignalState::Present(points.to_spirogram(100.0).unwrap().into_signal())
    };
    let blows = [5.0, 4.5, 4.0, 2.5].map(blow).into_iter().chain([SignalState::Absent]).collect();
    let builder = Cohort::builder(schema, ids).unwrap().feature("age", ages).unwrap();
    builder.signal("spirogram", blows).unwrap().build().unwrap()
}

fn spirogram(cohort: &Cohort, seed: u64) -> Modality {
    seeded(seed, |device| {
        let scalars = TabularReader::fit(["age"], cohort.records()).unwrap();
        let reader = SpirogramReader::new("spirogram", GRID).with_scalars(scalars);
        let resnet = ResNet1dConfig::new(1).with_width(4).with_padding(0);
        let config = SpirogramEncoderConfig::new(resnet, reader.n_scalars(), N_SOFT, D_MODEL).with_d_hidden(8);
        Modality::new("spirogram", config.init(device), reader, device)
    })
}

fn inputs(modality: &Modality, cohort: &Cohort) -> Vec<ModalityInput> {
    cohort.records().filter_map(|record| modality.read(record).unwrap()).collect()
}

fn values(soft: Tensor<3>) -> Vec<f32> {
    soft.into_data().try_to_vec().unwrap()
}

fn encode(modality: &Modality, inputs: &[ModalityInput]) -> Vec<f32> {
    values(modality.encode(&inputs.iter().collect::<Vec<_>>()))
}

/// One training step towards soft tokens of 0.
fn step(modality: &mut Modality, inputs: &[ModalityInput]) {
    let soft = modality.forward(&inputs.iter().collect::<Vec<_>>());
    modality.backward(soft);
    modality.step(1e-2, 1.0);
}

#[test]
fn a_participant_without_the_signal_has_no_input() {
    let _alone = alone();
    let cohort = cohort();
    let modality = spirogram(&cohort, 1);
    assert_eq!(inputs(&modality, &cohort).len(), 4);
    assert!(modality.read(cohort.record(4)).unwrap().is_none());
    assert_eq!(format!("{:?}", inputs(&modality, &cohort)[0]), "ModalityInput");
}

#[test]
fn a_batch_is_encoded_as_its_inputs_alone() {
    let _alone = alone();
    let cohort = cohort();
    let mut modality = spirogram(&cohort, 1);
    let inputs = inputs(&modality, &cohort);
    (0..5).for_each(|_| step(&mut modality, &inputs));
    let together = encode(&modality, &inputs);
    let alone: Vec<f32> = inputs.iter().flat_map(|input| encode(&modality, std::slice::from_ref(input))).collect();
    for (together, alone) in together.iter().zip(alone) {
        assert!((together - alone).abs() < 1e-5, "{together} {alone}");
    }
}

#[test]
fn steps_follow_the_gradient_and_snapshots_return() {
    let _alone = alone();
    let cohort = cohort();
    let mut modality = spirogram(&cohort, 1);
    let inputs = inputs(&modality, &cohort);
    let norm = |soft: &[f32]| soft.iter().map(|value| value * value).sum::<f32>();
    let before = encode(&modality, &inputs);
    let snapshot = modality.snapshot();
    (0..20).for_each(|_| step(&mut modality, &inputs));
    let after = encode(&modality, &inputs);
    assert!(norm(&after) < 0.5 * norm(&before), "{} {}", norm(&after), norm(&before));
    // Weights and running statistics, bit by bit.
    modality.restore(&snapshot);
    assert_eq!(encode(&modality, &inputs), before);
    // Encoding for scoring moves nothing; encoding for training moves the running statistics.
    assert_eq!(encode(&modality, &inputs), before);
    let _ = modality.forward(&inputs.iter().collect::<Vec<_>>());
    assert_ne!(encode(&modality, &inputs), before);
}

#[test]
fn gradients_add_up_and_scale() {
    let _alone = alone();
    let cohort = cohort();
    let mut modality = spirogram(&cohort, 1);
    let inputs = inputs(&modality, &cohort);
    let all: Vec<&ModalityInput> = inputs.iter().collect();
    let device = crate::device_under_test();
    let ones = || Tensor::ones([4, N_SOFT, D_MODEL], &device);
    assert_eq!(modality.gradient_norm_squared(), 0.0);
    modality.forward(&all);
    modality.backward(ones());
    let once = modality.gradient_norm_squared();
    modality.forward(&all);
    modality.backward(ones());
    let twice = modality.gradient_norm_squared();
    assert!((twice / once - 4.0).abs() < 1e-3, "{once} {twice}");
    // A step uses them up; AdamW's first step doesn't depend on the gradient's scale beyond its epsilon.
    modality.step(1e-3, 0.5);
    assert_eq!(modality.gradient_norm_squared(), 0.0);
    modality.start_training(&AdamWConfig::new());
    modality.forward(&all);
    modality.backward(Tensor::full([4, N_SOFT, D_MODEL], f32::NAN, &device));
    assert!(modality.gradient_norm_squared().is_nan());
}

#[test]
fn a_step_without_a_gradient_changes_nothing() {
    let _alone = alone();
    let cohort = cohort();
    let mut modality = spirogram(&cohort, 1);
    let inputs = inputs(&modality, &cohort);
    let before = encode(&modality, &inputs);
    modality.step(1e-2, 1.0);
    assert_eq!(encode(&modality, &inputs), before);
}

#[test]
fn the_same_seed_makes_the_same_encoder() {
    let _alone = alone();
    let cohort = cohort();
    let encoded = |seed| {
        let modality = spirogram(&cohort, seed);
        encode(&modality, &inputs(&modality, &cohort))
    };
    assert_eq!(encoded(5), encoded(5));
    assert_ne!(encoded(5), encoded(6));
}

#[test]
fn files_keep_weights_and_statistics() {
    let _alone = alone();
    let cohort = cohort();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spirogram.safetensors");
    let mut saved = spirogram(&cohort, 1);
    let inputs = inputs(&saved, &cohort);
    (0..3).for_each(|_| step(&mut saved, &inputs));
    saved.save(&path).unwrap();
    let mut loaded = spirogram(&cohort, 2);
    loaded.load(&path).unwrap();
    assert_eq!(encode(&loaded, &inputs), encode(&saved, &inputs));

    // A file of another encoder, a damaged one and none: errors, and the weights stay.
    let mut other = spirogram(&cohort, 3);
    let before = encode(&other, &inputs);
    let device = crate::device_under_test();
    let tabular = Modality::new(
        "tabular",
        TabularEncoderConfig::new(1, N_SOFT, D_MODEL).init(&device),
        TabularReader::fit(["age"], cohort.records()).unwrap(),
        &device,
    );
    let of_another = folder.path().join("tabular.safetensors");
    tabular.save(&of_another).unwrap();
    let whole = std::fs::read(&path).unwrap();
    let damaged = folder.path().join("damaged.safetensors");
    for (path, content) in
        [(&of_another, None), (&damaged, Some(&whole[..whole.len() / 2])), (&damaged, Some(&[0xff; 64]))]
    {
        if let Some(content) = content {
            std::fs::write(path, content).unwrap();
        }
        let error = other.load(path).unwrap_err();
        assert!(matches!(&error, Error::File { path: named, .. } if named == path), "{error}");
        assert_eq!(encode(&other, &inputs), before);
    }
    assert!(other.load(&folder.path().join("none")).is_err());
}

/// Other samples of the same numbers change nothing, scoring's batch norm included, and gradients are differences.
#[test]
fn samples_of_a_curve_are_encoded_as_the_input_is() {
    let cohort = cohort();
    let mut modality = spirogram(&cohort, 31);
    let input = modality.read(cohort.record(0)).unwrap().unwrap();
    // Statistics other than those of the start.
    let others: Vec<ModalityInput> = (0..4).map(|row| modality.read(cohort.record(row)).unwrap().unwrap()).collect();
    let _ = modality.forward(&others.iter().collect::<Vec<_>>());
    let encoded = |modality: &Modality| modality.encode(&[&input]).into_data();
    let before = encoded(&modality);
    let samples = modality.samples(&input);
    assert_eq!(samples.len(), 64);
    let graph = modality.encode_samples(&input, &[samples.clone(), samples.clone()]);
    let soft = graph.soft();
    for row in 0..2 {
        soft.clone().narrow(0, row, 1).into_data().assert_approx_eq::<f32>(&before, Default::default());
    }
    let gradient = graph.gradient(Tensor::ones([2, N_SOFT, D_MODEL], &crate::device_under_test()));
    assert_eq!(gradient[0], gradient[1]);
    let sum = |samples: Vec<f32>| modality.encode_samples(&input, &[samples]).soft().sum().into_scalar::<f32>();
    for at in [3, 20, 40] {
        let moved = |by: f32| {
            let mut samples = samples.clone();
            samples[at] += by;
            sum(samples)
        };
        let difference = (moved(0.05) - moved(-0.05)) / 0.1;
        assert!(
            (difference - gradient[0][at]).abs() < 2e-3 + 0.05 * difference.abs(),
            "{difference} {}",
            gradient[0][at]
        );
    }
    assert_eq!(encoded(&modality), before);
}

/// Everyone's input; the stand-in where there is none.
fn inputs_of_all(modality: &Modality, cohort: &Cohort) -> Vec<ModalityInput> {
    let of = |record| modality.read(record).unwrap().or_else(|| modality.stand_in()).unwrap();
    cohort.records().map(of).collect()
}

#[test]
fn a_stand_in_is_learned_beside_the_encoder() {
    let _alone = alone();
    let cohort = cohort();
    let plain = spirogram(&cohort, 1);
    assert!(plain.stand_in().is_none());
    let before = encode(&plain, &inputs(&plain, &cohort));
    let n_plain = plain.n_parameters();
    let mut modality = seeded_stand_in(plain);
    assert_eq!(modality.n_parameters(), n_plain + N_SOFT * D_MODEL);
    // Who has the input is encoded as before.
    assert_eq!(encode(&modality, &inputs(&modality, &cohort)), before);

    // In a mixed batch, each is encoded as alone, wherever the missing one stands.
    let mut all = inputs_of_all(&modality, &cohort);
    assert_eq!(all.iter().map(ModalityInput::is_stand_in).collect::<Vec<_>>(), [false, false, false, false, true]);
    all.swap(1, 4);
    let alone: Vec<f32> = all.iter().flat_map(|input| encode(&modality, std::slice::from_ref(input))).collect();
    for (together, alone) in encode(&modality, &all).iter().zip(&alone) {
        assert!((together - alone).abs() < 1e-5, "{together} {alone}");
    }
    // Batches of the stand-in alone train it alone.
    let missing = vec![modality.stand_in().unwrap(); 2];
    let stand_in = encode(&modality, &missing[..1]);
    let snapshot = modality.snapshot();
    step(&mut modality, &missing);
    assert_ne!(encode(&modality, &missing[..1]), stand_in);
    assert_eq!(encode(&modality, &inputs(&modality, &cohort)), before);
    modality.restore(&snapshot);
    assert_eq!(encode(&modality, &missing[..1]), stand_in);
    // Two who lack the input pull twice as hard as one.
    let norm = |modality: &mut Modality, inputs: &[ModalityInput]| {
        modality.start_training(&AdamWConfig::new());
        let soft = modality.forward(&inputs.iter().collect::<Vec<_>>());
        modality.backward(soft);
        modality.gradient_norm_squared()
    };
    let (one, two) = (norm(&mut modality, &missing[..1]), norm(&mut modality, &missing));
    assert!((two / one - 4.0).abs() < 1e-4, "{one} {two}");
    // A mixed batch trains both.
    let (encoder, both) = (norm(&mut modality, &all[2..]), norm(&mut modality, &all));
    assert!(encoder > 0.0 && both > encoder, "{encoder} {both}");
}

fn seeded_stand_in(modality: Modality) -> Modality {
    seeded(9, |_| modality.with_stand_in(0.5))
}

#[test]
#[should_panic(expected = "a stand-in where an input is missing")]
fn the_stand_in_of_another_modality_panics() {
    let _alone = alone();
    let cohort = cohort();
    let missing = seeded_stand_in(spirogram(&cohort, 1)).stand_in().unwrap();
    let _ = spirogram(&cohort, 1).encode(&[&missing]);
}

#[test]
fn files_keep_the_stand_in() {
    let _alone = alone();
    let cohort = cohort();
    let folder = tempfile::tempdir().unwrap();
    let (with, without) = (folder.path().join("with.safetensors"), folder.path().join("without.safetensors"));
    let mut saved = seeded_stand_in(spirogram(&cohort, 1));
    let all = inputs_of_all(&saved, &cohort);
    step(&mut saved, &all);
    saved.save(&with).unwrap();
    let mut loaded = seeded_stand_in(spirogram(&cohort, 2));
    loaded.load(&with).unwrap();
    assert_eq!(encode(&loaded, &all), encode(&saved, &all));
    // One file has it, the other doesn't.
    assert!(spirogram(&cohort, 3).load(&with).unwrap_err().to_string().contains("1 unknown"));
    spirogram(&cohort, 1).save(&without).unwrap();
    assert!(loaded.load(&without).unwrap_err().to_string().contains("1 missing"));
    assert_eq!(encode(&loaded, &all), encode(&saved, &all));
}
