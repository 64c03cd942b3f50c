//! The ResNet18-D against PyTorch: scripts/golden_resnet1d.py made weights and numbers.

use std::collections::HashMap;
use std::path::PathBuf;

use burn::module::Module;
use burn::store::{ModuleSnapshot, PyTorchToBurnAdapter, SafetensorsStore};
use burn::tensor::{Device, Tensor, TensorData};
use helm_encoders::{ResNet1d, ResNet1dConfig};
use safetensors::SafeTensors;
use serde_json::Value;

/// Largest difference in evaluation mode, as a share of the largest entry.
const EVALUATION: f64 = 1e-5;
/// The same in training mode.
const TRAINING: f64 = 1e-4;

fn golden() -> Vec<Value> {
    let golden: Value = serde_json::from_str(include_str!("golden/resnet18d.json")).unwrap();
    golden["cases"].as_array().unwrap().clone()
}

/// All numbers of a nested list, row by row.
fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(rows) => rows.iter().flat_map(numbers).collect(),
        number => vec![number.as_f64().unwrap()],
    }
}

fn size(value: &Value) -> usize {
    value.as_u64().unwrap() as usize
}

fn network(case: &Value, device: &Device) -> ResNet1d {
    let _alone = crate::alone();
    let config = ResNet1dConfig::new(size(&case["channels_in"]))
        .with_width(size(&case["width"]))
        .with_padding(size(&case["padding"]));
    let mut network = config.init(device);
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/fixtures");
    let mut store = SafetensorsStore::from_file(folder.join(case["weights"].as_str().unwrap()))
        .with_from_adapter(PyTorchToBurnAdapter);
    let report = network.load_from(&mut store).unwrap();
    assert!(report.missing.is_empty() && report.errors.is_empty(), "{report:?}");
    network
}

fn input(case: &Value, device: &Device) -> Tensor<3> {
    let values: Vec<f32> = numbers(&case["input"]).into_iter().map(|value| value as f32).collect();
    let shape: Vec<usize> = case["input_shape"].as_array().unwrap().iter().map(size).collect();
    Tensor::from_data(TensorData::new(values, [shape[0], shape[1], shape[2]]), device)
}

fn close<const D: usize>(found: Tensor<D>, expected: &[f64], tolerance: f64, what: &str) {
    let found = found.into_data().try_to_vec::<f32>().unwrap();
    close_numbers(&found, expected, tolerance, what);
}

fn close_numbers(found: &[f32], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(0f64, |most, value| most.max(value.abs()));
    for (found, expected) in found.iter().zip(expected) {
        assert!((f64::from(*found) - expected).abs() <= tolerance * largest, "{what}: {found} {expected} of {largest}");
    }
}

/// A network's parameters and buffers by name.
fn state(network: &ResNet1d) -> HashMap<String, Vec<f32>> {
    let file = tempfile::tempdir().unwrap();
    let path = file.path().join("network.safetensors");
    network.save_into(&mut SafetensorsStore::from_file(&path)).unwrap();
    let bytes = std::fs::read(path).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let numbers = |bytes: &[u8]| bytes.chunks(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect();
    tensors.iter().map(|(name, view)| (name.to_owned(), numbers(view.data()))).collect()
}

#[test]
fn outputs_and_gradients_equal_pytorch() {
    let device = crate::device_under_test();
    for case in golden() {
        let network = network(&case, &device);
        close(network.sequence(input(&case, &device)), &numbers(&case["sequence"]), EVALUATION, "sequence");
        close(network.forward(input(&case, &device)), &numbers(&case["features"]), EVALUATION, "features");

        // Frozen, so that batch norm stays in evaluation mode where the input has a gradient.
        let frozen = network.train().freeze();
        let autodiff = device.clone().autodiff();
        let x = input(&case, &autodiff).require_grad();
        let projection: Vec<f32> = numbers(&case["projection"]).into_iter().map(|value| value as f32).collect();
        let features = frozen.forward(x.clone());
        let projection = Tensor::<2>::from_data(TensorData::new(projection, features.dims()), &autodiff);
        let gradients = (features * projection).sum().backward();
        let gradient = x.grad(&gradients).unwrap();
        let [_, channels, length] = gradient.dims();
        let gradient = gradient.into_data().try_to_vec::<f32>().unwrap();
        let at: Vec<f32> = case["gradient_at"]
            .as_array()
            .unwrap()
            .iter()
            .map(|place| {
                let place: Vec<usize> = place.as_array().unwrap().iter().map(size).collect();
                gradient[(place[0] * channels + place[1]) * length + place[2]]
            })
            .collect();
        let expected = numbers(&case["gradient"]);
        let largest = case["gradient_max"].as_f64().unwrap();
        for (found, expected) in at.iter().zip(&expected) {
            assert!((f64::from(*found) - expected).abs() < EVALUATION * largest, "{found} {expected} of {largest}");
        }
        let norm = gradient.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
        assert!((norm / case["gradient_norm"].as_f64().unwrap() - 1.0).abs() < EVALUATION);
    }
}

#[test]
fn batch_norm_in_training_equals_pytorch() {
    let device = crate::device_under_test();
    for case in golden() {
        let training = &case["training"];
        let network = network(&case, &device).train();
        let features = network.forward(input(&case, &device.clone().autodiff()));
        close(features.inner(), &numbers(&training["features"]), TRAINING, "features in training");
        let state = state(&network.valid());
        let of = |what: &str| &state[&format!("stem.0.bn.{what}")];
        close_numbers(of("running_mean"), &numbers(&training["running_mean_after"]), EVALUATION, "running mean");
        close_numbers(
            of("running_var"),
            &numbers(&training["running_var_after_biased"]),
            EVALUATION,
            "running variance",
        );
    }
}

/// Gradients by parameter, under the names of the file that PyTorch wrote.
struct Gradients<'a> {
    of: &'a burn::tensor::Gradients,
    path: Vec<String>,
    found: HashMap<String, Vec<f32>>,
}

