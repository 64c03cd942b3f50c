//! Attention over the rows of a tree, and its gradient. A tile of queries meets the prefix in one product and each block
//! of keys in one more; what the mask forbids beside these is never computed. Weights are computed again for the
//! gradient, from the logarithm of each row's sum.

use std::ops::Range;

use super::buffers::{Buffer, Buffers};
use super::elementwise::{self, softmax, softmax_again, softmax_vjp, wide};
use super::product::{Matrix, MatrixMut};
use super::tree_rows::{KeyBlock, Sight, TILE};

/// The shape of heads.
#[derive(Clone, Copy)]
pub(super) struct Heads {
    pub(super) n_heads: usize,
    pub(super) n_kv_heads: usize,
    pub(super) d_head: usize,
    pub(super) scale: f32,
    pub(super) cap: Option<f32>,
}

impl Heads {
    /// Query heads that read one key head.
    pub(super) fn group(&self) -> usize {
        self.n_heads / self.n_kv_heads
    }

    /// Width of a row of queries.
    pub(super) fn d_queries(&self) -> usize {
        self.n_heads * self.d_head
    }

    /// Width of a row of keys, and behind them values.
    pub(super) fn d_keys_values(&self) -> usize {
        2 * self.n_kv_heads * self.d_head
    }

    fn keys(&self, head: usize) -> Range<usize> {
        head * self.d_head..(head + 1) * self.d_head
    }

    fn values(&self, head: usize) -> Range<usize> {
        (self.n_kv_heads + head) * self.d_head..(self.n_kv_heads + head + 1) * self.d_head
    }
}

/// One tree's part of a layer's attention.
pub(super) struct TreeAttention<'a> {
    pub(super) heads: Heads,
    pub(super) sight: &'a Sight,
    pub(super) blocks: &'a [KeyBlock],
    /// The rows that ask, ascending.
    pub(super) asking: &'a [usize],
    /// `[asking, n_heads * d_head]`
    pub(super) queries: &'a [f32],
    /// Keys and behind them values, `[rows, 2 * n_kv_heads * d_head]`.
    pub(super) keys_values: &'a [f32],
    /// The same of the prefix, `[prefix, 2 * n_kv_heads * d_head]`.
    pub(super) prefix: &'a [f32],
}

/// Some of the asking rows of one key head: their products with keys.
struct Tile<'a> {
    attention: &'a TreeAttention<'a>,
    head: usize,
    asking: Range<usize>,
    /// `[asking * group, columns]`
    scores: Buffer,
    /// `[asking * group, d_head]`
    queries: Buffer,
}

