//! The vocabulary of helm: what a health cohort holds and what a language model is asked about it, free of any
//! deep-learning framework.
//!
//! The principal type is [`Cohort`]: participants with their features, signals and outcomes, held in columns. A
//! [`Schema`] says what the columns mean; a [`Record`] is the view of one row. Around it:
//!
//! - [`Feature`], [`Value`] and [`MissingReason`]: typed tabular data, measured or missing with a reason;
//! - [`Signal`], [`SignalState`] and [`spirometry`]: sampled waveforms, and the forced breath above all: its measures,
//!   quality, reference equations and files;
//! - [`Context`], [`Question`], [`Answers`] and [`SlotId`]: the hinge between the serializer and the language model;
//! - [`Outcome`] and [`Risk`]: what is estimated, and the estimate;
//! - [`Folds`], [`Splits`] and [`Standardizer`]: splits and statistics that never look at test rows;
//! - [`Missingness`] and [`TableOne`]: what a cohort is like, with [`SmallCells`] hidden;
//! - [`Table`] and its readers: [`read_xpt`] (SAS transport), [`read_csv`], [`read_mortality`], and [`TableReader`] for
//!   CSV, Parquet and SAS transport files in batches; [`read_wfdb`] for PhysioNet's waveforms;
//! - [`simulate`]: a simulated cohort of any size, to start with and to test with;
//! - [`SchemaFile`]: what a table's columns mean, in TOML; with it a [`CohortFile`] larger than memory is a
//!   [`CohortSource`].
//!
//! ```
//! use helm_core::{Cohort, Feature, Folds, Outcome, ParticipantId, Schema, Value};
//!
//! let schema = Schema::new(
//!     vec![Feature::number("age", "age", "years", 0.0..=120.0)],
//!     vec![],
//!     vec![Outcome::new("wheeze", "wheezing in the past year", "answered yes")],
//! )?;
//! let ids: Vec<ParticipantId> = ["a", "b", "c", "d"].iter().map(ParticipantId::new).collect();
//! let cohort = Cohort::builder(schema, ids)?
//!     .feature("age", [54.0, 31.0, 77.0, 46.0].map(Value::Number).to_vec())?
//!     .outcome("wheeze", vec![Some(true), Some(false), None, Some(false)])?
//!     .build()?;
//! let folds = Folds::new(cohort.participants(), 2, 0)?;
//! assert_eq!(folds.test_rows(0).len() + folds.test_rows(1).len(), 4);
//! # Ok::<(), helm_core::Error>(())
//! ```
//!
//! Two features are off by default: `parquet`, and `meds`, cohorts of medical events in the Medical Event Data Standard.

#![cfg_attr(
    not(all(feature = "csv", feature = "schema-file", feature = "wfdb", feature = "xpt")),
    allow(rustdoc::broken_intra_doc_links, reason = "the readers above may be switched off")
)]

mod cohort;
mod error;
mod extent;
mod feature;
mod join;
mod missingness;
mod outcome;
mod participant;
mod prompt;
mod read;
mod record;
mod risk;
mod schema;
#[cfg(feature = "schema-file")]
mod schema_file;
mod signal;
pub mod simulate;
mod skipped;
mod source;
pub mod spirometry;
mod split;
mod splits;
mod standardize;
mod suppress;
mod table;
mod table_one;
mod value;
mod write;

pub use cohort::{Cohort, CohortBuilder};
pub use error::Error;
pub use feature::{Digits, Feature, FeatureKind};
pub use missingness::Missingness;
pub use outcome::Outcome;
pub use participant::ParticipantId;
pub use prompt::{Answers, Context, Question, Segment, SlotId};
#[cfg(feature = "csv")]
pub use read::read_csv;
#[cfg(feature = "wfdb")]
pub use read::read_wfdb;
#[cfg(feature = "xpt")]
pub use read::read_xpt;
pub use read::{ReadOptions, TableReader, read_mortality};
pub use record::Record;
pub use risk::Risk;
pub use schema::Schema;
#[cfg(feature = "schema-file")]
pub use schema_file::{Loaded, SchemaFile};
pub use signal::{Signal, SignalState};
pub use skipped::{BadData, Skipped};
pub use source::CohortSource;
#[cfg(feature = "schema-file")]
pub use source::{CohortFile, LoadedBatches};
#[cfg(feature = "meds")]
pub use source::{MedsBatches, MedsCohort};
pub use split::{Folds, Part};
pub use splits::Splits;
pub use standardize::Standardizer;
pub use suppress::SmallCells;
pub use table::{Cells, Table, TableColumn};
pub use table_one::{Summary, TableOne};
pub use value::{MissingReason, Value};
#[cfg(feature = "parquet")]
pub use write::write_parquet;
