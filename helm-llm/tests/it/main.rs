//! The language model against transformers, and every shortcut against the plain computation.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod answers;
mod bad_files;
mod bundle;
mod chat;
mod decoder;
mod equalities;
mod explain;
mod families;
mod generation;
mod golden;
mod models;
mod stand_in;
mod tokenizer;
mod training;
