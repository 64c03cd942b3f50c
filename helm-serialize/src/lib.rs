//! Turns a health record into the text of a prompt, and an outcome into its question.
//!
//! The principal type is [`Serializer`]: it writes a [`Record`](helm_core::Record) as a
//! [`Context`](helm_core::Context) (text and named soft slots) and an [`Outcome`](helm_core::Outcome) as a
//! [`Question`](helm_core::Question). Around it:
//!
//! - [`Template`]: the words, of which [`Template::paper`], [`Template::json`], [`Template::sentences`] and
//!   [`Template::short`] are ready-made;
//! - [`MissingPolicy`]: what becomes of features that were not measured;
//! - [`FeatureOrder`] and [`Serializer::with_dropout`]: other orders and fewer features, by a seed;
//! - [`Exemplars`]: answered examples in front of a record;
//! - [`TokenBudget`]: how long a context may be, and which features give way;
//! - [`Serializer::parse`]: what a text says, read back.
//!
//! This crate knows no tokenizer and no model; helm-llm reads what it writes.

mod budget;
mod error;
mod exemplars;
mod missing;
mod number;
mod order;
mod parse;
mod plan;
mod serializer;
mod settings;
mod template;

pub use budget::{Budgeted, TokenBudget};
pub use error::Error;
pub use exemplars::Exemplars;
pub use missing::MissingPolicy;
pub use order::FeatureOrder;
pub use parse::Printed;
pub use serializer::Serializer;
pub use template::Template;
