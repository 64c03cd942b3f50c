use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;

use burn::config::Config;
use burn::tensor::Device;
use helm_core::SlotId;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::weights::file_error;
use crate::{Error, ModalityEncoder};

/// A configuration from which an encoder is made anew when a modality is loaded.
///
/// Beside [`ModalityEncoder`], this is what an author implements so that
/// [`Modality::load_from`](crate::Modality::load_from) works for the encoder; burn's `#[derive(Config)]` does most.
///
/// ```
/// use burn::config::Config;
/// use burn::module::Module;
/// use burn::nn::{Linear, LinearConfig};
/// use burn::tensor::{Device, Tensor, TensorData};
/// use helm_encoders::{EncoderConfig, Error, ModalityEncoder, SoftTokens};
///
/// #[derive(Config, Debug)]
/// struct PairConfig {
///     d_model: usize,
/// }
///
/// #[derive(Module, Debug)]
/// struct Pair {
///     linear: Linear,
/// }
///
/// impl EncoderConfig for PairConfig {
///     type Encoder = Pair;
///     const KIND: &'static str = "my-crate/pair";
///
///     fn check(&self) -> Result<(), Error> {
///         if (1..=65_536).contains(&self.d_model) {
///             return Ok(());
///         }
///         Err(Error::Config { what: "d_model", expected: "1 to 65536".into(), found: self.d_model.to_string() })
///     }
///
///     fn encoder(&self, device: &Device) -> Pair {
///         Pair { linear: LinearConfig::new(2, self.d_model).init(device) }
///     }
/// }
///
/// impl ModalityEncoder for Pair {
///     type Input = [f32; 2];
///
///     fn n_soft(&self) -> usize {
///         1
///     }
///
///     fn d_model(&self) -> usize {
///         self.linear.weight.dims()[1]
///     }
///
///     fn encode(&self, inputs: &[&[f32; 2]], device: &Device) -> SoftTokens {
///         let pairs: Vec<f32> = inputs.iter().flat_map(|pair| pair.iter().copied()).collect();
///         let pairs = Tensor::<2>::from_data(TensorData::new(pairs, [inputs.len(), 2]), device);
///         SoftTokens::new(self.linear.forward(pairs).unsqueeze_dim(1))
///     }
/// }
///
/// let device = helm_encoders::device("cpu")?;
/// PairConfig::new(8).check()?;
/// let pair = PairConfig::new(8).encoder(&device);
/// assert_eq!(pair.encode(&[&[0.5, 1.0]], &device).into_tensor().dims(), [1, 1, 8]);
/// # Ok::<(), Error>(())
/// ```
pub trait EncoderConfig: Config + Send + 'static {
    /// What it configures.
    type Encoder: ModalityEncoder;

    /// The encoder's name in files. A file of another name is refused.
    const KIND: &'static str;

    /// Whether an encoder can be made with these settings, which may come from a file.
    ///
    /// # Errors
    /// [`Error::Config`] with the first that it can't.
    fn check(&self) -> Result<(), Error>;

    /// An encoder with random weights.
    fn encoder(&self, device: &Device) -> Self::Encoder;
}

/// The largest size that a setting of this crate's encoders may have: what a file says is checked before memory is
/// taken.
const LARGEST: usize = 1 << 20;

/// The largest product of two sizes: a matrix of 4 GiB.
const LARGEST_MATRIX: usize = 1 << 30;

