use std::path::Path;

use burn::module::Module;
use burn::optim::{AdamWConfig, GradientsAccumulator, GradientsParams};
use burn::tensor::activation::log_softmax;
use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use helm_encoders::ModuleAdamW;
use rayon::prelude::*;
use safetensors::tensor::Dtype;

use crate::Error;
use crate::frozen_decoder::{UNSEEN, existing};
use crate::model::{Checkpoint, Decoder, DecoderConfig, load, read_config};

mod tensors;

use tensors::{FileTensor, file_tensors, write_decoder, write_random};

/// Trains all weights of a small decoder from scratch to predict text, as helm's embedded language model was made.
///
/// Everything else in this crate holds the language model still; this is where one comes from. The decoder is the one
/// that is scored later, of a folder whose `config.json` describes a Llama without biases and with tied embeddings. A
/// run's course is decided by the seed, the texts and the rates, and by no number of threads; it can be
/// [saved](Self::save_progress) at any step and [gone on with](Self::load_progress) as if it had never stopped.
///
/// ```
/// use helm_llm::{Pretraining, WeightedText};
///
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path();
/// std::fs::write(folder.join("config.json"), r#"{
///     "model_type": "llama", "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1,
///     "num_attention_heads": 2, "num_key_value_heads": 1, "vocab_size": 8, "max_position_embeddings": 32,
///     "rms_norm_eps": 1e-5, "hidden_act": "silu", "rope_theta": 10000.0, "tie_word_embeddings": true
/// }"#)?;
/// Pretraining::write_random_weights(folder, 0)?;
/// let mut run = Pretraining::new(folder, &helm_encoders::device("cpu")?)?;
/// let text = WeightedText { ids: vec![1, 2, 3, 4, 5], weights: vec![0.0, 1.0, 1.0, 1.0, 1.0] };
/// let first = run.step(&[&text], 1e-2)?;
/// for _ in 0..30 {
///     run.step(&[&text], 1e-2)?;
/// }
/// assert!(run.step(&[&text], 1e-2)?.loss < first.loss / 2.0);
/// run.save_weights(&folder.join("model.safetensors"))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Pretraining {
    /// On the plain device; each pass trains a copy of its own, which shares the numbers and not the graph.
    decoder: Decoder,
    config: DecoderConfig,
    tensors: Vec<FileTensor>,
    optimizer: ModuleAdamW,
    device: Device,
    steps: usize,
}

/// A text to learn, and how much each of its tokens counts.
///
/// `Debug` shows token ids: pretrain on no participant's text.
#[derive(Clone, Debug, PartialEq)]
pub struct WeightedText {
    /// Its tokens, special ones included.
    pub ids: Vec<u32>,
    /// The weight of each token's prediction from those in front of it, at least 0; the first token's is not used.
    pub weights: Vec<f32>,
}

/// What one step did.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct PretrainingStep {
    /// The step, from 1.
    pub step: usize,
    /// The weighted mean of the tokens' negative log-likelihoods.
    pub loss: f64,
    /// The gradient's norm before it was scaled down.
    pub gradient_norm: f64,
}

/// Texts that one thread reads at once: a number of their own, so that threads don't change results.
const TEXTS_PER_PASS: usize = 8;
/// The largest norm of a gradient.
const MAX_GRADIENT_NORM: f64 = 1.0;
/// What a resumed run reads.
const WEIGHTS: &str = "model.safetensors";
const OPTIMIZER: &str = "optimizer.safetensors";

impl Pretraining {
    /// Writes `model.safetensors` with random weights beside a folder's `config.json`: normal numbers of spread 0.02,
    /// less for what is added to the residual stream, and ones for norms.
    ///
    /// # Errors
    /// [`Error::MissingFile`], [`Error::Io`] or [`Error::Format`] if there is no configuration of a
    /// [known family](crate::DecoderConfig), [`Error::Training`] if its files are laid out in another way than Llama's.
    pub fn write_random_weights(folder: &Path, seed: u64) -> Result<(), Error> {
        let (config, names) = read_config(&existing(folder, "config.json")?)?;
        write_random(&file_tensors(&config, names)?, seed, &folder.join(WEIGHTS))
    }

