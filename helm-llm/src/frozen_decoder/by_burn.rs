//! A frozen decoder's passes through burn, on any device: a batch of packed trees as a rectangle with its mask.

use burn::tensor::activation::log_softmax;
use burn::tensor::{Int, Tensor, TensorData};

use super::{FrozenDecoder, to_f32};
use crate::frozen::{TargetScore, Vjp};
use crate::model::{KeysValues, Sights};
use crate::packed::{PackedTrees, Place};

/// What a mask adds where a place does not see another.
pub(crate) const UNSEEN: f32 = -1e9;

/// Where the answers of a batch stand.
struct AnswerPlaces {
    /// `[places, n_vocab]`
    log_probs: Tensor<2>,
    /// The row of each target's place.
    row_of_target: Vec<usize>,
}

impl FrozenDecoder {
    /// The scores of a batch's targets.
    pub(super) fn scores_by_burn(&self, batch: &PackedTrees, soft: Option<Tensor<2>>) -> Vec<TargetScore> {
        let places = self.answer_places(batch, soft);
        let log_probs = to_f64(self.target_log_probs(batch, &places));
        let most = to_f64(places.log_probs.max_dim(1).flatten(0, 1));
        let score = |(log_prob, &row): (f64, &usize)| TargetScore { log_prob, is_most_likely: log_prob >= most[row] };
        log_probs.into_iter().zip(&places.row_of_target).map(score).collect()
    }

    /// The targets' log-probabilities, and the product of their gradient in burn's graph.
    pub(super) fn log_probs_with_vjp_by_burn(&self, batch: &PackedTrees, soft: Tensor<2>) -> (Vec<f64>, Vjp) {
        let soft = Tensor::from_inner(soft).require_grad();
        let log_probs = self.target_log_probs(batch, &self.answer_places(batch, Some(soft.clone())));
        let values = to_f64(log_probs.clone().inner());
        let vjp = Vjp::new(move |gradient| {
            let gradient: Vec<f32> = gradient.iter().map(|&gradient| gradient as f32).collect();
            let n = gradient.len();
            let gradient = Tensor::<1>::from_data(TensorData::new(gradient, [n]), &log_probs.device());
            let gradients = (log_probs * gradient).sum().backward();
            // Soft tokens that no answer follows have no gradient.
            soft.grad(&gradients).unwrap_or_else(|| soft.inner().zeros_like())
        });
        (values, vjp)
    }

    /// The logits of what follows each token of a text.
    pub(super) fn next_token_logits_by_burn(&self, ids: &[u32]) -> Vec<Vec<f32>> {
        let (hidden, _) = self.causal(&[ids], ids.len());
        let logits = self.decoder.logits(hidden.reshape([ids.len(), self.config.d_model]));
        let flat = to_f32(logits.into_data());
        flat.chunks(self.config.n_vocab).map(<[f32]>::to_vec).collect()
    }

    /// The log-probabilities of all tokens where answers stand, in the graph of the soft tokens if they have one.
    fn answer_places(&self, batch: &PackedTrees, soft: Option<Tensor<2>>) -> AnswerPlaces {
        let hidden = self.hidden(batch, soft);
        // Several answers may follow one place: its logits are computed once.
        let mut places: Vec<usize> = batch.targets.iter().map(|&(place, _)| place).collect();
        places.sort_unstable();
        places.dedup();
        let row_of = |place: usize| places.partition_point(|&other| other < place);
        let row_of_target = batch.targets.iter().map(|&(place, _)| row_of(place)).collect();
        let rows = self.indices(places.iter().copied());
        let log_probs = log_softmax(self.decoder.logits(hidden.select(0, rows)), 1);
        AnswerPlaces { log_probs, row_of_target }
    }

    /// The targets' log-probabilities, `[targets]`.
    fn target_log_probs(&self, batch: &PackedTrees, places: &AnswerPlaces) -> Tensor<1> {
        let [n_places, n_vocab] = places.log_probs.dims();
        let targets = batch.targets.iter().zip(&places.row_of_target);
        let picked = self.indices(targets.map(|(&(_, id), row)| row * n_vocab + id as usize));
        places.log_probs.clone().reshape([n_places * n_vocab]).select(0, picked)
    }

