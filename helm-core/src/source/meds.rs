mod columns;
mod events;

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use self::columns::{Columns, Subject};
use self::events::{Events, read_index};
use super::CohortSource;
use super::seen::Seen;
use crate::{Cohort, Error, Loaded, ParticipantId, ReadOptions, Schema, SchemaFile, Table};

/// A cohort of medical events in the Medical Event Data Standard (MEDS, version 0.3 and later): a folder with
/// `data/**/*.parquet`, whose rows are events `subject_id, time, code, numeric_value`, the events of a subject together and
/// in the order of time.
///
/// The schema file's columns say what becomes of a subject's events, up to and with its index time:
///
/// ```text
/// last:LAB//4548-4               the last numeric value of a code; missing if there is none
/// ever:ICD10CM//J45*             1 if the code, or with a star any that begins so, was ever recorded, else 0
/// after:ICD10CM//I21*            the same of events after the index time: for outcomes
/// age_years                      the years from the event MEDS_BIRTH to the index time
/// boolean_value                  the label of the labels' file
/// subject_id                     the participant
/// split                          train, validation or test, from metadata/subject_splits.parquet
/// ```
///
/// In a condition such a name stands in backticks, and in `any(…)` if it has a star. Index times come from a [labels' file](Self::with_labels); without one,
/// all events count, `after:` finds none, and ages are those at the last event. Subjects are read shard by shard, in the
/// order of the shards' names, one batch at a time in memory, beside the index times and the parts of all.
///
/// ```no_run
/// use helm_core::{CohortSource, MedsCohort, ReadOptions, SchemaFile};
///
/// let schema = SchemaFile::parse("meds.toml", r#"
///     participant = "subject_id"
///     [[feature]]
///     name = "hba1c"
///     label = "HbA1c"
///     kind = "number"
///     column = "last:LAB//4548-4"
///     range = [2, 20]
///     unit = "%"
///     [[outcome]]
///     name = "infarction"
///     case = "any(`after:ICD10CM//I21*`) = 1"
/// "#)?;
/// let cohort = MedsCohort::new(schema, "mimic-meds", ReadOptions::default()).with_labels("labels.parquet");
/// for batch in cohort.batches()? {
///     println!("{} subjects", batch?.n_participants());
/// }
/// # Ok::<(), helm_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct MedsCohort {
    schema: SchemaFile,
    folder: PathBuf,
    labels: Option<PathBuf>,
    options: ReadOptions,
}

impl MedsCohort {
    /// A cohort in a folder, whose shards are opened when its batches are asked for.
    pub fn new(schema: SchemaFile, folder: impl Into<PathBuf>, options: ReadOptions) -> Self {
        Self { schema, folder: folder.into(), labels: None, options }
    }

    /// Takes the subjects of a labels' file alone, each at its `prediction_time`, with its `boolean_value`: a Parquet
    /// file with a row for each subject.
    pub fn with_labels(mut self, path: impl Into<PathBuf>) -> Self {
        self.labels = Some(path.into());
        self
    }

    /// The batches with their clusters, parts and the counts of what was skipped in each.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Format`] if there is no shard, or one, or the labels or the parts, can't be read;
    /// [`Error::Unknown`] if the schema asks for a column that is none of those above. While walking: [`Error::Format`]
    /// with shard and row if times go back; [`Error::DuplicateParticipant`] if a subject's events do not stand together;
    /// and as [`SchemaFile::load`].
    pub fn loaded_batches(&self) -> Result<MedsBatches<'_>, Error> {
        let shards = shards(&self.folder.join("data"))?;
        let labels = self.labels.as_deref().map(read_index).transpose()?;
        let columns = Columns::new(&self.schema, self.labels.is_some())?;
        let splits = match columns.splits() {
            true => Some(events::read_splits(&self.folder.join("metadata").join("subject_splits.parquet"))?),
            false => None,
        };
        Ok(MedsBatches {
            cohort: self,
            columns,
            labels,
            splits,
            shards: shards.into_iter(),
            open: None,
            seen: Seen::default(),
            n_subjects: 0,
            failed: false,
        })
    }

    /// The whole cohort in memory.
    ///
    /// # Errors
    /// As [`loaded_batches`](Self::loaded_batches).
    pub fn load(&self) -> Result<Loaded, Error> {
        let mut batches = self.loaded_batches()?;
        let mut whole: Option<Loaded> = None;
        for batch in batches.by_ref() {
            let batch = batch?;
            match &mut whole {
                None => whole = Some(batch),
                Some(whole) => whole.append(batch),
            }
        }
        match whole {
            Some(whole) => Ok(whole),
            None => self.schema.load(&batches.columns.table(&self.folder, &[], 0)?, self.options.bad),
        }
    }
}

