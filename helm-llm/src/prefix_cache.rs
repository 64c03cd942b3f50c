//! Keys and values of constant text, kept from pass to pass: in blocks of tokens, so that texts which begin alike share
//! what they share.
//!
//! A block ends at a multiple of a number of tokens, or where its text ends, and belongs to all that stands before it:
//! ten texts behind one long instruction have its blocks once, and each the blocks behind it. What a block holds does
//! not depend on which texts came with it, or what was kept before.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use burn::tensor::Tensor;

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

/// The budget of a cache of which nothing else was said.
pub(crate) const BUDGET_BYTES: usize = 1 << 30;

/// Keys and values of constant text by its token ids, up to a number of bytes.
///
/// The key of a block is the whole text up to its end, so that a cached entry can't be another text's; the model never
/// changes.
pub(crate) struct PrefixCache<T> {
    entries: Mutex<Entries<T>>,
    budget_bytes: usize,
    block_tokens: usize,
}

struct Entries<T> {
    by_text: HashMap<Vec<u32>, T>,
    bytes: usize,
    hits: usize,
    /// Whether a block found no room.
    is_full: bool,
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
        let entries = Entries { by_text: HashMap::new(), bytes: 0, hits: 0, is_full: false };
        Self { entries: Mutex::new(entries), budget_bytes, block_tokens }
    }

    /// A cache of whole texts.
    pub(crate) fn of_texts(budget_bytes: usize) -> Self {
        Self::new(budget_bytes, usize::MAX)
    }

    /// The blocks of each text, in order; none of an empty text. Those not kept are computed, each once, and kept while
    /// the budget lasts. What texts share is computed first; stretches that are computed together need not wait for one
    /// another.
    pub(crate) fn get_or_compute(
        &self,
        texts: &[Vec<u32>],
        compute: impl Fn(&[Stretch<'_, T>]) -> Vec<Vec<T>>,
    ) -> Vec<Vec<T>> {
        let ends: Vec<Vec<usize>> = texts.iter().map(|text| self.block_ends(text.len())).collect();
        let mut found: Vec<Vec<T>> = {
            let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
            let of_text = |(text, ends): (&Vec<u32>, &Vec<usize>)| {
                ends.iter().map_while(|&end| entries.by_text.get(&text[..end]).cloned()).collect()
            };
            let found: Vec<Vec<T>> = texts.iter().zip(&ends).map(of_text).collect();
            entries.hits += found.iter().map(Vec::len).sum::<usize>();
            found
        };
        loop {
            let groups = groups(texts, &ends, &found);
            if groups.is_empty() {
                return found;
            }
            let stretches: Vec<Stretch<'_, T>> =
                groups.iter().map(|rows| stretch(rows, texts, &ends, &found[rows[0]])).collect();
            let mut computed = compute(&stretches);
            let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
            for ((rows, stretch), blocks) in groups.iter().zip(&stretches).zip(&mut computed) {
                for (&end, block) in stretch.ends.iter().zip(blocks.iter_mut()) {
                    self.keep(&mut entries, &texts[rows[0]][..stretch.n_before + end], block);
                }
                for &row in rows {
                    found[row].extend_from_slice(blocks);
                }
            }
        }
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

    /// Keeps a block while there is room. Another thread may have been faster: what is kept first is what everyone gets.
    fn keep(&self, entries: &mut Entries<T>, text: &[u32], block: &mut T) {
        if let Some(kept) = entries.by_text.get(text) {
            block.clone_from(kept);
            return;
        }
        let bytes = block.bytes() + size_of_val(text);
        if entries.bytes + bytes > self.budget_bytes {
            self.say_full(entries);
        } else {
            entries.by_text.insert(text.to_vec(), block.clone());
            entries.bytes += bytes;
        }
    }

    /// Says once that the cache is full, where that was for nothing.
    fn say_full(&self, entries: &mut Entries<T>) {
        let first = !std::mem::replace(&mut entries.is_full, true);
        if first && entries.hits == 0 && self.budget_bytes > 0 {
            tracing::warn!(
                "the cache of constant text is full ({} bytes), and nothing in it came twice: text that changes from \
                 epoch to epoch can't be reused, and with_cache_bytes(0) frees the memory",
                entries.bytes
            );
        }
    }
}

/// Texts that lack blocks, those together whose next one is the same, in the order of the texts.
fn groups<T>(texts: &[Vec<u32>], ends: &[Vec<usize>], found: &[Vec<T>]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut group_of: HashMap<&[u32], usize> = HashMap::new();
    for (row, text) in texts.iter().enumerate() {
        let Some(&end) = ends[row].get(found[row].len()) else { continue };
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
        let end = own[block];
        rows.iter().all(|&row| ends[row].get(block) == Some(&end) && texts[row][..end] == text[..end])
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
        // A block of four numbers and its key of four, and one of four and its key of eight.
        let cache = PrefixCache::new(32 + 48, 4);
        assert_eq!(computed(&cache, &[text(0..12, 0..0)]), [12]);
        assert_eq!(computed(&cache, &[text(0..12, 0..0)]), [4]);
    }
}
