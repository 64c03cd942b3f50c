//! The experiments of HeLM's paper, on simulated people or on NHANES.
//!
//! [`PaperData`] is what they run on. An [`Experiments`] computes models' scores fold by fold and keeps every fold in a
//! [`Store`], so that a run that was stopped goes on; [`PaperTable`] is what is made of them.

mod data;
mod experiments;
mod few_shot;
mod free_tokens;
mod store;
mod table;
mod tables;

pub use data::{FeatureSet, PaperData};
pub use experiments::{Budget, Experiments, Job, Model, Trained, held_out_key, missing_key, no_breath_key};
pub use few_shot::FewShot;
pub use store::{CellScores, Store};
pub use table::{PaperTable, verdict};
pub use tables::{PaperPlot, Tables};
