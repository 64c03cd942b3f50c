//! What an optimiser remembers: it is burn's AdamW, and goes on from a file as if it had never stopped.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use burn::module::Module;
use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig};
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::{Device, Tensor, TensorData};
use helm_core::Record;
use helm_encoders::{Error, Modality, ModalityEncoder, ModalityInput, SoftTokens};
use proptest::prelude::*;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};

use crate::{alone, people, seeded};

const N: usize = 6;

/// A batch norm and a layer.
#[derive(Module, Debug)]
struct Normed {
    norm: BatchNorm,
    linear: Linear,
}

impl Normed {
    fn new(device: &Device, d_model: usize) -> Self {
        Self { norm: BatchNormConfig::new(2).init(device), linear: LinearConfig::new(2, d_model).init(device) }
    }
}

impl ModalityEncoder for Normed {
    type Input = [f32; 2];

    fn n_soft(&self) -> usize {
        1
    }

    fn d_model(&self) -> usize {
        self.linear.weight.dims()[1]
    }

    fn encode(&self, inputs: &[&[f32; 2]], device: &Device) -> SoftTokens {
        let flat: Vec<f32> = inputs.iter().flat_map(|input| input.iter().copied()).collect();
        // [batch, 2] -> [batch, 2, 1], two channels of one position
        let columns = Tensor::<3>::from_data(TensorData::new(flat, [inputs.len(), 2, 1]), device);
        let normed = self.norm.forward(columns).reshape([inputs.len(), 2]);
        SoftTokens::new(self.linear.forward(normed).unsqueeze_dim(1))
    }
}

fn values(row: usize) -> [f32; 2] {
    [row as f32 * 0.5 - 1.0, (row as f32).sin()]
}

/// A modality whose last participant lacks the input.
fn modality(seed: u64, d_model: usize) -> Modality {
    seeded(seed, |device| {
        let reader = |record: Record<'_>| Ok((record.row() + 1 < N).then(|| values(record.row())));
        Modality::new("x", Normed::new(device, d_model), reader, device).with_stand_in(0.5)
    })
}

fn inputs(modality: &Modality) -> Vec<ModalityInput> {
    let of = |record| modality.read(record).unwrap().or_else(|| modality.stand_in()).unwrap();
    people(N).records().map(of).collect()
}

fn config() -> AdamWConfig {
    AdamWConfig::new().with_weight_decay(0.1)
}

fn step(modality: &mut Modality, number: usize) {
    let inputs = inputs(modality);
    // Each time others are missing, so that the stand-in and the encoder are stepped at different times.
    let batch: Vec<&ModalityInput> = inputs.iter().skip(number % 2).take(N - 1).collect();
    let soft = modality.forward(&batch);
    modality.backward(soft * (1.0 + number as f32));
    modality.step(1e-2 / (1.0 + number as f64), 0.5);
}

/// All weights and statistics by their names.
fn weights(modality: &Modality) -> BTreeMap<String, Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    modality.save(&folder.path().join("x")).unwrap();
    let bytes = fs::read(folder.path().join("x")).unwrap();
    SafeTensors::deserialize(&bytes).unwrap().iter().map(|(name, view)| (name.into(), view.data().to_vec())).collect()
}

#[test]
fn it_goes_on_from_a_file_bit_by_bit() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let (of_weights, of_moments) = (folder.path().join("weights"), folder.path().join("moments"));
    let mut whole = modality(1, 4);
    whole.start_training(&config());
    for number in 0..3 {
        step(&mut whole, number);
    }
    whole.save(&of_weights).unwrap();
    whole.save_optimizer(&of_moments).unwrap();
    // Another modality, whose own steps are forgotten.
    let mut other = modality(2, 4);
    step(&mut other, 0);
    other.start_training(&config());
    other.load(&of_weights).unwrap();
    other.load_optimizer(&of_moments).unwrap();
    let mut without = modality(2, 4);
    without.start_training(&config());
    without.load(&of_weights).unwrap();
    for number in 3..6 {
        [&mut whole, &mut other, &mut without].into_iter().for_each(|modality| step(modality, number));
        assert_eq!(weights(&whole), weights(&other), "step {number}");
        assert!(weights(&whole) != weights(&without), "the moments matter");
    }
}

