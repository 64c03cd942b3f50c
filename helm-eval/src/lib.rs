//! Honest evaluation of risk scores: how well they tell cases from controls, how sure that is, and whether one model is
//! better than another.
//!
//! [`Scored`] is where an evaluation starts: labels with the scores of one model, checked. It has the areas and curves
//! ([`Scored::auroc`], [`Scored::auprc`], [`Scored::roc_curve`], …). [`Scored::delong`] and [`Bootstrap`] give
//! intervals and paired tests, [`JointDeLong`] tests several models at once, [`holm`] and [`benjamini_hochberg`] keep the
//! count of several outcomes. [`Predictions`], labels with risks from 0 to 1, is what calibration is computed from;
//! [`RecalibrationSplit`] mends it on rows of its own; [`Predictions::decision_curve`] and [`Scored::operating_point`] say
//! what acting on a score is worth. [`Subgroup`] asks who it works for, [`FollowUp`]
//! how well scores order people by the time of an event. [`report`] makes tables and plots of all
//! models and outcomes, and `baseline` has the classical models that a new one is to be compared with.
//!
//! ```
//! use helm_eval::{Bootstrap, Scored};
//!
//! let labels = [false, false, false, true, true, true];
//! let age = Scored::new(&labels, &[0.1, 0.6, 0.3, 0.25, 0.4, 0.5])?;
//! let breath = Scored::new(&labels, &[0.1, 0.2, 0.3, 0.25, 0.4, 0.5])?;
//! assert!(breath.auroc() > age.auroc());
//! // With six people that may be chance.
//! assert!(breath.delong_test(&age)?.p > 0.05);
//! assert!(Bootstrap::default().compare(&breath, &age)?.auroc.p > 0.05);
//! # Ok::<(), helm_eval::Error>(())
//! ```
//!
//! Scores may be probabilities, log-odds or anything else that orders people: higher means a case. Whatever can be
//! wrong with them is an [`Error`] that says what was expected and found and in which row. Every random draw is decided
//! by a seed, and is the same on any number of threads.
//!
//! Not here: language models and encoders (helm-eval takes risks, wherever they come from), outcomes of more than two
//! classes, calibration with weights, imputation of missing scores.

mod band;
#[cfg(feature = "baseline")]
pub mod baseline;
mod bootstrap;
mod calibration;
mod clusters;
mod compare;
mod decision_curve;
mod delong;
mod distribution;
mod error;
mod follow_up;
mod interval;
mod isotonic;
mod joint_delong;
mod multiplicity;
mod newton;
mod operating_point;
mod permutation;
mod placement;
mod pr;
mod predictions;
mod prevalence;
mod ranked;
mod recalibration;
mod recalibration_split;
mod reliability;
pub mod report;
mod resampling;
mod roc;
mod scored;
mod subgroup;
mod survey;
mod survey_design;
mod tally;
mod z_test;

pub use band::BandPoint;
pub use bootstrap::{Bootstrap, BootstrapIntervals, BootstrapMethod};
pub use calibration::{Calibration, ObservedExpected};
pub use compare::{Comparison, Difference};
pub use decision_curve::DecisionPoint;
pub use delong::DeLong;
pub use error::Error;
pub use follow_up::{Concordance, FollowUp};
pub use interval::Interval;
pub use joint_delong::{ChiSquaredTest, JointDeLong};
pub use multiplicity::{benjamini_hochberg, holm};
pub use operating_point::{OperatingPoint, Proportion};
pub use permutation::Permutation;
pub use pr::PrPoint;
pub use predictions::Predictions;
pub use prevalence::shift_prevalence;
pub use recalibration::{Recalibration, RecalibrationMethod};
pub use recalibration_split::RecalibrationSplit;
pub use reliability::{Bins, BrierParts, ReliabilityBin};
pub use roc::RocPoint;
pub use scored::Scored;
pub use subgroup::Subgroup;
pub use z_test::ZTest;
