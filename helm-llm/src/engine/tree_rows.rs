use std::ops::Range;

use crate::packed::{PackedTrees, Place};

/// Rows and columns of which attention takes a product at once.
pub(super) const TILE: usize = 64;

/// The places of one tree behind its prefix, in the order of a walk through it: each branch to its end before the next
/// begins, so that whatever sees a place stands behind it without a gap.
pub(super) struct TreeRows {
    /// Where each row stands in the batch.
    pub(super) places: Vec<usize>,
    /// The position of each row.
    pub(super) positions: Vec<usize>,
    /// The row before each on its path, `None` at the root or the prefix.
    parents: Vec<Option<usize>>,
    /// Behind the last row that sees each.
    ends: Vec<usize>,
    /// How many tokens stand before them, seen by all.
    pub(super) n_prefix: usize,
}

/// Some keys, and the rows from the first of them on that may see them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct KeyBlock {
    pub(super) keys: Range<usize>,
    pub(super) rows: Range<usize>,
}

/// What each row of a tree sees in one kind of layer. Columns count the prefix' tokens first, the rows behind them.
pub(super) struct Sight {
    visible: Ragged,
    /// What the prefix and the row's [`KeyBlock`]s have beside it.
    hidden: Ragged,
}

/// A list of ranges for each row.
#[derive(Default)]
struct Ragged {
    ranges: Vec<Range<usize>>,
    ends: Vec<usize>,
}

impl Ragged {
    fn push(&mut self, ranges: impl IntoIterator<Item = Range<usize>>) {
        self.ranges.extend(ranges);
        self.ends.push(self.ranges.len());
    }

    fn row(&self, row: usize) -> &[Range<usize>] {
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        &self.ranges[start..self.ends[row]]
    }
}

impl Sight {
    /// The columns that a row sees.
    pub(super) fn visible(&self, row: usize) -> &[Range<usize>] {
        self.visible.row(row)
    }

    /// The columns that a row must not see, of the prefix and the key blocks that it may see.
    pub(super) fn hidden(&self, row: usize) -> &[Range<usize>] {
        self.hidden.row(row)
    }
}

impl TreeRows {
    /// The rows of one row of a batch.
    pub(super) fn new(batch: &PackedTrees, row: usize) -> Self {
        let cells = row * batch.length..(row + 1) * batch.length;
        let mut children: Vec<Vec<usize>> = vec![Vec::new(); batch.length];
        let mut roots = Vec::new();
        for place in cells.clone().filter(|&place| batch.places[place] != Place::Pad) {
            match batch.parents[place] {
                Some(parent) => children[parent - cells.start].push(place),
                None => roots.push(place),
            }
        }
        let mut tree = Self {
            places: Vec::new(),
            positions: Vec::new(),
            parents: Vec::new(),
            ends: Vec::new(),
            n_prefix: batch.prefixes[row].len(),
        };
        // The next place to visit is the last of the stack.
        let mut stack: Vec<(usize, Option<usize>)> = roots.into_iter().rev().map(|root| (root, None)).collect();
        while let Some((place, parent)) = stack.pop() {
            let own = tree.places.len();
            tree.places.push(place);
            tree.positions.push(batch.positions[place]);
            tree.parents.push(parent);
            tree.ends.push(own + 1);
            stack.extend(children[place - cells.start].iter().rev().map(|&child| (child, Some(own))));
        }
        tree.find_ends();
        tree
    }

    /// A text of so many tokens behind others.
    pub(super) fn text(n_prefix: usize, length: usize) -> Self {
        Self {
            places: (0..length).collect(),
            positions: (n_prefix..n_prefix + length).collect(),
            parents: (0..length).map(|row| row.checked_sub(1)).collect(),
            ends: vec![length; length],
            n_prefix,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    fn find_ends(&mut self) {
        for row in (0..self.len()).rev() {
            if let Some(parent) = self.parents[row] {
                self.ends[parent] = self.ends[parent].max(self.ends[row]);
            }
        }
    }

    /// All keys in blocks: a small subtree with itself, a stretch of a path without a fork with all that follows it.
    pub(super) fn key_blocks(&self) -> Vec<KeyBlock> {
        let mut blocks = Vec::new();
        let mut row = 0;
        while row < self.len() {
            let end = self.ends[row];
            let mut next = row + 1;
            if end - row <= TILE {
                next = end;
            } else {
                let only_child =
                    |row: usize| self.parents[row] == Some(row - 1) && self.ends[row] == self.ends[row - 1];
                while next - row < TILE && only_child(next) {
                    next += 1;
                }
            }
            blocks.push(KeyBlock { keys: row..next, rows: row..end });
            row = next;
        }
        blocks
    }

    /// What the rows see, `window` tokens back or all of their path.
    pub(super) fn sight(&self, blocks: &[KeyBlock], window: Option<usize>) -> Sight {
        let mut sight = Sight { visible: Ragged::default(), hidden: Ragged::default() };
        let mut paths: Vec<Vec<Range<usize>>> = Vec::with_capacity(self.len());
        for row in 0..self.len() {
            // The whole path, as ranges of columns.
            let mut path = match self.parents[row] {
                Some(parent) => paths[parent].clone(),
                None => Some(0..self.n_prefix).filter(|prefix| !prefix.is_empty()).into_iter().collect(),
            };
            let column = self.n_prefix + row;
            match path.last_mut() {
                Some(last) if last.end == column => last.end += 1,
                _ => path.push(column..column + 1),
            }
            let visible = last_of(&path, window.unwrap_or(usize::MAX));
            let covering = blocks.iter().take_while(|block| block.keys.start <= row);
            let covering = covering.filter(|block| block.rows.contains(&row)).map(|block| &block.keys);
            let covered = std::iter::once(0..self.n_prefix)
                .chain(covering.map(|keys| self.n_prefix + keys.start..self.n_prefix + keys.end));
            sight.hidden.push(without(covered, &visible));
            sight.visible.push(visible);
            paths.push(path);
        }
        sight
    }
}

/// The last `n` of some ranges' numbers.
fn last_of(ranges: &[Range<usize>], n: usize) -> Vec<Range<usize>> {
    let mut left = n;
    let mut kept = Vec::with_capacity(ranges.len());
    for range in ranges.iter().rev().filter(|range| !range.is_empty()) {
        if left == 0 {
            break;
        }
        let taken = range.len().min(left);
        left -= taken;
        kept.push(range.end - taken..range.end);
    }
    kept.reverse();
    kept
}

/// What ascending ranges have that other ascending ones lack.
fn without(ranges: impl Iterator<Item = Range<usize>>, others: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut left = Vec::new();
    for range in ranges {
        let mut start = range.start;
        for other in others.iter().filter(|other| other.start < range.end && other.end > range.start) {
            if other.start > start {
                left.push(start..other.start);
            }
            start = start.max(other.end);
        }
        if start < range.end {
            left.push(start..range.end);
        }
    }
    left
}
