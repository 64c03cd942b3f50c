//! The schema file: what a cohort's columns mean, in TOML.

mod bound;
mod declare;
mod expression;
mod faults;
mod fill;
mod infer;
mod keys;
mod loaded;
mod parser;
mod pattern;
mod plain;
mod read;
mod signal_files;
mod token;

use std::path::PathBuf;
use std::sync::Arc;

use self::declare::{FeatureSource, OutcomeSource, SignalSource};
use self::expression::Expression;
use self::pattern::fits;
use crate::{Error, Schema};

pub use loaded::Loaded;

/// A schema file: which columns of a table are features, signals and outcomes, and what their cells mean.
///
/// ```
/// use helm_core::{BadData, Cells, SchemaFile, Table, TableColumn, Value};
///
/// let schema = SchemaFile::parse("lungs.toml", r#"
///     participant = "SEQN"
///     include = "RIDAGEYR >= 20"                # optional: rows for which this does not hold are left out
///
///     [feature_sets]                            # optional: features by name, in the order of a prompt
///     baseline = ["age", "sex"]
///
///     [[feature]]
///     name = "age"
///     column = "RIDAGEYR"
///     kind = "number"
///     range = [0, 120]                          # in the unit; anything else is an error
///     unit = "years"
///
///     [[feature]]
///     name = "sex"
///     column = "RIAGENDR"
///     kind = "category"
///     levels = [{ name = "male", codes = 1 }, { name = "female", codes = 2 }]
///     missing = { refused = 7, dont_know = [9, 99] }
///
///     [[outcome]]
///     name = "wheeze"
///     label = "wheezing in the past year"
///     case = "RDQ070 = 1"
///     control = "RDQ070 = 2"
///     neither = "RDQ070 in (7, 9)"
/// "#)?;
/// let column = |name: &str, cells: [f64; 3]| TableColumn {
///     name: name.into(),
///     label: None,
///     cells: Cells::Numbers(cells.map(Value::Number).to_vec()),
/// };
/// let table = Table::new("survey.csv", vec![
///     column("SEQN", [1.0, 2.0, 3.0]),
///     column("RIDAGEYR", [54.0, 17.0, 31.0]),
///     column("RIAGENDR", [2.0, 1.0, 7.0]),
///     column("RDQ070", [1.0, 2.0, 9.0]),
/// ])?;
/// let cohort = schema.load(&table, BadData::Refuse)?.cohort;
/// assert_eq!(cohort.n_participants(), 2);
/// assert_eq!(cohort.labels("wheeze")?, [Some(true), None]);
/// # Ok::<(), helm_core::Error>(())
/// ```
///
/// Keys of the file: `participant` (the column of identifiers) or, where there is none, `one_row_each = true` (every row
/// is another participant, who is called by its number in the file), `cluster` and `split` (columns; the latter holds train,
/// validation or test), `include` (a condition), `feature_sets`, and the tables `feature`, `signal` and `outcome`.
///
/// - **feature**: `name`, `label` (its words in a prompt), `kind` ("number" or "category"), `column`,
///   `missing` (codes by reason: not_recorded, refused, dont_know, not_applicable). A number has a `range`, and may have
///   a `unit`, `decimals` or `significant` digits, a `scale` (the cell times this is in the unit) and `per` (a column
///   that it is divided by). A category has `levels`: texts as they stand in the cells, or a name with `codes`, or, in
///   place of a column, a name with a condition `when`; the first that holds counts.
/// - **signal**: `name`, `column` (a list of numbers, or text of numbers), `rate_hz`, `unit`, `channels`. Or a file for
///   each participant: `file = "waves/{}.hea"`, where the cell of `column` (the participant's identifier without one)
///   takes the place of the braces; a PhysioNet header `.hea` or a spirometry waveform `.wf`, which say their rate and
///   unit themselves, or numbers in a `.txt` or in the `file_column` of a `.csv`. No file is no signal; a file that can't
///   be read, or says another rate, unit or number of channels than the schema, is an error. Cells that could lead out
///   of the folder are refused.
/// - **outcome**: `name`, `label`, `definition`, `case` (a condition); `control` (a condition; without it, everyone of
///   whom `case` is known to be false) and `neither` (who may be neither; without it, a recorded answer that makes
///   neither a case nor a control is an error); `missing` ("neither", or "control" for whom `case` is unknown, as in
///   registers, where nothing recorded means nothing happened); `question`, `positive` and `negative` answers; `exclude`
///   (features that say too much of it).
///
/// # Conditions
///
/// ```text
/// RDQ070 = 1                                   = != < <= > >= with a number or a 'text'
/// DIQ010 in (3, 7, 9)                          one of several codes
/// icd10 in ('E11*', 'E14')                     a star at the end: any code that begins so
/// any(p20002_i0_a*) in (1111, 1112)            any of several columns; a star stands for all that fit
/// p41270 lists ('J45*', 'J46*')                a cell that lists codes, as in I10|J459 or ["I10","J459"]
/// p40000_i0 is recorded                        or: is missing
/// RIDAGEYR >= 20 and not (SMQ020 = 2 or SMQ040 = 3)
/// ```
///
/// A column's name may be written in other case; one with other characters than letters, digits, `_` and `.` stands in
/// backquotes. What a missing cell says is unknown, neither true nor false, which `not`, `and` and `or` carry on as far
/// as it matters. `any` is true if the test holds for one of its columns, false if it fails for all that are recorded,
/// and unknown if none is: empty places of an array are no answers.
#[derive(Clone, Debug)]
pub struct SchemaFile {
    file: String,
    schema: Arc<Schema>,
    /// The column of identifiers; `None` where every row is another participant.
    participant: Option<String>,
    cluster: Option<String>,
    split: Option<String>,
    include: Option<Expression>,
    features: Vec<FeatureSource>,
    signals: Vec<SignalSource>,
    outcomes: Vec<OutcomeSource>,
    feature_sets: Vec<(String, Vec<String>)>,
    /// Where the files of signals are looked for.
    folder: PathBuf,
    /// Whether a table may lack columns of outcomes.
    outcomes_are_optional: bool,
}

