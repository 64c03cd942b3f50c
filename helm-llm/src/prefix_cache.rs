//! Keys and values of constant text, kept from pass to pass: in blocks of tokens, so that texts which begin alike share
//! what they share.
//!
//! A block ends at a multiple of a number of tokens, or where its text ends, and belongs to all that stands before it:
//! ten texts behind one long instruction have its blocks once, and each the blocks behind it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use burn::tensor::Tensor;

/// The budget of a cache of which nothing else was said.
pub(crate) const BUDGET_BYTES: usize = 1 << 30;

/// What is kept of a block: its tokens' keys and values.
pub(crate) trait Kept: Clone {
    /// The memory that it takes.
    fn bytes(&self) -> usize;
}

impl Kept for Tensor<2> {
    fn bytes(&self) -> usize {
        self.shape().num_elements() * self.dtype().size()
    }
}

impl Kept for Arc<Vec<f32>> {
    fn bytes(&self) -> usize {
        size_of_val(self.as_slice())
    }
}

/// Keys and values of constant text by its token ids, up to a number of bytes.
///
/// A block is found by the kept block in front of it and its own tokens, so that a cached entry can't be another text's;
/// the model never changes.
pub(crate) struct PrefixCache<T> {
    entries: Mutex<Entries<T>>,
    budget_bytes: usize,
    block_tokens: usize,
}

/// The number of a kept block; that of a text's start is 0.
type BlockId = usize;

struct Entries<T> {
    /// By the block in front and the tokens.
    blocks: HashMap<BlockId, HashMap<Vec<u32>, Entry<T>>>,
    last_id: BlockId,
    bytes: usize,
    /// Of blocks that were wanted again.
    bytes_wanted_again: usize,
    /// Of blocks that found no room.
    bytes_refused: usize,
    has_warned: bool,
}

struct Entry<T> {
    id: BlockId,
    block: T,
    bytes: usize,
    was_wanted_again: bool,
}

/// The blocks of a text, as far as they are there.
#[derive(Clone)]
struct Found<T> {
    blocks: Vec<T>,
    /// The last of them, if it is kept: only behind such a one another is.
    last: Option<BlockId>,
}

/// Some blocks of a text behind one another, to be computed.
pub(crate) struct Stretch<'a, T> {
    /// The blocks of the text in front.
    pub(crate) before: Vec<T>,
    /// How many tokens stand in front.
    pub(crate) n_before: usize,
    pub(crate) tokens: &'a [u32],
    /// Where each block ends, counted from the stretch's start.
    pub(crate) ends: Vec<usize>,
}

impl<T: Kept> PrefixCache<T> {
    /// A cache of blocks of so many tokens.
    pub(crate) fn new(budget_bytes: usize, block_tokens: usize) -> Self {
        let entries = Entries {
            blocks: HashMap::new(),
            last_id: 0,
            bytes: 0,
            bytes_wanted_again: 0,
            bytes_refused: 0,
            has_warned: false,
        };
        Self { entries: Mutex::new(entries), budget_bytes, block_tokens }
    }

    /// A cache of whole texts.
    pub(crate) fn of_texts(budget_bytes: usize) -> Self {
        Self::new(budget_bytes, usize::MAX)
    }

