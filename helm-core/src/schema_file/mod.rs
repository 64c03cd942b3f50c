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
mod signal_files;
mod token;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::de::{DeTable, DeValue};

use self::declare::{FeatureSource, OutcomeSource, SignalPlace, SignalSource};
use self::expression::Expression;
use self::keys::{Document, Keys};
use self::pattern::{fits, overlap};
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
    /// Reads a schema file.
    ///
    /// # Errors
    /// [`Error::Io`]; as [`SchemaFile::parse`].
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::Io { path: path.into(), source })?;
        Self::parse(&crate::read::file_name(path), &text)
    }

    /// Reads a schema from the text of a file; `file` is its name, for messages.
    ///
    /// # Errors
    /// [`Error::SchemaFile`] with the line and the key of what is not as it must be: the text is not TOML; a key is
    /// unknown, lacking or of another kind; two features, signals or outcomes share a name, or two features a column;
    /// an outcome uses a feature's column, and doesn't exclude the feature.
    pub fn parse(file: &str, text: &str) -> Result<Self, Error> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let document = Document { file, text };
        let root = DeTable::parse(text).map_err(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            document.error(offset, "", "TOML", error.message())
        })?;
        let allowed = [
            "participant",
            "one_row_each",
            "cluster",
            "split",
            "include",
            "feature_sets",
            "feature",
            "signal",
            "outcome",
        ];
        let keys = Keys::new(&document, "", 0, root.get_ref(), &allowed)?;
        let column = |key| Ok::<_, Error>(keys.text(key)?.map(|column| column.value.to_owned()));
        let read_features = keys.tables("feature")?.into_iter().map(|table| FeatureSource::read(&document, table));
        let features: Vec<FeatureSource> = read_features.collect::<Result<_, _>>()?;
        let signals = keys.tables("signal")?.into_iter().map(|table| SignalSource::read(&document, table));
        let signals: Vec<SignalSource> = signals.collect::<Result<_, _>>()?;
        let outcomes = keys.tables("outcome")?.into_iter().map(|table| OutcomeSource::read(&document, table));
        let outcomes: Vec<OutcomeSource> = outcomes.collect::<Result<_, _>>()?;
        let named = features.iter().map(|source| ("feature", &source.feature.name, source.offset));
        let named = named.chain(signals.iter().map(|source| ("signal", &source.name, source.offset)));
        let named = named.chain(outcomes.iter().map(|source| ("outcome", &source.outcome.name, source.offset)));
        let mut seen = HashMap::new();
        for (what, name, offset) in named {
            if seen.insert((what, name), offset).is_some() {
                let key = format!("{what}.{name}.name");
                return Err(document.error(
                    offset,
                    key,
                    format!("every {what} to have a name of its own"),
                    "one twice",
                ));
            }
        }
        let schema = Schema::new(
            features.iter().map(|source| source.feature.clone()).collect(),
            signals.iter().map(|source| source.name.clone()).collect(),
            outcomes.iter().map(|source| source.outcome.clone()).collect(),
        );
        let schema = schema.map_err(|error| document.error(0, "", "a sound schema", error.to_string()))?;
        let parsed = Self {
            file: file.into(),
            participant: participant_column(&keys)?,
            cluster: column("cluster")?,
            split: column("split")?,
            include: declare::expression(&keys, "include")?,
            feature_sets: feature_sets(&document, &keys, &schema)?,
            schema: Arc::new(schema),
            features,
            signals,
            outcomes,
            folder: PathBuf::new(),
            outcomes_are_optional: false,
        };
        parsed.check_columns(&document)?;
        parsed.check_leakage(&document)?;
        Ok(parsed)
    }

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

    /// No column is two things, apart from what is derived from several columns.
    fn check_columns(&self, document: &Document<'_>) -> Result<(), Error> {
        let mut seen: HashMap<String, String> = HashMap::new();
        let of_rows = [("participant", &self.participant), ("cluster", &self.cluster), ("split", &self.split)];
        for (key, column) in of_rows {
            let Some(column) = column else { continue };
            if let Some(first) = seen.insert(column.to_ascii_lowercase(), key.into()) {
                return Err(document.error(0, key, "a column of its own", format!("that of {first}")));
            }
        }
        let derived = |source: &FeatureSource| matches!(&source.kind, declare::Kind::Number { per: Some(_), .. });
        let features = self.features.iter().filter(|source| !derived(source)).filter_map(|source| {
            Some((format!("feature.{}", source.feature.name), source.column.as_deref()?, source.offset))
        });
        // Files may be named by a column that is something else, too.
        let signals = self.signals.iter().filter_map(|signal| match &signal.place {
            SignalPlace::Column(column) => Some((format!("signal.{}", signal.name), column.as_str(), signal.offset)),
            SignalPlace::File(_) => None,
        });
        if let (None, Some(signal)) = (&self.participant, self.signals.iter().find(|signal| signal.column().is_none()))
        {
            let path = format!("signal.{}.column", signal.name);
            let expected = "a column that names the files, since there are no identifiers";
            return Err(document.error(signal.offset, path, expected, "none"));
        }
        for (path, column, offset) in features.chain(signals) {
            if let Some(first) = seen.insert(column.to_ascii_lowercase(), path.clone()) {
                return Err(document.error(
                    offset,
                    format!("{path}.column"),
                    "a column of its own",
                    format!("that of {first}"),
                ));
            }
        }
        Ok(())
    }

    /// No feature stands on a column that defines an outcome, unless the outcome excludes it.
    fn check_leakage(&self, document: &Document<'_>) -> Result<(), Error> {
        for outcome in &self.outcomes {
            let path = format!("outcome.{}", outcome.outcome.name);
            for name in &outcome.exclude {
                self.schema.feature_index(name).map_err(|_| {
                    document.error(outcome.offset, format!("{path}.exclude"), "names of features", "another name")
                })?;
            }
            for source in self.features.iter().filter(|source| !outcome.exclude.contains(&source.feature.name)) {
                let shared = |a: &str| outcome.columns().iter().any(|b| overlap(a, b));
                if let Some(column) = source.columns().into_iter().find(|column| shared(column)) {
                    let expected = "an outcome without a feature's column, or the feature in exclude";
                    let found = format!("column {column:?} of feature {:?} (leakage)", source.feature.name);
                    return Err(document.error(outcome.offset, path, expected, found));
                }
            }
        }
        Ok(())
    }
}

