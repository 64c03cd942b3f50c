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

    /// A weight that is negative, NaN or infinite.
    #[error("weights: expected finite numbers of at least 0, found a negative number, NaN or infinity in row {row}")]
    Weight {
        /// The row, from 1.
        row: usize,
    },

    /// A time of follow-up that is negative, NaN or infinite.
    #[error("times: expected finite numbers of at least 0, found a negative number, NaN or infinity in row {row}")]
    Time {
        /// The row, from 1.
        row: usize,
    },

    /// A number that is no probability.
    #[error("{what}: expected numbers from 0 to 1, found another in row {row}")]
    Probability {
        /// The numbers.
        what: &'static str,
        /// The row, from 1.
        row: usize,
    },

    /// Only cases or only controls among the rows whose weight is not 0.
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

    /// A statistic that these data have not.
    #[error("{what}: expected {expected}, found {found}")]
    Undefined {
        /// The statistic.
        what: &'static str,
        /// What it needs.
        expected: String,
        /// What there is.
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

impl Error {
    /// That numbers are probabilities.
    pub(crate) fn check_probabilities(what: &'static str, numbers: &[f64]) -> Result<(), Self> {
        match numbers.iter().position(|number| !(0.0..=1.0).contains(number)) {
            Some(row) => Err(Self::Probability { what, row: row + 1 }),
            None => Ok(()),
        }
    }

    /// That there are some cases and some controls in a population.
    pub(crate) fn check_prevalence(prevalence: f64) -> Result<(), Self> {
        if prevalence > 0.0 && prevalence < 1.0 {
            return Ok(());
        }
        let (expected, found) = ("a number between 0 and 1".into(), prevalence.to_string());
        Err(Self::Setting { what: "prevalence", expected, found })
    }
}
