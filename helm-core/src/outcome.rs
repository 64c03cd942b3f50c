use serde::{Deserialize, Serialize};

use crate::Answers;

/// A yes/no outcome: what is asked of every participant, and how the data define it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// The short name by which code, tables and files know it.
    pub name: String,
    /// The words by which a question names it: "wheezing or whistling in the chest in the past year".
    pub label: String,
    /// How cases and controls are defined in the data, for the reader of a report.
    pub definition: String,
    /// The answers the language model is scored on.
    pub answers: Answers,
    /// A question of its own, in place of the one that a serializer makes of the label. The answer follows its last
    /// character.
    pub question: Option<String>,
}

impl Outcome {
    /// An outcome answered by " yes" or " no".
    pub fn new(name: impl Into<String>, label: impl Into<String>, definition: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            label: label.into(),
            definition: definition.into(),
            answers: Answers::yes_no(),
            question: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_yes_and_no() {
        let outcome = Outcome::new("wheeze", "wheezing in the past year", "RDQ070 = 1");
        assert_eq!(
            (outcome.answers.positive(), outcome.answers.negative()),
            (&[" yes".into()][..], &[" no".into()][..])
        );
    }
}
