//! The language model against transformers, and every shortcut against the plain computation.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod answers;
mod bad_files;
mod bundle;
mod chat;
mod checkpoints;
mod decoder;
mod equalities;
mod explain;
mod families;
mod generation;
mod golden;
#[cfg(feature = "hub")]
mod hub;
mod mixture;
mod models;
mod peft;
mod pretraining;
mod resume;
mod soft_prompt;
mod stand_in;
mod stopping;
mod task;
mod tokenizer;
mod training;
mod warnings;
