use burn::module::Module;
use burn::nn::{RmsNorm, RmsNormConfig};
use burn::tensor::{Device, Tensor};

use super::DecoderConfig;
use super::attention::{Attention, KeysValues};
use super::mlp::Mlp;
use super::rope::Rotation;

/// One block: attention and perceptron, each behind a norm and beside a residual.
#[derive(Module, Debug)]
pub(crate) struct Block {
    input_layernorm: RmsNorm,
    self_attn: Attention,
    post_attention_layernorm: RmsNorm,
    mlp: Mlp,
}

impl Block {
    pub(crate) fn init(config: &DecoderConfig, device: &Device) -> Self {
        Self {
            input_layernorm: norm(config, device),
            self_attn: Attention::init(config, device),
            post_attention_layernorm: norm(config, device),
            mlp: Mlp::init(config, device),
        }
    }

    /// # Shapes
    /// As [`Attention::forward`].
    pub(crate) fn forward(
        &self,
        x: Tensor<3>,
        rotation: &Rotation,
        mask: &Tensor<4>,
        before: Option<&KeysValues>,
    ) -> (Tensor<3>, KeysValues) {
        let (attended, own) = self.self_attn.forward(self.input_layernorm.forward(x.clone()), rotation, mask, before);
        let x = x + attended;
        let out = x.clone() + self.mlp.forward(self.post_attention_layernorm.forward(x));
        (out, own)
    }
}

/// Root-mean-square norm (Zhang and Sennrich 2019, arXiv 1910.07467).
pub(crate) fn norm(config: &DecoderConfig, device: &Device) -> RmsNorm {
    RmsNormConfig::new(config.d_model).with_epsilon(config.norm_epsilon).init(device)
}
