use burn::tensor::Tensor;

use super::{FrozenDecoder, to_f32};
use crate::frozen::Decoding;
use crate::model::KeysValues;

/// A text that grows through burn's decoder.
pub(super) struct DecoderText<'a> {
    model: &'a FrozenDecoder,
    /// Every layer's keys and values of what stands so far.
    before: Option<Vec<KeysValues>>,
    length: usize,
}

impl<'a> DecoderText<'a> {
    pub(super) fn new(model: &'a FrozenDecoder) -> Self {
        Self { model, before: None, length: 0 }
    }

    /// Appends what stands at some places; `x` is `[places, d_model]`, without positions.
    fn push(&mut self, x: Tensor<2>) -> Vec<f32> {
        let (model, before) = (self.model, self.length);
        let [n, d] = x.dims();
        assert!(n > 0, "something is appended");
        assert!(before + n <= model.config.n_positions, "the text fits the model's positions");
        let positions: Vec<usize> = (before..before + n).collect();
        let x = model.decoder.add_positions(x, || model.indices(positions.iter().copied())).reshape([1, n, d]);
        let sees = |_, from: usize, to: usize| to <= before + from;
        let distance = |_, from: usize, to: usize| (before + from).abs_diff(to);
        let sights = model.sights(1, n, before, &positions, sees, distance);
        let (x, own) = model.decoder.hidden(x, &sights, self.before.as_deref());
        self.before = Some(match self.before.take() {
            None => own,
            Some(before) => before.into_iter().zip(own).map(|(before, own)| before.followed_by(own)).collect(),
        });
        self.length += n;
        // [1, n, d] -> [1, d]
        let last = x.narrow(1, n - 1, 1).reshape([1, d]);
        to_f32(model.decoder.logits(last).into_data())
    }
}

impl Decoding for DecoderText<'_> {
    fn push_tokens(&mut self, ids: &[u32]) -> Vec<f32> {
        self.push(self.model.embed_ids(ids.to_vec()))
    }

    fn push_soft(&mut self, soft: Tensor<2>) -> Vec<f32> {
        self.push(soft.cast(self.model.decoder.dtype()))
    }

    fn length(&self) -> usize {
        self.length
    }
}
