use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::ParticipantId;

/// Bits of a page, and pages by the upper bits of a number.
const PAGE: u64 = 1 << 16;

/// The participants seen so far: whole numbers as bits in pages, others by a hash of 128 bits.
#[derive(Default)]
pub(super) struct Seen {
    pages: HashMap<u64, Box<[u64]>>,
    others: HashSet<(u64, u64)>,
}

impl Seen {
    /// Adds a participant; false if it is there already.
    pub(super) fn insert(&mut self, id: &ParticipantId) -> bool {
        match whole_number(id.as_str()) {
            // Numbers wide apart would take a page each.
            Some(number) if self.pages.len() < 4096 || self.pages.contains_key(&(number / PAGE)) => {
                let page = self.pages.entry(number / PAGE).or_insert_with(|| vec![0; (PAGE / 64) as usize].into());
                let (word, bit) = ((number % PAGE / 64) as usize, number % 64);
                let new = page[word] & (1 << bit) == 0;
                page[word] |= 1 << bit;
                new
            }
            _ => {
                let hash = |salt: u8| {
                    let mut hasher = DefaultHasher::new();
                    (salt, id.as_str()).hash(&mut hasher);
                    hasher.finish()
                };
                self.others.insert((hash(0), hash(1)))
            }
        }
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
