use std::fmt::Display;
use std::process::ExitCode;

/// Why an example ended early, in one line for its user.
#[derive(Debug)]
pub struct Failure(String);

impl Failure {
    /// A failure of its own words.
    pub fn new(message: impl Display) -> Self {
        Self(message.to_string())
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::new(error)
    }
}

/// Runs an example; a failure becomes one line on standard error and the exit status 2.
#[expect(clippy::print_stderr, reason = "this is where a program talks to its user")]
pub fn run(main: impl FnOnce() -> Result<(), Failure>) -> ExitCode {
    match main() {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure(message)) => {
            eprintln!("error: {}", message.replace('\n', " "));
            ExitCode::from(2)
        }
    }
}
