use burn::tensor::{Device, Tensor};

use crate::packed::PackedTrees;

/// What scoring and training need of a frozen language model, in two steps: the log-probabilities of the answers'
/// tokens, and their gradient with respect to the soft tokens.
///
/// The model stands outside any autodiff graph: its weights are constants, whoever holds it has only shared access,
/// and no optimiser and no checkpoint can reach it.
pub trait FrozenModel: Send + Sync {
    /// The width of the embedding space, in which soft tokens live.
    fn d_model(&self) -> usize;

    /// The longest sequence, soft tokens included.
    fn n_positions(&self) -> usize;

    /// The root mean square of the token embeddings: the scale at which soft tokens should start.
    fn embedding_rms(&self) -> f64;

    /// The embeddings of tokens, as they stand where soft tokens do.
    ///
    /// # Shapes
    /// The result is `[ids, d_model]`, on the plain device.
    ///
    /// # Panics
    /// If there is no id, or one is not of the vocabulary.
    fn embeddings(&self, ids: &[u32]) -> Tensor<2>;

    /// The device of the soft tokens.
    fn device(&self) -> &Device;

    /// The scores of the batch's targets.
    ///
    /// # Shapes
    /// - `soft`: `[soft rows of the batch, d_model]`, `None` for a batch without any
    fn target_scores(&self, batch: &PackedTrees, soft: Option<Tensor<2>>) -> Vec<TargetScore>;

    /// The natural log-probabilities of the batch's targets, and the vector–Jacobian product that goes with them.
    ///
    /// # Shapes
    /// - `soft`: `[soft rows of the batch, d_model]`
    fn log_probs_with_vjp(&self, batch: &PackedTrees, soft: Tensor<2>) -> (Vec<f64>, Vjp);

    /// How much memory a batch takes at most; `None` where nobody knows, as with burn's devices.
    fn memory_bound(&self, _batch: &PackedTrees) -> Option<MemoryBound> {
        None
    }

    /// The logits of the token after each of some ids, `[ids, n_vocab]` row by row.
    fn next_token_logits(&self, ids: &[u32]) -> Vec<Vec<f32>>;

    /// Begins a text that grows.
    fn decode(&self) -> Box<dyn Decoding + '_>;

    /// SHA-256 over all weights: equal before and after training.
    fn weights_sha256(&self) -> String;
}

/// The memory that the passes of some prompts take at most, all of them at once. Beside it stand the weights, the
/// encoders, what a cache keeps of other prompts, buffers that larger passes left behind, and small tables of each
/// pass: its masks, its soft tokens, what products pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryBound {
    /// For their scores, all of them computed at once.
    pub scoring_bytes: usize,
    /// For a step of training on them, or for a part of one, as [`TrainConfig::micro_batches`] takes it.
    ///
    /// [`TrainConfig::micro_batches`]: crate::TrainConfig::micro_batches
    pub training_bytes: usize,
}

/// How a language model sees a token at its place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TargetScore {
    /// The natural logarithm of the token's probability.
    pub log_prob: f64,
    /// Whether no other token of the vocabulary is more likely there: greedy generation would write it.
    pub is_most_likely: bool,
}

/// A text that grows, token by token or soft token by soft token; keys and values of what stands so far are kept.
pub trait Decoding {
    /// Appends tokens; the logits of what follows the last of them, `[n_vocab]`.
    ///
    /// # Panics
    /// If there is no token, or the text gets longer than the model's positions.
    fn push_tokens(&mut self, ids: &[u32]) -> Vec<f32>;

    /// Appends soft tokens; the logits of what follows the last of them, `[n_vocab]`.
    ///
    /// # Shapes
    /// - `soft`: `[soft tokens, d_model]`
    ///
    /// # Panics
    /// As [`push_tokens`](Self::push_tokens).
    fn push_soft(&mut self, soft: Tensor<2>) -> Vec<f32>;

    /// Tokens and soft tokens so far.
    fn length(&self) -> usize;
}

/// A vector–Jacobian product: from the gradient of a loss with respect to log-probabilities to its gradient with
/// respect to the soft tokens, `[soft rows, d_model]`.
pub struct Vjp(Box<Product>);

type Product = dyn FnOnce(&[f64]) -> Tensor<2> + Send;

impl Vjp {
    /// A product from its function.
    pub fn new(function: impl FnOnce(&[f64]) -> Tensor<2> + Send + 'static) -> Self {
        Self(Box::new(function))
    }

    /// The gradient with respect to the soft tokens.
    ///
    /// # Panics
    /// If the gradient has not one number for each target.
    pub fn apply(self, gradient: &[f64]) -> Tensor<2> {
        (self.0)(gradient)
    }
}
