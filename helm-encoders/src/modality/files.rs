use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use helm_core::SlotId;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::description::{Description, EncoderConfig};
use super::modality::{Modality, ModalitySnapshot};
use super::weights::file_error;
use crate::Error;
use crate::encoder::{InputReader, ModalityEncoder};

/// Saving and loading: the weights, the optimiser, or all that is needed to score new people.
impl Modality {
    /// Writes the weights and buffers as safetensors, without the reader and its statistics; [`save_in`](Self::save_in)
    /// writes all.
    ///
    /// # Errors
    /// [`Error::File`] if the file can't be written.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        self.erased.save(path)
    }

    /// Reads weights and buffers that [`save`](Self::save) wrote for an encoder of the same configuration.
    ///
    /// # Errors
    /// [`Error::File`] if the file can't be read, or its tensors are not exactly this encoder's; the weights are
    /// unchanged then.
    pub fn load(&mut self, path: &Path) -> Result<(), Error> {
        let snapshot = self.load_snapshot(path)?;
        self.restore(&snapshot);
        Ok(())
    }

    /// As [`load`](Self::load), but hands the weights out instead of using them.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_snapshot(&self, path: &Path) -> Result<ModalitySnapshot, Error> {
        self.erased.load_snapshot(path).map(ModalitySnapshot)
    }

    /// Writes what the optimiser remembers of its steps since [`start_training`](Self::start_training), AdamW's moments,
    /// as safetensors.
    ///
    /// # Errors
    /// [`Error::File`] if the file can't be written.
    pub fn save_optimizer(&self, path: &Path) -> Result<(), Error> {
        self.erased.save_optimizer(path)
    }

    /// Reads what [`save_optimizer`](Self::save_optimizer) wrote for an encoder of the same configuration; together with
    /// the weights, training goes on as if it had not been interrupted. Comes after
    /// [`start_training`](Self::start_training), which sets the optimiser up.
    ///
    /// # Errors
    /// [`Error::File`] if the file can't be read, or its tensors are not moments of this encoder's parameters; the
    /// optimiser is unchanged then.
    pub fn load_optimizer(&mut self, path: &Path) -> Result<(), Error> {
        self.erased.load_optimizer(path)
    }

    /// Whether [`save_in`](Self::save_in) can save it: whether it was made
    /// [of a configuration](Self::from_config).
    pub fn is_described(&self) -> bool {
        self.description.is_some()
    }

    /// Writes all that is needed to score new people the same into a folder, named by the slot: the weights as
    /// `SLOT.safetensors`; the encoder's configuration, the reader with the statistics that it learned on the training
    /// records, and the weights' hash as `SLOT.json`.
    ///
    /// # Errors
    /// [`Error::File`] if a file can't be written or the slot can't name one; [`Error::Config`] if the modality was not
    /// made of a configuration.
    pub fn save_in(&self, folder: &Path) -> Result<(), Error> {
        let description = self.description.as_ref().ok_or_else(|| Error::Config {
            what: "modality to save whole",
            expected: "one made by Modality::from_config or from_trained".into(),
            found: format!("another in slot {}", self.slot),
        })?;
        let (weights, json) = files(folder, &self.slot)?;
        fs::create_dir_all(folder).map_err(|error| file_error(folder, error.to_string()))?;
        self.save(&weights)?;
        description.save(&json, &weights, self.erased.has_stand_in())
    }

    /// As [`save_in`](Self::save_in), with the weights of a snapshot; of a modality that was not made of a
    /// configuration, the weights alone.
    ///
    /// # Errors
    /// [`Error::File`] if a file can't be written or the slot can't name one.
    ///
    /// # Panics
    /// If the snapshot is of another encoder type.
    pub fn save_snapshot_in(&self, snapshot: &ModalitySnapshot, folder: &Path) -> Result<(), Error> {
        let (weights, json) = files(folder, &self.slot)?;
        fs::create_dir_all(folder).map_err(|error| file_error(folder, error.to_string()))?;
        self.erased.save_snapshot(&*snapshot.0, &weights)?;
        let Some(description) = &self.description else { return Ok(()) };
        description.save(&json, &weights, self.erased.has_stand_in())
    }

    /// Makes a modality that [`save_in`](Self::save_in) wrote anew. The caller names the types of configuration and
    /// reader. What was frozen is not in the files: all of it can be trained.
    ///
    /// ```
    /// # use helm_core::{Cohort, Feature, ParticipantId, Schema, Value};
    /// use helm_encoders::{Modality, TabularEncoderConfig, TabularReader};
    /// # let schema = Schema::new(vec![Feature::number("age", "age", "years", 0.0..=120.0)], vec![], vec![])?;
    /// # let cohort = Cohort::builder(schema, vec![ParticipantId::new("a"), ParticipantId::new("b")])?
    /// #     .feature("age", vec![Value::Number(54.0), Value::Number(31.0)])?
    /// #     .build()?;
    /// # let folder = std::env::temp_dir().join(format!("helm-doc-{}", std::process::id()));
    ///
    /// let device = helm_encoders::device("cpu")?;
    /// let reader = TabularReader::fit(["age"], cohort.records())?;
    /// let config = TabularEncoderConfig::new(reader.width(), 6, 64);
    /// let modality = Modality::from_config("tabular", &config, &reader, &device)?;
    /// modality.save_in(&folder)?;
    /// let again = Modality::load_from::<TabularEncoderConfig, TabularReader>(&folder, "tabular", &device)?;
    /// assert_eq!(again.n_parameters(), modality.n_parameters());
    /// # std::fs::remove_dir_all(folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::File`] if a file can't be read, is of another slot, encoder or reader, or the two files don't belong
    /// together.
    pub fn load_from<C, R>(folder: &Path, slot: impl Into<SlotId>, device: &Device) -> Result<Self, Error>
    where
        C: EncoderConfig,
        R: InputReader<Input = <C::Encoder as ModalityEncoder>::Input> + Serialize + DeserializeOwned,
    {
        let slot = slot.into();
        let (weights, json) = files(folder, &slot)?;
        let (description, config, reader) = Description::load::<C, R>(&json, &weights, &slot)?;
        let stand_in = description.stand_in();
        let mut modality = Self::from_config(slot, &config, &reader, device)?;
        if stand_in {
            modality = modality.with_stand_in(0.0);
        }
        modality.load(&weights)?;
        Ok(modality)
    }
}

/// The files of a slot's weights and description.
pub(super) fn files(folder: &Path, slot: &SlotId) -> Result<(PathBuf, PathBuf), Error> {
    let name = slot.as_str();
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)) {
        let problem = format!("expected a slot named by letters, digits, - and _, found {name:?}");
        return Err(file_error(folder, problem));
    }
    Ok((folder.join(format!("{name}.safetensors")), folder.join(format!("{name}.json"))))
}
