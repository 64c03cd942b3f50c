//! Evaluation against published data, scikit-learn and naive computation, and every edge case of bad input.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod band;
#[cfg(feature = "baseline")]
mod boosting;
mod bootstrap;
mod calibration;
mod data;
mod delong;
mod discrimination;
mod errors;
mod follow_up;
#[cfg(feature = "baseline")]
mod logistic;
#[cfg(feature = "baseline")]
mod nhanes;
mod permutation;
mod plots;
mod report;
#[cfg(feature = "baseline")]
mod simulated;
mod survey;
mod utility;
