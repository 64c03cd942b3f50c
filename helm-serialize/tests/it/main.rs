//! Templates, and what can be read back from their texts.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod parallel;
mod round_trip;
mod settings;
mod templates;
