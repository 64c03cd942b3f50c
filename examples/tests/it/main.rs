//! The examples as their users run them: results, files, messages and exit statuses.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test fails by panicking and says what it skips")]

mod nhanes;
mod program;
