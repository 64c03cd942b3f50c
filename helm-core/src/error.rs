use std::path::PathBuf;

/// What can be wrong with a file, a schema, a cohort or a split.
///
/// Messages say what, where, expected and found. They name files, features, columns and row numbers (from 1, a header
/// not counted), and never a participant's identifier or value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be opened or read.
    #[error("{}: can't be read: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },

    /// A file ends before its content does.
    #[error("{}: {place}: expected {expected_bytes} bytes, found {found_bytes}: the file is truncated", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// The part of the file that is cut.
        place: String,
        /// Bytes that the part has by its format.
        expected_bytes: u64,
        /// Bytes that are there.
        found_bytes: u64,
    },

    /// A file is not of the format it was read as, or lies in its header.
    #[error("{}: {place}: expected {expected}, found {found}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// The header, line or record at fault.
        place: String,
        /// What the format asks for.
        expected: String,
        /// What is there.
        found: String,
    },

    /// A cell of a table is not what its column must hold.
    #[error("{file}: row {row}, column {column:?}: expected {expected}, found {found}")]
    Cell {
        /// The file's name.
        file: String,
        /// The row, from 1, a header not counted.
        row: usize,
        /// The column.
        column: String,
        /// What the column holds.
        expected: String,
        /// The kind of what was found, never the value.
        found: String,
    },

    /// A name that the schema or the table does not have.
    #[error("{place}: expected a {what} {name:?}, found only {available}")]
    Unknown {
        /// "column", "feature", "signal", "outcome" or "level".
        what: &'static str,
        /// The name asked for.
        name: String,
        /// Where it was looked for: a file's name or "schema".
        place: String,
        /// What there is.
        available: String,
    },

    /// Two features, signals or outcomes share a name, or two columns of a file, or two levels of a feature; or a
    /// cohort was given one of them twice.
    #[error("{place}: expected every {what} to have a name of its own, found {name:?} twice")]
    DuplicateName {
        /// "column", "feature", "signal", "outcome" or "level".
        what: &'static str,
        /// The name.
        name: String,
        /// A file's name, "schema", "cohort", or the feature of a level.
        place: String,
    },

    /// A column or a list has another length than the cohort.
    #[error("{what} {name:?}: expected {expected} rows, one for each participant, found {found}")]
    Length {
        /// "column", "feature", "signal" or "outcome".
        what: &'static str,
        /// Its name.
        name: String,
        /// Participants.
        expected: usize,
        /// Rows found.
        found: usize,
    },

    /// The schema declares something for which the cohort got no values.
    #[error("{what} {name:?}: the schema declares it, but the cohort was given no values for it")]
    NotFilled {
        /// "feature", "signal" or "outcome".
        what: &'static str,
        /// Its name.
        name: String,
    },

    /// A value of the wrong kind for its feature, not finite, out of range or of an unknown level.
    #[error("feature {feature:?}, row {row}: expected {expected}, found {found}")]
    Value {
        /// The feature.
        feature: String,
        /// The row, from 1.
        row: usize,
        /// What the feature allows.
        expected: String,
        /// The kind of what was found, never the value.
        found: String,
    },

    /// Two rows of one participant where there must be one.
    #[error(
        "{place}: expected one row for each participant, found the participant of row {first} again in row {second}"
    )]
    DuplicateParticipant {
        /// The file's name or "cohort".
        place: String,
        /// The first row, from 1.
        first: usize,
        /// The second row, from 1.
        second: usize,
    },

    /// A declaration (a feature, a signal, an outcome, a question) that can't be used.
    #[error("{what}: expected {expected}, found {found}")]
    Invalid {
        /// What is declared, with its name where it has one.
        what: String,
        /// What it must be.
        expected: String,
        /// What was found.
        found: String,
    },

    /// A key of a schema file that is not what it must be.
    #[error("{file}: line {line}, key {key:?}: expected {expected}, found {found}")]
    SchemaFile {
        /// The file's name.
        file: String,
        /// The line, from 1.
        line: usize,
        /// The key with the tables it stands in: "feature.age.range".
        key: String,
        /// What the key must be.
        expected: String,
        /// What is there.
        found: String,
    },

    /// A split or a statistic that can't be made from what was given.
    #[error("{what}: expected {expected}, found {found}")]
    Split {
        /// What was asked for.
        what: &'static str,
        /// What it needs.
        expected: String,
        /// What was found.
        found: String,
    },
}
