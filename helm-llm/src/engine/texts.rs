//! Plain texts, every token of which sees all before it: keys and values of constant text, and logits.

use std::sync::Arc;

use rayon::prelude::*;

use super::Engine;
use super::buffers::Buffer;
use super::forest::Forest;
use super::tasks::task_begins;
use super::tree_rows::TreeRows;

impl Engine {
    /// Keys and values of constant texts in all layers.
    pub(super) fn compute_prefixes(&self, texts: &[&[u32]]) -> Vec<Arc<Vec<f32>>> {
        // A product of a single row may round in another way than the same row's among others, and the cache must not
        // depend on who was computed together: such a text is a task of its own.
        let sizes: Vec<usize> = texts.iter().map(|text| text.len()).collect();
        let mut tasks: Vec<Vec<&[u32]>> = Vec::new();
        let mut was_alone = false;
        for (&text, begins) in texts.iter().zip(task_begins(&sizes)) {
            let is_alone = text.len() == 1;
            match tasks.last_mut() {
                Some(task) if !(begins || is_alone || was_alone) => task.push(text),
                _ => tasks.push(vec![text]),
            }
            was_alone = is_alone;
        }
        tasks.into_par_iter().flat_map_iter(|texts| self.prefixes_of_task(&texts)).collect()
    }

    fn prefixes_of_task(&self, texts: &[&[u32]]) -> Vec<Arc<Vec<f32>>> {
        let trees = texts.iter().map(|text| (TreeRows::text(text.len()), Vec::new(), Arc::default())).collect();
        let forest = Forest::new(trees, self.window());
        let tables = self.tables(&forest);
        let mut x = self.embed_texts(texts);
        let width = self.heads().d_keys_values();
        let mut kept: Vec<Vec<f32>> =
            texts.iter().map(|text| Vec::with_capacity(self.config.n_layers * text.len() * width)).collect();
        for layer in 0..self.config.n_layers {
            let (out, saved) = self.block(layer, &tables).forward(&forest, x);
            x = out;
            for (tree, kept) in forest.trees.iter().zip(&mut kept) {
                let rows = tree.first_row..tree.first_row + tree.rows.len();
                kept.extend_from_slice(&saved.keys_values[rows.start * width..rows.end * width]);
            }
        }
        kept.into_iter().map(Arc::new).collect()
    }

    /// The logits of what follows each token of a text, `[ids, n_vocab]`.
    pub(crate) fn next_token_logits(&self, ids: &[u32]) -> Vec<Vec<f32>> {
        let all = (0..ids.len()).collect();
        let forest = Forest::new(vec![(TreeRows::text(ids.len()), all, Arc::default())], self.window());
        let tables = self.tables(&forest);
        let mut x = self.embed_texts(&[ids]);
        for layer in 0..self.config.n_layers {
            x = self.block(layer, &tables).forward(&forest, x).0;
        }
        self.answers().logits(&x)
    }

    /// The tokens of texts behind one another, `[tokens, d_model]`.
    fn embed_texts(&self, texts: &[&[u32]]) -> Buffer {
        let d = self.config.d_model;
        let mut x = self.buffers.take(texts.iter().map(|text| text.len()).sum::<usize>() * d);
        let ids = texts.iter().flat_map(|text| text.iter().enumerate());
        for (out, (position, &id)) in x.chunks_exact_mut(d).zip(ids) {
            self.embed_token(id, position, out);
        }
        x
    }
}