    /// Runs the blocks over a batch's places; hidden states `[batch * length, d_model]`.
    fn hidden(&self, batch: &PackedTrees, soft: Option<Tensor<2>>) -> Tensor<2> {
        let (rows, length, d) = (batch.batch(), batch.length, self.config.d_model);
        let x = self.embed(batch, soft).reshape([rows, length, d]);
        let before_length = batch.prefixes.iter().map(Vec::len).max().unwrap_or(0);
        let before = (before_length > 0).then(|| self.prefix(&batch.prefixes, before_length));
        // A place of a prefix is its position.
        let distance = |row: usize, from: usize, to: usize| {
            let position = |place: usize| batch.positions[row * length + place];
            position(from).abs_diff(to.checked_sub(before_length).map_or(to, position))
        };
        let own = batch.sees();
        let sees = |row: usize, from: usize, to: usize| match to.checked_sub(before_length) {
            Some(to) => own[(row * length + from) * length + to],
            None => to < batch.prefixes[row].len() && batch.places[row * length + from] != Place::Pad,
        };
        let sights = self.sights(rows, length, before_length, &batch.positions, sees, distance);
        let (x, _) = self.decoder.hidden(x, &sights, before.as_deref());
        x.reshape([rows * length, d])
    }

    /// The embeddings of a batch's places, with learned positions if the model has them, `[batch * length, d_model]`.
    fn embed(&self, batch: &PackedTrees, soft: Option<Tensor<2>>) -> Tensor<2> {
        let ids = batch.places.iter().map(|place| if let Place::Token(id) = place { *id } else { 0 });
        let tokens = self.embed_ids(ids.collect());
        let x = match soft {
            None => tokens,
            Some(soft) => {
                // Each place picks its row among the token embeddings and, behind them, the soft tokens.
                let picked = batch.places.iter().enumerate().map(|(place, what)| match what {
                    Place::Soft(row) => batch.places.len() + row,
                    Place::Token(_) | Place::Pad => place,
                });
                let soft = soft.cast(self.decoder.dtype());
                let tokens = if soft.is_autodiff() { Tensor::from_inner(tokens) } else { tokens };
                Tensor::cat(vec![tokens, soft], 0).select(0, self.indices(picked))
            }
        };
        self.decoder.add_positions(x, || self.indices(batch.positions.iter().copied()))
    }

    /// The embeddings of tokens, `[ids, d_model]`.
    pub(super) fn embed_ids(&self, ids: Vec<u32>) -> Tensor<2> {
        self.decoder.embed(self.indices(ids.into_iter().map(|id| id as usize)))
    }

    pub(super) fn indices(&self, indices: impl Iterator<Item = usize>) -> Tensor<1, Int> {
        let indices: Vec<i64> = indices.map(|index| index as i64).collect();
        let n = indices.len();
        Tensor::from_data(TensorData::new(indices, [n]), &self.device)
    }

    /// What the places of a batch see of one another and of the prefixes in front.
    pub(super) fn sights(
        &self,
        rows: usize,
        length: usize,
        before: usize,
        positions: &[usize],
        sees: impl Fn(usize, usize, usize) -> bool,
        distance: impl Fn(usize, usize, usize) -> usize,
    ) -> Sights {
        let window = self.config.window.as_ref().map(|window| window.length);
        // A window longer than every path hides nothing.
        let window = window.filter(|&window| positions.iter().any(|&position| position >= window));
        let near = window.map(|window| {
            self.mask(rows, length, before, |row, from, to| sees(row, from, to) && distance(row, from, to) < window)
        });
        let mask = self.mask(rows, length, before, sees);
        self.decoder.sights(positions, rows, &self.device, mask, near)
    }

