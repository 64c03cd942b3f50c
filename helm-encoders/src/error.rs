use std::path::PathBuf;

/// What can be wrong with an encoder, its input or its file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A record could not be read as an encoder's input.
    #[error(transparent)]
    Core(#[from] helm_core::Error),

    /// A backend's name that is unknown, or that this build was made without.
    #[error("device {name:?}: expected {expected}")]
    Device {
        /// The user's word.
        name: String,
        /// What could have stood there.
        expected: String,
    },

    /// A setting that no encoder can be made with.
    #[error("{what}: expected {expected}, found {found}")]
    Config {
        /// The setting.
        what: &'static str,
        /// What it must be.
        expected: String,
        /// What was found.
        found: String,
    },

    /// A participant's input that an encoder can't take.
    #[error("{what}: expected {expected}, found {found}")]
    Input {
        /// Which input: a signal and its row.
        what: String,
        /// What it must be.
        expected: String,
        /// What was found.
        found: String,
    },

    /// A number of a pretraining run that is NaN or infinite. The encoder that was given is as it was.
    #[error("pretraining stopped at step {step}: expected a finite {what}, found {found}")]
    NotFinite {
        /// The step, from 1.
        step: usize,
        /// "loss" or "gradient".
        what: String,
        /// NaN or infinity.
        found: f64,
    },

    /// An encoder's file can't be written or read, or is of another encoder.
    #[error("{}: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}
