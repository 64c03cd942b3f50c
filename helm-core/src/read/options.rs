use crate::BadData;

/// How a file is read in batches.
///
/// ```
/// use helm_core::{BadData, ReadOptions};
///
/// let options = ReadOptions { bad: BadData::CountAndSkip, ..ReadOptions::default() };
/// assert_eq!(options.rows_per_batch, 4096);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadOptions {
    /// Rows in a batch, at most; 4096 by default.
    pub rows_per_batch: usize,
    /// The longest row of a text file, in bytes; 64 MiB by default. A longer one is an error before it takes memory.
    pub max_row_bytes: usize,
    /// What becomes of bad rows and cells.
    pub bad: BadData,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self { rows_per_batch: 4096, max_row_bytes: 64 << 20, bad: BadData::Refuse }
    }
}
