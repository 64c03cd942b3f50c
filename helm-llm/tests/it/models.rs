//! The models under test, a cohort of one feature, and an encoder that passes given vectors on.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};
use helm_core::{Cohort, Feature, ParticipantId, Schema, Value};
use helm_encoders::{Modality, ModalityEncoder, SoftTokens};
use helm_llm::{GenerationConfig, LanguageModel};

fn device_name() -> String {
    std::env::var("HELM_TEST_DEVICE").unwrap_or("cpu".into())
}

/// The device under test: the CPU, or what `HELM_TEST_DEVICE` names, for which helm-llm must be built.
pub(crate) fn device() -> Device {
    helm_encoders::device(&device_name()).unwrap()
}

/// Whether two runs gave the same: to the last bit on the CPU, and within 1e-5 on other devices, whose libraries add up in an
/// order that depends on what runs beside.
pub(crate) fn same(one: &[f64], other: &[f64]) -> bool {
    let exact = device_name() == "cpu";
    let close =
        |a: f64, b: f64| if exact { a.to_bits() == b.to_bits() } else { (a - b).abs() < 1e-5 * (1.0 + a.abs()) };
    one.len() == other.len() && one.iter().zip(other).all(|(&a, &b)| close(a, b))
}

/// Makes something whose random numbers a seed decides: they are drawn from one stream of the whole program.
pub(crate) fn seeded<T>(seed: u64, make: impl FnOnce(&Device) -> T) -> T {
    static STREAM: Mutex<()> = Mutex::new(());
    let _alone = STREAM.lock().unwrap_or_else(PoisonError::into_inner);
    let device = device();
    device.seed(seed);
    make(&device)
}

pub(crate) fn tiny_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/fixtures/tiny-llama")
}

pub(crate) fn family_folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/fixtures/families").join(name)
}

/// The real pretrained model, where `HELM_TEST_DATA` names the folder of models/stories260K.
pub(crate) fn stories_folder() -> Option<PathBuf> {
    let Some(data) = std::env::var_os("HELM_TEST_DATA").filter(|data| !data.is_empty()) else {
        // Not eprintln, which a passing test swallows.
        let _ = writeln!(std::io::stderr(), "skipped for stories260K: HELM_TEST_DATA is not set");
        return None;
    };
    Some(PathBuf::from(data).join("models/stories260K"))
}

pub(crate) fn tiny() -> LanguageModel {
    LanguageModel::load(&tiny_folder(), &device()).unwrap()
}

/// What the model finds most likely to follow a text.
pub(crate) fn continuation(model: &LanguageModel, text: &str, n_tokens: usize) -> String {
    let mut config = GenerationConfig::default();
    config.max_tokens = n_tokens;
    model.generate(text, config).unwrap().collect::<Result<_, _>>().unwrap()
}

/// Participants with a number each, from 0 to 1.
pub(crate) fn cohort(n: usize) -> Cohort {
    let schema = Schema::new(vec![Feature::number("x", "x", "", 0.0..=1.0)], vec![], vec![]).unwrap();
    let ids = (0..n).map(|i| ParticipantId::new(i.to_string())).collect();
    // The golden ratio's multiples spread evenly.
    let x = (0..n).map(|i| Value::Number((i as f64 * 0.618_033_988_75).fract())).collect();
    Cohort::builder(schema, ids).unwrap().feature("x", x).unwrap().build().unwrap()
}

/// Passes its input on as soft tokens, times a trainable factor for each column that starts at 1.
#[derive(Module, Debug)]
pub(crate) struct PassOn {
    factor: Param<Tensor<1>>,
    #[module(skip)]
    n_soft: usize,
}

impl PassOn {
    pub(crate) fn new(n_soft: usize, d_model: usize) -> Self {
        Self { factor: Param::from_tensor(Tensor::ones([d_model], &device())), n_soft }
    }
}

impl ModalityEncoder for PassOn {
    type Input = Vec<f32>;

    fn n_soft(&self) -> usize {
        self.n_soft
    }

    fn d_model(&self) -> usize {
        self.factor.dims()[0]
    }

    fn encode(&self, inputs: &[&Vec<f32>], device: &Device) -> SoftTokens {
        let flat: Vec<f32> = inputs.iter().flat_map(|input| input.iter().copied()).collect();
        let shape = [inputs.len(), self.n_soft, self.d_model()];
        let values = Tensor::<3>::from_data(TensorData::new(flat, shape), device);
        SoftTokens::new(values * self.factor.val().unsqueeze())
    }
}

/// A modality that gives each row of a cohort the vectors that a function makes of its number.
pub(crate) fn pass_on(
    slot: &str,
    n_soft: usize,
    d_model: usize,
    vectors: impl Fn(f64) -> Vec<f32> + Send + Sync + 'static,
) -> Modality {
    let reader = move |record: helm_core::Record<'_>| Ok(record.value("x")?.as_number().map(&vectors));
    Modality::new(slot, PassOn::new(n_soft, d_model), reader, &device())
}
