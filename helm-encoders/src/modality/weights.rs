use std::path::Path;

use burn::module::{Module, Param};
use burn::nn::Initializer;
use burn::store::{ModuleSnapshot, SafetensorsStore};
use burn::tensor::{Device, Tensor, TensorData};

use super::input::ModalityInput;
use crate::{Error, ModalityEncoder};

/// All that is trained of a modality: its encoder, and the soft tokens that stand for a missing input.
#[derive(Module, Debug)]
pub(super) struct Weights<E: ModalityEncoder> {
    pub(super) encoder: E,
    pub(super) stand_in: Option<StandIn>,
}

/// Soft tokens of a participant who lacks the input.
#[derive(Module, Debug)]
pub(super) struct StandIn {
    /// `[n_soft, d_model]`
    vectors: Param<Tensor<2>>,
}

impl StandIn {
    pub(super) fn init(n_soft: usize, d_model: usize, rms: f64, device: &Device) -> Self {
        Self { vectors: Initializer::Normal { mean: 0.0, std: rms }.init([n_soft, d_model], device) }
    }
}

impl<E: ModalityEncoder> Weights<E> {
    /// Soft tokens of each input, `[inputs.len(), n_soft, d_model]`.
    ///
    /// # Panics
    /// If there is no input, one was read by another modality, or one is missing and there is no stand-in.
    pub(super) fn encode(&self, inputs: &[&ModalityInput], device: &Device) -> Tensor<3> {
        assert!(!inputs.is_empty(), "a batch of no input");
        let read: Vec<&E::Input> = inputs.iter().filter_map(|input| input.get()).collect();
        let mut parts = Vec::new();
        if !read.is_empty() {
            let soft = self.encoder.encode(&read, device).into_tensor();
            assert_eq!(soft.dims()[0], read.len(), "soft tokens for each input");
            if read.len() == inputs.len() {
                return soft;
            }
            parts.push(soft);
        }
        let stand_in = self.stand_in.as_ref().expect("a stand-in where an input is missing");
        parts.push(stand_in.vectors.val().unsqueeze::<3>());
        // Those read come first, in their order; the stand-in follows them, once for everyone.
        let mut places = vec![read.len() as i64; inputs.len()];
        for (index, place) in
            places.iter_mut().zip(inputs).filter(|(_, input)| !input.is_stand_in()).map(|(place, _)| place).enumerate()
        {
            *place = index as i64;
        }
        let places = Tensor::from_data(TensorData::new(places, [inputs.len()]), device);
        Tensor::cat(parts, 0).select(0, places)
    }

    /// Writes the encoder's tensors under their own names, the stand-in's beside them.
    pub(super) fn save(&self, path: &Path) -> Result<(), Error> {
        let mut store = SafetensorsStore::from_file(path).overwrite(true).with_key_remapping(r"^encoder\.", "");
        self.valid().save_into(&mut store).map_err(|error| file_error(path, error.to_string()))
    }

    /// The weights of a file, in evaluation mode on the plain device.
    pub(super) fn loaded(&self, path: &Path) -> Result<Self, Error> {
        let mut loaded = self.valid();
        let mut store = SafetensorsStore::from_file(path).allow_partial(true).with_key_remapping("^", "encoder.");
        if self.stand_in.is_some() {
            store = store.with_key_remapping(r"^encoder\.stand_in\.", "stand_in.");
        }
        let report = loaded.load_from(&mut store).map_err(|error| file_error(path, error.to_string()))?;
        if !(report.missing.is_empty() && report.unused.is_empty() && report.errors.is_empty()) {
            return Err(file_error(
                path,
                format!(
                    "expected the tensors of this encoder, found {} missing, {} unknown, {} of another shape",
                    report.missing.len(),
                    report.unused.len(),
                    report.errors.len()
                ),
            ));
        }
        Ok(loaded)
    }
}

pub(crate) fn file_error(path: &Path, problem: String) -> Error {
    Error::File { path: path.into(), problem }
}
