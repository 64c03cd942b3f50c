use burn::module::{Module, Param};
use burn::nn::{LayerNorm, LayerNormConfig, RmsNorm, RmsNormConfig};
use burn::tensor::{DType, Device, Tensor};

use super::config::{DecoderConfig, NormKind};
use super::decoder_weights::NormWeights;

/// A norm of either kind, computed in f32 whatever the decoder computes in.
#[derive(Module, Debug)]
pub(crate) enum Norm {
    RootMeanSquare(RmsNorm),
    Layer(LayerNorm),
}

impl Norm {
    pub(crate) fn new(config: &DecoderConfig, weights: &NormWeights, device: &Device) -> Self {
        let weight: Tensor<1> = weights.weight.tensor(device);
        let [width] = weight.dims();
        match config.norm {
            NormKind::RootMeanSquare => {
                let norm = RmsNormConfig::new(width).with_epsilon(config.norm_epsilon).init(device);
                Self::RootMeanSquare(RmsNorm { gamma: Param::from_tensor(weight), ..norm })
            }
            NormKind::Layer => {
                let mut norm = LayerNormConfig::new(width).with_epsilon(config.norm_epsilon).init(device);
                norm.gamma = Param::from_tensor(weight);
                norm.beta = weights.bias.as_ref().map(|bias| Param::from_tensor(bias.tensor(device)));
                Self::Layer(norm)
            }
        }
    }

    /// # Shapes
    /// - `x` and result: `[..., width]`
    pub(crate) fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        let dtype = x.dtype();
        let x = x.cast(DType::F32);
        let out = match self {
            Self::RootMeanSquare(norm) => norm.forward(x),
            Self::Layer(norm) => norm.forward(x),
        };
        out.cast(dtype)
    }
}