#[test]
fn it_steps_as_burns_own_optimiser() {
    let _alone = alone();
    let device = crate::device_under_test().autodiff();
    let encoder = seeded(3, |device| Normed::new(device, 4));
    let mut own = Modality::new("x", encoder.clone(), |record: Record<'_>| Ok(Some(values(record.row()))), &device);
    own.start_training(&config());
    let mut module = encoder.valid().train();
    let mut optimizer = config().init();
    let cohort = people(N);
    let inputs: Vec<ModalityInput> = cohort.records().map(|record| own.read(record).unwrap().unwrap()).collect();
    let values: Vec<[f32; 2]> = (0..N).map(values).collect();
    for _ in 0..3 {
        let soft = own.forward(&inputs.iter().collect::<Vec<_>>());
        own.backward(soft);
        own.step(1e-2, 1.0);
        let soft = module.encode(&values.iter().collect::<Vec<_>>(), &device).into_tensor();
        let graph = (soft.clone() * Tensor::from_inner(soft.inner())).sum();
        let gradients = GradientsParams::from_grads(graph.backward(), &module);
        module = optimizer.step(1e-2, module, gradients);
    }
    let bits = |tensor: Tensor<3>| tensor.into_data().try_to_vec::<f32>().unwrap();
    let expected = module.valid().encode(&values.iter().collect::<Vec<_>>(), &device.without_autodiff()).into_tensor();
    assert_eq!(bits(own.encode(&inputs.iter().collect::<Vec<_>>())), bits(expected));
}

/// A file of moments after one step, some of its tensors changed or left out.
fn changed(path: &Path, change: impl Fn(&str, &mut Dtype, &mut Vec<usize>, &mut Vec<u8>) -> bool) {
    let mut modality = modality(1, 4);
    modality.start_training(&config());
    step(&mut modality, 1);
    modality.save_optimizer(path).unwrap();
    let bytes = fs::read(path).unwrap();
    let mut parts = Vec::new();
    for (name, view) in SafeTensors::deserialize(&bytes).unwrap().iter() {
        let (mut dtype, mut shape, mut data) = (view.dtype(), view.shape().to_vec(), view.data().to_vec());
        if change(name, &mut dtype, &mut shape, &mut data) {
            parts.push((name.to_owned(), dtype, shape, data));
        }
    }
    let views =
        parts.iter().map(|(name, dtype, shape, data)| (name, TensorView::new(*dtype, shape.clone(), data).unwrap()));
    fs::write(path, safetensors::serialize(views, None).unwrap()).unwrap();
}

#[test]
fn moments_that_do_not_fit_are_errors_and_change_nothing() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("moments");
    let mut modality = modality(1, 4);
    modality.start_training(&config());
    changed(&path, |_, _, _, _| true);
    modality.load_optimizer(&path).unwrap();
    let time = |wanted: u64| {
        move |name: &str, _: &mut Dtype, _: &mut Vec<usize>, data: &mut Vec<u8>| {
            if name.ends_with("time") {
                *data = wanted.to_le_bytes().to_vec();
            }
            true
        }
    };
    let mut refused = |what: &str| {
        let error = modality.load_optimizer(&path).unwrap_err();
        assert!(matches!(&error, Error::File { problem, .. } if problem.contains(what)), "{what}: {error}");
    };
    changed(&path, |name, _, _, _| name != "encoder.linear.weight.momentum.moment_2");
    refused("encoder.linear.weight");
    changed(&path, |name, _, _, _| !name.ends_with("time"));
    refused("fewer");
    changed(&path, time(0));
    refused("found 0");
    changed(&path, time(u64::MAX));
    refused(&u64::MAX.to_string());
    changed(&path, |_, dtype, _, _| {
        *dtype = if *dtype == Dtype::F32 { Dtype::I32 } else { *dtype };
        true
    });
    refused("I32");
    changed(&path, |_, _, shape, _| {
        shape.insert(0, 1);
        true
    });
    refused("expected (");
    let mut other = self::modality(1, 5);
    other.start_training(&config());
    step(&mut other, 0);
    other.save_optimizer(&path).unwrap();
    refused("[2, 5]");
    let plain =
        seeded(1, |device| Modality::new("x", Normed::new(device, 4), |_: Record<'_>| Ok(Some([0.0; 2])), device));
    changed(&path, |_, _, _, _| true);
    let mut plain = plain;
    let error = plain.load_optimizer(&path).unwrap_err().to_string();
    assert!(error.contains("stand_in"), "{error}");
    assert!(matches!(plain.load_optimizer(Path::new("no/such/file")), Err(Error::File { .. })));
}

proptest! {
    #[test]
    fn damaged_moments_never_panic(share in 0.0f64..1.0, bit in 0u8..8, cut: bool) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("moments");
        changed(&path, |_, _, _, _| true);
        let mut whole = fs::read(&path).unwrap();
        let place = (share * whole.len() as f64) as usize;
        let mut modality = modality(1, 4);
        if cut {
            fs::write(&path, &whole[..place]).unwrap();
            let refused = matches!(modality.load_optimizer(&path), Err(Error::File { .. }));
            prop_assert!(refused, "{place} bytes");
        } else {
            whole[place] ^= 1 << bit;
            fs::write(&path, whole).unwrap();
            if modality.load_optimizer(&path).is_ok() {
                step(&mut modality, 0);
            }
        }
    }
}
