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
pub struct Answers {
    positive: Vec<String>,
    negative: Vec<String>,
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The text, up to where the answer starts.
    pub text: String,
    /// What may follow.
    pub answers: Answers,
}
