//! How much memory passes take at most: a bound to plan by, from the model's shape and the trees' sizes.

use super::TASK_ROWS;
use super::answers::ROWS;
use super::product::WIDENED;
use super::tree_rows::TILE;
use crate::model::{DecoderConfig, NormKind, Residual};
use crate::packed::{PackedTrees, Place};

/// What counts of a tree.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TreeSize {
    /// Tokens of its constant text.
    pub(crate) prefix: usize,
    /// Rows behind it.
    pub(crate) rows: usize,
    /// Rows after which answers stand.
    pub(crate) answers: usize,
}

impl TreeSize {
    /// Those of a batch.
    pub(crate) fn all(batch: &PackedTrees) -> Vec<Self> {
        let size = |row: usize| {
            let places = row * batch.length..(row + 1) * batch.length;
            let of_row = batch.targets.iter().map(|&(place, _)| place).filter(|place| places.contains(place));
            let mut answers: Vec<usize> = of_row.collect();
            answers.sort_unstable();
            answers.dedup();
            Self {
                prefix: batch.prefixes[row].len(),
                rows: batch.places[places].iter().filter(|place| **place != Place::Pad).count(),
                answers: answers.len(),
            }
        };
        (0..batch.batch()).map(size).collect()
    }
}

/// What the bound depends on beside the trees.
pub(crate) struct MemoryShape<'a> {
    pub(crate) config: &'a DecoderConfig,
    /// Whether weights are bf16.
    pub(crate) widens: bool,
    pub(crate) threads: usize,
}

impl MemoryShape<'_> {
    /// Bytes of scoring trees that are computed at once.
    pub(crate) fn scoring_bytes(&self, trees: &[TreeSize]) -> usize {
        let working = self.threads * self.working(trees, false).max(self.of_prefixes(trees));
        bytes(working) + self.prefix_bytes(trees)
    }

    /// Bytes of a step's part, from its forward pass to the gradient of the soft tokens.
    pub(crate) fn training_bytes(&self, trees: &[TreeSize], recompute: bool) -> usize {
        let config = self.config;
        let working = self.threads * self.working(trees, true).max(self.of_prefixes(trees));
        let rows: usize = trees.iter().map(|tree| tree.rows).sum();
        let answers: usize = trees.iter().map(|tree| tree.answers).sum();
        // The last layer keeps all that it needs either way.
        let layers = if recompute {
            (config.n_layers - 1) * config.d_model + self.saved_of_row()
        } else {
            config.n_layers * self.saved_of_row()
        };
        let kept = rows * layers + answers * (2 * config.d_model + self.norm());
        bytes(working + kept) + self.prefix_bytes(trees)
    }

    fn d_queries(&self) -> usize {
        self.config.n_heads * self.config.d_head
    }

    fn d_keys_values(&self) -> usize {
        2 * self.config.n_kv_heads * self.config.d_head
    }

    /// What a norm keeps of a row.
    fn norm(&self) -> usize {
        match self.config.norm {
            NormKind::RootMeanSquare => 1,
            NormKind::Layer => 2,
        }
    }

    /// Numbers that a layer keeps of a row for its gradient: the fields of [`Saved`](super::block::Saved).
    fn saved_of_row(&self) -> usize {
        let config = self.config;
        let (d, norm) = (config.d_model, self.norm());
        let hidden = if config.perceptron.gated { 2 * config.d_hidden } else { config.d_hidden };
        let of_heads = if config.attention.norms_heads {
            self.d_queries() + self.d_keys_values() / 2 + norm * (config.n_heads + config.n_kv_heads)
        } else {
            0
        };
        let of_parts = if config.residual == Residual::NormedTwice { 2 * (d + norm) } else { 0 };
        2 * (d + norm) + self.d_queries() + self.d_keys_values() + config.n_heads + hidden + of_heads + of_parts
    }

    /// Numbers that a thread works with at once: one layer of its rows, one tile of attention, some rows of logits.
    fn of_task(&self, rows: usize, columns: usize, answers: usize, gradient: bool) -> usize {
        let config = self.config;
        let (d, group) = (config.d_model, config.n_heads / config.n_kv_heads);
        // What stands beside what is saved: inputs and outputs of the products and norms, or their gradients.
        let (beside, tiles) = if gradient {
            (8 * d + config.d_hidden + 3 * self.d_queries() + 2 * self.d_keys_values(), 3)
        } else {
            (5 * d + config.d_hidden + 2 * self.d_queries() + self.d_keys_values(), 2)
        };
        let tile = TILE * group * tiles * (config.d_head + columns);
        let widened = if self.widens { WIDENED + d.max(config.d_hidden).max(self.d_queries()) } else { 0 };
        let logits = answers.min(ROWS) * config.n_vocab + answers * (4 * d + self.norm());
        rows * (self.saved_of_row() + beside + 2 * self.norm()) + tile + widened + logits
    }

    /// The most that a thread works with at once behind constant text.
    fn working(&self, trees: &[TreeSize], gradient: bool) -> usize {
        let rows = rows_of_task(trees.iter().map(|tree| tree.rows));
        let columns = trees.iter().map(|tree| tree.prefix + tree.rows).max().unwrap_or(0);
        let answers: usize = trees.iter().map(|tree| tree.answers).sum();
        self.of_task(rows, columns, answers.min(rows), gradient)
    }

    /// The most that a thread works with at once in constant text.
    fn of_prefixes(&self, trees: &[TreeSize]) -> usize {
        let rows = rows_of_task(trees.iter().map(|tree| tree.prefix));
        let columns = trees.iter().map(|tree| tree.prefix).max().unwrap_or(0);
        self.of_task(rows, columns, 0, false)
    }

    /// Keys and values of constant text, which a cache may keep.
    fn prefix_bytes(&self, trees: &[TreeSize]) -> usize {
        let tokens: usize = trees.iter().map(|tree| tree.prefix).sum();
        tokens * self.config.n_layers * self.d_keys_values() * size_of::<f32>()
    }
}

/// The most rows of a task over trees of these rows.
fn rows_of_task(sizes: impl Iterator<Item = usize> + Clone) -> usize {
    let total: usize = sizes.clone().sum();
    total.min(2 * TASK_ROWS + sizes.max().unwrap_or(0))
}

/// Of so many numbers, in buffers whose sizes are rounded up to a power of two or three quarters of one: by a half at most.
fn bytes(numbers: usize) -> usize {
    numbers * size_of::<f32>() * 3 / 2
}
