//! The examples as their users run them: results, files, messages and exit statuses.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod custom_encoder;
mod evaluate;
mod nhanes;
mod own_cohort;
mod predict;
mod program;
mod score_prompts;
mod spirometry;
mod tiny_texts;
