//! Running an example's program.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Output};

/// Where cargo puts the examples of the profile under test.
fn examples() -> PathBuf {
    // target/PROFILE/deps/it-HASH
    let this = std::env::current_exe().unwrap();
    this.ancestors().nth(2).unwrap().join("examples")
}

/// Runs an example to its end.
pub(crate) fn run<S: AsRef<OsStr>>(example: &str, arguments: impl IntoIterator<Item = S>) -> Output {
    let program = examples().join(example).with_extension(std::env::consts::EXE_EXTENSION);
    Command::new(&program).args(arguments).output().unwrap_or_else(|error| {
        panic!(
            "{}: {error}; `cargo test --package helm-examples` without a choice of targets builds it",
            program.display()
        )
    })
}

/// The message of a run that must fail: one line on standard error, exit status 2, nothing on standard output.
pub(crate) fn refused(output: &Output) -> String {
    let message = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stdout));
    message
}
