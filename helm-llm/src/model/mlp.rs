use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::silu;
use burn::tensor::{Device, Tensor};

use super::DecoderConfig;

/// The gated perceptron of a block, SwiGLU (Shazeer 2020, arXiv 2002.05202).
#[derive(Module, Debug)]
pub(crate) struct Mlp {
    gate_proj: Linear,
    up_proj: Linear,
    down_proj: Linear,
}

impl Mlp {
    pub(crate) fn init(config: &DecoderConfig, device: &Device) -> Self {
        let linear = |from: usize, to: usize| LinearConfig::new(from, to).with_bias(false).init(device);
        Self {
            gate_proj: linear(config.d_model, config.d_hidden),
            up_proj: linear(config.d_model, config.d_hidden),
            down_proj: linear(config.d_hidden, config.d_model),
        }
    }

    /// # Shapes
    /// - `x` and result: `[batch, length, d_model]`
    pub(crate) fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        self.down_proj.forward(silu(self.gate_proj.forward(x.clone())) * self.up_proj.forward(x))
    }
}
