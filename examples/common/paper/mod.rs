//! The experiments of HeLM's paper, on simulated people or on NHANES.
//!
//! [`PaperData`] is what they run on. An [`Experiments`] computes models' scores fold by fold and keeps every fold in a
//! [`Store`], so that a run that was stopped goes on; [`PaperTable`] is what is made of them.

mod areas;
mod budget;
mod calibration;
mod data;
mod experiments;
mod few_shot;
mod found;
mod free_tokens;
mod held_out;
mod job;
mod learning_curve;
mod missing;
mod paired;
mod store;
mod subgroups;
mod table;
mod tables;

pub use budget::Budget;
pub use data::{FeatureSet, PaperData};
pub use experiments::Experiments;
pub use few_shot::FewShot;
pub use job::{Job, Model, Trained};
pub use store::{CellScores, Store, held_out_key, missing_key, no_breath_key};
pub use table::{PaperTable, verdict};
pub use tables::{Made, PaperPlot, Tables};
