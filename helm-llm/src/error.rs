use std::path::PathBuf;

/// What can be wrong with a model folder, a prompt or a training run.
///
/// No message holds a participant's text or values.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A record, a question or a context can't be used.
    #[error(transparent)]
    Core(#[from] helm_core::Error),

    /// An encoder can't be used.
    #[error(transparent)]
    Encoder(#[from] helm_encoders::Error),

    /// A file of a model folder can't be read.
    #[error("{}: can't be read: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },

    /// A model folder lacks a file.
    #[error("{}: expected the file {file}, found none{hint}", folder.display())]
    MissingFile {
        /// The folder.
        folder: PathBuf,
        /// The file.
        file: &'static str,
        /// What may be the matter.
        hint: &'static str,
    },

    /// A model of the hub that can't be had.
    #[error("{name}: expected {expected}, found {found}")]
    Hub {
        /// The model's name.
        name: String,
        /// What there must be.
        expected: String,
        /// What there is.
        found: String,
    },

    /// A file of a model folder is not what it must be.
    #[error("{}: expected {expected}, found {found}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What the file must hold.
        expected: String,
        /// What it holds.
        found: String,
    },

    /// Weights can't be kept in a dtype.
    #[error(
        "the language model's weights: expected f32, bf16 or f16, and one that the device computes in, found {found}"
    )]
    Dtype {
        /// The dtype.
        found: String,
    },

    /// The weights are not those that the configuration describes.
    #[error(
        "{}: expected the tensors that config.json describes, found {} missing ({}), {} unknown ({}) and {} unfit ({})",
        path.display(), missing.len(), few(missing), unused.len(), few(unused), unfit.len(), few(unfit)
    )]
    Weights {
        /// The file.
        path: PathBuf,
        /// Tensors that the file lacks.
        missing: Vec<String>,
        /// Tensors that the model lacks.
        unused: Vec<String>,
        /// Tensors of another shape or type.
        unfit: Vec<String>,
    },

    /// A bundle that can't be made.
    #[error("bundle: expected {expected}, found {found}")]
    Bundle {
        /// What a bundle must be.
        expected: String,
        /// What was found.
        found: String,
    },

    /// A bundle is used with another language model than the one that its encoders learned through.
    #[error(
        "{}: expected the language model that the bundle was made with, {what} {}, found {what} {}",
        path.display(), first_digits(expected), first_digits(found)
    )]
    AnotherModel {
        /// The bundle's manifest.
        path: PathBuf,
        /// "of width", "of weights", "of tokenizer" or "of probe loss".
        what: &'static str,
        /// What the bundle was made with.
        expected: String,
        /// What the language model has.
        found: String,
    },

    /// The tokenizer refuses a text.
    #[error("tokenizer: {0}")]
    Tokenizer(String),

    /// A prompt that the model can't take.
    #[error("prompt: expected {expected}, found {found}")]
    Prompt {
        /// What a prompt must be.
        expected: String,
        /// What was found.
        found: String,
    },

    /// A reply that can't be generated, or a conversation that can't be held.
    #[error("generation: expected {expected}, found {found}")]
    Generation {
        /// What generating needs.
        expected: String,
        /// What was found.
        found: String,
    },

    /// A risk that is NaN or infinite: the weights are damaged, or an input is so large that it overflows.
    #[error("risk of participant {participant}, question {question}: expected a finite number, found NaN or infinity")]
    RiskNotFinite {
        /// The participant among the prompts, from 1.
        participant: usize,
        /// The question of the prompt, from 1.
        question: usize,
    },

    /// A training run that can't start.
    #[error("training: expected {expected}, found {found}")]
    Training {
        /// What the run needs.
        expected: String,
        /// What was found.
        found: String,
    },

    /// A checkpoint of another run, from which this one can't go on.
    #[error("{}: {what}: expected {expected}, as the checkpoint's run had it, found {found}", path.display())]
    Checkpoint {
        /// The checkpoint.
        path: PathBuf,
        /// What differs.
        what: String,
        /// What the checkpoint's run had.
        expected: String,
        /// What this run has.
        found: String,
    },

    /// A number of a training run that is NaN or infinite. The last good weights stay.
    #[error("training stopped at step {step}: expected a finite {what}, found {found}; the last good weights are kept")]
    NotFinite {
        /// The step, from 1.
        step: usize,
        /// "loss", "validation metric", "output of NAME" or "gradient of NAME".
        what: String,
        /// NaN or infinity.
        found: f64,
    },
}

/// The first digits of a hash.
fn first_digits(hash: &str) -> String {
    let (first, rest): (Vec<_>, Vec<_>) = hash.chars().enumerate().partition(|(place, _)| *place < 12);
    let first: String = first.into_iter().map(|(_, digit)| digit).collect();
    if rest.is_empty() { first } else { first + "…" }
}

/// The first few of many names.
fn few(names: &[String]) -> String {
    match names {
        [] => "none".into(),
        [..] if names.len() <= 3 => names.join(", "),
        _ => format!("{}, …", names[..3].join(", ")),
    }
}
