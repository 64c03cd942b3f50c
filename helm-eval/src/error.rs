/// What can be wrong with scores, labels or a comparison.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A split or a standardisation can't be made.
    #[error(transparent)]
    Core(#[from] helm_core::Error),

    /// There is no row.
    #[error("scores: expected at least one row, found none")]
    Empty,

    /// Two columns of different lengths.
    #[error("{what}: expected {expected} rows, found {found}")]
    Length {
        /// The column.
        what: String,
        /// Rows of the labels.
        expected: usize,
        /// Rows found.
        found: usize,
    },

    /// A score that is NaN or infinite.
    #[error("scores: expected finite numbers, found NaN or infinity in row {row}")]
    NotFinite {
        /// The row, from 1.
        row: usize,
    },

    /// A label other than 0 and 1.
    #[error("labels: expected 0 or 1, found another number in row {row}")]
    Label {
        /// The row, from 1.
        row: usize,
    },

    /// Only cases or only controls.
    #[error("labels: expected cases and controls, found {cases} cases and {controls} controls")]
    OneClass {
        /// Cases.
        cases: usize,
        /// Controls.
        controls: usize,
    },

    /// A setting out of range.
    #[error("{what}: expected {expected}, found {found}")]
    Setting {
        /// The setting.
        what: &'static str,
        /// What it must be.
        expected: String,
        /// What it is.
        found: String,
    },

    /// A classical model that could not be fitted.
    #[error("{model}: expected a fit, found: {problem}")]
    Fit {
        /// The model.
        model: &'static str,
        /// Why not.
        problem: String,
    },

    /// A report that could not be drawn or written.
    #[error("report: {0}")]
    Report(String),
}
