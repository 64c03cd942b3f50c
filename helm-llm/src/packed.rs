use std::fmt;

use crate::tree::{Input, TokenTree};

/// On which side the rows of a batch are filled up to one length. Results do not depend on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Padding {
    /// Behind the tokens.
    #[default]
    Right,
    /// In front of the tokens.
    Left,
}

/// Some participants' trees as one batch: the constant text of each, and the rest with its mask, padded to a rectangle.
///
/// The mask of one row whose tree has a constant prefix `c1 c2`, a soft token and two answers that share nothing
/// (columns are what is seen):
///
/// ```text
///          c1 c2 | s  q  a  b  pad
///      s    x  x | x
///      q    x  x | x  x
///      a    x  x | x  x  x
///      b    x  x | x  x     x
///      pad       |             x
/// ```
///
/// `Debug` shows sizes only: the tokens are participants' text.
#[derive(Clone)]
pub struct PackedTrees {
    /// Token ids of each row's constant text.
    pub(crate) prefixes: Vec<Vec<u32>>,
    /// Places of a row behind its prefix.
    pub(crate) length: usize,
    /// What stands at each place, `[batch, length]`.
    pub(crate) places: Vec<Place>,
    /// The position of each place, `[batch, length]`.
    pub(crate) positions: Vec<usize>,
    /// The place before each on its path behind the prefix, `[batch, length]`; a place sees all of its path and the
    /// whole prefix.
    pub(crate) parents: Vec<Option<usize>>,
    /// The probabilities that count: a place, as an index of `[batch, length]`, and the token that follows it.
    pub(crate) targets: Vec<(usize, u32)>,
}

/// What stands at a place of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A token of the vocabulary.
    Token(u32),
    /// A row of the batch's soft tokens.
    Soft(usize),
    /// Nothing; it sees itself alone, and nothing sees it.
    Pad,
}

impl PackedTrees {
    /// Packs trees; `soft_row` tells where among the batch's soft tokens (row of the batch, modality, index) stands.
    pub(crate) fn new(trees: &[&TokenTree], padding: Padding, soft_row: impl Fn(usize, usize, usize) -> usize) -> Self {
        let constants: Vec<usize> = trees.iter().map(|tree| tree.constant_len()).collect();
        let live = trees.iter().zip(&constants).map(|(tree, constant)| tree.len() - constant);
        let length = live.max().unwrap_or(0);
        let cells = trees.len() * length;
        let mut packed = Self {
            prefixes: Vec::with_capacity(trees.len()),
            length,
            places: vec![Place::Pad; cells],
            positions: vec![0; cells],
            parents: vec![None; cells],
            targets: Vec::new(),
        };
        for (row, (tree, &constant)) in trees.iter().zip(&constants).enumerate() {
            let token = |node| match tree.input(node) {
                Input::Token(id) => id,
                Input::Soft { .. } => unreachable!("a prefix ends before the first soft token"),
            };
            packed.prefixes.push((0..constant).map(token).collect());
            let first = row * length
                + match padding {
                    Padding::Right => 0,
                    Padding::Left => length - (tree.len() - constant),
                };
            let place_of = |node: usize| first + node - constant;
            for node in constant..tree.len() {
                let place = place_of(node);
                packed.places[place] = match tree.input(node) {
                    Input::Token(id) => Place::Token(id),
                    Input::Soft { modality, index } => Place::Soft(soft_row(row, modality, index)),
                };
                packed.positions[place] = tree.depth(node);
                packed.parents[place] = tree.parent(node).filter(|&parent| parent >= constant).map(place_of);
            }
            packed.targets.extend(tree.targets().map(|target| (place_of(target.node), target.id)));
        }
        packed
    }

    /// Whether a place sees another one of its row, `[batch, length, length]`; padding sees itself alone.
    pub(crate) fn sees(&self) -> Vec<bool> {
        let mut sees = vec![false; self.places.len() * self.length];
        for place in 0..self.places.len() {
            let mut ancestor = Some(place);
            while let Some(seen) = ancestor {
                sees[place * self.length + seen % self.length] = true;
                ancestor = self.parents[seen];
            }
        }
        sees
    }

    pub(crate) fn batch(&self) -> usize {
        self.prefixes.len()
    }
}

impl fmt::Debug for PackedTrees {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PackedTrees({} trees of {} places, {} targets)", self.batch(), self.length, self.targets.len())
    }
}
