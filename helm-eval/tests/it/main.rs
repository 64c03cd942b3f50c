//! Evaluation against published data, scikit-learn and naive computation, and every edge case of bad input.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bootstrap;
mod calibration;
mod data;
mod delong;
mod discrimination;
mod errors;
#[cfg(feature = "baseline")]
mod logistic;
mod permutation;
mod plots;
mod report;
mod utility;
