use burn::module::Module;
use burn::tensor::Tensor;

use super::attention::{Attention, KeysValues, Sight};
use super::config::{DecoderConfig, Residual};
use super::mlp::Mlp;
use super::norm::Norm;
use super::weights::Weights;

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
    pub(crate) fn load(config: &DecoderConfig, weights: &mut Weights<'_>, layer: usize) -> Self {
        let norms = weights.names().norms;
        let mut norm = |name| weights.layer_norm(layer, name, config.d_model);
        let (attention_norm, mlp_norm) = (norm(norms.attention), norm(norms.perceptron));
        let (attention_out_norm, mlp_out_norm) =
            (norms.attention_out.map(&mut norm), norms.perceptron_out.map(&mut norm));
        Self {
            attention_norm,
            attention: Attention::load(config, weights, layer),
            attention_out_norm,
            mlp_norm,
            mlp: Mlp::load(config, weights, layer),
            mlp_out_norm,
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
