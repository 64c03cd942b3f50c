//! Plain texts, every token of which sees all before it: keys and values of constant text, and logits.

use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;

use super::Engine;
use super::buffers::Buffer;
use super::forest::Forest;
use super::tasks::task_begins;
use super::tree_rows::TreeRows;
use crate::prefix_cache::Stretch;

/// Constant text to be computed, behind blocks that are there.
type PrefixStretch<'a> = Stretch<'a, Arc<Vec<f32>>>;

impl Engine {
    /// Keys and values of stretches of constant text in all layers, block by block.
    pub(super) fn compute_prefixes(&self, stretches: &[PrefixStretch<'_>]) -> Vec<Vec<Arc<Vec<f32>>>> {
        // A product of a single row may round in another way than the same row's among others, and the cache must not
        // depend on who was computed together: such a text is a task of its own.
        let sizes: Vec<usize> = stretches.iter().map(|stretch| stretch.tokens.len()).collect();
        let mut tasks: Vec<Vec<&PrefixStretch<'_>>> = Vec::new();
        let mut was_alone = false;
        for (stretch, begins) in stretches.iter().zip(task_begins(&sizes)) {
            let is_alone = stretch.tokens.len() == 1;
            match tasks.last_mut() {
                Some(task) if !(begins || is_alone || was_alone) => task.push(stretch),
                _ => tasks.push(vec![stretch]),
            }
            was_alone = is_alone;
        }
        let tasks = self.helpers.begin(tasks).into_par_iter();
        tasks.flat_map_iter(|(stretches, _at_work)| self.prefixes_of_task(&stretches)).collect()
    }

    fn prefixes_of_task(&self, stretches: &[&PrefixStretch<'_>]) -> Vec<Vec<Arc<Vec<f32>>>> {
        let tree = |stretch: &&PrefixStretch<'_>| {
            (TreeRows::text(stretch.n_before, stretch.tokens.len()), Vec::new(), stretch.before.clone())
        };
        let forest = Forest::new(stretches.iter().map(tree).collect(), self.window());
        let tables = self.tables(&forest);
        let mut x = self.embed_texts(stretches.iter().map(|stretch| (stretch.n_before, stretch.tokens)));
        let (width, n_layers) = (self.heads().d_keys_values(), self.config.n_layers);
        // Each block's rows among all, and what is kept of it.
        let mut blocks: Vec<Vec<(Range<usize>, Vec<f32>)>> = Vec::with_capacity(stretches.len());
        for (stretch, tree) in stretches.iter().zip(&forest.trees) {
            let starts = std::iter::once(0).chain(stretch.ends.iter().copied());
            let block = |(start, &end): (usize, &usize)| {
                (tree.first_row + start..tree.first_row + end, Vec::with_capacity(n_layers * (end - start) * width))
            };
            blocks.push(starts.zip(&stretch.ends).map(block).collect());
        }
        for layer in 0..n_layers {
            let (out, saved) = self.block(layer, &tables).forward(&forest, x);
            x = out;
            for (rows, kept) in blocks.iter_mut().flatten() {
                kept.extend_from_slice(&saved.keys_values[rows.start * width..rows.end * width]);
            }
        }
        blocks.into_iter().map(|blocks| blocks.into_iter().map(|(_, kept)| Arc::new(kept)).collect()).collect()
    }

    /// The logits of what follows each token of a text, `[ids, n_vocab]`.
    pub(crate) fn next_token_logits(&self, ids: &[u32]) -> Vec<Vec<f32>> {
        let _at_work = self.helpers.begin(vec![()]);
        let all = (0..ids.len()).collect();
        let forest = Forest::new(vec![(TreeRows::text(0, ids.len()), all, Vec::new())], self.window());
        let tables = self.tables(&forest);
        let mut x = self.embed_texts(std::iter::once((0, ids)));
        for layer in 0..self.config.n_layers {
            x = self.block(layer, &tables).forward(&forest, x).0;
        }
        self.answers().logits(&x)
    }

    /// The tokens of texts behind one another, each from a position on, `[tokens, d_model]`.
    fn embed_texts<'a>(&self, texts: impl Iterator<Item = (usize, &'a [u32])> + Clone) -> Buffer {
        let d = self.config.d_model;
        let mut x = self.buffers.take(texts.clone().map(|(_, text)| text.len()).sum::<usize>() * d);
        let ids = texts.flat_map(|(first, text)| (first..).zip(text));
        for (out, (position, &id)) in x.chunks_exact_mut(d).zip(ids) {
            self.embed_token(id, position, out);
        }
        x
    }
}
