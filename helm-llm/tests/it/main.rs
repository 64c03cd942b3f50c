//! The language model against transformers, and every shortcut against the plain computation.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test fails by panicking and says what it skips")]

mod answers;
mod bad_files;
mod decoder;
mod equalities;
mod golden;
mod models;
mod tokenizer;
mod training;
