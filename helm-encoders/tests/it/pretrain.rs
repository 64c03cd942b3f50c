//! Pretraining: what is learned, what stays frozen, what is refused.

use std::collections::HashMap;

use burn::module::Module;
use burn::tensor::Tensor;
use helm_core::Record;
use helm_encoders::{
    Error, FeatureEncoder, Modality, ModalityInput, PretrainConfig, Pretrainer, ReconstructingEncoder, ResNet1dConfig,
    SeriesEncoder, SeriesEncoderConfig, SeriesInput, SpirogramEncoder, SpirogramEncoderConfig, SpirogramInput,
    TabularEncoderConfig, Targets, TokenSource,
};
use safetensors::SafeTensors;

use crate::{alone, seeded};

const PEOPLE: usize = 64;

fn config(epochs: usize) -> PretrainConfig {
    let mut config = PretrainConfig::default();
    config.epochs = epochs;
    config.batch_size = 16;
    config.learning_rate = 3e-3;
    config
}

/// A number from 0 to 1 for each person, spread evenly.
fn speed(person: usize) -> f32 {
    (person as f32 * 0.618_034).fract()
}

/// Waves whose speed differs from person to person, of different lengths.
fn waves() -> Vec<SeriesInput> {
    let wave = |person: usize| {
        let n = 40 + person % 9;
        let step = 0.2 + 0.8 * speed(person);
        let samples = (0..n).map(|t| (t as f32 * step).sin() * 1.4).collect();
        SeriesInput::new(samples, vec![true; n]).unwrap()
    };
    (0..PEOPLE).map(wave).collect()
}

fn series() -> SeriesEncoder {
    seeded(1, |device| {
        let config = SeriesEncoderConfig::new(1, 48, 2, 8).with_patch_samples(8).with_d_hidden(16);
        config.with_d_feed_forward(32).with_n_heads(2).init(device)
    })
}

/// Blows whose peak differs from person to person.
fn blows() -> Vec<SpirogramInput> {
    let blow = |person: usize| {
        let peak = 4.0 + 6.0 * speed(person);
        let flow = |i: usize| if i < 90 { peak * (1.0 - i as f32 / 90.0) } else { 0.0 };
        SpirogramInput { flow_litres_per_second: (0..128).map(flow).collect(), scalars: vec![speed(person + 7)] }
    };
    (0..PEOPLE).map(blow).collect()
}

fn spirogram(tokens: TokenSource) -> SpirogramEncoder {
    seeded(2, |device| {
        let resnet = ResNet1dConfig::new(1).with_width(8).with_padding(0);
        SpirogramEncoderConfig::new(resnet, 1, 2, 8).with_d_hidden(8).with_tokens(tokens).init(device)
    })
}

/// A measure known of two in three, and a label known of three in four.
fn targets() -> Targets {
    let measure = (0..PEOPLE).map(|person| (person % 3 != 0).then(|| 10.0 + 5.0 * f64::from(speed(person))));
    let label = (0..PEOPLE).map(|person| (person % 4 != 0).then(|| speed(person) > 0.5));
    let targets = Targets::new(PEOPLE).with_measure("speed", measure.collect()).unwrap();
    targets.with_label("fast", label.collect()).unwrap()
}

#[test]
fn measures_and_labels_are_learned_together() {
    let _alone = alone();
    let device = crate::device_under_test();
    fn check<E: FeatureEncoder>(encoder: &E, inputs: &[E::Input], device: &burn::tensor::Device) {
        let pretrainer = Pretrainer::new(config(40)).unwrap();
        let mut steps = 0;
        let trained = seeded(3, |_| pretrainer.supervised(encoder, inputs, &targets(), device, &mut |_| steps += 1));
        let trained = trained.unwrap();
        assert_eq!(trained.report.steps, steps);
        let losses = &trained.report.epoch_losses;
        assert!(losses[39] < 0.4 * losses[0], "{losses:?}");
        // Of everyone, those whose targets were unknown included.
        let predicted = trained.predict(&inputs.iter().collect::<Vec<_>>(), device);
        let error = |person: usize| (predicted[person][0] - 10.0 - 5.0 * f64::from(speed(person))).abs();
        let mean = (0..PEOPLE).map(error).sum::<f64>() / PEOPLE as f64;
        assert!(mean < 0.6, "{mean}");
        let right = (0..PEOPLE).filter(|&person| (predicted[person][1] > 0.5) == (speed(person) > 0.5)).count();
        assert!(right as f64 > 0.9 * PEOPLE as f64, "{right}");
    }
    check(&series(), &waves(), &device);
    check(&spirogram(TokenSource::Pooled), &blows(), &device);
}

