use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use burn::tensor::Tensor;

/// What is kept of a text: its keys and values.
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

/// Keys and values of constant texts by their token ids, up to a number of bytes.
///
/// The key is the text itself, so that a cached entry can't be another text's; the model never changes.
pub(crate) struct PrefixCache<T> {
    entries: Mutex<Entries<T>>,
    budget_bytes: usize,
}

struct Entries<T> {
    by_text: HashMap<Vec<u32>, T>,
    bytes: usize,
    hits: usize,
    /// Whether a text found no room.
    is_full: bool,
}

impl<T: Kept> Default for PrefixCache<T> {
    fn default() -> Self {
        Self::new(1 << 30)
    }
}

impl<T: Kept> PrefixCache<T> {
    pub(crate) fn new(budget_bytes: usize) -> Self {
        let entries = Entries { by_text: HashMap::new(), bytes: 0, hits: 0, is_full: false };
        Self { entries: Mutex::new(entries), budget_bytes }
    }

    /// One entry a text, `None` for an empty text; those not kept are computed together, each once, and kept while the
    /// budget lasts.
    pub(crate) fn get_or_compute(
        &self,
        texts: &[Vec<u32>],
        compute: impl FnOnce(&[&[u32]]) -> Vec<T>,
    ) -> Vec<Option<T>> {
        let mut found: Vec<Option<T>> = {
            let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
            let found: Vec<_> = texts.iter().map(|text| entries.by_text.get(text).cloned()).collect();
            entries.hits += found.iter().flatten().count();
            found
        };
        let mut absent: Vec<&[u32]> = Vec::new();
        let mut place = HashMap::new();
        for (text, _) in texts.iter().zip(&found).filter(|(text, found)| found.is_none() && !text.is_empty()) {
            place.entry(text.as_slice()).or_insert_with(|| {
                absent.push(text);
                absent.len() - 1
            });
        }
        if absent.is_empty() {
            return found;
        }
        let mut computed = compute(&absent);
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        for (&text, own) in absent.iter().zip(&mut computed) {
            // Another thread may have been faster: what is kept first is what everyone gets.
            if let Some(kept) = entries.by_text.get(text) {
                own.clone_from(kept);
                continue;
            }
            let bytes = own.bytes() + size_of_val(text);
            if entries.bytes + bytes > self.budget_bytes {
                self.say_full(&mut entries);
            } else {
                entries.by_text.insert(text.to_vec(), own.clone());
                entries.bytes += bytes;
            }
        }
        for (found, text) in found.iter_mut().zip(texts) {
            if let (None, Some(&place)) = (&found, place.get(text.as_slice())) {
                *found = Some(computed[place].clone());
            }
        }
        found
    }

    /// Says once that the cache is full, where that was for nothing.
    fn say_full(&self, entries: &mut Entries<T>) {
        let first = !std::mem::replace(&mut entries.is_full, true);
        if first && entries.hits == 0 && self.budget_bytes > 0 {
            tracing::warn!(
                "the cache of constant text is full ({} bytes), and none of its {} texts came twice: text that changes \
                 from epoch to epoch can't be reused, and with_cache_bytes(0) frees the memory",
                entries.bytes,
                entries.by_text.len()
            );
        }
    }
}
