//! Attention over the rows of a tree, and its gradient. A tile of queries meets each block of keys, the prefix' and the
//! tree's, in one product; what the mask forbids beside these is never computed. Weights are computed again for the
//! gradient, from the logarithm of each row's sum.

use std::ops::Range;

use super::buffers::{Buffer, Buffers};
use super::functions::{cap, cap_slope};
use super::helpers::Hands;
use super::lanes::{scale, wide};
use super::product::{Matrix, MatrixMut};
use super::softmax::{softmax, softmax_again, softmax_vjp};
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
    /// The same of the prefix, block by block, `[block, 2 * n_kv_heads * d_head]`.
    pub(super) prefix: &'a [&'a [f32]],
}

/// Some neighbours among the asking rows, and one key head.
struct Tile {
    head: usize,
    asking: Range<usize>,
    /// Scaled, `[asking * group, d_head]`.
    queries: Buffer,
    /// Products of queries and keys, and then weights, `[asking * group, columns]`.
    scores: Buffer,
}

/// The gradients of one key head.
struct OfHead {
    head: usize,
    /// Of the query heads that read it, `[asking, group * d_head]`.
    queries: Buffer,
    /// Of its keys and behind them its values, `[rows, 2 * d_head]`.
    keys_values: Buffer,
}

/// What one product of a tile takes.
struct Part {
    /// Of the tile, each with all query heads of the group.
    rows: Range<usize>,
    columns: Range<usize>,
    /// Which block of the prefix its keys are of, if not the tree's own.
    prefix: Option<usize>,
    /// Which of them.
    keys: Range<usize>,
}

