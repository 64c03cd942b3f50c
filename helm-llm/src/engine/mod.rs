//! The frozen model on the CPU, by hand: a constant decoder needs no graph, only its answers and the gradient to its
//! soft tokens.
//!
//! A task is one thread's: some whole trees through all layers, their rows behind one another without padding. Threads
//! that have none help the others with their products ([`Helpers`]). Keys and values of constant text come from a
//! cache, in blocks that texts share as far as they begin alike. The last layer computes only the rows after which
//! answers stand. Attention skips what the mask forbids by the tree's own order ([`TreeRows`]).
//!
//! For the gradient, a layer keeps its input, queries, keys and values, what stands between its two halves, and the
//! perceptron's hidden layer, of all rows of all passes between their forward pass and their gradient: of a step's
//! part, since passes run side by side, so that [`micro_batches`](crate::TrainConfig::micro_batches) bound it. With
//! [`Engine::with_recomputed_layers`] it is each layer's input, and the rest of one layer for each thread. Scoring
//! keeps one layer's for each thread. [`memory`] has the formulas.
//!
//! [`TreeRows`]: tree_rows::TreeRows

mod answers;
mod attention;
mod block;
mod buffers;
mod forest;
mod functions;
mod helpers;
mod lanes;
mod memory;
mod norm;
mod product;
mod softmax;
mod tasks;
#[cfg(test)]
mod tests;
mod texts;
mod tree_rows;
mod turns;

use std::sync::Arc;

use rayon::prelude::*;

use crate::frozen::{MemoryBound, TargetScore};
use crate::model::{DecoderConfig, DecoderWeights, Positions, Rope, WeightNumbers};
use crate::packed::{PackedTrees, Place};
use crate::prefix_cache::{BUDGET_BYTES, PrefixCache};
use answers::{Answers, RowTarget, SavedAnswers};
use attention::Heads;
use block::{Block, Saved};
use buffers::{Buffer, Buffers};
use forest::Forest;
use helpers::{Hands, Helpers};
use memory::{MemoryShape, TreeSize};
use norm::Norms;
use tasks::Task;
use tree_rows::TILE;
use turns::{Table, Turns};

/// Tokens of constant text whose keys and values are kept together: those that attention takes in one product.
const BLOCK_TOKENS: usize = TILE;

/// A decoder of any family on the CPU, its weights in f32 or bf16; it computes in f32.
pub(crate) struct Engine {
    config: DecoderConfig,
    weights: DecoderWeights,
    turns: Option<Turns>,
    /// Of layers with a window, where they have their own.
    windowed_turns: Option<Turns>,
    buffers: Buffers,
    helpers: Helpers,
    prefixes: PrefixCache<Arc<Vec<f32>>>,
    /// Whether a gradient computes each layer a second time instead of keeping what it needs.
    recompute: bool,
}

/// The tables of cosines and sines that a task's layers use.
struct Tables {
    all: Option<Arc<Table>>,
    windowed: Option<Arc<Table>>,
}

/// What a task hands to its gradient.
pub(crate) struct SavedTask {
    forest: Forest,
    tables: Tables,
    layers: Vec<SavedLayer>,
    answers: SavedAnswers,
    targets: Vec<RowTarget>,
    /// Rows with a soft token, and which.
    soft: Vec<(usize, usize)>,
}

enum SavedLayer {
    Whole(Box<Saved>),
    Input(Buffer),
}

impl Engine {
    pub(crate) fn new(config: &DecoderConfig, weights: DecoderWeights) -> Self {
        let turns = match &config.positions {
            Positions::Rotary(rope) => Some(Turns::new(Rope::new(rope))),
            Positions::Learned => None,
        };
        let windowed = config.window.as_ref().and_then(|window| window.rope.as_ref());
        Self {
            weights,
            turns,
            windowed_turns: windowed.map(|rope| Turns::new(Rope::new(rope))),
            buffers: Buffers::default(),
            helpers: Helpers::default(),
            prefixes: PrefixCache::new(BUDGET_BYTES, BLOCK_TOKENS),
            recompute: false,
            config: config.clone(),
        }
    }