    /// A run that begins with a folder's weights.
    ///
    /// # Errors
    /// As [`write_random_weights`](Self::write_random_weights), and [`Error::Weights`] if the weights are not those of
    /// the configuration.
    pub fn new(folder: &Path, device: &Device) -> Result<Self, Error> {
        let device = device.clone().without_autodiff();
        let (config, names) = read_config(&existing(folder, "config.json")?)?;
        let tensors = file_tensors(&config, names)?;
        let (decoder, _, _) = load(&Checkpoint::open(folder)?, &config, names, &device, DType::F32, false)?;
        let optimizer = AdamWConfig::new().with_beta_2(0.98).with_weight_decay(0.05);
        Ok(Self { decoder, config, tensors, optimizer: ModuleAdamW::new(&optimizer), device, steps: 0 })
    }

    /// The shape of the decoder.
    pub fn config(&self) -> &DecoderConfig {
        &self.config
    }

    /// How many weights are trained.
    pub fn n_parameters(&self) -> usize {
        self.tensors.iter().map(|tensor| tensor.shape.iter().product::<usize>()).sum()
    }

    /// Steps taken.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// One step of AdamW on some texts. Texts of like length that stand together in the batch are the fastest.
    ///
    /// # Errors
    /// [`Error::Training`] if there is no text, one is shorter than two tokens or longer than the model's positions, has
    /// a token that the vocabulary lacks, or no weight for each, or if the rate is none; [`Error::NotFinite`] if the loss or the gradient overflows, in which
    /// case the weights stay.
    pub fn step(&mut self, texts: &[&WeightedText], learning_rate: f64) -> Result<PretrainingStep, Error> {
        let total = self.check(texts)?;
        if !learning_rate.is_finite() || learning_rate < 0.0 {
            let (expected, found) = ("a learning rate of at least 0".into(), learning_rate.to_string());
            return Err(Error::Training { expected, found });
        }
        let number = self.steps + 1;
        let passes: Vec<(f64, GradientsParams)> =
            texts.par_chunks(TEXTS_PER_PASS).map(|texts| self.pass(texts, total)).collect();
        let loss: f64 = passes.iter().map(|(loss, _)| loss).sum();
        let trained = self.decoder.clone().train();
        let mut sum = GradientsAccumulator::new();
        passes.into_iter().for_each(|(_, gradients)| sum.accumulate(&trained, gradients));
        let (decoder, gradient_norm) =
            self.optimizer.step_within(learning_rate, MAX_GRADIENT_NORM, trained, sum.grads());
        for (what, found) in [("loss", loss), ("gradient", gradient_norm)] {
            if !found.is_finite() {
                return Err(Error::NotFinite { step: number, what: what.into(), found });
            }
        }
        self.decoder = decoder.valid();
        self.steps = number;
        Ok(PretrainingStep { step: number, loss, gradient_norm })
    }

    /// Writes the weights in f32 and the optimiser's moments into a folder.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Format`] or [`Error::Encoder`] if a file can't be written.
    pub fn save_progress(&self, folder: &Path) -> Result<(), Error> {
        write_decoder(&self.tensors, &self.decoder, Dtype::F32, &folder.join(WEIGHTS))?;
        Ok(self.optimizer.save(&folder.join(OPTIMIZER))?)
    }

    /// A run that goes on from what [`save_progress`](Self::save_progress) wrote after so many steps; the folder has the
    /// configuration, too.
    ///
    /// # Errors
    /// As [`new`](Self::new), and [`Error::Encoder`] if the optimiser's file is not this decoder's.
    pub fn load_progress(folder: &Path, steps: usize, device: &Device) -> Result<Self, Error> {
        let mut run = Self { steps, ..Self::new(folder, device)? };
        run.optimizer.load(&run.decoder, &folder.join(OPTIMIZER), &run.device)?;
        Ok(run)
    }

    /// Writes the weights rounded to bf16, under the names of Hugging Face's folder.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Format`] if the file can't be written.
    pub fn save_weights(&self, path: &Path) -> Result<(), Error> {
        write_decoder(&self.tensors, &self.decoder, Dtype::BF16, path)
    }