impl CohortSource for MedsCohort {
    fn schema(&self) -> &Schema {
        self.schema.schema()
    }

    fn batches(&self) -> Result<Box<dyn Iterator<Item = Result<Cohort, Error>> + '_>, Error> {
        Ok(Box::new(self.loaded_batches()?.map(|loaded| Ok(loaded?.cohort))))
    }
}

/// The batches of a [`MedsCohort`].
pub struct MedsBatches<'a> {
    cohort: &'a MedsCohort,
    columns: Columns,
    /// Index times and labels by subject.
    labels: Option<HashMap<i64, (i64, bool)>>,
    splits: Option<HashMap<i64, String>>,
    shards: std::vec::IntoIter<PathBuf>,
    open: Option<Events>,
    seen: Seen,
    n_subjects: usize,
    failed: bool,
}

impl MedsBatches<'_> {
    /// The next subjects as a table; `None` at the end.
    fn table(&mut self) -> Result<Option<Table>, Error> {
        let most = self.cohort.options.rows_per_batch.max(1);
        let first = self.n_subjects;
        let mut subjects: Vec<Subject> = Vec::new();
        while subjects.len() < most {
            let Some(shard) = &mut self.open else {
                let Some(path) = self.shards.next() else { break };
                self.open = Some(Events::open(&path)?);
                continue;
            };
            let Some((id, events)) = shard.next_subject()? else {
                self.open = None;
                continue;
            };
            if !self.seen.insert(&ParticipantId::new(id.to_string())) {
                let place = format!("{} (a subject's events stand apart)", shard.name());
                let row = self.n_subjects + 1;
                return Err(Error::DuplicateParticipant { place, first: row, second: row });
            }
            let index = match &self.labels {
                None => None,
                Some(labels) => match labels.get(&id) {
                    None => continue,
                    Some(&(time, label)) => Some((time, label)),
                },
            };
            let split = self.splits.as_ref().and_then(|splits| splits.get(&id).cloned());
            subjects.push(self.columns.subject(id, index, split, &events));
            self.n_subjects += 1;
        }
        match subjects.is_empty() {
            true => Ok(None),
            false => self.columns.table(&self.cohort.folder, &subjects, first).map(Some),
        }
    }
}

impl Iterator for MedsBatches<'_> {
    type Item = Result<Loaded, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let cohort = self.cohort;
        let loaded = self.table().transpose()?.and_then(|table| {
            // Subjects were compared as they were read; the schema's participants may be others.
            cohort.schema.load_new(Cow::Owned(table), cohort.options.bad, &mut |ids, _| {
                ParticipantId::check_all_unique(ids.iter().map(Option::as_ref), "cohort")?;
                Ok(Vec::new())
            })
        });
        self.failed = loaded.is_err();
        Some(loaded)
    }
}

/// The Parquet files of a folder and its folders, in the order of their names.
fn shards(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), Error> {
        let io = |source| Error::Io { path: folder.into(), source };
        for entry in fs::read_dir(folder).map_err(io)? {
            let path = entry.map_err(io)?.path();
            if path.is_dir() {
                walk(&path, found)?;
            } else if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("parquet")) {
                found.push(path);
            }
        }
        Ok(())
    }
    let mut found = Vec::new();
    walk(folder, &mut found)?;
    found.sort();
    if found.is_empty() {
        return Err(Error::Format {
            path: folder.into(),
            place: "folder".into(),
            expected: "at least one shard of events, *.parquet".into(),
            found: "none".into(),
        });
    }
    Ok(found)
}
