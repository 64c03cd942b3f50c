//! The examples as their users run them: results, files, messages and exit statuses.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod custom_encoder;
mod evaluate;
mod helm_tiny;
mod nhanes;
mod own_cohort;
mod paper_tables;
mod predict;
mod pretrain_tiny;
mod program;
mod quickstart;
mod score_prompts;
mod spirometry;
mod tiny_texts;
