use std::collections::BTreeMap;
use std::fmt;

#[cfg(any(feature = "csv", feature = "schema-file"))]
use crate::Error;

/// What becomes of a row or a cell that is not as it must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BadData {
    /// An error, and nothing is read.
    #[default]
    Refuse,
    /// It is skipped (a row is left out, a cell is [`Unreadable`](crate::MissingReason::Unreadable)) and counted in
    /// [`Skipped`].
    CountAndSkip,
}

/// What was skipped while a cohort was read, in counts: never a value.
///
/// ```
/// use helm_core::Skipped;
///
/// let skipped = Skipped::default();
/// assert_eq!(skipped.total(), 0);
/// assert_eq!(skipped.to_string(), "nothing was skipped");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Skipped {
    counts: BTreeMap<(String, String), u64>,
}

impl Skipped {
    /// How many rows and cells were skipped altogether.
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    /// Where (a column, or "row"), what was found there instead of a good value, and how often.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str, u64)> {
        self.counts.iter().map(|((place, found), &count)| (place.as_str(), found.as_str(), count))
    }

    /// The same of another part of the file added.
    pub fn add(&mut self, other: &Self) {
        for ((place, found), count) in &other.counts {
            *self.counts.entry((place.clone(), found.clone())).or_default() += count;
        }
    }

    /// Counts an error, by column and kind, or passes it on where bad data are refused, or it is no bad row or cell.
    #[cfg(any(feature = "csv", feature = "schema-file"))]
    pub(crate) fn note(&mut self, bad: BadData, error: Error) -> Result<(), Error> {
        let (place, found) = match (bad, &error) {
            (BadData::Refuse, _) => return Err(error),
            (_, Error::Cell { column, expected, found, .. }) => {
                (format!("column {column:?}"), format!("{found} instead of {expected}"))
            }
            (_, Error::Value { feature, expected, found, .. }) => {
                (format!("feature {feature:?}"), format!("{found} instead of {expected}"))
            }
            (_, Error::DuplicateParticipant { .. }) => ("row".into(), "a participant's second row".into()),
            (_, Error::Format { expected, found, .. }) => ("row".into(), format!("{found} instead of {expected}")),
            _ => return Err(error),
        };
        *self.counts.entry((place, found)).or_default() += 1;
        Ok(())
    }
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.counts.is_empty() {
            return f.write_str("nothing was skipped");
        }
        for (index, (place, found, count)) in self.iter().enumerate() {
            let comma = if index == 0 { "" } else { "; " };
            write!(f, "{comma}{place}: {count} × {found}")?;
        }
        Ok(())
    }
}
