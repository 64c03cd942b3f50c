use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::softmax;
use burn::tensor::{Device, Tensor};

use super::DecoderConfig;
use super::rope::Rotation;

/// Grouped-query attention over a tree of tokens and what stands before it.
#[derive(Module, Debug)]
pub(crate) struct Attention {
    q_proj: Linear,
    k_proj: Linear,
    v_proj: Linear,
    o_proj: Linear,
    n_heads: usize,
    n_kv_heads: usize,
    d_head: usize,
}

/// Keys and values of one layer, each `[batch, n_kv_heads, length, d_head]`; keys are turned to their positions.
#[derive(Clone, Debug)]
pub(crate) struct KeysValues {
    pub(crate) keys: Tensor<4>,
    pub(crate) values: Tensor<4>,
}

impl Attention {
    pub(crate) fn init(config: &DecoderConfig, device: &Device) -> Self {
        let linear = |from: usize, to: usize| LinearConfig::new(from, to).with_bias(false).init(device);
        let (d, heads, kv) = (config.d_model, config.n_heads * config.d_head, config.n_kv_heads * config.d_head);
        Self {
            q_proj: linear(d, heads),
            k_proj: linear(d, kv),
            v_proj: linear(d, kv),
            o_proj: linear(heads, d),
            n_heads: config.n_heads,
            n_kv_heads: config.n_kv_heads,
            d_head: config.d_head,
        }
    }

    /// Attends from every token to what the mask allows; also returns the tokens' own keys and values.
    ///
    /// # Shapes
    /// - `x` and result: `[batch, length, d_model]`
    /// - `mask`: `[batch, 1, group * length, before + length]`, 0 where a token sees another and very negative where
    ///   not; the query heads of one group stand one after another along the third axis
    /// - `before`: keys and values `[batch, n_kv_heads, before, d_head]`
    pub(crate) fn forward(
        &self,
        x: Tensor<3>,
        rotation: &Rotation,
        mask: &Tensor<4>,
        before: Option<&KeysValues>,
    ) -> (Tensor<3>, KeysValues) {
        let [batch, length, _] = x.dims();
        let (heads, kv, d) = (self.n_heads, self.n_kv_heads, self.d_head);
        let group = heads / kv;
        // [batch, length, heads * d_head] -> [batch, heads, length, d_head]
        let split = |x: Tensor<3>, heads: usize| x.reshape([batch, length, heads, d]).swap_dims(1, 2);
        let queries = rotation.apply(split(self.q_proj.forward(x.clone()), heads));
        let own = KeysValues {
            keys: rotation.apply(split(self.k_proj.forward(x.clone()), kv)),
            values: split(self.v_proj.forward(x), kv),
        };
        let (keys, values) = match before {
            Some(before) => (
                Tensor::cat(vec![before.keys.clone(), own.keys.clone()], 2),
                Tensor::cat(vec![before.values.clone(), own.values.clone()], 2),
            ),
            None => (own.keys.clone(), own.values.clone()),
        };
        // Query head h reads key head h / group: [batch, heads, length, d_head] -> [batch, kv, group * length, d_head]
        let queries = queries.mul_scalar(1.0 / (d as f64).sqrt()).reshape([batch, kv, group * length, d]);
        // [batch, kv, group * length, before + length]
        let weights = softmax(queries.matmul(keys.transpose()) + mask.clone(), 3);
        // [batch, kv, group * length, d_head] -> [batch, heads, length, d_head] -> [batch, length, heads * d_head]
        let mixed = weights.matmul(values).reshape([batch, heads, length, d]).swap_dims(1, 2);
        (self.o_proj.forward(mixed.reshape([batch, length, heads * d])), own)
    }
}
