//! Tables and plots of an evaluation.

mod outcome;
mod table;

pub use outcome::{Estimate, ModelResult, OutcomeResult, PairedResult};
pub use table::Table;
