//! From the text of a schema file to its parts, and whether they can stand together.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::de::{DeTable, DeValue};

use super::SchemaFile;
use super::declare::{self, FeatureSource, OutcomeSource, SignalPlace, SignalSource};
use super::keys::{Document, Keys};
use super::pattern::overlap;
use crate::{Error, Schema};

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