impl SchemaFile {
    /// The ready-made schema of NHANES 2011–2012: the survey's files joined by SEQN ([`crate::Table::join`]) on those of
    /// SPX_G, DEMO_G, BMX_G, SMQ_G, RDQ_G and DIQ_G, the linked mortality file and a table of diagnoses.
    pub fn nhanes_2011_2012() -> Self {
        Self::ready("nhanes_2011_2012.toml", include_str!("nhanes_2011_2012.toml"))
    }

    /// The ready-made schema of UK Biobank's field names (eid, p21003_i0), with the paper's features and outcomes.
    pub fn uk_biobank() -> Self {
        Self::ready("uk_biobank.toml", include_str!("uk_biobank.toml"))
    }

    fn ready(file: &str, text: &str) -> Self {
        match Self::parse(file, text) {
            Ok(schema) => schema,
            Err(error) => unreachable!("a ready-made schema, which the tests read: {error}"),
        }
    }

    /// The file's name.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Looks for the files of signals in a folder: by default where the program runs, and for a
    /// [`CohortFile`](crate::CohortFile) where the table is.
    pub fn with_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = folder.into();
        self
    }

    /// Reads tables of new people, of whom nobody knows yet what becomes of them: an outcome of which the table lacks a
    /// column has no label for anyone, instead of being an error.
    pub fn with_optional_outcomes(mut self) -> Self {
        self.outcomes_are_optional = true;
        self
    }

    pub(crate) fn has_folder(&self) -> bool {
        !self.folder.as_os_str().is_empty()
    }

    /// What a cohort of this file holds.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The sets of features, each with its features' names in their order.
    pub fn feature_sets(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.feature_sets.iter().map(|(name, features)| (name.as_str(), features.as_slice()))
    }

    /// The features of a set, or of all, that an outcome may be estimated from: those that it excludes are left out.
    ///
    /// # Errors
    /// [`Error::Unknown`] if there is no such set or outcome.
    pub fn features_for(&self, set: Option<&str>, outcome: &str) -> Result<Vec<&str>, Error> {
        let exclude = &self.outcomes[self.schema.outcome_index(outcome)?].exclude;
        let allowed = |feature: &&str| !exclude.iter().any(|other| other == feature);
        let Some(set) = set else {
            let all = self.schema.features().iter().map(|feature| feature.name.as_str());
            return Ok(all.filter(allowed).collect());
        };
        let found = self.feature_sets.iter().find(|(name, _)| name == set).ok_or_else(|| {
            let names: Vec<&str> = self.feature_sets.iter().map(|(name, _)| name.as_str()).collect();
            let (name, available) = (set.into(), names.join(", "));
            Error::Unknown { what: "feature set", name, place: self.file.clone(), available }
        })?;
        Ok(found.1.iter().map(String::as_str).filter(allowed).collect())
    }

    /// Whether the schema reads a column of a file; readers leave out the others.
    pub fn reads(&self, column: &str) -> bool {
        self.patterns().any(|pattern| fits(pattern, column))
    }

    pub(crate) fn participant_column(&self) -> Option<&str> {
        self.participant.as_deref()
    }

    /// The names of columns that the schema asks for, some of them with stars.
    #[cfg(feature = "meds")]
    pub(crate) fn column_patterns(&self) -> impl Iterator<Item = &str> {
        self.patterns()
    }

    fn patterns(&self) -> impl Iterator<Item = &str> {
        let of_rows = [self.participant.as_deref(), self.cluster.as_deref(), self.split.as_deref()];
        of_rows
            .into_iter()
            .flatten()
            .chain(self.include.iter().flat_map(Expression::columns))
            .chain(self.features.iter().flat_map(FeatureSource::columns))
            .chain(self.signals.iter().filter_map(SignalSource::column))
            .chain(self.outcomes.iter().flat_map(OutcomeSource::columns))
    }
}
