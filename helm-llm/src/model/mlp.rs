use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;
use burn::tensor::activation::{gelu, gelu_approximate, silu};

use super::config::{Activation, DecoderConfig};
use super::weights::Weights;

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
    pub(crate) fn load(config: &DecoderConfig, weights: &mut Weights<'_>, layer: usize) -> Self {
        let (gate, up) = weights.gate_and_up(layer);
        Self { gate, up, down: weights.down(layer), activation: config.perceptron.activation }
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