    /// The blocks of each text, in order; none of an empty text. Those not kept are computed, each once, and kept while
    /// the budget lasts. What texts share is computed first; stretches that are computed together need not wait for one
    /// another.
    ///
    /// A caller whose results must not depend on what came before has to compute a block to the same numbers whichever
    /// stretch it is part of, and whichever stretches come with that.
    pub(crate) fn get_or_compute(
        &self,
        texts: &[Vec<u32>],
        compute: impl Fn(&[Stretch<'_, T>]) -> Vec<Vec<T>>,
    ) -> Vec<Vec<T>> {
        let ends: Vec<Vec<usize>> = texts.iter().map(|text| self.block_ends(text.len())).collect();
        let mut found: Vec<Found<T>> = {
            let mut entries = self.lock();
            texts.iter().zip(&ends).map(|(text, ends)| entries.find(text, ends)).collect()
        };
        loop {
            let groups = groups(texts, &ends, &found);
            if groups.is_empty() {
                return found.into_iter().map(|found| found.blocks).collect();
            }
            let stretches: Vec<Stretch<'_, T>> =
                groups.iter().map(|rows| stretch(rows, texts, &ends, &found[rows[0]].blocks)).collect();
            let computed = compute(&stretches);
            let mut entries = self.lock();
            for ((rows, stretch), blocks) in groups.iter().zip(&stretches).zip(computed) {
                let mut own = found[rows[0]].clone();
                let starts = std::iter::once(0).chain(stretch.ends.iter().copied());
                for ((start, &end), block) in starts.zip(&stretch.ends).zip(blocks) {
                    entries.keep(&mut own, &stretch.tokens[start..end], block, rows.len() > 1, self.budget_bytes);
                }
                for &row in rows {
                    found[row].clone_from(&own);
                }
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Entries<T>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the blocks of a text end. None but a text's only one is a single token: the products of a single row may
    /// round in another way than the same row's among others.
    fn block_ends(&self, length: usize) -> Vec<usize> {
        let mut ends = Vec::new();
        let mut end = 0;
        while end < length {
            end = end.saturating_add(self.block_tokens);
            if end.saturating_add(1) >= length {
                end = length;
            }
            ends.push(end);
        }
        ends
    }
}

impl<T: Kept> Entries<T> {
    /// A text's first blocks, as far as they are kept.
    fn find(&mut self, text: &[u32], ends: &[usize]) -> Found<T> {
        let (mut front, mut start, mut blocks) = (0, 0, Vec::new());
        for &end in ends {
            let behind = self.blocks.get_mut(&front);
            let Some(entry) = behind.and_then(|behind| behind.get_mut(&text[start..end])) else { break };
            self.bytes_wanted_again += if entry.was_wanted_again { 0 } else { entry.bytes };
            entry.was_wanted_again = true;
            blocks.push(entry.block.clone());
            (front, start) = (entry.id, end);
        }
        Found { blocks, last: Some(front) }
    }

    /// Puts a block behind others, and keeps it while there is room. Another thread may have been faster: what is kept
    /// first is what everyone gets.
    fn keep(&mut self, found: &mut Found<T>, tokens: &[u32], block: T, is_shared: bool, budget_bytes: usize) {
        let Some(front) = found.last else {
            found.blocks.push(block);
            return;
        };
        if let Some(entry) = self.blocks.get(&front).and_then(|behind| behind.get(tokens)) {
            found.blocks.push(entry.block.clone());
            found.last = Some(entry.id);
            return;
        }
        found.blocks.push(block.clone());
        let bytes = block.bytes() + size_of_val(tokens);
        if self.bytes + bytes > budget_bytes {
            found.last = None;
            self.bytes_refused += bytes;
            self.warn(budget_bytes);
            return;
        }
        self.bytes += bytes;
        self.bytes_wanted_again += if is_shared { bytes } else { 0 };
        self.last_id += 1;
        let entry = Entry { id: self.last_id, block, bytes, was_wanted_again: is_shared };
        self.blocks.entry(front).or_default().insert(tokens.to_vec(), entry);
        found.last = Some(self.last_id);
    }

    /// Says once that the cache is full, where that seems to be for nothing.
    fn warn(&mut self, budget_bytes: usize) {
        let is_idle = self.bytes_refused >= budget_bytes && self.bytes_wanted_again < budget_bytes / 10;
        if is_idle && budget_bytes > 0 && !std::mem::replace(&mut self.has_warned, true) {
            tracing::warn!(
                "the cache of constant text is full ({} bytes), as much again found no room, and less than a tenth of \
                 it came twice so far: text that changes from epoch to epoch can't be reused, and with_cache_bytes(0) \
                 frees the memory",
                self.bytes
            );
        }
    }
}

/// Texts that lack blocks, those together whose next one is the same, in the order of the texts.
fn groups<T>(texts: &[Vec<u32>], ends: &[Vec<usize>], found: &[Found<T>]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut group_of: HashMap<&[u32], usize> = HashMap::new();
    for (row, text) in texts.iter().enumerate() {
        let Some(&end) = ends[row].get(found[row].blocks.len()) else { continue };
        let group = *group_of.entry(&text[..end]).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[group].push(row);
    }
    groups
}

/// The next blocks that all texts of a group share.
fn stretch<'a, T: Clone>(rows: &[usize], texts: &'a [Vec<u32>], ends: &[Vec<usize>], before: &[T]) -> Stretch<'a, T> {
    let (text, own, next) = (&texts[rows[0]], &ends[rows[0]], before.len());
    let all_share = |block: usize| {
        let (start, end) = (own[block - 1], own[block]);
        rows.iter().all(|&row| ends[row].get(block) == Some(&end) && texts[row][start..end] == text[start..end])
    };
    let past = (next + 1..own.len()).find(|&block| !all_share(block)).unwrap_or(own.len());
    let n_before = if next == 0 { 0 } else { own[next - 1] };
    Stretch {
        before: before.to_vec(),
        n_before,
        tokens: &text[n_before..own[past - 1]],
        ends: own[next..past].iter().map(|end| end - n_before).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A block that knows what it holds, and from where on.
    fn compute(stretch: &Stretch<'_, Arc<Vec<f32>>>) -> Vec<Arc<Vec<f32>>> {
        let before: usize = stretch.before.iter().map(|block| block.len()).sum();
        assert_eq!(before, stretch.n_before);
        assert_eq!(stretch.ends.last(), Some(&stretch.tokens.len()));
        let starts = std::iter::once(0).chain(stretch.ends.iter().copied());
        let block = |(start, &end)| Arc::new(stretch.tokens[start..end].iter().map(|&id| id as f32).collect());
        starts.zip(&stretch.ends).map(block).collect()
    }

    /// How many tokens are computed of some texts, wave by wave, and whether each got its own.
    fn computed(cache: &PrefixCache<Arc<Vec<f32>>>, texts: &[Vec<u32>]) -> Vec<usize> {
        let waves = Mutex::new(Vec::new());
        let found = cache.get_or_compute(texts, |stretches| {
            waves.lock().expect("a list").push(stretches.iter().map(|stretch| stretch.tokens.len()).sum());
            stretches.iter().map(compute).collect()
        });
        for (text, blocks) in texts.iter().zip(found) {
            let numbers: Vec<u32> = blocks.iter().flat_map(|block| block.iter().map(|&id| id as u32)).collect();
            assert_eq!(&numbers, text);
        }
        waves.into_inner().expect("a list")
    }

    fn text(head: std::ops::Range<u32>, tail: std::ops::Range<u32>) -> Vec<u32> {
        head.chain(tail).collect()
    }

    #[test]
    fn what_texts_share_is_computed_once() {
        let cache = PrefixCache::new(1 << 20, 4);
        // Two blocks for three texts, a third for two of them; an empty text; one that has nothing to do with them.
        let texts = [text(0..8, 20..28), text(0..8, 20..26), text(0..8, 30..33), vec![], text(40..46, 0..0)];
        assert_eq!(computed(&cache, &texts), [8 + 6, 4 + 3, 4 + 2]);
        assert!(computed(&cache, &texts).is_empty());
        // Another one shares two blocks of those that are kept, and ends in the middle of the third.
        assert_eq!(computed(&cache, &[text(0..8, 20..22)]), [2]);
        // The same text twice, with nothing kept.
        assert_eq!(computed(&PrefixCache::new(0, 4), &[text(0..9, 0..0), text(0..9, 0..0)]), [9]);
        assert_eq!(computed(&PrefixCache::of_texts(0), &[text(0..9, 0..0), text(0..8, 0..0)]), [17]);
    }

    #[test]
    fn no_block_of_several_is_a_single_token() {
        let cache = PrefixCache::<Arc<Vec<f32>>>::new(0, 4);
        let ends: Vec<Vec<usize>> = [0, 1, 4, 5, 6, 8, 9].map(|length| cache.block_ends(length)).into();
        assert_eq!(ends, [vec![], vec![1], vec![4], vec![5], vec![4, 6], vec![4, 8], vec![4, 9]]);
        assert_eq!(PrefixCache::<Arc<Vec<f32>>>::of_texts(0).block_ends(7), [7]);
    }

    #[test]
    fn what_has_no_room_is_not_kept() {
        // Two blocks of four numbers and their keys of four.
        let cache = PrefixCache::new(2 * 32, 4);
        assert_eq!(computed(&cache, &[text(0..12, 0..0)]), [12]);
        assert_eq!(computed(&cache, &[text(0..12, 0..0)]), [4]);
    }
}
