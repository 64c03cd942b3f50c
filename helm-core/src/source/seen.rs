use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::ParticipantId;

/// Bits of a page, and pages by the upper bits of a number.
const PAGE: u64 = 1 << 16;
const MOST_PAGES: usize = 4096;

/// The participants seen so far: whole numbers as bits in pages, others by a hash of 128 bits.
#[derive(Default)]
pub(super) struct Seen {
    pages: BTreeMap<u64, Box<[u64]>>,
    others: HashSet<(u64, u64)>,
}

impl Seen {
    /// Adds a participant; false if it is there already.
    pub(super) fn insert(&mut self, id: &ParticipantId) -> bool {
        let number = whole_number(id.as_str());
        match number.and_then(|number| Some((self.page(number / PAGE)?, number % PAGE))) {
            Some((page, place)) => {
                let (word, bit) = (&mut page[(place / 64) as usize], 1 << (place % 64));
                let new = *word & bit == 0;
                *word |= bit;
                new
            }
            None => {
                let hash = |salt: u8| {
                    let mut hasher = DefaultHasher::new();
                    (salt, id.as_str()).hash(&mut hasher);
                    hasher.finish()
                };
                self.others.insert((hash(0), hash(1)))
            }
        }
    }

    /// A page of numbers; `None` where there are too many already: numbers wide apart would take a page each.
    fn page(&mut self, key: u64) -> Option<&mut [u64]> {
        if self.pages.len() == MOST_PAGES && !self.pages.contains_key(&key) {
            return None;
        }
        Some(self.pages.entry(key).or_insert_with(|| vec![0; (PAGE / 64) as usize].into()))
    }
}

/// A number that is spelled as numbers are, so that another spelling is another participant.
fn whole_number(id: &str) -> Option<u64> {
    let digits = id.bytes().all(|byte| byte.is_ascii_digit()) && (id == "0" || !id.starts_with('0'));
    digits.then(|| id.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_identifier_is_new_once() {
        let mut seen = Seen::default();
        let wide = (0..5000u64).map(|i| (i * 1_000_003).to_string());
        let ids: Vec<String> = ["", "0", "00", "7", "07", "A7", "é", "18446744073709551615", "18446744073709551616"]
            .map(String::from)
            .into_iter()
            .chain(wide.filter(|id| id != "0"))
            .collect();
        for id in &ids {
            assert!(seen.insert(&ParticipantId::new(id)), "{id}");
        }
        for id in &ids {
            assert!(!seen.insert(&ParticipantId::new(id)), "{id}");
        }
    }
}
