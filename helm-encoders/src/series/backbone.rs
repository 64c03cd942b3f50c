use burn::module::{Module, Param};
use burn::nn::transformer::{TransformerEncoder, TransformerEncoderConfig, TransformerEncoderInput};
use burn::nn::{Initializer, LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::{Bool, Device, Tensor};

use super::encoder::SeriesEncoderConfig;
use super::patches::Patches;

/// Patches to vectors: a linear embedding, learned positions, transformer blocks that normalise first, a last norm.
#[derive(Module, Debug)]
pub(crate) struct SeriesBackbone {
    embedding: Linear,
    positions: Param<Tensor<2>>,
    /// Stands for a patch that is hidden in pretraining.
    hidden: Param<Tensor<1>>,
    blocks: TransformerEncoder,
    norm: LayerNorm,
}

impl SeriesBackbone {
    pub(crate) fn init(config: &SeriesEncoderConfig, device: &Device) -> Self {
        let d = config.d_hidden;
        let small = Initializer::Normal { mean: 0.0, std: 0.02 };
        // No dropout: a forward pass in training is the same every time.
        let blocks = TransformerEncoderConfig::new(d, config.d_feed_forward, config.n_heads, config.n_layers)
            .with_dropout(0.0)
            .with_norm_first(true);
        Self {
            embedding: LinearConfig::new((config.n_channels + 1) * config.patch_samples, d).init(device),
            positions: small.init([config.max_patches(), d], device),
            hidden: small.init([d], device),
            blocks: blocks.init(device),
            norm: LayerNormConfig::new(d).init(device),
        }
    }

    /// The most patches of a series.
    pub(crate) fn max_patches(&self) -> usize {
        self.positions.dims()[0]
    }

    /// One vector a patch; those of empty patches mean nothing.
    ///
    /// # Shapes
    /// - `hidden`: `[batch, n_patches]`, patches whose content the blocks don't see
    /// - result: `[batch, n_patches, d_hidden]`
    ///
    /// # Panics
    /// If there are more patches than positions.
    pub(crate) fn forward(&self, patches: &Patches, hidden: Option<Tensor<2, Bool>>) -> Tensor<3> {
        let [batch, n, _] = patches.values.dims();
        let positions = self.positions.val();
        let [most, d] = positions.dims();
        assert!(n <= most, "a series of {n} patches for an encoder of {most}");
        let mut x = self.embedding.forward(patches.values.clone());
        if let Some(hidden) = hidden {
            // [batch, n_patches] and [d_hidden] -> [batch, n_patches, d_hidden]
            let hidden = hidden.unsqueeze_dim::<3>(2).expand([batch, n, d]);
            x = x.mask_where(hidden, self.hidden.val().reshape([1, 1, d]).expand([batch, n, d]));
        }
        x = x + positions.narrow(0, 0, n).unsqueeze::<3>();
        let input = TransformerEncoderInput::new(x).mask_pad(patches.empty.clone());
        self.norm.forward(self.blocks.forward(input))
    }
}
