use burn::module::{Module, Param};
use burn::nn::{LayerNorm, LayerNormConfig, RmsNorm, RmsNormConfig};
use burn::tensor::{DType, Tensor};

use super::config::{DecoderConfig, NormKind};

/// A norm of either kind, computed in f32 whatever the decoder computes in.
#[derive(Module, Debug)]
pub(crate) enum Norm {
    RootMeanSquare(RmsNorm),
    Layer(LayerNorm),
}

impl Norm {
    /// A norm with its weights, `[width]` each, in f32.
    pub(crate) fn new(config: &DecoderConfig, weight: Tensor<1>, bias: Option<Tensor<1>>) -> Self {
        let (device, [width]) = (weight.device(), weight.dims());
        match config.norm {
            NormKind::RootMeanSquare => {
                let norm = RmsNormConfig::new(width).with_epsilon(config.norm_epsilon).init(&device);
                Self::RootMeanSquare(RmsNorm { gamma: Param::from_tensor(weight), ..norm })
            }
            NormKind::Layer => {
                let mut norm = LayerNormConfig::new(width).with_epsilon(config.norm_epsilon).init(&device);
                norm.gamma = Param::from_tensor(weight);
                norm.beta = bias.map(Param::from_tensor);
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
