use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::attention::{Attention, KeysValues, Sight};
use super::config::{DecoderConfig, Residual};
use super::decoder_weights::BlockWeights;
use super::mlp::Mlp;
use super::norm::Norm;

/// One block: attention and perceptron, each behind a norm and beside a residual.
#[derive(Module, Debug)]
pub(crate) struct Block {
    attention_norm: Norm,
    attention: Attention,
    /// `None` where attention's output is added as it is.
    attention_out_norm: Option<Norm>,
    mlp_norm: Norm,
    mlp: Mlp,
    mlp_out_norm: Option<Norm>,
    #[module(skip)]
    residual: Residual,
}

impl Block {
    pub(crate) fn new(config: &DecoderConfig, weights: &BlockWeights, device: &Device) -> Self {
        let norm = |weights| Norm::new(config, weights, device);
        Self {
            attention_norm: norm(&weights.attention_norm),
            attention: Attention::new(config, weights, device),
            attention_out_norm: weights.attention_out_norm.as_ref().map(norm),
            mlp_norm: norm(&weights.perceptron_norm),
            mlp: Mlp::new(config, weights, device),
            mlp_out_norm: weights.perceptron_out_norm.as_ref().map(norm),
            residual: config.residual,
        }
    }

    /// # Shapes
    /// As [`Attention::forward`].
    pub(crate) fn forward(&self, x: Tensor<3>, sight: &Sight, before: Option<&KeysValues>) -> (Tensor<3>, KeysValues) {
        let (attended, own) = self.attention.forward(self.attention_norm.forward(x.clone()), sight, before);
        let normed = |norm: &Option<Norm>, x: Tensor<3>| match norm {
            Some(norm) => norm.forward(x),
            None => x,
        };
        let attended = normed(&self.attention_out_norm, attended);
        let perceived = |x: Tensor<3>| normed(&self.mlp_out_norm, self.mlp.forward(self.mlp_norm.forward(x)));
        let out = match self.residual {
            Residual::Parallel => x.clone() + attended + perceived(x),
            Residual::Sequential | Residual::NormedTwice => {
                let x = x + attended;
                x.clone() + perceived(x)
            }
        };
        (out, own)
    }
}
