/// The shape of a decoder, in the field's terms: all in which the families differ.
///
/// A Hugging Face folder's `config.json` becomes one by [`LanguageModel::load`](crate::LanguageModel::load).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct DecoderConfig {
    /// The family, as `model_type` names it.
    pub family: String,
    /// Width of the embedding space and of the residual stream.
    pub d_model: usize,
    /// Width of the hidden layer of a block's perceptron.
    pub d_hidden: usize,
    /// Blocks.
    pub n_layers: usize,
    /// Query heads.
    pub n_heads: usize,
    /// Key and value heads; divides `n_heads`.
    pub n_kv_heads: usize,
    /// Width of a head.
    pub d_head: usize,
    /// Tokens of the vocabulary.
    pub n_vocab: usize,
    /// The longest sequence that the model was made for, soft tokens included.
    pub n_positions: usize,
    /// What token embeddings are multiplied by; soft tokens are not.
    pub embedding_scale: f64,
    /// The norms.
    pub norm: NormKind,
    /// The number added to the mean square or the variance in a norm.
    pub norm_epsilon: f64,
    /// Where norms stand, and what a block adds to.
    pub residual: Residual,
    /// How positions enter.
    pub positions: Positions,
    /// The layers that see only so many tokens back; `None` where all see all.
    pub window: Option<Window>,
    /// Attention's settings.
    pub attention: AttentionSettings,
    /// The perceptron's settings.
    pub perceptron: PerceptronSettings,
    /// What logits are squashed to, by `cap * tanh(logit / cap)`.
    pub logit_cap: Option<f64>,
    /// Whether the output layer is the embedding, transposed.
    pub tied_embedding: bool,
}

/// The kind of the norms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NormKind {
    /// Root-mean-square norm (Zhang and Sennrich 2019, arXiv 1910.07467).
    RootMeanSquare,
    /// Layer norm (Ba et al. 2016, arXiv 1607.06450) with a bias.
    Layer,
}

/// Where norms stand in a block, and what its two parts are added to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Residual {
    /// `x += attention(norm(x)); x += perceptron(norm(x))`.
    Sequential,
    /// `x += attention(norm(x)) + perceptron(norm'(x))`, as in GPT-NeoX.
    Parallel,
    /// `x += norm(attention(norm(x))); x += norm(perceptron(norm(x)))`, as in Gemma 2 and 3.
    NormedTwice,
}

/// How positions enter a decoder.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Positions {
    /// A learned vector for each position is added to what stands there, soft tokens included (GPT-2).
    Learned,
    /// Queries and keys are turned.
    Rotary(RopeConfig),
}

/// Rotary positions (Su et al. 2021, arXiv 2104.09864).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RopeConfig {
    /// The base of the wavelengths.
    pub theta: f64,
    /// How many of a head's coordinates turn, from the first.
    pub d_rotary: usize,
    /// How frequencies were changed to reach longer texts.
    pub scaling: RopeScaling,
}

/// How the frequencies of rotary positions were changed after pretraining.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum RopeScaling {
    /// They were not.
    None,
    /// All are divided by a factor.
    Linear {
        /// The factor.
        factor: f64,
    },
    /// Low ones are divided by a factor, high ones are not, those between partly (Llama 3).
    Llama3 {
        /// The factor.
        factor: f64,
        /// Wavelengths longer than `original_positions / low` are divided.
        low: f64,
        /// Wavelengths shorter than `original_positions / high` are not.
        high: f64,
        /// The longest sequence of pretraining.
        original_positions: f64,
    },
    /// Each is divided by a factor of its own (LongRoPE, arXiv 2402.13753). Only the factors for texts up to the
    /// pretraining's length are used, and longer prompts are refused.
    Each {
        /// The factors, one for each pair of coordinates.
        factors: Vec<f64>,
        /// What cosines and sines are multiplied by.
        magnitude: f64,
    },
}

/// Layers that see only the last tokens.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Window {
    /// How many tokens such a layer sees, the token itself included.
    pub length: usize,
    /// Whether each layer is one.
    pub layers: Vec<bool>,
    /// Rotary positions of their own, if they have them (Gemma 3).
    pub rope: Option<RopeConfig>,
}

/// What attention computes.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct AttentionSettings {
    /// What the products of queries and keys are multiplied by.
    pub scale: f64,
    /// Whether queries, keys and values have biases.
    pub qkv_bias: bool,
    /// Whether the output has a bias.
    pub out_bias: bool,
    /// Whether queries and keys go through a norm of their own, head by head.
    pub norms_heads: bool,
    /// What scores are squashed to, by `cap * tanh(score / cap)` (Gemma 2).
    pub score_cap: Option<f64>,
}

/// What a block's perceptron computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PerceptronSettings {
    /// Whether the hidden layer is gated: `down(activation(gate(x)) * up(x))` (Shazeer 2020, arXiv 2002.05202).
    pub gated: bool,
    /// The activation.
    pub activation: Activation,
    /// Whether its layers have biases.
    pub bias: bool,
}

/// An activation function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Activation {
    /// `x * sigmoid(x)`.
    Silu,
    /// `x * Φ(x)` with the normal distribution function.
    Gelu,
    /// The same with an approximation by tanh.
    GeluTanh,
}
