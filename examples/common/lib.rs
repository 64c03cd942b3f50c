//! What the examples share: arguments, cohorts, HeLM in cross-validation, its scores beside other models', progress
//! bars, run manifests, and how they end.

mod arguments;
mod attribution;
mod attribution_plot;
mod blow_input;
mod breath_measures;
mod classical;
pub mod ecg;
mod encoders;
mod failure;
mod flat_table;
mod inputs;
mod labelled;
mod manifest;
mod model_args;
pub mod nhanes;
mod outcome_group;
mod output;
pub mod paper;
mod person;
mod pretrained_breath;
mod progress;
mod rebuilt;
mod scorer;
mod scores;
mod side_by_side;
mod study;
mod study_args;
mod study_report;
pub mod tiny;
mod untuned;

pub use arguments::at_least;
pub use attribution::breath_attribution;
pub use attribution_plot::AttributionPlot;
pub use blow_input::BlowInput;
pub use breath_measures::{breath_measures, simulated_people};
pub use classical::{classical, logistic_on_embeddings};
pub use encoders::Encoders;
pub use failure::{Failure, run};
pub use flat_table::{SignalColumn, flat_schema_file};
pub use inputs::{GRID, Inputs, SignalInput};
pub use manifest::Manifest;
pub use model_args::{ModelArgs, WeightDtype};
pub use outcome_group::OutcomeGroup;
pub use output::{Prediction, check_writable, say, write_atomically, write_json, write_lines, write_predictions};
pub use person::Person;
pub use pretrained_breath::{BreathTargets, NewBreath, PretrainedBreath, breath_pretraining};
pub use progress::Progress;
pub use scorer::{Calibrated, DataSource, Scorer, calibrate};
pub use scores::{AllScores, Scores, check_classes};
pub use side_by_side::side_by_side;
pub use study::{Fold, NewHelm, Part, Study, prompts};
pub use study_args::StudyArgs;
pub use untuned::untuned;

/// The README's program, run by the tests from this package's folder.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
