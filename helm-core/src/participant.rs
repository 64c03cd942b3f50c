use std::collections::HashMap;
use std::fmt;

use crate::Error;

/// A participant's identifier in its study.
///
/// `Debug` hides it, and there is no `Display`: an identifier belongs in no log and no error message. Whoever joins
/// files asks for it by name, [`ParticipantId::as_str`].
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ParticipantId(String);

impl ParticipantId {
    /// An identifier as its file spells it, without the blanks around it.
    pub fn new(id: impl AsRef<str>) -> Self {
        Self(id.as_ref().trim().to_owned())
    }

    /// A numeric identifier; a whole number is written without a point, as text files spell it.
    pub fn from_number(id: f64) -> Self {
        Self(format!("{id}"))
    }

    /// The identifier itself: for joining, never for printing.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where each participant stands.
    pub fn index(ids: &[Self]) -> HashMap<&Self, usize> {
        ids.iter().enumerate().map(|(row, id)| (id, row)).collect()
    }

    /// Checks that every participant has one row.
    ///
    /// # Errors
    /// [`Error::DuplicateParticipant`] with the first two rows that belong to one participant; `place` names the file.
    pub fn check_unique(ids: &[Self], place: &str) -> Result<(), Error> {
        let mut rows = HashMap::with_capacity(ids.len());
        for (row, id) in ids.iter().enumerate() {
            if let Some(first) = rows.insert(id, row) {
                return Err(Error::DuplicateParticipant { place: place.into(), first: first + 1, second: row + 1 });
            }
        }
        Ok(())
    }
}

impl fmt::Debug for ParticipantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ParticipantId(hidden)")
    }
}
