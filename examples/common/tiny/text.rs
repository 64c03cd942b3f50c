/// A text in pieces, each with the weight of its tokens in the loss.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Text {
    pieces: Vec<(String, f32)>,
}

/// What is read: values of people are random, and their words are learned soon.
const READ: f32 = 0.1;
/// Whole sentences.
const SAID: f32 = 1.0;
/// The answer to a question.
const ANSWER: f32 = 8.0;

impl Text {
    /// Something to be read.
    pub(super) fn reads(mut self, text: impl Into<String>) -> Self {
        self.pieces.push((text.into(), READ));
        self
    }

    /// Something to be said.
    pub(super) fn says(mut self, text: impl Into<String>) -> Self {
        self.pieces.push((text.into(), SAID));
        self
    }

    /// A question and its answer.
    pub(super) fn answers(self, question: &str, answer: &str) -> Self {
        let mut text = self.reads(question);
        text.pieces.push((answer.into(), ANSWER));
        text
    }

    /// The whole text.
    pub fn whole(&self) -> String {
        self.pieces.iter().map(|(text, _)| text.as_str()).collect()
    }

    /// The weight of the piece that a byte of the whole text is in.
    pub fn weight_at(&self, byte: usize) -> f32 {
        let mut end = 0;
        let holds = |(text, weight): &(String, f32)| {
            end += text.len();
            (byte < end).then_some(*weight)
        };
        self.pieces.iter().find_map(holds).unwrap_or(SAID)
    }
}
