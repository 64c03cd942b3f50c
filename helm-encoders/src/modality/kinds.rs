use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use burn::tensor::Device;
use helm_core::SlotId;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::description::{Description, EncoderConfig};
use super::files::files;
use super::modality::Modality;
use super::weights::file_error;
use crate::encoder::{InputReader, ModalityEncoder};
use crate::{
    Error, SeriesEncoderConfig, SeriesReader, SpirogramEncoderConfig, SpirogramReader, TabularEncoderConfig,
    TabularReader,
};

/// The kinds of modalities that a program can load without knowing beforehand which it will meet, by the names that
/// their files have ([`EncoderConfig::KIND`]).
///
/// The default has this crate's encoders, each with its reader; a program adds its own.
///
/// ```
/// use helm_core::{Cohort, Feature, ParticipantId, Schema, Value};
/// use helm_encoders::{Modality, ModalityKinds, TabularEncoderConfig, TabularReader};
///
/// # let schema = Schema::new(vec![Feature::number("age", "age", "years", 0.0..=120.0)], vec![], vec![])?;
/// # let cohort = Cohort::builder(schema, vec![ParticipantId::new("a"), ParticipantId::new("b")])?
/// #     .feature("age", vec![Value::Number(54.0), Value::Number(31.0)])?
/// #     .build()?;
/// # let folder = std::env::temp_dir().join(format!("helm-doc-kinds-{}", std::process::id()));
/// let device = helm_encoders::device("cpu")?;
/// let reader = TabularReader::fit(["age"], cohort.records())?;
/// let config = TabularEncoderConfig::new(reader.width(), 6, 64);
/// Modality::from_config("tabular", &config, &reader, &device)?.save_in(&folder)?;
///
/// let again = ModalityKinds::default().load(&folder, "tabular", &device)?;
/// assert_eq!((again.n_soft(), again.d_model()), (6, 64));
/// assert!(ModalityKinds::none().load(&folder, "tabular", &device).is_err());
/// // A kind of one's own, or another reader for a known one, would be added so.
/// let kinds = ModalityKinds::default().with::<TabularEncoderConfig, TabularReader>();
/// assert_eq!(kinds.names().collect::<Vec<_>>(), ["series", "spirogram", "tabular"]);
/// # std::fs::remove_dir_all(folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct ModalityKinds(BTreeMap<&'static str, Load>);

type Load = fn(&Path, SlotId, &Device) -> Result<Modality, Error>;

impl ModalityKinds {
    /// No kind at all.
    pub fn none() -> Self {
        Self(BTreeMap::new())
    }

    /// One kind more: an encoder's configuration and the reader that goes with it. One of the same name gives way.
    pub fn with<C, R>(mut self) -> Self
    where
        C: EncoderConfig,
        R: InputReader<Input = <C::Encoder as ModalityEncoder>::Input> + Serialize + DeserializeOwned,
    {
        self.0.insert(C::KIND, Modality::load_from::<C, R>);
        self
    }

    /// The names, in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.keys().copied()
    }

    /// Makes a modality that [`Modality::save_in`] wrote anew, of whatever kind its file says.
    ///
    /// # Errors
    /// [`Error::File`] if its kind is none of these; as [`Modality::load_from`].
    pub fn load(&self, folder: &Path, slot: impl Into<SlotId>, device: &Device) -> Result<Modality, Error> {
        let slot = slot.into();
        let (_, json) = files(folder, &slot)?;
        let description = Description::read(&json)?;
        let load = self.0.get(description.kind()).ok_or_else(|| {
            let known = self.names().collect::<Vec<_>>().join(", ");
            file_error(&json, format!("kind: expected one of [{known}], found {:?}", description.kind()))
        })?;
        load(folder, slot, device)
    }
}

impl Default for ModalityKinds {
    fn default() -> Self {
        Self::none()
            .with::<TabularEncoderConfig, TabularReader>()
            .with::<SpirogramEncoderConfig, SpirogramReader>()
            .with::<SeriesEncoderConfig, SeriesReader>()
    }
}

impl fmt::Debug for ModalityKinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}
