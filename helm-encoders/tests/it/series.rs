//! The series encoder: masks, lengths, pooling; its reader.

use burn::tensor::{Device, Tensor};
use helm_core::{Cohort, ParticipantId, Schema, Signal, SignalState};
use helm_encoders::{
    Error, InputReader, ModalityEncoder, SeriesEncoder, SeriesEncoderConfig, SeriesInput, SeriesPooling, SeriesReader,
};

use crate::{alone, seeded};

const POOLINGS: [SeriesPooling; 2] = [SeriesPooling::Mean, SeriesPooling::Queries];

fn encoder(pooling: SeriesPooling, device: &Device) -> SeriesEncoder {
    SeriesEncoderConfig::new(2, 60, 3, 8)
        .with_patch_samples(8)
        .with_d_hidden(16)
        .with_d_feed_forward(32)
        .with_d_projector(16)
        .with_pooling(pooling)
        // Large, so that differences show.
        .with_initial_rms(1.0)
        .init(device)
}

/// Two channels of waves.
fn waves(n: usize, speed: f32) -> Vec<f32> {
    (0..2 * n).map(|i| (i as f32 * speed).sin()).collect()
}

fn encode(encoder: &SeriesEncoder, inputs: &[&SeriesInput], device: &Device) -> Vec<f32> {
    encoder.encode(inputs, device).into_tensor().into_data().try_to_vec().unwrap()
}

fn assert_close(a: &[f32], b: &[f32]) {
    assert_eq!(a.len(), b.len());
    for (a, b) in a.iter().zip(b) {
        assert!((a - b).abs() < 1e-5, "{a} {b}");
    }
}

/// Some of full length, some short, some with holes; one shorter than a patch.
fn inputs() -> Vec<SeriesInput> {
    let all = |n: usize, speed| SeriesInput::new(waves(n, speed), vec![true; n]).unwrap();
    let holes = (0..40).map(|i| !(10..27).contains(&i)).collect();
    vec![all(60, 0.1), all(17, 0.3), SeriesInput::new(waves(40, 0.2), holes).unwrap(), all(3, 0.5)]
}

#[test]
fn a_batch_is_encoded_as_its_series_alone() {
    let _alone = alone();
    for pooling in POOLINGS {
        seeded(1, |device| {
            let encoder = encoder(pooling, device);
            let inputs = inputs();
            let together = encode(&encoder, &inputs.iter().collect::<Vec<_>>(), device);
            let alone: Vec<f32> = inputs.iter().flat_map(|input| encode(&encoder, &[input], device)).collect();
            assert_close(&together, &alone);
            // They are not all the same, or this would show nothing.
            let (first, second) = (&together[..24], &together[24..48]);
            assert!(first.iter().zip(second).any(|(a, b)| (a - b).abs() > 1e-3), "{pooling:?}");
        });
    }
}

#[test]
fn what_the_mask_excludes_changes_nothing() {
    let _alone = alone();
    for pooling in POOLINGS {
        seeded(2, |device| {
            let encoder = encoder(pooling, device);
            let valid: Vec<bool> = (0..40).map(|i| i < 30 && !(10..27).contains(&i)).collect();
            let clean = waves(40, 0.2);
            let junk: Vec<f32> =
                clean.iter().enumerate().map(|(i, &x)| if valid[i % 40] { x } else { f32::NAN }).collect();
            let of = |samples: &[f32], valid: &[bool]| SeriesInput::new(samples.to_vec(), valid.to_vec()).unwrap();
            let with_clean = encode(&encoder, &[&of(&clean, &valid)], device);
            assert_eq!(with_clean, encode(&encoder, &[&of(&junk, &valid)], device));
            // An end that is not valid is as good as none.
            let cut: Vec<f32> = clean[..30].iter().chain(&clean[40..70]).copied().collect();
            assert_close(&with_clean, &encode(&encoder, &[&of(&cut, &valid[..30])], device));
            // A hole is not the same as samples of 0.
            let zeros: Vec<f32> = clean.iter().enumerate().map(|(i, &x)| if valid[i % 40] { x } else { 0.0 }).collect();
            let with_zeros = encode(&encoder, &[&of(&zeros, &[true; 40])], device);
            assert!(with_clean.iter().zip(&with_zeros).any(|(a, b)| (a - b).abs() > 1e-4));
        });
    }
}

#[test]
fn every_weight_but_that_of_hidden_patches_gets_a_gradient() {
    let _alone = alone();
    for pooling in POOLINGS {
        seeded(3, |device| {
            use burn::module::{Module, ModuleVisitor, Param};
            struct Without<'a>(&'a burn::tensor::Gradients, usize);
            impl ModuleVisitor for Without<'_> {
                fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                    self.1 += usize::from(param.val().grad(self.0).is_none());
                }
            }
            let encoder = encoder(pooling, device).train();
            let inputs = inputs();
            let soft = encoder.encode(&inputs.iter().collect::<Vec<_>>(), &device.clone().autodiff()).into_tensor();
            let gradients = soft.square().sum().backward();
            let mut without = Without(&gradients, 0);
            encoder.visit(&mut without);
            assert_eq!(without.1, 1, "{pooling:?}");
        });
    }
}