    /// A mask of a batch, `[rows, 1, group * length, before + length]`.
    fn mask(&self, rows: usize, length: usize, before: usize, sees: impl Fn(usize, usize, usize) -> bool) -> Tensor<4> {
        let group = self.config.n_heads / self.config.n_kv_heads;
        let width = before + length;
        let mut mask = Vec::with_capacity(rows * group * length * width);
        for row in 0..rows {
            let first = mask.len();
            for from in 0..length {
                mask.extend((0..width).map(|to| if sees(row, from, to) { 0.0 } else { UNSEEN }));
            }
            for _ in 1..group {
                mask.extend_from_within(first..first + length * width);
            }
        }
        Tensor::from_data(TensorData::new(mask, [rows, 1, group * length, width]), &self.device)
    }

    /// Hidden states and every layer's keys and values of plain texts, each filled up behind to `length`.
    fn causal(&self, texts: &[&[u32]], length: usize) -> (Tensor<3>, Vec<KeysValues>) {
        let (rows, d) = (texts.len(), self.config.d_model);
        let ids = texts.iter().flat_map(|text| (0..length).map(|i| text.get(i).copied().unwrap_or(0)));
        let positions: Vec<usize> = (0..rows).flat_map(|_| 0..length).collect();
        let x = self.embed_ids(ids.collect());
        let x = self.decoder.add_positions(x, || self.indices(positions.iter().copied())).reshape([rows, length, d]);
        let sights =
            self.sights(rows, length, 0, &positions, |_, from, to| to <= from, |_, from, to| from.abs_diff(to));
        self.decoder.hidden(x, &sights, None)
    }

    /// Keys and values of constant texts, each filled up behind to `length`.
    fn prefix(&self, texts: &[Vec<u32>], length: usize) -> Vec<KeysValues> {
        let (kv, d) = (self.config.n_kv_heads, self.config.d_head);
        let rows = texts.len();
        let per_text = self.prefixes.get_or_compute(texts, |texts| {
            let texts: Vec<&[u32]> = texts.iter().map(|text| text.tokens).collect();
            self.compute_prefixes(&texts).into_iter().map(|whole| vec![whole]).collect()
        });
        // All texts behind one another, and from them a rectangle; what is picked past a text's end is masked.
        let starts = texts.iter().scan(0, |next, text| Some(std::mem::replace(next, *next + text.len())));
        let total: usize = texts.iter().map(Vec::len).sum();
        let picked = starts.flat_map(|start| (start..start + length).map(|place| place.min(total - 1)));
        let picked = self.indices(picked.collect::<Vec<_>>().into_iter());
        // [total, layers * 2 * kv * d_head] -> [rows, length, layers * 2, kv, d_head]
        let all = Tensor::cat(per_text.into_iter().flatten().collect(), 0).select(0, picked);
        let part = |index: usize| {
            let part: Tensor<2> = all.clone().narrow(1, index * kv * d, kv * d);
            part.reshape([rows, length, kv, d]).swap_dims(1, 2)
        };
        (0..self.config.n_layers)
            .map(|layer| KeysValues { keys: part(2 * layer), values: part(2 * layer + 1) })
            .collect()
    }

    /// Keys and values of texts, layer by layer and side by side: `[length, layers * 2 * n_kv_heads * d_head]` each.
    fn compute_prefixes(&self, texts: &[&[u32]]) -> Vec<Tensor<2>> {
        let length = texts.iter().map(|text| text.len()).max().unwrap_or(0);
        let (_, layers) = self.causal(texts, length);
        let width = self.config.n_kv_heads * self.config.d_head;
        // [rows, kv, length, d_head] -> [rows, length, kv * d_head]
        let flat = |x: Tensor<4>| x.swap_dims(1, 2).reshape([texts.len(), length, width]);
        let parts = layers.into_iter().flat_map(|layer| [flat(layer.keys), flat(layer.values)]).collect();
        let all: Tensor<3> = Tensor::cat(parts, 2);
        let row = |(row, text): (usize, &&[u32])| {
            all.clone().slice([row..row + 1, 0..text.len()]).reshape([text.len() as i64, -1])
        };
        texts.iter().enumerate().map(row).collect()
    }
}

fn to_f64(tensor: Tensor<1>) -> Vec<f64> {
    to_f32(tensor.into_data()).into_iter().map(f64::from).collect()
}
