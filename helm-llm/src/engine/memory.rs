//! How much memory passes take at most: a bound to plan by, from the model's shape and the trees' sizes.

use super::answers::ROWS;
use super::attention::Heads;
use super::product::WIDENED;
use super::tasks::TASK_ROWS;
use super::tree_rows::TILE;
use crate::frozen::MemoryBound;
use crate::model::{DecoderConfig, NormKind, Residual};
use crate::packed::{PackedTrees, Place};

/// What counts of a tree.
#[derive(Clone, Copy, Debug)]
pub(super) struct TreeSize {
    /// Tokens of its constant text.
    prefix: usize,
    /// Rows behind it.
    rows: usize,
    /// Rows after which answers stand, at most.
    answers: usize,
}

impl TreeSize {
    /// Those of a batch.
    pub(super) fn all(batch: &PackedTrees) -> Vec<Self> {
        let mut targets = batch.targets.iter().peekable();
        let mut size = |row: usize| {
            let places = row * batch.length..(row + 1) * batch.length;
            let mut answers = 0;
            while targets.next_if(|(place, _)| *place < places.end).is_some() {
                answers += 1;
            }
            let rows = batch.places[places].iter().filter(|place| **place != Place::Pad).count();
            Self { prefix: batch.prefixes[row].len(), rows, answers: answers.min(rows) }
        };
        (0..batch.batch()).map(&mut size).collect()
    }
}

/// What the bound depends on beside the trees.
pub(super) struct MemoryShape<'a> {
    pub(super) config: &'a DecoderConfig,
    pub(super) heads: Heads,
    /// Whether weights are bf16.
    pub(super) widens: bool,
    /// Whether layers are computed a second time for their gradient.
    pub(super) recompute: bool,
    pub(super) threads: usize,
}

impl MemoryShape<'_> {
    /// What trees take that are computed at once.
    pub(super) fn bound(&self, trees: &[TreeSize]) -> MemoryBound {
        // Keys and values of constant text, which a cache may keep.
        let tokens: usize = trees.iter().map(|tree| tree.prefix).sum();
        let prefixes = tokens * self.config.n_layers * self.heads.d_keys_values();
        // Buffers' sizes are rounded up to a power of two or three quarters of one: by a half at most.
        let bytes = |numbers: usize| (numbers * 3 / 2 + prefixes) * size_of::<f32>();
        MemoryBound {
            scoring_bytes: bytes(self.scoring_numbers(trees)),
            training_bytes: bytes(self.training_numbers(trees)),
        }
    }

    /// Numbers in buffers, of scoring.
    pub(super) fn scoring_numbers(&self, trees: &[TreeSize]) -> usize {
        self.of_threads(trees, |rows, columns, answers| {
            let (d, heads) = (self.config.d_model, self.heads);
            // Inputs and outputs of the products and norms.
            let beside = 5 * d + self.config.d_hidden + 2 * heads.d_queries() + heads.d_keys_values() + 2 * self.norm();
            (rows * (self.saved_of_row() + beside) + self.of_answers(answers), self.of_tile(columns, 2))
        })
    }

    /// Numbers in buffers, from the forward pass of a step's part to the gradient of its soft tokens.
    pub(super) fn training_numbers(&self, trees: &[TreeSize]) -> usize {
        let (d, n_layers) = (self.config.d_model, self.config.n_layers);
        let rows: usize = trees.iter().map(|tree| tree.rows).sum();
        let answers: usize = trees.iter().map(|tree| tree.answers).sum();
        // The last layer keeps all that it needs either way.
        let (kept, again) = match self.recompute {
            true => ((n_layers - 1) * d + self.saved_of_row(), self.saved_of_row()),
            false => (n_layers * self.saved_of_row(), 0),
        };
        let working = self.of_threads(trees, |rows, columns, answers| {
            let heads = self.heads;
            // Gradients of what stands between products and norms.
            let beside =
                8 * d + self.config.d_hidden + 4 * heads.d_queries() + 3 * heads.d_keys_values() + 2 * self.norm();
            (rows * (again + beside) + self.of_answers(answers), self.of_tile(columns, 3))
        });
        // Constant text in front is scored before.
        working.max(self.scoring_numbers(trees)) + rows * kept + answers * (2 * d + self.norm())
    }

    /// What threads work with at once: constant text, or the rows behind it. `of_task` is what a task takes of so many
    /// rows, columns of attention and answers, and each thread that helps with it.
    fn of_threads(&self, trees: &[TreeSize], of_task: impl Fn(usize, usize, usize) -> (usize, usize)) -> usize {
        let most = |of: fn(&TreeSize) -> usize| trees.iter().map(of).max().unwrap_or(0);
        let total = |of: fn(&TreeSize) -> usize| trees.iter().map(of).sum::<usize>();
        let rows = |of| total(of).min(2 * TASK_ROWS + most(of));
        let of_constant = of_task(rows(|tree| tree.prefix), most(|tree| tree.prefix), 0);
        let behind = rows(|tree| tree.rows);
        let answers = total(|tree| tree.answers).min(behind);
        let of_rest = of_task(behind, most(|tree| tree.prefix + tree.rows), answers);
        // A task has a whole tree at least. A thread that waits for help may take up another task meanwhile: help
        // begins where at most half as many tasks as threads are at work, and each thread may come to one more.
        let tasks = (self.threads + self.threads / 2).min(trees.len());
        let all = |(of_task, of_thread)| tasks * of_task + self.threads * (of_thread + self.widened());
        all(of_constant).max(all(of_rest))
    }

    /// A tile of attention.
    fn of_tile(&self, columns: usize, tiles: usize) -> usize {
        TILE * self.heads.group() * tiles * (self.config.d_head + columns)
    }

    /// Some weights in f32, where they are bf16.
    fn widened(&self) -> usize {
        let width = self.config.d_model.max(self.config.d_hidden).max(self.heads.d_queries());
        if self.widens { WIDENED + width } else { 0 }
    }

    /// Some rows of logits, and what stands around the output layer.
    fn of_answers(&self, answers: usize) -> usize {
        answers.min(ROWS) * self.config.n_vocab + answers * (4 * self.config.d_model + self.norm())
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
        let (config, heads, norm) = (self.config, self.heads, self.norm());
        let d = config.d_model;
        let hidden = if config.perceptron.gated { 2 * config.d_hidden } else { config.d_hidden };
        let of_heads = if config.attention.norms_heads {
            heads.d_queries() + heads.d_keys_values() / 2 + norm * (heads.n_heads + heads.n_kv_heads)
        } else {
            0
        };
        let of_parts = if config.residual == Residual::NormedTwice { 2 * (d + norm) } else { 0 };
        2 * (d + norm) + heads.d_queries() + heads.d_keys_values() + heads.n_heads + hidden + of_heads + of_parts
    }
}
