use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::activation::log_softmax;
use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use sha2::{Digest, Sha256};

use crate::Error;
use crate::engine::Engine;
use crate::frozen::{Decoding, FrozenModel, MemoryBound, TargetScore, Vjp};
use crate::model::{Checkpoint, Decoder, DecoderConfig, KeysValues, LoadReport, Sights, load, read_config};
use crate::packed::{PackedTrees, Place};
use crate::prefix_cache::PrefixCache;

/// What a mask adds where a place does not see another.
pub(crate) const UNSEEN: f32 = -1e9;

/// A decoder, frozen by construction: its weights are never handed out.
///
/// On the device `cpu`, with weights in f32 or bf16, scores, gradients and the logits of whole texts come from an
/// engine of helm's own, which keeps no graph and computes in f32; on other devices and in f16 they come from burn, and
/// so does text that grows, on any device and in the weights' dtype. Both share the weights. What the engine's passes
/// use of memory stays with it for the next ones.
///
/// It computes the constant text of a prompt, the part in front of the first soft token, once, and keeps its keys and
/// values for the next time the same text comes.
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
        Ok(Self { decoder, engine, embedding_rms, config, report, device, prefixes: PrefixCache::default() })
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
    /// most where the same texts come again, as in the epochs of a training run, and changes no result.
    ///
    /// # Panics
    /// If a gradient of this model is still to be taken.
    pub fn with_cache_bytes(mut self, bytes: usize) -> Self {
        self.prefixes = PrefixCache::new(bytes);
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

    /// The log-probabilities of all tokens where answers stand, in the graph of the soft tokens if they have one.
    fn answer_places(&self, batch: &PackedTrees, soft: Option<Tensor<2>>) -> AnswerPlaces {
        let hidden = self.hidden(batch, soft);
        // Several answers may follow one place: its logits are computed once.
        let mut places: Vec<usize> = batch.targets.iter().map(|&(place, _)| place).collect();
        places.sort_unstable();
        places.dedup();
        let row_of = |place: usize| places.partition_point(|&other| other < place);
        let row_of_target = batch.targets.iter().map(|&(place, _)| row_of(place)).collect();
        let rows = self.indices(places.iter().copied());
        let log_probs = log_softmax(self.decoder.logits(hidden.select(0, rows)), 1);
        AnswerPlaces { log_probs, row_of_target }
    }

    /// The targets' log-probabilities, `[targets]`.
    fn target_log_probs(&self, batch: &PackedTrees, places: &AnswerPlaces) -> Tensor<1> {
        let [n_places, n_vocab] = places.log_probs.dims();
        let targets = batch.targets.iter().zip(&places.row_of_target);
        let picked = self.indices(targets.map(|(&(_, id), row)| row * n_vocab + id as usize));
        places.log_probs.clone().reshape([n_places * n_vocab]).select(0, picked)
    }

    /// Runs the blocks over a batch's places; hidden states `[batch * length, d_model]`.
    fn hidden(&self, batch: &PackedTrees, soft: Option<Tensor<2>>) -> Tensor<2> {
        let (rows, length, d) = (batch.batch(), batch.length, self.config.d_model);
        let x = self.embed(batch, soft).reshape([rows, length, d]);
        let before_length = batch.prefixes.iter().map(Vec::len).max().unwrap_or(0);
        let before = (before_length > 0).then(|| self.prefix(&batch.prefixes, before_length));
        // A place of a prefix is its position.
        let distance = |row: usize, from: usize, to: usize| {
            let position = |place: usize| batch.positions[row * length + place];
            position(from).abs_diff(to.checked_sub(before_length).map_or(to, position))
        };
        let own = batch.sees();
        let sees = |row: usize, from: usize, to: usize| match to.checked_sub(before_length) {
            Some(to) => own[(row * length + from) * length + to],
            None => to < batch.prefixes[row].len() && batch.places[row * length + from] != Place::Pad,
        };
        let sights = self.sights(rows, length, before_length, &batch.positions, sees, distance);
        let (x, _) = self.decoder.hidden(x, &sights, before.as_deref());
        x.reshape([rows * length, d])
    }

    /// The embeddings of a batch's places, with learned positions if the model has them, `[batch * length, d_model]`.
    fn embed(&self, batch: &PackedTrees, soft: Option<Tensor<2>>) -> Tensor<2> {
        let ids = batch.places.iter().map(|place| if let Place::Token(id) = place { *id } else { 0 });
        let tokens = self.embed_ids(ids.collect());
        let x = match soft {
            None => tokens,
            Some(soft) => {
                // Each place picks its row among the token embeddings and, behind them, the soft tokens.
                let picked = batch.places.iter().enumerate().map(|(place, what)| match what {
                    Place::Soft(row) => batch.places.len() + row,
                    Place::Token(_) | Place::Pad => place,
                });
                let soft = soft.cast(self.decoder.dtype());
                let tokens = if soft.is_autodiff() { Tensor::from_inner(tokens) } else { tokens };
                Tensor::cat(vec![tokens, soft], 0).select(0, self.indices(picked))
            }
        };
        self.decoder.add_positions(x, || self.indices(batch.positions.iter().copied()))
    }

    /// The embeddings of tokens, `[ids, d_model]`.
    fn embed_ids(&self, ids: Vec<u32>) -> Tensor<2> {
        self.decoder.embed(self.indices(ids.into_iter().map(|id| id as usize)))
    }

    fn indices(&self, indices: impl Iterator<Item = usize>) -> Tensor<1, Int> {
        let indices: Vec<i64> = indices.map(|index| index as i64).collect();
        let n = indices.len();
        Tensor::from_data(TensorData::new(indices, [n]), &self.device)
    }

    /// What the places of a batch see of one another and of the prefixes in front.
    fn sights(
        &self,
        rows: usize,
        length: usize,
        before: usize,
        positions: &[usize],
        sees: impl Fn(usize, usize, usize) -> bool,
        distance: impl Fn(usize, usize, usize) -> usize,
    ) -> Sights {
        let window = self.config.window.as_ref().map(|window| window.length);
        // A window longer than every path hides nothing.
        let window = window.filter(|&window| positions.iter().any(|&position| position >= window));
        let near = window.map(|window| {
            self.mask(rows, length, before, |row, from, to| sees(row, from, to) && distance(row, from, to) < window)
        });
        let mask = self.mask(rows, length, before, sees);
        self.decoder.sights(positions, rows, &self.device, mask, near)
    }

    /// A mask of a batch, `[rows, 1, group * length, before + length]`.
    fn mask(&self, rows: usize, length: usize, before: usize, sees: impl Fn(usize, usize, usize) -> bool) -> Tensor<4> {
        let group = self.config.n_heads / self.config.n_kv_heads;
        let width = before + length;
        let mut mask = Vec::with_capacity(rows * group * length * width);
        for row in 0..rows {
            let first = mask.len();
            for from in 0..length {
                mask.extend((0..width).map(|to| if sees(row, from, to) { 0.0 } else { UNSEEN }));
            }
            for _ in 1..group {
                mask.extend_from_within(first..first + length * width);
            }
        }
        Tensor::from_data(TensorData::new(mask, [rows, 1, group * length, width]), &self.device)
    }

    /// Hidden states and every layer's keys and values of plain texts, each filled up behind to `length`.
    fn causal(&self, texts: &[&[u32]], length: usize) -> (Tensor<3>, Vec<KeysValues>) {
        let (rows, d) = (texts.len(), self.config.d_model);
        let ids = texts.iter().flat_map(|text| (0..length).map(|i| text.get(i).copied().unwrap_or(0)));
        let positions: Vec<usize> = (0..rows).flat_map(|_| 0..length).collect();
        let x = self.embed_ids(ids.collect());
        let x = self.decoder.add_positions(x, || self.indices(positions.iter().copied())).reshape([rows, length, d]);
        let sights =
            self.sights(rows, length, 0, &positions, |_, from, to| to <= from, |_, from, to| from.abs_diff(to));
        self.decoder.hidden(x, &sights, None)
    }

    /// Keys and values of constant texts, each filled up behind to `length`.
    fn prefix(&self, texts: &[Vec<u32>], length: usize) -> Vec<KeysValues> {
        let (kv, d) = (self.config.n_kv_heads, self.config.d_head);
        let rows = texts.len();
        let per_text = self.prefixes.get_or_compute(texts, |texts| self.compute_prefixes(texts));
        // All texts behind one another, and from them a rectangle; what is picked past a text's end is masked.
        let starts = texts.iter().scan(0, |next, text| Some(std::mem::replace(next, *next + text.len())));
        let total: usize = texts.iter().map(Vec::len).sum();
        let picked = starts.flat_map(|start| (start..start + length).map(|place| place.min(total - 1)));
        let picked = self.indices(picked.collect::<Vec<_>>().into_iter());
        // [total, layers * 2 * kv * d_head] -> [rows, length, layers * 2, kv, d_head]
        let all = Tensor::cat(per_text.into_iter().flatten().collect(), 0).select(0, picked);
        let part = |index: usize| {
            let part: Tensor<2> = all.clone().narrow(1, index * kv * d, kv * d);
            part.reshape([rows, length, kv, d]).swap_dims(1, 2)
        };
        (0..self.config.n_layers)
            .map(|layer| KeysValues { keys: part(2 * layer), values: part(2 * layer + 1) })
            .collect()
    }

    /// Keys and values of texts, layer by layer and side by side: `[length, layers * 2 * n_kv_heads * d_head]` each.
    fn compute_prefixes(&self, texts: &[&[u32]]) -> Vec<Tensor<2>> {
        let length = texts.iter().map(|text| text.len()).max().unwrap_or(0);
        let (_, layers) = self.causal(texts, length);
        let width = self.config.n_kv_heads * self.config.d_head;
        // [rows, kv, length, d_head] -> [rows, length, kv * d_head]
        let flat = |x: Tensor<4>| x.swap_dims(1, 2).reshape([texts.len(), length, width]);
        let parts = layers.into_iter().flat_map(|layer| [flat(layer.keys), flat(layer.values)]).collect();
        let all: Tensor<3> = Tensor::cat(parts, 2);
        let row = |(row, text): (usize, &&[u32])| {
            all.clone().slice([row..row + 1, 0..text.len()]).reshape([text.len() as i64, -1])
        };
        texts.iter().enumerate().map(row).collect()
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
        let places = self.answer_places(batch, soft);
        let log_probs = to_f64(self.target_log_probs(batch, &places));
        let most = to_f64(places.log_probs.max_dim(1).flatten(0, 1));
        let score = |(log_prob, &row): (f64, &usize)| TargetScore { log_prob, is_most_likely: log_prob >= most[row] };
        log_probs.into_iter().zip(&places.row_of_target).map(score).collect()
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
        let soft = Tensor::from_inner(soft).require_grad();
        let log_probs = self.target_log_probs(batch, &self.answer_places(batch, Some(soft.clone())));
        let values = to_f64(log_probs.clone().inner());
        let vjp = Vjp::new(move |gradient| {
            let gradient: Vec<f32> = gradient.iter().map(|&gradient| gradient as f32).collect();
            let n = gradient.len();
            let gradient = Tensor::<1>::from_data(TensorData::new(gradient, [n]), &log_probs.device());
            let gradients = (log_probs * gradient).sum().backward();
            // Soft tokens that no answer follows have no gradient.
            soft.grad(&gradients).unwrap_or_else(|| soft.inner().zeros_like())
        });
        (values, vjp)
    }

    fn next_token_logits(&self, ids: &[u32]) -> Vec<Vec<f32>> {
        if ids.is_empty() {
            return Vec::new();
        }
        if let Some(engine) = &self.engine {
            return engine.next_token_logits(ids);
        }
        let (hidden, _) = self.causal(&[ids], ids.len());
        let logits = self.decoder.logits(hidden.reshape([ids.len(), self.config.d_model]));
        let flat = to_f32(logits.into_data());
        flat.chunks(self.config.n_vocab).map(<[f32]>::to_vec).collect()
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

/// Where the answers of a batch stand.
struct AnswerPlaces {
    /// `[places, n_vocab]`
    log_probs: Tensor<2>,
    /// The row of each target's place.
    row_of_target: Vec<usize>,
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

fn to_f64(tensor: Tensor<1>) -> Vec<f64> {
    to_f32(tensor.into_data()).into_iter().map(f64::from).collect()
}

/// A file of a model folder.
pub(crate) fn existing(folder: &Path, file: &'static str) -> Result<PathBuf, Error> {
    let path = folder.join(file);
    if path.is_file() { Ok(path) } else { Err(Error::MissingFile { folder: folder.into(), file, hint: "" }) }
}

mod decoding;
#[cfg(test)]
mod tests;
