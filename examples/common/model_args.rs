use std::path::{Path, PathBuf};

use burn::tensor::{DType, Device};
use clap::{Args, ValueEnum};
use helm_llm::{FrozenDecoder, LanguageModel};
use serde::Serialize;
use serde_json::{Value, json};

use crate::Failure;

/// The folder of the embedded language model.
const EMBEDDED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/helm-tiny");

/// The arguments of all examples that run a language model.
#[derive(Args)]
pub struct ModelArgs {
    /// The language model: a folder in Hugging Face form with config.json, model.safetensors and tokenizer.json; or, in
    /// a build with the feature hub, the name of a model of the Hugging Face hub, which then lies in its cache. By
    /// default the embedded one, helm-tiny, which was pretrained on simulated people
    #[arg(long, value_name = "DIR|NAME")]
    model: Option<PathBuf>,
    /// Download the model of this name into the cache if it is not there
    #[cfg(feature = "hub")]
    #[arg(long)]
    download: bool,
    /// Where networks run: cpu, wgpu, tch or cuda:N, as far as this build has them
    #[arg(long, default_value = "cpu")]
    device: String,
    /// What the language model's weights are kept in. On the CPU, bf16 takes half of f32's memory while sums stay f32,
    /// but for text that it writes, and f16 is slow
    #[arg(long, value_enum, default_value_t)]
    dtype: WeightDtype,
    /// Keep at most so many GiB of what the language model makes of constant text, to use it again where the same text,
    /// or one that begins alike, comes again
    #[arg(long, value_name = "GIB", default_value_t = 1)]
    cache: usize,
}

/// The dtype of a language model's weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum WeightDtype {
    /// IEEE single precision.
    #[default]
    F32,
    /// The upper half of a single.
    Bf16,
    /// IEEE half precision.
    F16,
}

impl ModelArgs {
    /// The device of the networks.
    ///
    /// # Errors
    /// If this build has none of that name.
    pub fn device(&self) -> Result<Device, Failure> {
        Ok(helm_encoders::device(&self.device)?)
    }

    /// What decides results beside the model's files, for a manifest.
    pub fn settings(&self) -> Value {
        json!({ "device": self.device, "dtype": self.dtype })
    }

    /// The language model.
    ///
    /// # Errors
    /// If there is no such model, or something is wrong with its files.
    pub fn load(&self) -> Result<LanguageModel, Failure> {
        let folder = self.folder()?;
        let dtype = match self.dtype {
            WeightDtype::F32 => DType::F32,
            WeightDtype::Bf16 => DType::BF16,
            WeightDtype::F16 => DType::F16,
        };
        let decoder = FrozenDecoder::load_in(&folder, &self.device()?, dtype)?;
        Ok(LanguageModel::from_decoder(decoder.with_cache_bytes(self.cache.saturating_mul(1 << 30)), &folder)?)
    }

    /// The files of the language model that decide its results.
    ///
    /// # Errors
    /// If there is no such model.
    pub fn files(&self) -> Result<Vec<PathBuf>, Failure> {
        let folder = self.folder()?;
        let unreadable = |error| Failure::new(format!("{}: can't be read: {error}", folder.display()));
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            let is = |name: &str| path.file_name().is_some_and(|file| file == name);
            let has_weights = path.extension().is_some_and(|extension| extension == "safetensors");
            if is("config.json") || is("tokenizer.json") || has_weights {
                files.push(path);
            }
        }
        files.sort();
        Ok(files)
    }

    fn folder(&self) -> Result<PathBuf, Failure> {
        let embedded = Path::new(EMBEDDED);
        match &self.model {
            Some(model) if model.is_dir() => Ok(model.clone()),
            Some(model) => self.by_name(model),
            None if embedded.is_dir() => Ok(embedded.into()),
            None => {
                let expected = "the embedded language model where this program was built, or --model";
                Err(Failure::new(format!("{EMBEDDED}: expected {expected}, found neither")))
            }
        }
    }

    #[cfg(feature = "hub")]
    fn by_name(&self, name: &Path) -> Result<PathBuf, Failure> {
        use helm_llm::Hub;

        let hub = if self.download { Hub::online()?.with_progress() } else { Hub::offline() };
        let hint = if self.download { "" } else { " (--download allows it)" };
        let folder = hub.folder(&name.to_string_lossy(), "main");
        folder.map_err(|error| Failure::new(format!("there is no such folder, and {error}{hint}")))
    }

    #[cfg(not(feature = "hub"))]
    #[expect(clippy::unused_self, reason = "another build downloads, if that was asked for")]
    fn by_name(&self, name: &Path) -> Result<PathBuf, Failure> {
        let hint = "a model of the Hugging Face hub by its name needs a build with --features hub";
        Err(Failure::new(format!("{}: expected a folder of a language model, found none; {hint}", name.display())))
    }
}
