//! Running an example's program.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

/// Where cargo puts the examples of the profile under test.
fn examples() -> PathBuf {
    // target/PROFILE/deps/it-HASH
    let this = std::env::current_exe().unwrap();
    this.ancestors().nth(2).unwrap().join("examples")
}

/// Runs an example to its end.
pub(crate) fn run<S: AsRef<OsStr>>(example: &str, arguments: impl IntoIterator<Item = S>) -> Output {
    command(example, arguments).output().unwrap_or_else(|error| missing(example, &error))
}

/// Starts an example, whose output nobody reads.
pub(crate) fn start<S: AsRef<OsStr>>(example: &str, arguments: impl IntoIterator<Item = S>) -> Child {
    let quiet = || Stdio::null();
    let mut command = command(example, arguments);
    command.stdout(quiet()).stderr(quiet()).spawn().unwrap_or_else(|error| missing(example, &error))
}

fn command<S: AsRef<OsStr>>(example: &str, arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(examples().join(example).with_extension(std::env::consts::EXE_EXTENSION));
    command.args(arguments);
    command
}

fn missing(example: &str, error: &std::io::Error) -> ! {
    panic!("{example}: {error}; `cargo test --package helm-examples` without a choice of targets builds it")
}

/// The message of a run that must fail: one line on standard error, exit status 2, nothing on standard output.
pub(crate) fn refused(output: &Output) -> String {
    let message = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stdout));
    message
}
