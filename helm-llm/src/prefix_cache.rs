use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use burn::tensor::Tensor;

/// Keys and values of constant texts by their token ids, up to a number of bytes.
///
/// The key is the text itself, so that a cached entry can't be another text's; the model never changes.
pub(crate) struct PrefixCache {
    entries: Mutex<Entries>,
    budget_bytes: usize,
}

#[derive(Default)]
struct Entries {
    by_text: HashMap<Vec<u32>, Tensor<2>>,
    bytes: usize,
    hits: usize,
    /// Whether a text found no room.
    is_full: bool,
}

impl Default for PrefixCache {
    fn default() -> Self {
        Self::new(1 << 30)
    }
}

impl PrefixCache {
    pub(crate) fn new(budget_bytes: usize) -> Self {
        Self { entries: Mutex::default(), budget_bytes }
    }

    /// One tensor a text, `None` for an empty text; those not kept are computed together, and kept while the budget
    /// lasts.
    pub(crate) fn get_or_compute(
        &self,
        texts: &[Vec<u32>],
        compute: impl FnOnce(&[&[u32]]) -> Vec<Tensor<2>>,
    ) -> Vec<Option<Tensor<2>>> {
        let mut found: Vec<Option<Tensor<2>>> = {
            let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
            let found: Vec<_> = texts.iter().map(|text| entries.by_text.get(text).cloned()).collect();
            entries.hits += found.iter().flatten().count();
            found
        };
        let absent: Vec<usize> = (0..texts.len()).filter(|&i| found[i].is_none() && !texts[i].is_empty()).collect();
        if absent.is_empty() {
            return found;
        }
        let computed = compute(&absent.iter().map(|&i| texts[i].as_slice()).collect::<Vec<_>>());
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        for (i, tensor) in absent.into_iter().zip(computed) {
            let bytes = tensor.shape().num_elements() * tensor.dtype().size() + size_of_val(texts[i].as_slice());
            if entries.bytes + bytes > self.budget_bytes {
                self.say_full(&mut entries);
            } else if entries.by_text.insert(texts[i].clone(), tensor.clone()).is_none() {
                entries.bytes += bytes;
            }
            found[i] = Some(tensor);
        }
        found
    }

    /// Says once that the cache is full, where that was for nothing.
    fn say_full(&self, entries: &mut Entries) {
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