impl burn::module::ModuleVisitor for Gradients<'_> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.into());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &burn::module::Param<Tensor<D>>) {
        if let Some(gradient) = param.val().grad(self.of) {
            let name = self.path.join(".").replace(".gamma", ".weight").replace(".beta", ".bias");
            self.found.insert(name, gradient.into_data().try_to_vec().unwrap());
        }
    }
}

/// Every weight's gradient and the input's, in training mode.
#[test]
fn gradients_in_training_equal_pytorch() {
    let device = crate::device_under_test();
    for case in golden() {
        let network = network(&case, &device).train();
        let autodiff = device.clone().autodiff();
        let x = input(&case, &autodiff).require_grad();
        let projection: Vec<f32> = numbers(&case["projection"]).into_iter().map(|value| value as f32).collect();
        let features = network.forward(x.clone());
        let projection = Tensor::<2>::from_data(TensorData::new(projection, features.dims()), &autodiff);
        let of = (features * projection).sum().backward();
        let mut visitor = Gradients { of: &of, path: Vec::new(), found: HashMap::new() };
        network.visit(&mut visitor);
        let mut found = visitor.found;
        found.insert("input".into(), x.grad(&of).unwrap().into_data().try_to_vec().unwrap());

        let norms = case["training"]["gradient_norms"].as_object().unwrap();
        assert_eq!(found.len(), norms.len());
        for (name, expected) in norms {
            let norm = found[name].iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
            assert!((norm / expected.as_f64().unwrap() - 1.0).abs() < TRAINING, "{name}: {norm} {expected}");
        }
        let Some(file) = case["training"]["gradients"].as_str() else { continue };
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/fixtures");
        let bytes = std::fs::read(folder.join(file)).unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        assert_eq!(tensors.len(), found.len());
        for (name, view) in tensors.iter() {
            let floats = view.data().chunks(4).map(|four| f32::from_le_bytes(four.try_into().unwrap()));
            close_numbers(&found[name], &floats.map(f64::from).collect::<Vec<_>>(), TRAINING, name);
        }
    }
}

#[test]
fn a_frozen_network_keeps_its_running_statistics() {
    let device = crate::device_under_test();
    let case = &golden()[0];
    let before = state(&network(case, &device));
    let frozen = network(case, &device).train().freeze();
    let _ = frozen.forward(input(case, &device.clone().autodiff()));
    assert!(state(&frozen.valid()) == before);
    let trained = network(case, &device).train();
    let _ = trained.forward(input(case, &device.clone().autodiff()));
    assert!(state(&trained.valid()) != before);
}

#[test]
fn any_length_goes_through() {
    let _alone = crate::alone();
    let device = crate::device_under_test();
    let network = ResNet1dConfig::new(1).with_width(4).with_padding(0).init(&device);
    for (length, positions) in [(1, 1), (7, 1), (31, 1), (33, 2), (128, 4), (1000, 32)] {
        let sequence = network.sequence(Tensor::ones([2, 1, length], &device));
        assert_eq!(sequence.dims(), [2, 32, positions], "{length}");
    }
}
