use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a value is not there.
///
/// A missing value always has a reason, because "the person refused" and "the machine failed" are different facts for
/// a reader of the results, even where a model treats them alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MissingReason {
    /// An empty cell, or SAS' plain missing value `.`.
    NotRecorded,
    /// One of SAS' special missing values, `.A` to `.Z` and `._`; the character after the point.
    SasCode(char),
    /// The participant refused to answer.
    Refused,
    /// The participant did not know.
    DontKnow,
    /// The question does not apply to this participant (a never-smoker's cigarettes a day).
    NotApplicable,
    /// The participant has no row in the file that holds this value.
    NoRow,
    /// The cell holds something that is no value of its feature, and the reader was told to count and skip that.
    Unreadable,
}

impl fmt::Display for MissingReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRecorded => f.write_str("not recorded"),
            Self::SasCode(code) => write!(f, "missing code .{code}"),
            Self::Refused => f.write_str("refused"),
            Self::DontKnow => f.write_str("not known"),
            Self::NotApplicable => f.write_str("not applicable"),
            Self::NoRow => f.write_str("not examined"),
            Self::Unreadable => f.write_str("not readable"),
        }
    }
}

/// One measured or missing value of one feature of one participant.
///
/// `Debug` shows the kind of the value and never the value itself: logs of a health study must not carry participants'
/// data.
#[derive(Clone, Copy, PartialEq)]
pub enum Value {
    /// A finite number, in the unit of its [`Feature`](crate::Feature).
    Number(f64),
    /// The index of a category among the levels of its [`Feature`](crate::Feature).
    Level(usize),
    /// No value, and why.
    Missing(MissingReason),
}

impl Value {
    /// The number, if this is one.
    pub fn as_number(self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(number),
            _ => None,
        }
    }

    /// Whether the value is missing.
    pub fn is_missing(self) -> bool {
        matches!(self, Self::Missing(_))
    }

    /// What kind of value this is, in a word: for error messages, which never show a participant's value.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Number(_) => "a number",
            Self::Level(_) => "a category",
            Self::Missing(_) => "a missing value",
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(reason) => write!(f, "Missing({reason:?})"),
            other => write!(f, "<{}>", other.kind()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_the_kind_and_not_the_value() {
        assert_eq!(format!("{:?}", Value::Number(43.21)), "<a number>");
        assert_eq!(format!("{:?}", Value::Level(7)), "<a category>");
        assert_eq!(format!("{:?}", Value::Missing(MissingReason::Refused)), "Missing(Refused)");
    }

    #[test]
    fn only_numbers_are_numbers() {
        assert_eq!(Value::Number(1.5).as_number(), Some(1.5));
        assert_eq!(Value::Level(2).as_number(), None);
        assert!(Value::Missing(MissingReason::NoRow).is_missing() && !Value::Number(0.0).is_missing());
    }

    #[test]
    fn every_reason_has_words() {
        let reasons = [
            MissingReason::NotRecorded,
            MissingReason::SasCode('B'),
            MissingReason::Refused,
            MissingReason::DontKnow,
            MissingReason::NotApplicable,
            MissingReason::NoRow,
            MissingReason::Unreadable,
        ];
        let words = reasons.map(|reason| reason.to_string());
        assert_eq!(
            words,
            [
                "not recorded",
                "missing code .B",
                "refused",
                "not known",
                "not applicable",
                "not examined",
                "not readable"
            ]
        );
    }
}
