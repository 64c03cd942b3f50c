use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{DType, Device, Tensor, TensorData};
use sha2::{Digest, Sha256};

use crate::Error;
use crate::engine::Engine;
use crate::frozen::{Decoding, FrozenModel, MemoryBound, TargetScore, Vjp};
use crate::model::{Checkpoint, Decoder, DecoderConfig, LoadReport, load, read_config};
use crate::packed::PackedTrees;
use crate::prefix_cache::{BUDGET_BYTES, PrefixCache};

/// A decoder, frozen by construction: its weights are never handed out.
///
/// On the device `cpu`, with weights in f32 or bf16, scores, gradients and the logits of whole texts come from an
/// engine of helm's own, which keeps no graph and computes in f32; on other devices and in f16 they come from burn, and
/// so does text that grows, on any device and in the weights' dtype. Both share the weights. What the engine's passes
/// use of memory stays with it for the next ones.
///
/// It computes the constant text of a prompt, the part in front of the first soft token, once, and keeps its keys and
/// values for the next time the same text comes, or, with the engine, one that begins alike.
pub struct FrozenDecoder {
    decoder: Decoder,
    engine: Option<Arc<Engine>>,
    config: DecoderConfig,
    report: LoadReport,
    embedding_rms: f64,
    device: Device,
    prefixes: PrefixCache<Tensor<2>>,
}

impl FrozenDecoder {
    /// Loads `config.json` and the weights of a Hugging Face folder; computes in f32.
    ///
    /// # Errors
    /// As [`load_in`](Self::load_in).
    pub fn load(folder: &Path, device: &Device) -> Result<Self, Error> {
        Self::load_in(folder, device, DType::F32)
    }

    /// The same, and computes in f32, bf16 or f16; on the device `cpu`, bf16 is the weights' dtype alone, half of f32's
    /// memory, and sums are f32's but where text grows. Weights are converted where the files have another dtype, and
    /// used as they stand in the mapped files where they have this one and the device is the CPU: the files must stay
    /// as they are while the model lives.
    ///
    /// # Errors
    /// [`Error::MissingFile`], [`Error::Io`], [`Error::Format`] or [`Error::Weights`] if the folder is not one of a
    /// decoder of a [known family](DecoderConfig); [`Error::Dtype`] if the dtype is another, or one that the device
    /// lacks.
    pub fn load_in(folder: &Path, device: &Device, dtype: DType) -> Result<Self, Error> {
        let device = device.clone().without_autodiff();
        let path = existing(folder, "config.json")?;
        if !matches!(dtype, DType::F32 | DType::BF16 | DType::F16) || !device.supports_dtype(dtype) {
            return Err(Error::Dtype { found: format!("{dtype:?}").to_lowercase() });
        }
        let (config, names) = read_config(&path)?;
        let on_cpu = helm_encoders::device("cpu").is_ok_and(|cpu| cpu == device);
        let engine = on_cpu && dtype != DType::F16;
        if on_cpu && !engine {
            tracing::warn!("the fast engine of the CPU takes f32 and bf16: this model's {dtype:?} goes through burn");
        }
        let (decoder, weights, report) = load(&Checkpoint::open(folder)?, &config, names, &device, dtype, engine)?;
        let decoder = decoder.freeze();
        let embedding_rms = decoder.embedding_rms();
        let engine = weights.map(|weights| Arc::new(Engine::new(&config, weights)));
        Ok(Self {
            decoder,
            engine,
            embedding_rms,
            config,
            report,
            device,
            prefixes: PrefixCache::of_texts(BUDGET_BYTES),
        })
    }

    /// Computes by burn alone, to compare.
    pub fn without_engine(self) -> Self {
        Self { engine: None, ..self }
    }

    /// What became of the tensors of the folder.
    pub fn load_report(&self) -> &LoadReport {
        &self.report
    }

    /// Keeps at most so many bytes of keys and values of constant text; 1 GiB by default, 0 for none. It saves the
    /// most where the same texts come again, as in the epochs of a training run, and changes no result. The engine
    /// keeps text in blocks of 64 tokens and computes those once that texts have in common at their beginning, such as
    /// an instruction.
    ///
    /// # Panics
    /// If a gradient of this model is still to be taken.
    pub fn with_cache_bytes(mut self, bytes: usize) -> Self {
        self.prefixes = PrefixCache::of_texts(bytes);
        self.change_engine(|engine| engine.with_cache_bytes(bytes))
    }

