use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::activation::{gelu, gelu_approximate, silu};
use burn::tensor::{Device, Tensor};

use super::config::{Activation, DecoderConfig};
use super::decoder_weights::BlockWeights;

/// The perceptron of a block, gated or plain.
#[derive(Module, Debug)]
pub(crate) struct Mlp {
    /// `None` where it isn't gated.
    gate: Option<Linear>,
    up: Linear,
    down: Linear,
    #[module(skip)]
    activation: Activation,
}

impl Mlp {
    pub(crate) fn new(config: &DecoderConfig, weights: &BlockWeights, device: &Device) -> Self {
        Self {
            gate: weights.gate.as_ref().map(|gate| gate.linear(device)),
            up: weights.up.linear(device),
            down: weights.down.linear(device),
            activation: config.perceptron.activation,
        }
    }

    /// # Shapes
    /// - `x` and result: `[batch, length, d_model]`
    pub(crate) fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let hidden = match &self.gate {
            Some(gate) => self.activation.apply(gate.forward(x.clone())) * self.up.forward(x),
            None => self.activation.apply(self.up.forward(x)),
        };
        self.down.forward(hidden)
    }
}

impl Activation {
    fn apply<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Silu => silu(x),
            Self::Gelu => gelu(x),
            Self::GeluTanh => gelu_approximate(x),
        }
    }
}
