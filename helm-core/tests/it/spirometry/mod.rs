//! Spirometry: standard waveforms, published numbers, random blows, hostile files.

mod demonstration;
mod hostile;
mod random;
mod reference;
mod waveforms;

use std::io::Write as _;
use std::path::PathBuf;

/// A file or folder of the folder that the environment variable HELM_TEST_DATA names. A test without it says so and
/// passes.
fn test_data(name: &str) -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("HELM_TEST_DATA").filter(|data| !data.is_empty()) else {
        // Not eprintln, which a passing test swallows.
        let _ = writeln!(std::io::stderr(), "skipped: HELM_TEST_DATA names no folder with {name}");
        return None;
    };
    Some(PathBuf::from(folder).join(name))
}