#[test]
#[should_panic(expected = "a series of 9 patches for an encoder of 8")]
fn series_longer_than_the_encoder_panic() {
    let _alone = alone();
    let device = crate::device_under_test();
    let input = SeriesInput::new(waves(65, 0.1), vec![true; 65]).unwrap();
    let _ = encoder(SeriesPooling::Mean, &device).encode(&[&input], &device);
}

#[test]
fn inputs_that_cannot_be_used_are_errors() {
    let _alone = alone();
    let message = |samples: &[f32], valid: &[bool]| {
        let error = SeriesInput::new(samples.to_vec(), valid.to_vec()).err().unwrap();
        assert!(matches!(error, Error::Input { .. }));
        error.to_string()
    };
    assert_eq!(message(&[], &[]), "series: expected at least one valid moment, found none among 0");
    assert_eq!(message(&[1.0, 2.0], &[false; 2]), "series: expected at least one valid moment, found none among 2");
    assert!(message(&[1.0; 3], &[true; 2]).contains("3 samples and 2 moments"));
    assert!(message(&[], &[true; 2]).contains("0 samples and 2 moments"));
    assert!(message(&[1.0, f32::NAN], &[true; 2]).contains("another at index 1"));
}

fn cohort(signals: Vec<SignalState>) -> Cohort {
    let schema = Schema::new(vec![], vec!["ecg".into()], vec![]).unwrap();
    let ids = (0..signals.len()).map(|i| ParticipantId::new(format!("secret{i}"))).collect();
    Cohort::builder(schema, ids).unwrap().signal("ecg", signals).unwrap().build().unwrap()
}

fn signal(samples: &[f32], n_channels: usize, rate_hz: f64, unit: &str) -> SignalState {
    SignalState::Present(Signal::new(samples.to_vec(), n_channels, rate_hz, unit).unwrap())
}

#[test]
fn channels_are_standardised_by_the_training_records() {
    let _alone = alone();
    let cohort = cohort(vec![
        signal(&[1.0, 3.0, 100.0, 300.0], 2, 300.0, "mV"),
        SignalState::Absent,
        signal(&[1.0, 1.0, 3.0, 3.0, 100.0, 100.0, 300.0, 300.0], 2, 300.0, "mV"),
        SignalState::Unusable("leads off".into()),
        signal(&[5.0, 2.0, 2.0, 2.0, 2.0, 400.0, 200.0, 200.0, 200.0, 200.0], 2, 300.0, "mV"),
    ]);
    let reader = SeriesReader::fit("ecg", (0..4).map(|row| cohort.record(row))).unwrap();
    assert_eq!((reader.n_channels(), reader.rate_hz(), reader.max_samples()), (2, 300.0, 4));
    let read = |row| reader.read(cohort.record(row)).unwrap();
    assert!(read(1).is_none() && read(3).is_none());
    // Cut to the longest of the training records; the statistics are theirs alone.
    let input = read(4).unwrap();
    assert_eq!((input.channel(0), input.channel(1)), (&[3.0, 0.0, 0.0, 0.0][..], &[2.0, 0.0, 0.0, 0.0][..]));
    assert!(reader.cuts(cohort.record(4).signal("ecg").unwrap().signal().unwrap()));
    let short = reader.clone().with_max_samples(1);
    assert_eq!(short.read(cohort.record(0)).unwrap().unwrap().len(), 1);
    // A file keeps it whole, and a damaged one is refused.
    let json = serde_json::to_string(&reader).unwrap();
    assert_eq!(serde_json::from_str::<SeriesReader>(&json).unwrap(), reader);
    for (from, to) in [("300.0", "0.0"), ("\"max_samples\":4", "\"max_samples\":0"), ("[2.0,", "[")] {
        assert!(json.contains(from));
        assert!(serde_json::from_str::<SeriesReader>(&json.replace(from, to)).is_err(), "{to}");
    }
}

#[test]
fn signals_of_another_kind_are_refused() {
    let _alone = alone();
    let usual = signal(&[1.0, 2.0], 1, 300.0, "mV");
    for other in
        [signal(&[1.0, 2.0], 2, 300.0, "mV"), signal(&[1.0, 2.0], 1, 250.0, "mV"), signal(&[1.0], 1, 300.0, "V")]
    {
        let cohort = cohort(vec![usual.clone(), other]);
        let reader = SeriesReader::fit("ecg", cohort.records().take(1)).unwrap();
        let error = reader.read(cohort.record(1)).err().unwrap();
        assert!(matches!(&error, Error::Input { .. }), "{error}");
        assert!(error.to_string().contains("in row 2") && !error.to_string().contains("secret"), "{error}");
        assert!(SeriesReader::fit("ecg", cohort.records()).is_err());
    }
    let none = cohort(vec![SignalState::Absent]);
    assert!(matches!(SeriesReader::fit("ecg", none.records()), Err(Error::Input { .. })));
    assert!(matches!(SeriesReader::fit("eeg", none.records()), Err(Error::Core(_))));
}
