//! Turns a health record into the text of a prompt, and an outcome into its question.
//!
//! The principal type is [`Serializer`]: it writes a [`Record`](helm_core::Record) as a
//! [`Context`](helm_core::Context) (text and named soft slots) and an [`Outcome`](helm_core::Outcome) as a
//! [`Question`](helm_core::Question). Around it:
//!
//! - [`Template`]: the words, of which [`Template::pairs`], [`Template::paper`], [`Template::json`],
//!   [`Template::sentences`] and [`Template::short`] are ready-made;
//! - [`MissingPolicy`]: what becomes of features that were not measured;
//! - [`FeatureOrder`] and [`Serializer::with_dropout`]: other orders and fewer features, by a seed;
//! - [`Exemplars`]: answered examples in front of a record;
//! - [`TokenBudget`]: how long a context may be, and which features give way;
//! - [`Serializer::parse`]: what a text says, read back.
//!
//! ```
//! use helm_core::{Cohort, Feature, Outcome, ParticipantId, Schema, Value};
//! use helm_serialize::{Serializer, Template};
//!
//! let schema = Schema::new(
//!     vec![
//!         Feature::number("age", "age", "years", 0.0..=120.0),
//!         Feature::number("bmi", "body mass index", "kg/m2", 10.0..=80.0).with_decimals(1),
//!     ],
//!     vec![],
//!     vec![Outcome::new("diabetes", "diabetes", "told by a doctor")],
//! )?;
//! let cohort = Cohort::builder(schema, vec![ParticipantId::new("a")])?
//!     .feature("age", vec![Value::Number(61.0)])?
//!     .feature("bmi", vec![Value::Number(31.4)])?
//!     .outcome("diabetes", vec![Some(true)])?
//!     .build()?;
//! let serializer = Serializer::new(cohort.schema());
//! assert_eq!(serializer.context(cohort.record(0))?.to_text(), "age: 61 years, body mass index: 31.4 kg/m2");
//! assert_eq!(serializer.question(&cohort.schema().outcomes()[0]).text, "\ndiabetes:");
//! // The same in other words.
//! let serializer = serializer.with_template(Template::short())?;
//! println!("{}", serializer.context(cohort.record(0))?.to_text());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
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
