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
    /// An identifier as its file spells it, without the blanks around it. A whole number that a program wrote with a
    /// point, `62161.0`, is the identifier `62161`.
    pub fn new(id: impl AsRef<str>) -> Self {
        Self(without_empty_fraction(id.as_ref().trim()).to_owned())
    }

    /// A numeric identifier; a whole number is written without a point, as text files spell it.
    pub fn from_number(id: f64) -> Self {
        let whole = id as i64;
        Self(if whole as f64 == id && whole.unsigned_abs() < 1 << 53 { whole.to_string() } else { id.to_string() })
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
        Self::check_all_unique(ids.iter().map(Some), place)
    }

    /// As [`ParticipantId::check_unique`], of rows that may have no identifier.
    pub(crate) fn check_all_unique<'a>(
        ids: impl ExactSizeIterator<Item = Option<&'a Self>>,
        place: &str,
    ) -> Result<(), Error> {
        let mut rows = HashMap::with_capacity(ids.len());
        for (row, id) in ids.enumerate() {
            if let Some(first) = id.and_then(|id| rows.insert(id, row)) {
                return Err(Error::DuplicateParticipant { place: place.into(), first: first + 1, second: row + 1 });
            }
        }
        Ok(())
    }
}

/// "62161.0" without its ".0"; anything but digits, a point and zeros as it is.
fn without_empty_fraction(id: &str) -> &str {
    match id.split_once('.') {
        Some((whole, fraction))
            if !whole.is_empty()
                && whole.bytes().all(|byte| byte.is_ascii_digit())
                && !fraction.is_empty()
                && fraction.bytes().all(|byte| byte == b'0') =>
        {
            whole
        }
        _ => id,
    }
}

impl fmt::Debug for ParticipantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ParticipantId(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_hides_the_identifier() {
        assert_eq!(format!("{:?}", ParticipantId::new("62161")), "ParticipantId(hidden)");
    }

    #[test]
    fn numbers_and_text_give_the_same_identifier() {
        assert_eq!(ParticipantId::from_number(62161.0), ParticipantId::new(" 62161\t"));
        assert_eq!(ParticipantId::from_number(1e15).as_str(), "1000000000000000");
        assert_ne!(ParticipantId::from_number(62161.5), ParticipantId::new("62161"));
        assert_eq!(ParticipantId::new("62161.0").as_str(), "62161");
        for other in ["1.0.0", ".0", "62161.", "A1.0", "1.05", "-1.0"] {
            assert_eq!(ParticipantId::new(other).as_str(), other);
        }
    }

    #[test]
    fn the_index_finds_every_row() {
        let ids: Vec<ParticipantId> = ["c", "a", "b"].iter().map(ParticipantId::new).collect();
        let index = ParticipantId::index(&ids);
        assert_eq!(index[&ParticipantId::new("a")], 1);
        assert_eq!(index.len(), 3);
    }

    #[test]
    fn a_second_row_of_a_participant_is_an_error_without_the_identifier() {
        let ids: Vec<ParticipantId> = ["x", "98765", "y", "98765"].iter().map(ParticipantId::new).collect();
        let error = ParticipantId::check_unique(&ids, "a.csv").expect_err("twice");
        assert!(matches!(error, Error::DuplicateParticipant { first: 2, second: 4, .. }));
        assert!(!error.to_string().contains("98765") && !format!("{error:?}").contains("98765"));
    }
}
