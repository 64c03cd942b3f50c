//! A modality saved whole: encoder, reader and its statistics; what doesn't belong together is refused.

use std::path::Path;

use burn::tensor::{Device, Tensor};
use helm_core::{Cohort, Feature, ParticipantId, Record, Schema, Signal, SignalState, Value};
use helm_encoders::{
    EncoderConfig, Error, FlowVolume, InputReader, Modality, ModalityEncoder, ResNet1dConfig, SeriesEncoderConfig,
    SeriesPooling, SeriesReader, SpirogramEncoderConfig, SpirogramInput, SpirogramReader, TabularEncoderConfig,
    TabularReader, TokenSource,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{alone, seeded};

/// People with numbers that no short decimal names, an ECG each, and a blow.
fn cohort(n: usize, shift: f64) -> Cohort {
    let schema = Schema::new(
        vec![Feature::number("x", "x", "", -1e9..=1e9), Feature::number("y", "y", "", -1e9..=1e9)],
        vec!["ecg".into(), "spirogram".into()],
        vec![],
    )
    .unwrap();
    let wave = |i: usize| (0..40).map(|t| ((t * (i + 2)) as f32 * 0.1).sin() * 0.3 + shift as f32).collect::<Vec<_>>();
    let blow = |i: usize| (0..60).map(|t| 4.0 * (1.0 - (-(t as f32) / (10.0 + i as f32)).exp())).collect::<Vec<_>>();
    let signal = |samples, rate, unit| SignalState::Present(Signal::new(samples, 1, rate, unit).unwrap());
    let ids = (0..n).map(|i| ParticipantId::new(i.to_string())).collect();
    Cohort::builder(schema, ids)
        .unwrap()
        .feature("x", (0..n).map(|i| Value::Number((i as f64 + shift).sqrt() / 3.0)).collect())
        .unwrap()
        .feature("y", (0..n).map(|i| Value::Number((i as f64 * 0.7).exp() * 1e5 / 7.0)).collect())
        .unwrap()
        .signal("ecg", (0..n).map(|i| signal(wave(i), 300.0, "mV")).collect())
        .unwrap()
        .signal("spirogram", (0..n).map(|i| signal(blow(i), 100.0, "L")).collect())
        .unwrap()
        .build()
        .unwrap()
}

fn encode(modality: &Modality, cohort: &Cohort) -> Vec<f32> {
    let inputs: Vec<_> = cohort.records().map(|record| modality.read(record).unwrap().unwrap()).collect();
    modality.encode(&inputs.iter().collect::<Vec<_>>()).into_data().try_to_vec().unwrap()
}

/// Trains a little, saves, loads, and scores new people.
fn saved_equals_loaded<C, R>(config: &C, reader: &R, train: &Cohort, folder: &Path)
where
    C: EncoderConfig,
    R: InputReader<Input = <C::Encoder as ModalityEncoder>::Input> + Serialize + DeserializeOwned,
{
    let device = crate::device_under_test();
    let new = cohort(9, 0.37);
    for stand_in in [false, true] {
        let mut modality = seeded(4, |device| {
            let modality = Modality::from_config("slot", config, reader, device).unwrap();
            if stand_in { modality.with_stand_in(0.1) } else { modality }
        });
        assert!(modality.is_described());
        let inputs: Vec<_> = train.records().map(|record| modality.read(record).unwrap().unwrap()).collect();
        let soft = modality.forward(&inputs.iter().collect::<Vec<_>>());
        modality.backward(soft);
        modality.step(1e-2, 1.0);
        modality.save_in(folder).unwrap();
        let loaded = Modality::load_from::<C, R>(folder, "slot", &device).unwrap();
        assert_eq!(encode(&loaded, &new), encode(&modality, &new));
        let encoded = |modality: &Modality| {
            let missing = modality.stand_in().unwrap();
            modality.encode(&[&missing]).into_data().try_to_vec::<f32>().unwrap()
        };
        assert_eq!(loaded.stand_in().is_some(), stand_in);
        if stand_in {
            assert_eq!(encoded(&loaded), encoded(&modality));
        }
        // A loaded one is saved as the same description; safetensors' own header has its entries in any order.
        let again = folder.join("again");
        loaded.save_in(&again).unwrap();
        let read = |folder: &Path| {
            let json = std::fs::read_to_string(folder.join("slot.json")).unwrap();
            json.lines().filter(|line| !line.contains("sha256")).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(read(folder), read(&again));
    }
}

fn tabular(train: &Cohort) -> (TabularEncoderConfig, TabularReader) {
    let reader = TabularReader::fit(["x", "y"], train.records()).unwrap();
    (TabularEncoderConfig::new(reader.width(), 2, 8).with_d_hidden(8), reader)
}

fn series(train: &Cohort, pooling: SeriesPooling) -> (SeriesEncoderConfig, SeriesReader) {
    let reader = SeriesReader::fit("ecg", train.records()).unwrap();
    let config = SeriesEncoderConfig::new(1, reader.max_samples(), 2, 8).with_d_hidden(8).with_pooling(pooling);
    (config.with_d_feed_forward(8), reader)
}

#[test]
fn every_encoder_scores_new_people_the_same_after_loading() {
    let _alone = alone();
    let train = cohort(7, 0.0);
    let folder = tempfile::tempdir().unwrap();
    let (config, reader) = tabular(&train);
    saved_equals_loaded(&config, &reader, &train, folder.path());
    for pooling in [SeriesPooling::Mean, SeriesPooling::Queries] {
        let (config, reader) = series(&train, pooling);
        saved_equals_loaded(&config, &reader, &train, folder.path());
    }
    let grid = FlowVolume { n_points: 64, max_volume_litres: 5.3, max_seconds: 10.0 };
    let reader = SpirogramReader::new("spirogram", grid).with_scalars(tabular(&train).1);
    for tokens in [TokenSource::Pooled, TokenSource::Positions] {
        let resnet = ResNet1dConfig::new(1).with_width(4).with_padding(0);
        let config = SpirogramEncoderConfig::new(resnet, reader.n_scalars(), 3, 8).with_tokens(tokens);
        saved_equals_loaded(&config, &reader, &train, folder.path());
    }
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let _alone = alone();
    let train = cohort(7, 0.0);
    let device = crate::device_under_test();
    let folder = tempfile::tempdir().unwrap();
    let (config, reader) = tabular(&train);
    let save = |folder: &Path| {
        Modality::from_config("slot", &config, &reader, &device).unwrap().save_in(folder).unwrap();
    };
    let folder = folder.path();
    save(folder);
    let load = || Modality::load_from::<TabularEncoderConfig, TabularReader>(folder, "slot", &device);
    load().unwrap();
    let error = |result: Result<Modality, Error>| {
        let error = result.unwrap_err();
        assert!(matches!(error, Error::File { .. }), "{error}");
        error.to_string()
    };
    let other = Modality::load_from::<SeriesEncoderConfig, SeriesReader>(folder, "slot", &device);
    assert!(error(other).contains("kind: expected \"series\", found \"tabular\""));
    let none = Modality::load_from::<TabularEncoderConfig, TabularReader>(folder, "other", &device);
    assert!(error(none).contains("other.json"));
    let path = Modality::load_from::<TabularEncoderConfig, TabularReader>(folder, "../slot", &device);
    assert!(error(path).contains("letters, digits"));

    let json = std::fs::read_to_string(folder.join("slot.json")).unwrap();
    for (from, to, expected) in [
        ("\"format\": 1", "\"format\": 2", "format: expected \"1\", found \"2\""),
        ("\"slot\": \"slot\"", "\"slot\": \"else\"", "slot: expected"),
        ("\"d_hidden\": 8", "\"d_hidden\": 9", "ShapeMismatch"),
        ("\"d_hidden\": 8", "\"d_hidden\": 900719925474", "d_hidden: expected 1 to 1048576"),
        ("\"d_hidden\": 8", "\"d_hidden\": 0", "d_hidden: expected 1"),
        ("\"d_hidden\": 8", "\"d_hidden\": -1", "configuration of tabular"),
        ("\"features\": [", "\"features\": [\"z\",", "statistics of 3 features"),
        ("\"sd\": [", "\"sd\": [1.0,", "standard deviations"),
        ("\"may_be_missing\": []", "\"may_be_missing\": [7]", "indices below 2"),
        ("\"stand_in\": false", "\"stand_in\": true", "1 missing"),
        ("\"kind\"", "\"colour\": 1, \"kind\"", "unknown field"),
        ("{", "", "slot.json"),
    ] {
        assert!(json.contains(from), "{from}");
        std::fs::write(folder.join("slot.json"), json.replacen(from, to, 1)).unwrap();
        let found = error(load());
        assert!(found.contains(expected), "{expected}: {found}");
    }
    // Weights of another training run.
    std::fs::write(folder.join("slot.json"), &json).unwrap();
    let weights = std::fs::read(folder.join("slot.safetensors")).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    save(elsewhere.path());
    std::fs::copy(elsewhere.path().join("slot.safetensors"), folder.join("slot.safetensors")).unwrap();
    assert!(error(load()).contains("weights: expected"));
    std::fs::write(folder.join("slot.safetensors"), &weights).unwrap();
    load().unwrap();
    std::fs::write(folder.join("slot.safetensors"), &weights[..weights.len() / 2]).unwrap();
    assert!(error(load()).contains("weights: expected"));
}

#[test]
fn modalities_that_cannot_be_saved_whole_say_so() {
    let _alone = alone();
    let train = cohort(3, 0.0);
    let folder = tempfile::tempdir().unwrap();
    let device = crate::device_under_test();
    let (config, reader) = tabular(&train);
    let closure = |_: Record<'_>| Ok(Some(vec![0.0f32, 0.0]));
    let plain = Modality::new("slot", config.init(&device), closure, &device);
    assert!(!plain.is_described());
    assert!(plain.save_in(folder.path()).unwrap_err().to_string().contains("from_config"));
    let named = Modality::from_config("a/b", &config, &reader, &device).unwrap();
    assert!(named.save_in(folder.path()).unwrap_err().to_string().contains("letters, digits"));
    let bad = SeriesEncoderConfig::new(1, 40, 2, 8).with_n_heads(3);
    let error = Modality::from_config("slot", &bad, &series(&train, SeriesPooling::Mean).1, &device).unwrap_err();
    assert!(matches!(error, Error::Config { what: "d_hidden", .. }), "{error}");
    // A pretrained encoder goes on from its weights.
    let encoder = seeded(8, |device| config.init(device));
    let rows: Vec<Vec<f32>> = train.records().map(|it| reader.read(it).unwrap().unwrap()).collect();
    let soft: Tensor<3> = encoder.encode(&rows.iter().collect::<Vec<_>>(), &device).into_tensor();
    let modality = Modality::from_trained("slot", &config, encoder, &reader, &device).unwrap();
    assert_eq!(encode(&modality, &train), soft.into_data().try_to_vec::<f32>().unwrap());
}

/// A reader that was changed in its file reads what the encoder was not made for: an error, for every encoder.
#[test]
fn a_reader_of_another_shape_is_an_error_when_it_reads() {
    let _alone = alone();
    let train = cohort(4, 0.0);
    let device = crate::device_under_test();
    let folder = tempfile::tempdir().unwrap();
    fn read<C, R>(
        config: &C,
        reader: &R,
        change: (&str, &str),
        train: &Cohort,
        folder: &Path,
        device: &Device,
    ) -> String
    where
        C: EncoderConfig,
        R: InputReader<Input = <C::Encoder as ModalityEncoder>::Input> + Serialize + DeserializeOwned,
    {
        Modality::from_config("slot", config, reader, device).unwrap().save_in(folder).unwrap();
        let path = folder.join("slot.json");
        // Without blanks, as the changes are written.
        let json: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let json = json.to_string();
        assert!(json.contains(change.0), "{} in {json}", change.0);
        std::fs::write(&path, json.replace(change.0, change.1)).unwrap();
        let loaded = Modality::load_from::<C, R>(folder, "slot", device).unwrap();
        let error = loaded.read(train.record(0)).unwrap_err();
        assert!(matches!(error, Error::Input { .. }), "{error}");
        error.to_string()
    }
    let (config, tabular_reader) = tabular(&train);
    let more = ("\"may_be_missing\":[]", "\"may_be_missing\":[0]");
    let found = read(&config, &tabular_reader, more, &train, folder.path(), &device);
    assert_eq!(found, "columns of the tabular encoder: expected 2, found 3");

    let grid = FlowVolume { n_points: 64, max_volume_litres: 8.0, max_seconds: 30.0 };
    let reader = SpirogramReader::new("spirogram", grid).with_scalars(tabular_reader);
    let config = SpirogramEncoderConfig::new(ResNet1dConfig::new(1).with_width(4), reader.n_scalars(), 3, 8);
    let found = read(&config, &reader, more, &train, folder.path(), &device);
    assert_eq!(found, "single numbers beside the curve: expected 2, found 3");

    let (_, reader) = series(&train, SeriesPooling::Mean);
    // An encoder of fewer samples or more channels than the reader reads needs no change of the file.
    let config = SeriesEncoderConfig::new(1, 16, 2, 8).with_d_hidden(8);
    let found = read(&config, &reader, ("", ""), &train, folder.path(), &device);
    assert!(found.starts_with("patches of a series: expected at most 1 of 16 samples"), "{found}");
    let config = SeriesEncoderConfig::new(2, reader.max_samples(), 2, 8).with_d_hidden(8);
    let found = read(&config, &reader, ("", ""), &train, folder.path(), &device);
    assert_eq!(found, "channels of a series: expected 2, found 1");
}

/// Whatever the number of a curve's points in a file is, the curve is encoded.
#[test]
fn curves_of_any_number_of_points_are_encoded() {
    let _alone = alone();
    for padding in [0, 1] {
        let resnet = ResNet1dConfig::new(1).with_width(4).with_padding(padding);
        let encoder = seeded(1, |device| SpirogramEncoderConfig::new(resnet, 0, 3, 8).init(device));
        for n_points in 1..40 {
            let input = SpirogramInput { flow_litres_per_second: vec![1.0; n_points], scalars: vec![] };
            let device = crate::device_under_test();
            assert_eq!(encoder.encode(&[&input], &device).into_tensor().dims(), [1, 3, 8]);
        }
    }
}