    /// Takes gradients with less memory on the device `cpu` in f32 or bf16: computes each layer a second time instead
    /// of keeping what its gradient needs. Changes no result, and elsewhere nothing.
    ///
    /// # Panics
    /// If a gradient of this model is still to be taken.
    pub fn with_recomputed_layers(self) -> Self {
        self.change_engine(Engine::with_recomputed_layers)
    }

    #[cfg(test)]
    pub(crate) fn engine(&self) -> Option<&Engine> {
        self.engine.as_deref()
    }

    fn change_engine(mut self, change: impl FnOnce(Engine) -> Engine) -> Self {
        let alone = |engine| Arc::into_inner(engine).expect("no gradient is left to be taken");
        self.engine = self.engine.map(|engine| Arc::new(change(alone(engine))));
        self
    }

    /// The shape of the decoder.
    pub fn config(&self) -> &DecoderConfig {
        &self.config
    }
}

impl FrozenModel for FrozenDecoder {
    fn d_model(&self) -> usize {
        self.config.d_model
    }

    fn n_positions(&self) -> usize {
        self.config.n_positions
    }

    fn embedding_rms(&self) -> f64 {
        self.embedding_rms
    }

    fn embeddings(&self, ids: &[u32]) -> Tensor<2> {
        self.embed_ids(ids.to_vec())
    }

    fn device(&self) -> &Device {
        &self.device
    }

    fn memory_bound(&self, batch: &PackedTrees) -> Option<MemoryBound> {
        self.engine.as_ref().map(|engine| engine.memory_bound(batch))
    }

    fn target_scores(&self, batch: &PackedTrees, soft: Option<Tensor<2>>) -> Vec<TargetScore> {
        if let Some(engine) = &self.engine {
            return engine.scores(batch, &soft.map_or_else(Vec::new, |soft| to_f32(soft.into_data())));
        }
        self.scores_by_burn(batch, soft)
    }

    fn log_probs_with_vjp(&self, batch: &PackedTrees, soft: Tensor<2>) -> (Vec<f64>, Vjp) {
        if let Some(engine) = self.engine.clone() {
            let (shape, device) = (soft.dims(), self.device.clone());
            let (scores, saved) = engine.scores_to_differentiate(batch, &to_f32(soft.into_data()));
            let vjp = Vjp::new(move |gradient| {
                let gradient = engine.vjp(saved, gradient, shape[0]);
                Tensor::from_data(TensorData::new(gradient, shape), &device)
            });
            return (scores.into_iter().map(|score| score.log_prob).collect(), vjp);
        }
        self.log_probs_with_vjp_by_burn(batch, soft)
    }

    fn next_token_logits(&self, ids: &[u32]) -> Vec<Vec<f32>> {
        if ids.is_empty() {
            return Vec::new();
        }
        if let Some(engine) = &self.engine {
            return engine.next_token_logits(ids);
        }
        self.next_token_logits_by_burn(ids)
    }

    fn decode(&self) -> Box<dyn Decoding + '_> {
        Box::new(decoding::DecoderText::new(self))
    }

    fn weights_sha256(&self) -> String {
        let mut hash = WeightsHash(Sha256::new());
        self.decoder.visit(&mut hash);
        hash.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Debug for FrozenDecoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FrozenDecoder({:?})", self.config)
    }
}

struct WeightsHash(Sha256);

impl ModuleVisitor for WeightsHash {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        for value in to_f32(param.val().into_data()) {
            self.0.update(value.to_le_bytes());
        }
    }
}

fn to_f32(data: TensorData) -> Vec<f32> {
    data.convert::<f32>().try_to_vec::<f32>().expect("f32 after conversion")
}

/// A file of a model folder.
pub(crate) fn existing(folder: &Path, file: &'static str) -> Result<PathBuf, Error> {
    let path = folder.join(file);
    if path.is_file() { Ok(path) } else { Err(Error::MissingFile { folder: folder.into(), file, hint: "" }) }
}

pub(crate) use by_burn::UNSEEN;

mod by_burn;
mod decoding;
#[cfg(test)]
mod tests;