    /// The sum of the texts' weights.
    fn check(&self, texts: &[&WeightedText]) -> Result<f64, Error> {
        let refused = |expected: String, found: String| Err(Error::Training { expected, found });
        let mut total = 0.0;
        for WeightedText { ids, weights } in texts {
            let most = self.config.n_positions;
            if ids.len() < 2 || ids.len() > most {
                return refused(format!("texts of 2 to {most} tokens"), ids.len().to_string());
            }
            if weights.len() != ids.len() {
                return refused(format!("{} weights, one a token", ids.len()), weights.len().to_string());
            }
            if let Some(id) = ids.iter().find(|&&id| id as usize >= self.config.n_vocab) {
                return refused(format!("ids below {}", self.config.n_vocab), id.to_string());
            }
            if let Some(weight) = weights.iter().find(|weight| !weight.is_finite() || **weight < 0.0) {
                return refused("weights of at least 0".into(), weight.to_string());
            }
            total += weights[1..].iter().copied().map(f64::from).sum::<f64>();
        }
        if total > 0.0 { Ok(total) } else { refused("a token that counts".into(), "none".into()) }
    }

    /// The share of some texts in a step's loss, and its gradient.
    fn pass(&self, texts: &[&WeightedText], total: f64) -> (f64, GradientsParams) {
        if texts.iter().all(|text| text.weights[1..].iter().all(|&weight| weight == 0.0)) {
            return (0.0, GradientsParams::new());
        }
        let decoder = self.decoder.clone().train();
        let device = self.device.clone().autodiff();
        let indices = |indices: Vec<usize>| -> Tensor<1, Int> {
            let indices: Vec<i64> = indices.into_iter().map(|index| index as i64).collect();
            let n = indices.len();
            Tensor::from_data(TensorData::new(indices, [n]), &device)
        };
        let rows = texts.len();
        // The last token predicts nothing.
        let length = texts.iter().map(|text| text.ids.len() - 1).max().unwrap_or(0);
        let places =
            texts.iter().flat_map(|text| (0..length).map(|place| text.ids.get(place).map_or(0, |&id| id as usize)));
        let x = decoder.embed(indices(places.collect())).reshape([rows, length, self.config.d_model]);
        // Texts are filled up behind, where nothing that counts sees it.
        let group = self.config.n_heads / self.config.n_kv_heads;
        let causal = (0..group * length)
            .flat_map(|row| (0..length).map(move |to| if to <= row % length { 0.0 } else { UNSEEN }))
            .collect::<Vec<f32>>();
        let mask = Tensor::from_data(TensorData::new(causal, [1, 1, group * length, length]), &device);
        let positions: Vec<usize> = (0..length).collect();
        let sights = decoder.sights(&positions, 1, &device, mask, None);
        let (hidden, _) = decoder.hidden(x, &sights, None);
        let counted: Vec<(usize, usize, f32)> = texts
            .iter()
            .enumerate()
            .flat_map(|(row, text)| {
                let of_text = text.ids.iter().zip(&text.weights).enumerate().skip(1);
                of_text.map(move |(place, (&id, &weight))| (row * length + place - 1, id as usize, weight))
            })
            .filter(|(_, _, weight)| *weight > 0.0)
            .collect();
        let n = counted.len();
        let rows_that_count = indices(counted.iter().map(|(place, _, _)| *place).collect());
        let hidden = hidden.reshape([rows * length, self.config.d_model]).select(0, rows_that_count);
        let log_probs = log_softmax(decoder.logits(hidden), 1);
        let targets = indices(counted.iter().map(|(_, id, _)| *id).collect()).reshape([n, 1]);
        let weights: Vec<f32> = counted.iter().map(|(_, _, weight)| weight / total as f32).collect();
        let weights = Tensor::<1>::from_data(TensorData::new(weights, [n]), &device).reshape([n, 1]);
        let loss = (log_probs.gather(1, targets) * weights).sum().neg();
        let value = f64::from(loss.clone().into_scalar::<f32>());
        (value, GradientsParams::from_grads(loss.backward(), &decoder))
    }
}
