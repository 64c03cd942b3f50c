use std::path::Path;

use burn::store::{FloatCastAdapter, ModuleAdapter, ModuleSnapshot, PyTorchToBurnAdapter, SafetensorsStore};
use burn::tensor::{DType, Device};

use super::{Decoder, DecoderConfig};
use crate::Error;

/// Reads the weights of a decoder from `model.safetensors` as f32: all of them or none.
///
/// The file is mapped, and its header is checked against its length and against the configuration's shapes before any
/// tensor is taken from it.
pub(crate) fn load(path: &Path, config: &DecoderConfig, device: &Device) -> Result<Decoder, Error> {
    let mut decoder = Decoder::init(config, device);
    let mut store = SafetensorsStore::from_file(path)
        .with_from_adapter(PyTorchToBurnAdapter.chain(FloatCastAdapter::to(DType::F32)))
        .with_key_remapping(r"^model\.(.*)$", "$1")
        .allow_partial(true)
        .validate(false);
    let report = decoder.load_from(&mut store).map_err(|error| Error::Format {
        path: path.into(),
        expected: "the weights of a decoder in safetensors".into(),
        found: error.to_string(),
    })?;
    // Old files carry the rotary frequencies, tied ones a second copy of the embedding.
    let known =
        |name: &String| name.ends_with("rotary_emb.inv_freq") || (config.tied_embedding && name == "lm_head.weight");
    let unused: Vec<String> = report.unused.into_iter().filter(|name| !known(name)).collect();
    let missing: Vec<String> = report.missing.into_iter().map(|(name, _)| name).collect();
    let unfit: Vec<String> = report.errors.iter().map(ToString::to_string).collect();
    if missing.is_empty() && unused.is_empty() && unfit.is_empty() {
        Ok(decoder)
    } else {
        Err(Error::Weights { path: path.into(), missing, unused, unfit })
    }
}
