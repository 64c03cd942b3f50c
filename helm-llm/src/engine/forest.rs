use std::sync::Arc;

use super::tree_rows::{KeyBlock, Sight, TreeRows};

/// The trees of one task, their rows behind one another.
pub(super) struct Forest {
    pub(super) trees: Vec<Tree>,
    /// Rows of all trees.
    pub(super) n_rows: usize,
    /// Rows of all trees after which answers stand.
    pub(super) n_answers: usize,
}

/// One tree and what its rows see.
pub(super) struct Tree {
    pub(super) rows: TreeRows,
    pub(super) blocks: Vec<KeyBlock>,
    all: Sight,
    /// In layers with a window, where that makes a difference.
    windowed: Option<Sight>,
    /// Every row.
    every: Vec<usize>,
    /// The rows after which answers stand, ascending.
    answers: Vec<usize>,
    /// Where the tree's rows begin among all.
    pub(super) first_row: usize,
    /// Where the tree's answers begin among all.
    first_answer: usize,
    /// Keys and values of the constant text in front, block by block, `[n_layers, block, 2 * n_kv_heads * d_head]`.
    prefix: Vec<Arc<Vec<f32>>>,
}

/// A tree's rows, those of them after which answers stand, and the keys and values of its prefix, block by block.
pub(super) type TreeParts = (TreeRows, Vec<usize>, Vec<Arc<Vec<f32>>>);

impl Forest {
    /// Trees from their parts.
    pub(super) fn new(trees: Vec<TreeParts>, window: Option<usize>) -> Self {
        let mut forest = Self { trees: Vec::with_capacity(trees.len()), n_rows: 0, n_answers: 0 };
        for (rows, answers, prefix) in trees {
            let blocks = rows.key_blocks();
            // A window longer than every path hides nothing.
            let window = window.filter(|&window| rows.positions.iter().any(|&position| position >= window));
            let tree = Tree {
                all: rows.sight(&blocks, None),
                windowed: window.map(|window| rows.sight(&blocks, Some(window))),
                every: (0..rows.len()).collect(),
                first_row: forest.n_rows,
                first_answer: forest.n_answers,
                rows,
                blocks,
                answers,
                prefix,
            };
            forest.n_rows += tree.rows.len();
            forest.n_answers += tree.answers.len();
            forest.trees.push(tree);
        }
        forest
    }

    /// How many rows of all trees ask in a layer.
    pub(super) fn n_asking(&self, answers_only: bool) -> usize {
        if answers_only { self.n_answers } else { self.n_rows }
    }

    /// The rows after which answers stand, among all.
    pub(super) fn answer_rows(&self) -> impl Iterator<Item = usize> {
        self.trees.iter().flat_map(|tree| tree.answers.iter().map(|row| tree.first_row + row))
    }

    /// The position of each row.
    pub(super) fn positions(&self) -> impl Iterator<Item = usize> {
        self.trees.iter().flat_map(|tree| tree.rows.positions.iter().copied())
    }

    /// The position of each row after which answers stand.
    pub(super) fn answer_positions(&self) -> impl Iterator<Item = usize> {
        self.trees.iter().flat_map(|tree| tree.answers.iter().map(|&row| tree.rows.positions[row]))
    }
}

impl Tree {
    /// The rows that ask in a layer, and where they begin among all trees' asking rows.
    pub(super) fn asking(&self, answers_only: bool) -> (&[usize], usize) {
        if answers_only { (&self.answers, self.first_answer) } else { (&self.every, self.first_row) }
    }

    /// What rows see in a layer.
    pub(super) fn sight(&self, windowed: bool) -> &Sight {
        self.windowed.as_ref().filter(|_| windowed).unwrap_or(&self.all)
    }

    /// A layer's keys and values of the prefix, block by block.
    pub(super) fn layer_prefix(&self, layer: usize, n_layers: usize) -> Vec<&[f32]> {
        let of_layer = |block: &Arc<Vec<f32>>| block.len() / n_layers * layer..block.len() / n_layers * (layer + 1);
        self.prefix.iter().map(|block| &block[of_layer(block)]).collect()
    }
}