#[test]
fn hidden_parts_are_filled_in() {
    let _alone = alone();
    let device = crate::device_under_test();
    let pretrainer = Pretrainer::new(config(25)).unwrap();
    // Waves of one speed, whose height and sign must be seen in what isn't hidden.
    let wave = |person: usize| {
        let samples = (0..48).map(|t| (t as f32 * 0.7).sin() * 4.0 * (speed(person) - 0.5)).collect();
        SeriesInput::new(samples, vec![true; 48]).unwrap()
    };
    let waves: Vec<SeriesInput> = (0..PEOPLE).map(wave).collect();
    let (_, report) = pretrainer.reconstruction(&series(), &waves, &device, &mut |_| {}).unwrap();
    assert!(report.epoch_losses[24] < 0.5 * report.epoch_losses[0], "{:?}", report.epoch_losses);
    let encoder = spirogram(TokenSource::Positions);
    let (_, report) = seeded(4, |_| pretrainer.reconstruction(&encoder, &blows(), &device, &mut |_| {})).unwrap();
    assert!(report.epoch_losses[24] < 0.2 * report.epoch_losses[0], "{:?}", report.epoch_losses);
}

/// What is hidden can't be seen: the encoder makes the same of any content.
#[test]
fn what_is_hidden_is_not_seen() {
    let _alone = alone();
    let device = crate::device_under_test();
    let encode = |encoder: &SeriesEncoder, samples: Vec<f32>| {
        let input = SeriesInput::new(samples, vec![true; 24]).unwrap();
        let hidden = vec![vec![false, true, false]];
        encoder.encode_hiding(&[&input], &hidden, &device).into_data().try_to_vec::<f32>().unwrap()
    };
    let encoder = series();
    let one: Vec<f32> = (0..24).map(|i| i as f32 * 0.1).collect();
    let other: Vec<f32> = one.iter().enumerate().map(|(i, &x)| if (8..16).contains(&i) { 9.0 } else { x }).collect();
    assert_eq!(encode(&encoder, one), encode(&encoder, other));
    // So of a curve; its parts are 32 points, and those without flow are not hidden.
    let encoder = spirogram(TokenSource::Pooled);
    let mut blow = blows().remove(0);
    assert_eq!(encoder.filled_parts(&blow), [true, true, true, false]);
    let (contents, counts) = encoder.contents(&[&blow], &device);
    assert_eq!((contents.dims(), counts.dims()), ([1, 4, 32], [1, 4, 32]));
    let hidden = vec![vec![true, false, true, false]];
    let encode = |blow: &SpirogramInput| {
        encoder.encode_hiding(&[blow], &hidden, &device).into_data().try_to_vec::<f32>().unwrap()
    };
    let before = encode(&blow);
    blow.flow_litres_per_second[..32].fill(7.0);
    blow.flow_litres_per_second[64..96].fill(1.0);
    assert_eq!(encode(&blow), before);
    blow.flow_litres_per_second[40] = 20.0;
    assert_ne!(encode(&blow), before);
    // The published length: 12 zeros on both sides that don't count.
    let published =
        seeded(2, |device| SpirogramEncoderConfig::new(ResNet1dConfig::new(1).with_width(4), 0, 2, 8).init(device));
    let blow = SpirogramInput { flow_litres_per_second: vec![1.0; 1000], scalars: vec![] };
    let (contents, counts) = published.contents(&[&blow], &device);
    assert_eq!(contents.dims(), [1, 32, 32]);
    assert_eq!(counts.sum().into_scalar::<f32>(), 1000.0);
    assert_eq!(published.encode_hiding(&[&blow], &[vec![false; 32]], &device).dims(), [1, 32, 32]);
}

