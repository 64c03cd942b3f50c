//! Tables and plots of an evaluation.
//!
//! [`OutcomeResult`] evaluates models on one outcome; a [`Table`] of such results writes Markdown, LaTeX, CSV and JSON;
//! [`RocPlot`], [`PrPlot`], [`ForestPlot`], [`ReliabilityPlot`], [`DecisionPlot`] and [`LinePlot`] draw SVG. [`HtmlReport`] holds all of
//! them in one file, with the items of [`Tripod`] that are known.

mod chart;
mod decision_plot;
mod forest_plot;
mod html;
mod latex;
mod line_plot;
mod outcome;
mod pr_plot;
mod reliability_plot;
mod roc_plot;
mod style;
mod table;
mod tripod;

pub use decision_plot::DecisionPlot;
pub use forest_plot::ForestPlot;
pub use html::HtmlReport;
pub use line_plot::LinePlot;
pub use outcome::{Estimate, ModelResult, OutcomeResult, PairedResult};
pub use pr_plot::PrPlot;
pub use reliability_plot::ReliabilityPlot;
pub use roc_plot::RocPlot;
pub use table::Table;
pub use tripod::{Tripod, TripodItem};