impl TreeAttention<'_> {
    fn n_prefix(&self) -> usize {
        self.prefix.iter().map(|block| block.len()).sum::<usize>() / self.heads.d_keys_values()
    }

    /// The prefix' tokens and the tree's rows.
    fn columns(&self) -> usize {
        self.n_prefix() + self.keys_values.len() / self.heads.d_keys_values()
    }

    /// Mixes values into `out`, `[asking, n_heads * d_head]`; `log_sums` gets the logarithms of the weights' sums, tile
    /// by tile `[n_kv_heads, asking * group]`.
    pub(super) fn mix(&self, hands: Hands<'_>, out: &mut [f32], log_sums: &mut [f32]) {
        let (group, d, n) = (self.heads.group(), self.heads.d_head, self.asking.len());
        let (width, n_heads) = (self.heads.d_queries(), self.heads.n_heads);
        // Tile by tile [n_kv_heads, asking * group, d_head].
        let mut mixed = hands.buffers.take(out.len());
        let tiles = mixed.chunks_mut(TILE * width).zip(log_sums.chunks_mut(TILE * n_heads)).enumerate();
        let mut of_heads: Vec<_> = tiles
            .flat_map(|(index, (mixed, log_sums))| {
                let asking = index * TILE..n.min((index + 1) * TILE);
                let rows = asking.len() * group;
                let heads = mixed.chunks_exact_mut(rows * d).zip(log_sums.chunks_exact_mut(rows)).enumerate();
                heads.map(move |(head, (mixed, log_sums))| (head, asking.clone(), mixed, log_sums))
            })
            .collect();
        // The last tiles see most, so that they are begun first.
        of_heads.reverse();
        hands.helpers.each(2 * n * width * self.columns(), of_heads.into_iter(), |(head, asking, mixed, log_sums)| {
            let mut tile = self.tile(hands.buffers, head, asking);
            self.multiply(&mut tile);
            self.weigh(&mut tile, log_sums);
            mixed.fill(0.0);
            for part in self.parts(&tile.asking) {
                let weights = Matrix::part(&tile.scores, self.columns(), part.rows.clone(), part.columns.clone());
                MatrixMut::part(mixed, d, part.rows.clone(), 0..d).add(weights, self.values(head, &part));
            }
        });
        // [n_kv_heads, asking * group, d_head] -> [asking, n_heads * d_head]
        for (out, mixed) in out.chunks_mut(TILE * width).zip(mixed.chunks(TILE * width)) {
            for (head, mixed) in mixed.chunks_exact(mixed.len() / self.heads.n_kv_heads).enumerate() {
                for (out, mixed) in out.chunks_exact_mut(width).zip(mixed.chunks_exact(group * d)) {
                    out[head * group * d..][..group * d].copy_from_slice(mixed);
                }
            }
        }
    }

    /// The gradients of queries, `[asking, n_heads * d_head]`, and of keys and values,
    /// `[rows, 2 * n_kv_heads * d_head]`.
    pub(super) fn vjp(
        &self,
        hands: Hands<'_>,
        log_sums: &[f32],
        gradient: &[f32],
        of_queries: &mut [f32],
        of_keys_values: &mut [f32],
    ) {
        let (of_head, d) = (self.heads.group() * self.heads.d_head, self.heads.d_head);
        let rows = self.keys_values.len() / self.heads.d_keys_values();
        let mut heads: Vec<OfHead> = (0..self.heads.n_kv_heads)
            .map(|head| OfHead {
                head,
                queries: hands.buffers.take(self.asking.len() * of_head),
                keys_values: hands.buffers.zeros(rows * 2 * d),
            })
            .collect();
        let work = 4 * self.asking.len() * self.heads.d_queries() * self.columns();
        hands.helpers.each(work, heads.iter_mut(), |own| self.head_vjp(hands.buffers, log_sums, gradient, own));
        for OfHead { head, queries, keys_values } in heads {
            let out = of_queries.chunks_exact_mut(self.heads.d_queries());
            for (out, own) in out.zip(queries.chunks_exact(of_head)) {
                out[head * of_head..][..of_head].copy_from_slice(own);
            }
            let out = of_keys_values.chunks_exact_mut(self.heads.d_keys_values());
            for (out, own) in out.zip(keys_values.chunks_exact(2 * d)) {
                out[self.heads.keys(head)].copy_from_slice(&own[..d]);
                out[self.heads.values(head)].copy_from_slice(&own[d..]);
            }
        }
    }

    /// The gradients of one key head, which are written to `own`.
    fn head_vjp(&self, buffers: &Buffers, log_sums: &[f32], gradient: &[f32], own: &mut OfHead) {
        let (group, d) = (self.heads.group(), self.heads.d_head);
        let (width, columns, n_asking) = (self.heads.d_queries(), self.columns(), self.asking.len());
        let mut of_mixed = buffers.take(TILE * group * d);
        let mut of_scores = buffers.take(TILE * group * columns);
        let mut slopes = self.heads.cap.map(|_| buffers.take(TILE * group * columns));
        for first in (0..n_asking).step_by(TILE) {
            let mut tile = self.tile(buffers, own.head, first..n_asking.min(first + TILE));
            let n = tile.asking.len() * group;
            let of_mixed = &mut of_mixed[..n * d];
            for (row, of_mixed) in tile.asking.clone().zip(of_mixed.chunks_exact_mut(group * d)) {
                of_mixed.copy_from_slice(&gradient[row * width + own.head * group * d..][..group * d]);
            }
            self.multiply(&mut tile);
            let log_sums = &log_sums[first * self.heads.n_heads..][own.head * n..][..n];
            self.weigh_again(&mut tile, log_sums, &mut slopes);
            for part in self.parts(&tile.asking) {
                let of_rows = Matrix::part(of_mixed, d, part.rows.clone(), 0..d);
                MatrixMut::part(&mut of_scores, columns, part.rows.clone(), part.columns.clone())
                    .set_transposed(of_rows, self.values(own.head, &part));
                if part.prefix.is_none() {
                    let weights = Matrix::part(&tile.scores, columns, part.rows.clone(), part.columns.clone());
                    MatrixMut::part(&mut own.keys_values, 2 * d, part.keys.clone(), d..2 * d)
                        .add_product_of_columns(weights, of_rows);
                }
            }
            self.weights_vjp(&tile, &mut of_scores, slopes.as_deref());
            // In the same memory, whose gradient nobody needs any more.
            let of_tile = of_mixed;
            of_tile.fill(0.0);
            for part in self.parts(&tile.asking) {
                let of_part = Matrix::part(&of_scores, columns, part.rows.clone(), part.columns.clone());
                MatrixMut::part(of_tile, d, part.rows.clone(), 0..d).add(of_part, self.keys(own.head, &part));
                if part.prefix.is_none() {
                    let queries = Matrix::part(&tile.queries, d, part.rows.clone(), 0..d);
                    MatrixMut::part(&mut own.keys_values, 2 * d, part.keys.clone(), 0..d)
                        .add_product_of_columns(of_part, queries);
                }
            }
            scale(of_tile, self.heads.scale, &mut own.queries[first * group * d..][..n * d]);
        }
    }

    /// Some asking rows and a key head, with their queries.
    fn tile(&self, buffers: &Buffers, head: usize, asking: Range<usize>) -> Tile {
        let width = self.heads.group() * self.heads.d_head;
        // Of the same size, however few are left for the last one.
        let mut queries = buffers.take(TILE * width);
        // [asking, n_heads * d_head] -> [asking * group, d_head]
        for (row, queries) in asking.clone().zip(queries.chunks_exact_mut(width)) {
            let own = &self.queries[row * self.heads.d_queries() + head * width..][..width];
            scale(own, self.heads.scale, queries);
        }
        let scores = buffers.take(TILE * self.heads.group() * self.columns());
        Tile { head, asking, queries, scores }
    }

    /// The products that some asking rows have with keys: one with each block of the prefix and of the tree that any of
    /// them may see; none with what a window hides from all of them.
    fn parts(&self, asking: &Range<usize>) -> impl Iterator<Item = Part> {
        let (group, n_prefix) = (self.heads.group(), self.n_prefix());
        let rows = &self.asking[asking.clone()];
        let all = 0..rows.len() * group;
        let first_seen = rows.iter().filter_map(|&row| self.sight.visible(row).first()).map(|seen| seen.start).min();
        let mut column = 0;
        let of_prefix = self.prefix.iter().enumerate().map(move |(index, block)| {
            let n = block.len() / self.heads.d_keys_values();
            column += n;
            Part { rows: all.clone(), columns: column - n..column, prefix: Some(index), keys: 0..n }
        });
        let of_blocks = self.blocks.iter().map(move |block| {
            let before = |end| rows.partition_point(|&row| row < end) * group;
            Part {
                rows: before(block.rows.start)..before(block.rows.end),
                columns: n_prefix + block.keys.start..n_prefix + block.keys.end,
                prefix: None,
                keys: block.keys.clone(),
            }
        });
        of_prefix.chain(of_blocks).filter(move |part| {
            let is_seen = first_seen.is_some_and(|first| part.columns.end > first);
            is_seen && !part.rows.is_empty() && !part.keys.is_empty()
        })
    }

    fn keys(&self, head: usize, part: &Part) -> Matrix<'_> {
        let numbers = part.prefix.map_or(self.keys_values, |index| self.prefix[index]);
        Matrix::part(numbers, self.heads.d_keys_values(), part.keys.clone(), self.heads.keys(head))
    }

    fn values(&self, head: usize, part: &Part) -> Matrix<'_> {
        let numbers = part.prefix.map_or(self.keys_values, |index| self.prefix[index]);
        Matrix::part(numbers, self.heads.d_keys_values(), part.keys.clone(), self.heads.values(head))
    }

    /// Products of a tile's queries with all keys that any of them may see.
    fn multiply(&self, tile: &mut Tile) {
        let d = self.heads.d_head;
        for part in self.parts(&tile.asking) {
            let queries = Matrix::part(&tile.queries, d, part.rows.clone(), 0..d);
            MatrixMut::part(&mut tile.scores, self.columns(), part.rows.clone(), part.columns.clone())
                .set_transposed(queries, self.keys(tile.head, &part));
        }
    }

    /// The tree's row of each row of a tile, all query heads of the group counted.
    fn rows_of<'t>(&'t self, tile: &Tile) -> impl Iterator<Item = usize> + use<'t> {
        let group = self.heads.group();
        self.asking[tile.asking.clone()].iter().flat_map(move |&row| std::iter::repeat_n(row, group))
    }

    /// Scores become weights.
    fn weigh(&self, tile: &mut Tile, log_sums: &mut [f32]) {
        let rows = self.rows_of(tile).zip(log_sums);
        let scores = tile.scores.chunks_exact_mut(self.columns());
        wide(
            #[inline(always)]
            || {
                for (scores, (row, log_sum)) in scores.zip(rows) {
                    let visible = self.sight.visible(row);
                    if let Some(most) = self.heads.cap {
                        visible.iter().for_each(|range| cap(&mut scores[range.clone()], most));
                    }
                    *log_sum = softmax(scores, visible);
                    self.sight.hidden(row).iter().for_each(|range| scores[range.clone()].fill(0.0));
                }
            },
        );
    }

    /// The same by sums that are known; with a cap, also the slopes of the squashed scores.
    fn weigh_again(&self, tile: &mut Tile, log_sums: &[f32], slopes: &mut Option<Buffer>) {
        let columns = self.columns();
        let rows = self.rows_of(tile).zip(log_sums);
        let scores = tile.scores.chunks_exact_mut(columns);
        wide(
            #[inline(always)]
            || {
                for (index, (scores, (row, &log_sum))) in scores.zip(rows).enumerate() {
                    let visible = self.sight.visible(row);
                    if let (Some(most), Some(slopes)) = (self.heads.cap, slopes.as_deref_mut()) {
                        let slopes = &mut slopes[index * columns..(index + 1) * columns];
                        for range in visible {
                            cap(&mut scores[range.clone()], most);
                            let capped = scores[range.clone()].iter();
                            slopes[range.clone()].iter_mut().zip(capped).for_each(|(slope, &capped)| {
                                *slope = cap_slope(capped, most);
                            });
                        }
                    }
                    softmax_again(scores, visible, log_sum);
                    self.sight.hidden(row).iter().for_each(|range| scores[range.clone()].fill(0.0));
                }
            },
        );
    }

    /// The gradient of a tile's weights becomes that of its scores.
    fn weights_vjp(&self, tile: &Tile, gradient: &mut [f32], slopes: Option<&[f32]>) {
        let columns = self.columns();
        let rows = tile.scores.chunks_exact(columns).zip(gradient.chunks_exact_mut(columns)).zip(self.rows_of(tile));
        wide(
            #[inline(always)]
            || {
                for (index, ((weights, gradient), row)) in rows.enumerate() {
                    let visible = self.sight.visible(row);
                    softmax_vjp(weights, gradient, visible);
                    self.sight.hidden(row).iter().for_each(|range| gradient[range.clone()].fill(0.0));
                    if let Some(slopes) = slopes {
                        let slopes = &slopes[index * columns..(index + 1) * columns];
                        for range in visible {
                            let slopes = &slopes[range.clone()];
                            gradient[range.clone()].iter_mut().zip(slopes).for_each(|(own, &slope)| *own *= slope);
                        }
                    }
                }
            },
        );
    }
}