fn features<E: FeatureEncoder>(encoder: &E, inputs: &[E::Input]) -> Vec<f32> {
    let device = crate::device_under_test();
    let inputs: Vec<_> = inputs.iter().collect();
    encoder.features(&inputs, &device).into_data().try_to_vec().unwrap()
}

#[test]
fn a_seed_decides_a_run_and_the_encoder_given_stays() {
    let _alone = alone();
    let device = crate::device_under_test();
    let encoder = spirogram(TokenSource::Pooled);
    let before = features(&encoder, &blows());
    let run = |seed: u64| {
        let mut config = config(2);
        config.seed = seed;
        let pretrainer = Pretrainer::new(config).unwrap();
        let trained = seeded(5, |_| pretrainer.supervised(&encoder, &blows(), &targets(), &device, &mut |_| {}));
        features(&trained.unwrap().encoder, &blows())
    };
    let first = run(1);
    assert_eq!(first, run(1));
    assert_ne!(first, run(2));
    assert_ne!(first, before);
    // Weights and running statistics.
    assert_eq!(features(&encoder, &blows()), before);
    // Those without any known target are as good as not there.
    let targets = |n: usize| {
        let values = (0..n).map(|i| (i < 8).then_some(i as f64)).collect();
        Targets::new(n).with_measure("a", values).unwrap()
    };
    let run = |n: usize| {
        let pretrainer = Pretrainer::new(config(2)).unwrap();
        let inputs = &blows()[..n];
        let trained = seeded(5, |_| pretrainer.supervised(&encoder, inputs, &targets(n), &device, &mut |_| {}));
        features(&trained.unwrap().encoder, &blows())
    };
    assert_eq!(run(8), run(20));
}

/// The tensors of a modality's file.
fn tensors(modality: &Modality) -> HashMap<String, Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    modality.save(&path).unwrap();
    let bytes = std::fs::read(path).unwrap();
    SafeTensors::deserialize(&bytes).unwrap().iter().map(|(name, view)| (name.into(), view.data().to_vec())).collect()
}

