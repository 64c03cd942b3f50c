use burn::module::Module;
use burn::nn::{Embedding, EmbeddingConfig, Linear, LinearConfig, RmsNorm};
use burn::tensor::{Device, Int, Tensor};

use super::DecoderConfig;
use super::attention::KeysValues;
use super::block::{Block, norm};
use super::rope::Rotation;

/// A Llama decoder: embedding, blocks, norm, output layer.
#[derive(Module, Debug)]
pub(crate) struct Decoder {
    embed_tokens: Embedding,
    layers: Vec<Block>,
    norm: RmsNorm,
    /// `None` where the output layer is the embedding, transposed.
    lm_head: Option<Linear>,
}

impl Decoder {
    pub(crate) fn init(config: &DecoderConfig, device: &Device) -> Self {
        Self {
            embed_tokens: EmbeddingConfig::new(config.n_vocab, config.d_model).init(device),
            layers: (0..config.n_layers).map(|_| Block::init(config, device)).collect(),
            norm: norm(config, device),
            lm_head: (!config.tied_embedding)
                .then(|| LinearConfig::new(config.d_model, config.n_vocab).with_bias(false).init(device)),
        }
    }

    /// The embeddings of tokens, `[batch, length]` → `[batch, length, d_model]`.
    pub(crate) fn embed(&self, ids: Tensor<2, Int>) -> Tensor<3> {
        self.embed_tokens.forward(ids)
    }

    /// The root mean square of the token embeddings.
    pub(crate) fn embedding_rms(&self) -> f64 {
        f64::from(self.embed_tokens.weight.val().square().mean().sqrt().into_scalar::<f32>())
    }

    /// Runs the blocks; also returns every layer's keys and values of the tokens themselves.
    ///
    /// # Shapes
    /// - `x` and result: `[batch, length, d_model]`; masks and keys as in [`Attention`](super::attention::Attention)
    pub(crate) fn hidden(
        &self,
        mut x: Tensor<3>,
        rotation: &Rotation,
        mask: &Tensor<4>,
        before: Option<&[KeysValues]>,
    ) -> (Tensor<3>, Vec<KeysValues>) {
        let mut own = Vec::with_capacity(self.layers.len());
        for (index, layer) in self.layers.iter().enumerate() {
            let (out, keys_values) = layer.forward(x, rotation, mask, before.map(|before| &before[index]));
            x = out;
            own.push(keys_values);
        }
        (x, own)
    }

    /// Logits of hidden states, `[rows, d_model]` → `[rows, n_vocab]`.
    pub(crate) fn logits(&self, hidden: Tensor<2>) -> Tensor<2> {
        let hidden = self.norm.forward(hidden);
        match &self.lm_head {
            Some(head) => head.forward(hidden),
            None => hidden.matmul(self.embed_tokens.weight.val().transpose()),
        }
    }
}
