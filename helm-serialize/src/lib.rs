//! Turns a health record into the text of a prompt, and an outcome into its question.
//!
//! The principal type is [`Serializer`]: it writes a [`Record`](helm_core::Record) as a
//! [`Context`](helm_core::Context) (text and named soft slots) and an [`Outcome`](helm_core::Outcome) as a
//! [`Question`](helm_core::Question). [`MissingPolicy`] says what becomes of features that were not measured. This
//! crate knows no tokenizer and no model; helm-llm reads what it writes.
//!
//! Not here (yet): templates from files, few-shot exemplars, feature shuffling, a token budget.

mod error;
mod missing;
mod number;
mod serializer;

pub use error::Error;
pub use missing::MissingPolicy;
pub use serializer::Serializer;