    /// Keeps at most so many bytes of keys and values of constant text.
    pub(crate) fn with_cache_bytes(mut self, bytes: usize) -> Self {
        self.prefixes = PrefixCache::new(bytes, BLOCK_TOKENS);
        self
    }

    /// Computes layers a second time for their gradient instead of keeping what it needs.
    pub(crate) fn with_recomputed_layers(self) -> Self {
        Self { recompute: true, ..self }
    }

    /// What a batch takes of memory at most, on as many threads as there are.
    pub(crate) fn memory_bound(&self, batch: &PackedTrees) -> MemoryBound {
        self.memory_shape().bound(&TreeSize::all(batch))
    }

    fn memory_shape(&self) -> MemoryShape<'_> {
        MemoryShape {
            config: &self.config,
            heads: self.heads(),
            widens: matches!(self.weights.embedding.numbers(), WeightNumbers::Bf16(_)),
            recompute: self.recompute,
            threads: rayon::current_num_threads(),
        }
    }

    /// The scores of a batch's targets.
    ///
    /// # Shapes
    /// - `soft`: `[soft rows, d_model]`
    pub(crate) fn scores(&self, batch: &PackedTrees, soft: &[f32]) -> Vec<TargetScore> {
        self.helpers
            .begin(self.tasks(batch))
            .into_par_iter()
            .flat_map_iter(|(task, _at_work)| {
                let forest = Forest::new(task.trees, self.window());
                let tables = self.tables(&forest);
                let mut x = self.embed(batch, &task.places, soft);
                for layer in 0..self.config.n_layers {
                    x = self.block(layer, &tables).forward(&forest, x).0;
                }
                self.answers().forward(&x, &task.targets)
            })
            .collect()
    }

    /// The scores of a batch's targets, and what their gradient needs.
    pub(crate) fn scores_to_differentiate(
        &self,
        batch: &PackedTrees,
        soft: &[f32],
    ) -> (Vec<TargetScore>, Vec<SavedTask>) {
        let tasks = self.helpers.begin(self.tasks(batch));
        let tasks = tasks.into_par_iter().map(|(Task { trees, targets, places, .. }, _at_work)| {
            let forest = Forest::new(trees, self.window());
            let tables = self.tables(&forest);
            let mut x = self.embed(batch, &places, soft);
            let mut layers = Vec::with_capacity(self.config.n_layers);
            for layer in 0..self.config.n_layers {
                let block = self.block(layer, &tables);
                let (out, saved) = block.forward(&forest, x);
                // The last one keeps little, and its gradient is the first to be taken.
                let is_kept = !self.recompute || block.answers_only();
                layers.push(if is_kept { SavedLayer::Whole(Box::new(saved)) } else { SavedLayer::Input(saved.x) });
                x = out;
            }
            let (scores, answers) = self.answers().forward_to_differentiate(x, &targets);
            let soft = places.iter().enumerate().filter_map(|(row, &place)| match batch.places[place] {
                Place::Soft(soft) => Some((row, soft)),
                Place::Token(_) | Place::Pad => None,
            });
            let soft = soft.collect();
            (scores, SavedTask { forest, tables, layers, answers, targets, soft })
        });
        let (scores, saved): (Vec<_>, Vec<_>) = tasks.unzip();
        (scores.concat(), saved)
    }

    /// The gradient of `n_soft` soft tokens from that of the targets' log-probabilities, `[n_soft, d_model]`.
    ///
    /// # Panics
    /// If the gradient has not one number a target.
    pub(crate) fn vjp(&self, tasks: Vec<SavedTask>, gradient: &[f64], n_soft: usize) -> Vec<f32> {
        let d = self.config.d_model;
        let n_targets: usize = tasks.iter().map(|task| task.targets.len()).sum();
        assert_eq!(gradient.len(), n_targets, "one number a target");
        let mut rest = gradient;
        let with_gradient: Vec<(SavedTask, &[f64])> = tasks
            .into_iter()
            .map(|task| {
                let (own, others) = rest.split_at(task.targets.len());
                rest = others;
                (task, own)
            })
            .collect();
        let parts: Vec<(Vec<(usize, usize)>, Buffer)> = self
            .helpers
            .begin(with_gradient)
            .into_par_iter()
            .map(|((task, gradient), _at_work)| {
                let SavedTask { forest, tables, mut layers, answers, targets, soft } = task;
                let mut of_x = self.answers().vjp(&answers, &targets, gradient);
                for layer in (0..self.config.n_layers).rev() {
                    let block = self.block(layer, &tables);
                    let saved = match layers.pop().expect("as many as there are layers") {
                        SavedLayer::Whole(saved) => *saved,
                        SavedLayer::Input(x) => block.forward(&forest, x).1,
                    };
                    of_x = block.vjp(&forest, saved, of_x);
                }
                (soft, of_x)
            })
            .collect();
        let mut out = vec![0f32; n_soft * d];
        for (soft, of_x) in parts {
            for (row, soft) in soft {
                lanes::add(&mut out[soft * d..(soft + 1) * d], &of_x[row * d..(row + 1) * d]);
            }
        }
        out
    }

    /// What stands at some places of a batch, `[places, d_model]`.
    fn embed(&self, batch: &PackedTrees, places: &[usize], soft: &[f32]) -> Buffer {
        let d = self.config.d_model;
        let mut x = self.buffers.take(places.len() * d);
        for (out, &place) in x.chunks_exact_mut(d).zip(places) {
            match batch.places[place] {
                Place::Token(id) => self.embed_token(id, batch.positions[place], out),
                Place::Soft(row) => {
                    out.copy_from_slice(&soft[row * d..(row + 1) * d]);
                    self.add_position(batch.positions[place], out);
                }
                Place::Pad => unreachable!("a tree has no padding"),
            }
        }
        x
    }

    fn embed_token(&self, id: u32, position: usize, out: &mut [f32]) {
        self.weights.embedding.matrix().copy_row(id as usize, out);
        let scale = self.config.embedding_scale as f32;
        out.iter_mut().for_each(|x| *x *= scale);
        self.add_position(position, out);
    }

    fn add_position(&self, position: usize, out: &mut [f32]) {
        if let Some(learned) = &self.weights.positions {
            learned.matrix().add_row(position, 1.0, out);
        }
    }

    fn window(&self) -> Option<usize> {
        self.config.window.as_ref().map(|window| window.length)
    }

    fn heads(&self) -> Heads {
        Heads {
            n_heads: self.config.n_heads,
            n_kv_heads: self.config.n_kv_heads,
            d_head: self.config.d_head,
            scale: self.config.attention.scale as f32,
            cap: self.config.attention.score_cap.map(|cap| cap as f32),
        }
    }

    fn norms(&self) -> Norms {
        Norms { kind: self.config.norm, epsilon: self.config.norm_epsilon as f32 }
    }

    fn tables(&self, forest: &Forest) -> Tables {
        let positions = forest.positions().max().map_or(0, |most| most + 1);
        let table = |turns: &Option<Turns>| turns.as_ref().map(|turns| turns.table(positions));
        Tables { all: table(&self.turns), windowed: table(&self.windowed_turns) }
    }

    fn block<'a>(&'a self, layer: usize, tables: &'a Tables) -> Block<'a> {
        let windowed = self.config.window.as_ref().is_some_and(|window| window.layers[layer]);
        let own = tables.windowed.as_deref().filter(|_| windowed);
        Block {
            weights: &self.weights.layers[layer],
            heads: self.heads(),
            norms: self.norms(),
            residual: self.config.residual,
            activation: self.config.perceptron.activation,
            turns: own.or(tables.all.as_deref()),
            windowed,
            layer,
            n_layers: self.config.n_layers,
            hands: self.hands(),
        }
    }

    fn hands(&self) -> Hands<'_> {
        Hands { buffers: &self.buffers, helpers: &self.helpers }
    }

    fn answers(&self) -> Answers<'_> {
        Answers::new(&self.weights, self.norms(), self.config.logit_cap, self.hands())
    }
}