/// Checks that sizes, and products of two, are neither 0 nor absurd.
pub(crate) fn check_sizes(sizes: &[(&'static str, usize)]) -> Result<(), Error> {
    let mut largest: Vec<(&'static str, usize)> = sizes.to_vec();
    largest.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
    if let [(what, a), (_, b), ..] = largest[..]
        && a <= LARGEST
        && a * b > LARGEST_MATRIX
    {
        let expected = format!("its product with any other size up to {LARGEST_MATRIX}");
        return Err(Error::Config { what, expected, found: (a * b).to_string() });
    }
    match sizes.iter().find(|(_, size)| !(1..=LARGEST).contains(size)) {
        Some(&(what, size)) => {
            Err(Error::Config { what, expected: format!("1 to {LARGEST}"), found: size.to_string() })
        }
        None => Ok(()),
    }
}

/// What a modality is beside its weights, as `SLOT.json` says it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Description {
    format: u32,
    kind: String,
    slot: SlotId,
    stand_in: bool,
    /// The SHA-256 of the weights' file that belongs to it.
    weights_sha256: String,
    config: Value,
    reader: Value,
}

const FORMAT: u32 = 1;
/// No description is as long; a larger file is something else.
const MOST_BYTES: u64 = 1 << 24;

impl Description {
    pub(super) fn new<C: EncoderConfig>(slot: &SlotId, config: &C, reader: Value) -> Result<Self, Error> {
        Ok(Self {
            format: FORMAT,
            kind: C::KIND.into(),
            slot: slot.clone(),
            stand_in: false,
            weights_sha256: String::new(),
            config: to_json("encoder's configuration", config)?,
            reader,
        })
    }

    pub(super) fn stand_in(&self) -> bool {
        self.stand_in
    }

    /// Writes it for weights that have been written: under another name, which is renamed when all is on the disk.
    pub(super) fn save(&self, path: &Path, weights: &Path, stand_in: bool) -> Result<(), Error> {
        let description = Self { stand_in, weights_sha256: sha256(weights)?, ..self.clone() };
        let json = serde_json::to_vec_pretty(&description).map_err(|error| file_error(path, error.to_string()))?;
        let part = path.with_extension("json.part");
        File::create(&part)
            .and_then(|mut file| {
                file.write_all(&json)?;
                file.sync_all()
            })
            .and_then(|()| fs::rename(&part, path))
            .map_err(|error| file_error(path, error.to_string()))
    }

    /// The encoder's name.
    pub(super) fn kind(&self) -> &str {
        &self.kind
    }

    /// Reads it as it is.
    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        let wrong = |problem: String| file_error(path, problem);
        let mut json = Vec::new();
        File::open(path)
            .and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut json))
            .map_err(|error| wrong(error.to_string()))?;
        if json.len() as u64 > MOST_BYTES {
            return Err(wrong(format!("expected a description of at most {MOST_BYTES} bytes, found more")));
        }
        serde_json::from_slice(&json).map_err(|error| wrong(error.to_string()))
    }

    /// Reads it, and the settings and the reader that it describes.
    pub(super) fn load<C: EncoderConfig, R: DeserializeOwned>(
        path: &Path,
        weights: &Path,
        slot: &SlotId,
    ) -> Result<(Self, C, R), Error> {
        let wrong = |problem: String| file_error(path, problem);
        let found = Self::read(path)?;
        for (what, expected, found) in [
            ("format", FORMAT.to_string(), found.format.to_string()),
            ("kind", C::KIND.to_owned(), found.kind.clone()),
            ("slot", slot.to_string(), found.slot.to_string()),
            ("weights", found.weights_sha256.clone(), sha256(weights)?),
        ] {
            if expected != found {
                return Err(wrong(format!("{what}: expected {expected:?}, found {found:?}")));
            }
        }
        let config: C = serde_json::from_value(found.config.clone())
            .map_err(|error| wrong(format!("configuration of {}: {error}", C::KIND)))?;
        config.check().map_err(|error| wrong(error.to_string()))?;
        let reader = serde_json::from_value(found.reader.clone()).map_err(|error| wrong(format!("reader: {error}")))?;
        Ok((found, config, reader))
    }
}

/// A reader as its file says it, and that file.
///
/// JSON may be read back with a last digit changed. So that people are scored the same before saving and after loading,
/// the reader in use is the one that a file gives back, found by writing and reading until nothing changes.
pub(super) fn settled<R: Serialize + DeserializeOwned>(reader: &R) -> Result<(R, Value), Error> {
    let lost = |error: serde_json::Error| Error::Config {
        what: "reader",
        expected: "one that JSON can hold".into(),
        found: error.to_string(),
    };
    let mut text = serde_json::to_string(reader).map_err(lost)?;
    for _ in 0..100 {
        let value: Value = serde_json::from_str(&text).map_err(lost)?;
        let again = serde_json::to_string(&value).map_err(lost)?;
        if again == text || serde_json::from_str::<Value>(&again).map_err(lost)? == value {
            return Ok((serde_json::from_value(value.clone()).map_err(lost)?, value));
        }
        text = again;
    }
    Err(Error::Config { what: "reader", expected: "numbers that JSON can hold".into(), found: "others".into() })
}

fn to_json(what: &'static str, value: &impl Serialize) -> Result<Value, Error> {
    let expected = || "what JSON can hold".into();
    serde_json::to_value(value).map_err(|error| Error::Config { what, expected: expected(), found: error.to_string() })
}

fn sha256(path: &Path) -> Result<String, Error> {
    let bytes = fs::read(path).map_err(|error| file_error(path, error.to_string()))?;
    Ok(Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect())
}