/// The column of identifiers, or that there is none: said, since rows of one participant in training and test are the
/// worst of leaks.
fn participant_column(keys: &Keys<'_>) -> Result<Option<String>, Error> {
    let column = keys.text("participant")?.map(|column| column.value.to_owned());
    match (column, keys.flag("one_row_each")?.unwrap_or(false)) {
        (Some(column), false) => Ok(Some(column)),
        (None, true) => Ok(None),
        (Some(_), true) => Err(keys.error("one_row_each", "no such key beside participant", "true")),
        (None, false) => {
            Err(keys.error("participant", "a column in quotes, or one_row_each = true", "neither of these keys"))
        }
    }
}

fn feature_sets(
    document: &Document<'_>,
    keys: &Keys<'_>,
    schema: &Schema,
) -> Result<Vec<(String, Vec<String>)>, Error> {
    let Some(value) = keys.value("feature_sets") else { return Ok(vec![]) };
    let DeValue::Table(table) = value.get_ref() else {
        return Err(keys.error("feature_sets", "a table of lists of features", value.get_ref().type_str()));
    };
    let names: Vec<&str> = table.keys().map(|name| name.get_ref().as_ref()).collect();
    let sets = Keys::new(document, "feature_sets", value.span().start, table, &names)?;
    let mut found = Vec::new();
    for name in sets.names() {
        let mut features: Vec<String> = Vec::new();
        for feature in sets.texts(name.value)?.unwrap_or_default() {
            let key = sets.name(name.value);
            if schema.feature_index(feature.value).is_err() {
                let found = format!("{:?}", feature.value);
                return Err(document.error(feature.offset, key, "names of features", found));
            }
            if features.iter().any(|other| other == feature.value) {
                return Err(document.error(
                    feature.offset,
                    key,
                    "every feature once",
                    format!("{:?} twice", feature.value),
                ));
            }
            features.push(feature.value.into());
        }
        found.push((name.value.to_owned(), features));
    }
    Ok(found)
}
