use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::{DType, Device, Int, Tensor};

use super::attention::{KeysValues, Sight};
use super::block::Block;
use super::config::{DecoderConfig, Positions};
use super::decoder_weights::DecoderWeights;
use super::norm::Norm;
use super::rope::Rope;
use super::weights::Weights;

/// A decoder of any of the families: embedding, blocks, norm, output layer.
#[derive(Module, Debug)]
pub(crate) struct Decoder {
    /// `[n_vocab, d_model]`
    embedding: Param<Tensor<2>>,
    /// `[n_positions, d_model]`, `None` where positions are rotary.
    positions: Option<Param<Tensor<2>>>,
    layers: Vec<Block>,
    norm: Norm,
    /// `None` where the output layer is the embedding, transposed.
    head: Option<Linear>,
    embedding_scale: f64,
    logit_cap: Option<f64>,
    #[module(skip)]
    windowed: Vec<bool>,
    #[module(skip)]
    rope: Option<Rope>,
    #[module(skip)]
    windowed_rope: Option<Rope>,
}

/// Rows of the embedding that are looked at together.
const PIECE_ROWS: usize = 4096;

/// What tokens see of one another, in layers that see all and in those with a window.
#[derive(Clone, Debug)]
pub(crate) struct Sights {
    pub(crate) all: Sight,
    /// `None` where no layer has a window, or every text is shorter.
    pub(crate) windowed: Option<Sight>,
}

impl Decoder {
    /// A decoder with its weights, which it also returns where they are to be kept; what `weights` lacks is recorded
    /// there, and the decoder is then of no use.
    pub(crate) fn load(
        config: &DecoderConfig,
        weights: &mut Weights<'_>,
        device: &Device,
        keep: bool,
    ) -> (Self, Option<DecoderWeights>) {
        let (d, names) = (config.d_model, weights.names());
        let rope = match &config.positions {
            Positions::Rotary(rope) => Some(Rope::new(rope)),
            Positions::Learned => None,
        };
        let window = config.window.as_ref();
        let own_rope = window.and_then(|window| window.rope.as_ref()).map(Rope::new);
        let embedding = weights.matrix(names.embedding, [config.n_vocab, d]);
        let positions = names.positions.map(|name| weights.matrix(name, [config.n_positions, d]));
        let norm = weights.norm(names.final_norm, d);
        let head = (!config.tied_embedding).then(|| weights.head([config.n_vocab, d]));
        let mut kept = Vec::new();
        // Where weights go to another memory, no more than a block of them is here at once.
        let layers = (0..config.n_layers).map(|layer| {
            let own = weights.block(layer);
            let block = Block::new(config, &own, device);
            kept.extend(keep.then_some(own));
            block
        });
        let decoder = Self {
            layers: layers.collect(),
            embedding: Param::from_tensor(embedding.tensor(device)),
            positions: positions.as_ref().map(|positions| Param::from_tensor(positions.tensor(device))),
            norm: Norm::new(config, &norm, device),
            head: head
                .as_ref()
                .map(|head| Linear { weight: Param::from_tensor(head.tensor::<2>(device).transpose()), bias: None }),
            embedding_scale: config.embedding_scale,
            logit_cap: config.logit_cap,
            windowed: window.map_or_else(|| vec![false; config.n_layers], |window| window.layers.clone()),
            windowed_rope: own_rope.or_else(|| rope.clone()),
            rope,
        };
        (decoder, keep.then_some(DecoderWeights { embedding, positions, layers: kept, norm, head }))
    }

    /// The embeddings of tokens, `[ids]` → `[ids, d_model]`.
    pub(crate) fn embed(&self, ids: Tensor<1, Int>) -> Tensor<2> {
        let rows = self.embedding.val().select(0, ids);
        if self.embedding_scale == 1.0 { rows } else { rows.mul_scalar(self.embedding_scale) }
    }

    /// Adds what learned positions add, if there are any.
    ///
    /// # Shapes
    /// - `x` and result: `[positions, d_model]`
    pub(crate) fn add_positions(&self, x: Tensor<2>, positions: impl FnOnce() -> Tensor<1, Int>) -> Tensor<2> {
        match &self.positions {
            Some(learned) => {
                let added = learned.val().select(0, positions());
                x.clone() + if x.is_autodiff() { Tensor::from_inner(added) } else { added }
            }
            None => x,
        }
    }

    /// The root mean square of the embeddings, as they enter the first block.
    pub(crate) fn embedding_rms(&self) -> f64 {
        let embedding = self.embedding.val();
        let [n_vocab, _] = embedding.dims();
        // Piece by piece: a whole copy would be the largest tensor of a load.
        let sum_of_means = (0..n_vocab).step_by(PIECE_ROWS).map(|first| {
            let rows = PIECE_ROWS.min(n_vocab - first);
            let mean = embedding.clone().narrow(0, first, rows).cast(DType::F32).square().mean();
            rows as f64 * f64::from(mean.into_scalar::<f32>())
        });
        let mean = sum_of_means.sum::<f64>() / n_vocab as f64;
        self.embedding_scale * f64::from((mean as f32).sqrt())
    }

    /// The dtype that weights and activations have.
    pub(crate) fn dtype(&self) -> DType {
        self.embedding.dtype()
    }

    /// What tokens at some positions see of one another: `sees(row, from, to)` in layers that see all,
    /// `near(row, from, to)` in those with a window, of which the caller says whether it makes a difference.
    ///
    /// # Shapes
    /// - `positions`: `[rows * length]`; `mask` and `near`: as in [`Sight`]
    pub(crate) fn sights(
        &self,
        positions: &[usize],
        rows: usize,
        device: &Device,
        mask: Tensor<4>,
        near: Option<Tensor<4>>,
    ) -> Sights {
        let rotation =
            |rope: &Option<Rope>| rope.as_ref().map(|rope| rope.rotation(positions, rows, device, self.dtype()));
        let windowed = self
            .windowed
            .contains(&true)
            .then(|| Sight { mask: near.unwrap_or_else(|| mask.clone()), rotation: rotation(&self.windowed_rope) });
        Sights { all: Sight { mask, rotation: rotation(&self.rope) }, windowed }
    }

    /// Runs the blocks; also returns every layer's keys and values of the tokens themselves.
    ///
    /// # Shapes
    /// - `x` and result: `[batch, length, d_model]`; keys and values as in [`KeysValues`]
    pub(crate) fn hidden(
        &self,
        mut x: Tensor<3>,
        sights: &Sights,
        before: Option<&[KeysValues]>,
    ) -> (Tensor<3>, Vec<KeysValues>) {
        let mut own = Vec::with_capacity(self.layers.len());
        for (index, layer) in self.layers.iter().enumerate() {
            let sight = sights.windowed.as_ref().filter(|_| self.windowed[index]).unwrap_or(&sights.all);
            let (out, keys_values) = layer.forward(x, sight, before.map(|before| &before[index]));
            x = out;
            own.push(keys_values);
        }
        (x, own)
    }

    /// Logits of hidden states in f32, `[rows, d_model]` → `[rows, n_vocab]`.
    pub(crate) fn logits(&self, hidden: Tensor<2>) -> Tensor<2> {
        let hidden = self.norm.forward(hidden);
        let logits = match &self.head {
            Some(head) => head.forward(hidden),
            None => hidden.matmul(self.embedding.val().transpose()),
        };
        let logits = logits.cast(DType::F32);
        match self.logit_cap {
            Some(cap) => logits.div_scalar(cap).tanh().mul_scalar(cap),
            None => logits,
        }
    }
}