impl TreeAttention<'_> {
    fn n_prefix(&self) -> usize {
        self.prefix.len() / self.heads.d_keys_values()
    }

    /// The prefix' tokens and the tree's rows.
    fn columns(&self) -> usize {
        (self.prefix.len() + self.keys_values.len()) / self.heads.d_keys_values()
    }

    fn tiles(&self) -> impl Iterator<Item = Range<usize>> {
        let n = self.asking.len();
        (0..n).step_by(TILE).map(move |first| first..n.min(first + TILE))
    }

    /// Mixes values into `out`, `[asking, n_heads * d_head]`; `log_sums` gets the logarithms of the weights' sums,
    /// `[n_kv_heads, asking * group]`.
    pub(super) fn mix(&self, buffers: &Buffers, out: &mut [f32], log_sums: &mut [f32]) {
        let (group, d) = (self.heads.group(), self.heads.d_head);
        let rows = self.asking.len() * group;
        for head in 0..self.heads.n_kv_heads {
            for asking in self.tiles() {
                let mut tile = self.tile(buffers, head, asking.clone());
                let log_sums = &mut log_sums[head * rows..][asking.start * group..asking.end * group];
                tile.weigh(log_sums);
                let mut mixed = buffers.take(asking.len() * group * d);
                tile.times_values(&mut mixed);
                // [asking * group, d_head] -> [asking, n_heads * d_head]
                for (row, mixed) in asking.zip(mixed.chunks_exact(group * d)) {
                    out[row * self.heads.d_queries() + head * group * d..][..group * d].copy_from_slice(mixed);
                }
            }
        }
    }

    /// The gradients of queries, `[asking, n_heads * d_head]`, and of keys and values,
    /// `[rows, 2 * n_kv_heads * d_head]`, to which it adds.
    pub(super) fn vjp(
        &self,
        buffers: &Buffers,
        log_sums: &[f32],
        gradient: &[f32],
        of_queries: &mut [f32],
        of_keys_values: &mut [f32],
    ) {
        let (group, d) = (self.heads.group(), self.heads.d_head);
        let rows = self.asking.len() * group;
        let width = self.heads.d_queries();
        for head in 0..self.heads.n_kv_heads {
            for asking in self.tiles() {
                let n = asking.len() * group;
                let mut tile = self.tile(buffers, head, asking.clone());
                let slopes = tile.weigh_again(buffers, &log_sums[head * rows..][asking.start * group..][..n]);
                let mut mixed = buffers.take(n * d);
                for (row, mixed) in asking.clone().zip(mixed.chunks_exact_mut(group * d)) {
                    mixed.copy_from_slice(&gradient[row * width + head * group * d..][..group * d]);
                }
                let mut of_scores = buffers.take(n * self.columns());
                tile.each_block(|columns, rows, keys| {
                    let rows = rows.start * group..rows.end * group;
                    let (prefix, keys) = keys;
                    MatrixMut::part(&mut of_scores, self.columns(), rows.clone(), columns.clone()).set_transposed(
                        Matrix::part(&mixed, d, rows.clone(), 0..d),
                        self.values(prefix, head, keys.clone()),
                    );
                    if !prefix {
                        let width = self.heads.d_keys_values();
                        MatrixMut::part(of_keys_values, width, keys, self.heads.values(head)).add_product_of_columns(
                            Matrix::part(&tile.scores, self.columns(), rows.clone(), columns),
                            Matrix::part(&mixed, d, rows, 0..d),
                        );
                    }
                });
                tile.vjp(&mut of_scores, slopes.as_deref());
                let mut of_tile = buffers.zeros(n * d);
                tile.each_block(|columns, rows, (prefix, keys)| {
                    let rows = rows.start * group..rows.end * group;
                    MatrixMut::part(&mut of_tile, d, rows.clone(), 0..d).add(
                        Matrix::part(&of_scores, self.columns(), rows.clone(), columns.clone()),
                        self.keys(prefix, head, keys.clone()),
                    );
                    if !prefix {
                        let width = self.heads.d_keys_values();
                        MatrixMut::part(of_keys_values, width, keys, self.heads.keys(head)).add_product_of_columns(
                            Matrix::part(&of_scores, self.columns(), rows.clone(), columns),
                            Matrix::part(&tile.queries, d, rows, 0..d),
                        );
                    }
                });
                for (row, of_tile) in asking.zip(of_tile.chunks_exact(group * d)) {
                    let out = &mut of_queries[row * width + head * group * d..][..group * d];
                    elementwise::scale(of_tile, self.heads.scale, out);
                }
            }
        }
    }

    fn keys(&self, prefix: bool, head: usize, keys: Range<usize>) -> Matrix<'_> {
        let numbers = if prefix { self.prefix } else { self.keys_values };
        Matrix::part(numbers, self.heads.d_keys_values(), keys, self.heads.keys(head))
    }

    fn values(&self, prefix: bool, head: usize, keys: Range<usize>) -> Matrix<'_> {
        let numbers = if prefix { self.prefix } else { self.keys_values };
        Matrix::part(numbers, self.heads.d_keys_values(), keys, self.heads.values(head))
    }

    /// Some asking rows' products with all keys that any of them may see.
    fn tile<'a>(&'a self, buffers: &Buffers, head: usize, asking: Range<usize>) -> Tile<'a> {
        let (group, d) = (self.heads.group(), self.heads.d_head);
        let mut queries = buffers.take(asking.len() * group * d);
        // [asking, n_heads * d_head] -> [asking * group, d_head]
        for (row, queries) in asking.clone().zip(queries.chunks_exact_mut(group * d)) {
            let own = &self.queries[row * self.heads.d_queries() + head * group * d..][..group * d];
            elementwise::scale(own, self.heads.scale, queries);
        }
        let mut scores = buffers.take(asking.len() * group * self.columns());
        let columns = self.columns();
        let mut tile = Tile { attention: self, head, asking, scores: buffers.take(0), queries };
        tile.each_block(|block, rows, (prefix, keys)| {
            let rows = rows.start * group..rows.end * group;
            MatrixMut::part(&mut scores, columns, rows.clone(), block)
                .set_transposed(Matrix::part(&tile.queries, d, rows, 0..d), self.keys(prefix, head, keys));
        });
        tile.scores = scores;
        tile
    }
}

