//! The readers of files, on real, made and hostile files; spirometry on standard, real and random blows.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[cfg(feature = "csv")]
mod csv;
mod file;
#[cfg(feature = "meds")]
mod meds;
mod mortality;
#[cfg(all(feature = "csv", feature = "xpt"))]
mod nhanes;
#[cfg(all(feature = "parquet", feature = "csv", feature = "schema-file"))]
mod parquet;
#[cfg(feature = "schema-file")]
mod schema_file;
#[cfg(feature = "schema-file")]
mod schema_infer;
mod schema_kept;
#[cfg(feature = "schema-file")]
mod schema_ready;
#[cfg(all(feature = "csv", feature = "schema-file"))]
mod signal_files;
mod simulate;
#[cfg(all(feature = "csv", feature = "schema-file"))]
mod source;
mod spirometry;
#[cfg(feature = "wfdb")]
mod wfdb;
#[cfg(feature = "xpt")]
mod xpt;
#[cfg(feature = "xpt")]
mod xpt_file;
#[cfg(feature = "xpt")]
mod xpt_hostile;