/// Pretrained, then trained further as a modality: what is frozen stays, batch norms' statistics included.
#[test]
fn frozen_features_stay_bit_identical_through_further_training() {
    let _alone = alone();
    let device = crate::device_under_test();
    let pretrainer = Pretrainer::new(config(2)).unwrap();
    for tokens in [TokenSource::Pooled, TokenSource::Positions] {
        let pretrained = || {
            let encoder = spirogram(tokens);
            seeded(6, |_| pretrainer.supervised(&encoder, &blows(), &targets(), &device, &mut |_| {})).unwrap().encoder
        };
        let reader = |record: Record<'_>| Ok(Some(blows().swap_remove(record.row())));
        let train = |modality: &mut Modality, inputs: &[ModalityInput]| {
            for _ in 0..3 {
                let soft: Tensor<3> = modality.forward(&inputs.iter().collect::<Vec<_>>());
                modality.backward(soft);
                modality.step(1e-2, 1.0);
                // As a run that returns to its best epoch does.
                let snapshot = modality.snapshot();
                modality.restore(&snapshot);
            }
        };
        let cohort = crate::people(PEOPLE);
        let [free, features, whole] = [0, 1, 2].map(|frozen| {
            let encoder = match frozen {
                0 => pretrained(),
                1 => pretrained().freeze_features(),
                _ => pretrained().freeze(),
            };
            let mut modality = Modality::new("spirogram", encoder, reader, &device);
            let inputs: Vec<_> = cohort.records().map(|it| modality.read(it).unwrap().unwrap()).collect();
            let before = tensors(&modality);
            train(&mut modality, &inputs);
            let after = tensors(&modality);
            // A file's weights are as frozen as those that they replace.
            let folder = tempfile::tempdir().unwrap();
            let (path, n) = (folder.path().join("weights.safetensors"), modality.n_parameters());
            modality.save(&path).unwrap();
            modality.load(&path).unwrap();
            assert_eq!(modality.n_parameters(), n);
            let changed =
                |part: &str| before.iter().filter(|(name, old)| name.contains(part) && after[*name] != **old).count();
            (changed("resnet"), changed("running"), changed("projector"), modality.n_parameters())
        });
        assert!(free.0 > 0 && free.1 > 0 && free.2 > 0, "{free:?}");
        assert!(features.0 == 0 && features.1 == 0 && features.2 > 0 && features.3 > 0, "{features:?}");
        assert_eq!(whole, (0, 0, 0, 0));
    }
    // The other encoders' features, too.
    let rows = vec![vec![0.3f32], vec![-0.2]];
    let tabular = seeded(7, |device| TabularEncoderConfig::new(1, 2, 8).init(device)).freeze_features();
    let before = features(&tabular, &rows);
    let rows_again = rows.clone();
    let mut modality =
        Modality::new("t", tabular, move |it: Record<'_>| Ok(rows_again.get(it.row()).cloned()), &device);
    let names = tensors(&modality);
    let cohort = crate::people(2);
    let inputs: Vec<_> = cohort.records().map(|it| modality.read(it).unwrap().unwrap()).collect();
    let soft = modality.forward(&inputs.iter().collect::<Vec<_>>());
    modality.backward(soft);
    modality.step(1e-2, 1.0);
    let changed: Vec<_> = tensors(&modality).into_iter().filter(|(name, new)| names[name] != *new).collect();
    assert!(!changed.is_empty() && changed.iter().all(|(name, _)| name.contains("output")), "{before:?}");
}

#[test]
fn runs_that_cannot_be_are_errors() {
    let _alone = alone();
    let device = crate::device_under_test();
    let pretrainer = Pretrainer::new(config(1)).unwrap();
    let encoder = seeded(7, |device| TabularEncoderConfig::new(1, 2, 8).init(device));
    let fit = |inputs: &[Vec<f32>], targets: &Targets| {
        pretrainer.supervised(&encoder, inputs, targets, &device, &mut |_| {}).err().unwrap()
    };
    let rows = vec![vec![0.5f32]; 3];
    let one = Targets::new(3).with_measure("a", vec![Some(1.0), None, None]).unwrap();
    let two = Targets::new(3).with_measure("a", vec![Some(1.0), None, Some(2.0)]).unwrap();
    assert!(fit(&rows, &one).to_string().contains("at least two with a target"));
    assert!(fit(&rows[..2], &two).to_string().contains("those of 2 inputs"));
    assert!(fit(&rows, &Targets::new(3)).to_string().contains("at least one"));
    let error = fit(&[vec![f32::NAN], vec![0.0], vec![1.0]], &two);
    assert!(matches!(error, Error::NotFinite { step: 1, .. }), "{error}");

    let message = |result: Result<Targets, Error>| {
        let error = result.unwrap_err();
        assert!(matches!(error, Error::Input { .. }));
        error.to_string()
    };
    let new = || Targets::new(2);
    assert!(message(new().with_measure("a", vec![Some(1.0)])).contains("target \"a\": expected values of 2"));
    assert!(message(new().with_measure("a", vec![None, None])).contains("at least one known"));
    assert!(message(new().with_measure("a", vec![Some(f64::NAN), None])).contains("finite"));
    assert!(message(new().with_label("a", vec![Some(true), None])).contains("cases and controls"));
    let a = new().with_measure("a", vec![Some(1.25), None]).unwrap();
    assert!(message(a.clone().with_label("a", vec![Some(true), Some(false)])).contains("a name of its own"));
    assert_eq!(format!("{a:?}"), "Targets(2 participants, [\"a\"])");

    let still = vec![SpirogramInput { flow_litres_per_second: vec![0.0; 64], scalars: vec![0.0] }];
    let error = pretrainer.reconstruction(&spirogram(TokenSource::Pooled), &still, &device, &mut |_| {}).unwrap_err();
    assert!(matches!(error, Error::Input { .. }), "{error}");
    let changes: [fn(&mut PretrainConfig); 8] = [
        |config| config.epochs = 0,
        |config| config.batch_size = 1,
        |config| config.learning_rate = f64::NAN,
        |config| config.warmup = 1.0,
        |config| config.weight_decay = -1.0,
        |config| config.max_gradient_norm = 0.0,
        |config| config.hidden_share = 0.0,
        |config| config.hidden_share = 1.0,
    ];
    for change in changes {
        let mut config = PretrainConfig::default();
        change(&mut config);
        assert!(matches!(Pretrainer::new(config), Err(Error::Config { .. })));
    }
}
