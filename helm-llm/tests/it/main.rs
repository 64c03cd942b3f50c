//! The language model against transformers, and every shortcut against the plain computation.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod stories260k;