impl Tile<'_> {
    /// Calls a function with the columns of the prefix and of each block, the asking rows of the tile that meet it,
    /// counted from the tile's first, and whether its keys are the prefix', and which.
    fn each_block(&self, mut call: impl FnMut(Range<usize>, Range<usize>, (bool, Range<usize>))) {
        let attention = self.attention;
        let n_prefix = attention.n_prefix();
        if n_prefix > 0 {
            call(0..n_prefix, 0..self.asking.len(), (true, 0..n_prefix));
        }
        let asking = &attention.asking[self.asking.clone()];
        for block in attention.blocks {
            let rows = asking.partition_point(|&row| row < block.rows.start)
                ..asking.partition_point(|&row| row < block.rows.end);
            if !rows.is_empty() {
                let columns = n_prefix + block.keys.start..n_prefix + block.keys.end;
                call(columns, rows, (false, block.keys.clone()));
            }
        }
    }

    /// Scores become weights.
    fn weigh(&mut self, log_sums: &mut [f32]) {
        if let Some(cap) = self.attention.heads.cap {
            elementwise::cap(&mut self.scores, cap);
        }
        let (attention, asking) = (self.attention, self.asking.clone());
        let (group, columns) = (attention.heads.group(), attention.columns());
        let scores = &mut self.scores;
        wide(
            #[inline(always)]
            || {
                for (index, (scores, log_sum)) in scores.chunks_exact_mut(columns).zip(log_sums).enumerate() {
                    let row = attention.asking[asking.start + index / group];
                    *log_sum = softmax(scores, attention.sight.visible(row));
                    attention.sight.hidden(row).iter().for_each(|range| scores[range.clone()].fill(0.0));
                }
            },
        );
    }

    /// The same by sums that are known; with a cap, also the slopes of the squashed scores.
    fn weigh_again(&mut self, buffers: &Buffers, log_sums: &[f32]) -> Option<Buffer> {
        let slopes = self.attention.heads.cap.map(|cap| {
            elementwise::cap(&mut self.scores, cap);
            let mut slopes = buffers.copy(&self.scores);
            slopes.iter_mut().for_each(|score| *score = 1.0 - (*score / cap) * (*score / cap));
            slopes
        });
        let (attention, asking) = (self.attention, self.asking.clone());
        let (group, columns) = (attention.heads.group(), attention.columns());
        let scores = &mut self.scores;
        wide(
            #[inline(always)]
            || {
                for (index, (scores, &log_sum)) in scores.chunks_exact_mut(columns).zip(log_sums).enumerate() {
                    let row = attention.asking[asking.start + index / group];
                    softmax_again(scores, attention.sight.visible(row), log_sum);
                    attention.sight.hidden(row).iter().for_each(|range| scores[range.clone()].fill(0.0));
                }
            },
        );
        slopes
    }

    /// The gradient of weights becomes that of scores.
    fn vjp(&self, gradient: &mut [f32], slopes: Option<&[f32]>) {
        let attention = self.attention;
        let (group, columns) = (attention.heads.group(), attention.columns());
        wide(
            #[inline(always)]
            || {
                let rows = self.scores.chunks_exact(columns).zip(gradient.chunks_exact_mut(columns));
                for (index, (weights, gradient)) in rows.enumerate() {
                    let row = attention.asking[self.asking.start + index / group];
                    softmax_vjp(weights, gradient, attention.sight.visible(row));
                    attention.sight.hidden(row).iter().for_each(|range| gradient[range.clone()].fill(0.0));
                    if let Some(slopes) = slopes {
                        let slopes = &slopes[index * columns..(index + 1) * columns];
                        for range in attention.sight.visible(row) {
                            let slopes = &slopes[range.clone()];
                            gradient[range.clone()].iter_mut().zip(slopes).for_each(|(own, &slope)| *own *= slope);
                        }
                    }
                }
            },
        );
    }

    /// Weights times values, `[asking * group, d_head]`.
    fn times_values(&self, out: &mut [f32]) {
        let attention = self.attention;
        let (group, d, columns) = (attention.heads.group(), attention.heads.d_head, attention.columns());
        out.fill(0.0);
        self.each_block(|block, rows, (prefix, keys)| {
            let rows = rows.start * group..rows.end * group;
            MatrixMut::part(out, d, rows.clone(), 0..d)
                .add(Matrix::part(&self.scores, columns, rows, block), attention.values(prefix, self.head, keys));
        });
    }
}
