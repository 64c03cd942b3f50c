use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::activation::softmax;
use burn::tensor::{DType, Device, Tensor};

use super::config::DecoderConfig;
use super::decoder_weights::BlockWeights;
use super::norm::Norm;
use super::rope::Rotation;

/// Grouped-query attention over a tree of tokens and what stands before it.
#[derive(Module, Debug)]
pub(crate) struct Attention {
    q: Linear,
    k: Linear,
    v: Linear,
    out: Linear,
    q_norm: Option<Norm>,
    k_norm: Option<Norm>,
    n_heads: usize,
    n_kv_heads: usize,
    d_head: usize,
    scale: f64,
    score_cap: Option<f64>,
}

/// Keys and values of one layer, each `[batch, n_kv_heads, length, d_head]`; keys are turned to their positions.
#[derive(Clone, Debug)]
pub(crate) struct KeysValues {
    pub(crate) keys: Tensor<4>,
    pub(crate) values: Tensor<4>,
}

impl KeysValues {
    /// These, and others behind them.
    pub(crate) fn followed_by(self, others: Self) -> Self {
        Self {
            keys: Tensor::cat(vec![self.keys, others.keys], 2),
            values: Tensor::cat(vec![self.values, others.values], 2),
        }
    }
}

/// What a layer's tokens see of one another.
#[derive(Clone, Debug)]
pub(crate) struct Sight {
    /// `[batch, 1, group * length, before + length]`, f32: 0 where a token sees another and very negative where not; the
    /// query heads of one group stand one after another along the third axis.
    pub(crate) mask: Tensor<4>,
    /// `None` where positions don't turn queries and keys.
    pub(crate) rotation: Option<Rotation>,
}

impl Attention {
    pub(crate) fn new(config: &DecoderConfig, weights: &BlockWeights, device: &Device) -> Self {
        let settings = config.attention;
        Self {
            q: weights.q.linear(device),
            k: weights.k.linear(device),
            v: weights.v.linear(device),
            out: weights.out.linear(device),
            q_norm: weights.q_norm.as_ref().map(|norm| Norm::new(config, norm, device)),
            k_norm: weights.k_norm.as_ref().map(|norm| Norm::new(config, norm, device)),
            n_heads: config.n_heads,
            n_kv_heads: config.n_kv_heads,
            d_head: config.d_head,
            scale: settings.scale,
            score_cap: settings.score_cap,
        }
    }

    /// Attends from every token to what it sees; also returns the tokens' own keys and values.
    ///
    /// # Shapes
    /// - `x` and result: `[batch, length, d_model]`
    /// - `before`: keys and values `[batch, n_kv_heads, before, d_head]`
    pub(crate) fn forward(&self, x: Tensor<3>, sight: &Sight, before: Option<&KeysValues>) -> (Tensor<3>, KeysValues) {
        let [batch, length, _] = x.dims();
        let (heads, kv, d) = (self.n_heads, self.n_kv_heads, self.d_head);
        let (group, dtype) = (heads / kv, x.dtype());
        // [batch, length, heads * d_head] -> [batch, heads, length, d_head]
        let split = |x: Tensor<3>, heads: usize| x.reshape([batch, length, heads, d]).swap_dims(1, 2);
        let placed = |x: Tensor<3>, heads: usize, norm: &Option<Norm>| {
            let x = split(x, heads);
            let x = norm.as_ref().map_or(x.clone(), |norm| norm.forward(x));
            sight.rotation.as_ref().map_or(x.clone(), |rotation| rotation.apply(x))
        };
        let queries = placed(self.q.forward(x.clone()), heads, &self.q_norm);
        let own = KeysValues {
            keys: placed(self.k.forward(x.clone()), kv, &self.k_norm),
            values: split(self.v.forward(x), kv),
        };
        let KeysValues { keys, values } = match before {
            Some(before) => before.clone().followed_by(own.clone()),
            None => own.clone(),
        };
        // Query head h reads key head h / group: [batch, heads, length, d_head] -> [batch, kv, group * length, d_head]
        let queries = queries.mul_scalar(self.scale).reshape([batch, kv, group * length, d]);
        // [batch, kv, group * length, before + length]
        let scores = queries.matmul(keys.transpose()).cast(DType::F32);
        let scores = match self.score_cap {
            Some(cap) => scores.div_scalar(cap).tanh().mul_scalar(cap),
            None => scores,
        };
        let weights = softmax(scores + sight.mask.clone(), 3).cast(dtype);
        // [batch, kv, group * length, d_head] -> [batch, heads, length, d_head] -> [batch, length, heads * d_head]
        let mixed = weights.matmul(values).reshape([batch, heads, length, d]).swap_dims(1, 2);
        (self.out.forward(mixed.reshape([batch, length, heads * d])), own)
    }
}
