use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Error;

/// The name of a place in a prompt where a modality's soft tokens stand: "spirogram", "tabular".
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SlotId(String);

impl SlotId {
    /// A slot of a name.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SlotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for SlotId {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

/// A piece of a prompt: text, or the place of a modality's soft tokens.
#[derive(Clone, PartialEq, Eq)]
pub enum Segment {
    /// Text, always as data: what spells a special token of the language model stays plain text.
    Text(String),
    /// The soft tokens of a modality.
    Soft(SlotId),
}

/// What a language model reads about one participant before any question: text and soft slots in their order.
///
/// Consecutive texts are one string. `Debug` shows the slots and the lengths of the texts, since the texts hold a
/// participant's data; [`Context::to_text`] shows them on purpose.
///
/// ```
/// use helm_core::Context;
///
/// let context = Context::default().with_text("Age: 54 years.").with_soft("spirogram").with_text("\n");
/// assert_eq!(context.to_text(), "Age: 54 years.<spirogram>\n");
/// assert_eq!(context.slots().count(), 1);
/// assert!(!format!("{context:?}").contains("54"));
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Context {
    segments: Vec<Segment>,
}

impl Context {
    /// Appends text.
    pub fn with_text(mut self, text: impl AsRef<str>) -> Self {
        match self.segments.last_mut() {
            Some(Segment::Text(last)) => last.push_str(text.as_ref()),
            _ => self.segments.push(Segment::Text(text.as_ref().to_owned())),
        }
        self
    }

    /// Appends a soft slot.
    pub fn with_soft(mut self, slot: impl Into<SlotId>) -> Self {
        self.segments.push(Segment::Soft(slot.into()));
        self
    }

    /// The pieces in their order; no two texts stand side by side.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The soft slots in their order.
    pub fn slots(&self) -> impl Iterator<Item = &SlotId> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Soft(slot) => Some(slot),
            Segment::Text(_) => None,
        })
    }

    /// The whole context as a person would read it, a slot as its name in angle brackets.
    pub fn to_text(&self) -> String {
        self.segments
            .iter()
            .map(|segment| match segment {
                Segment::Text(text) => text.clone(),
                Segment::Soft(slot) => format!("<{slot}>"),
            })
            .collect()
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.segments.iter().map(|segment| match segment {
                Segment::Text(text) => format!("text of {} characters", text.chars().count()),
                Segment::Soft(slot) => format!("<{slot}>"),
            }))
            .finish()
    }
}

/// The surface forms of the positive and the negative answer to a question.
///
/// A form is written with the space that stands before it, as it follows the question's last character. The
/// probability of an answer is the sum over its forms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct Answers {
    positive: Vec<String>,
    negative: Vec<String>,
}

/// Answers as a file has them, before they are checked.
#[derive(Deserialize)]
#[serde(rename = "Answers")]
struct Stored {
    positive: Vec<String>,
    negative: Vec<String>,
}

impl TryFrom<Stored> for Answers {
    type Error = Error;

    fn try_from(Stored { positive, negative }: Stored) -> Result<Self, Error> {
        Self::new(positive, negative)
    }
}

impl Answers {
    /// Answers with the forms of each.
    ///
    /// # Errors
    /// [`Error::Invalid`] if an answer has no form, a form is empty, or a form stands twice.
    pub fn new<S: Into<String>>(
        positive: impl IntoIterator<Item = S>,
        negative: impl IntoIterator<Item = S>,
    ) -> Result<Self, Error> {
        let answers = Self {
            positive: positive.into_iter().map(Into::into).collect(),
            negative: negative.into_iter().map(Into::into).collect(),
        };
        let invalid = |expected: &str, found: String| {
            Err(Error::Invalid { what: "answers".into(), expected: expected.into(), found })
        };
        if answers.positive.is_empty() || answers.negative.is_empty() {
            return invalid("at least one surface form for each answer", "none".into());
        }
        let forms: Vec<&String> = answers.positive.iter().chain(&answers.negative).collect();
        for (index, form) in forms.iter().enumerate() {
            if form.is_empty() {
                return invalid("surface forms that are not empty", "an empty one".into());
            }
            if forms[..index].contains(form) {
                return invalid("every surface form once", format!("{form:?} twice"));
            }
        }
        Ok(answers)
    }

    /// " yes" against " no".
    pub fn yes_no() -> Self {
        Self { positive: vec![" yes".into()], negative: vec![" no".into()] }
    }

    /// The forms of the positive answer.
    pub fn positive(&self) -> &[String] {
        &self.positive
    }

    /// The forms of the negative answer.
    pub fn negative(&self) -> &[String] {
        &self.negative
    }
}

/// A question that follows a [`Context`], and the answers that follow the question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The text, up to where the answer starts.
    pub text: String,
    /// What may follow.
    pub answers: Answers,
}

#[cfg(test)]
mod tests {
    use serde::de::IntoDeserializer;
    use serde::de::value::{Error as SerdeError, MapDeserializer};

    use super::*;

    #[test]
    fn texts_that_follow_one_another_are_one() {
        let context = Context::default()
            .with_text("Age: 54 years.")
            .with_text(" Sex: male.")
            .with_soft("spirogram")
            .with_soft("tabular")
            .with_text("\n");
        assert_eq!(context.segments().len(), 4);
        assert_eq!(context.to_text(), "Age: 54 years. Sex: male.<spirogram><tabular>\n");
        let slots: Vec<&str> = context.slots().map(SlotId::as_str).collect();
        assert_eq!(slots, ["spirogram", "tabular"]);
    }

    #[test]
    fn debug_shows_lengths_of_texts_only() {
        let context = Context::default().with_text("Größe: 98765 cm").with_soft("spirogram");
        assert_eq!(format!("{context:?}"), "[\"text of 15 characters\", \"<spirogram>\"]");
    }

    #[test]
    fn answers_need_forms_that_differ() {
        let answers = Answers::new([" yes", " Yes"], [" no", " No"]).expect("answers");
        assert_eq!((answers.positive().len(), answers.negative().len()), (2, 2));
        let message = |positive: &[&str], negative: &[&str]| {
            Answers::new(positive.iter().copied(), negative.iter().copied()).expect_err("bad answers").to_string()
        };
        assert_eq!(message(&[], &[" no"]), "answers: expected at least one surface form for each answer, found none");
        assert_eq!(message(&[" yes"], &[""]), "answers: expected surface forms that are not empty, found an empty one");
        assert_eq!(message(&[" no"], &[" no"]), "answers: expected every surface form once, found \" no\" twice");
    }

    #[test]
    fn answers_of_a_file_are_checked_too() {
        let read = |negative: &str| {
            let map = [("positive", vec![" yes".to_owned()]), ("negative", vec![negative.to_owned()])];
            let map = map.map(|(key, forms)| (key, forms.into_deserializer()));
            Answers::deserialize(MapDeserializer::<_, SerdeError>::new(map.into_iter()))
        };
        assert_eq!(read(" no").expect("answers"), Answers::yes_no());
        let error = read(" yes").expect_err("one form for both").to_string();
        assert!(error.contains("expected every surface form once"), "{error}");
    }
}
