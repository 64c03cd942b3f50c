use std::borrow::Cow;
use std::path::{Path, PathBuf};

use super::CohortSource;
use super::seen::Seen;
use crate::{Cohort, Error, Loaded, ParticipantId, ReadOptions, Schema, SchemaFile, Skipped, Table, TableReader};

/// A CSV or Parquet file with its schema file: a cohort that is read in batches, so that it may be larger than memory.
///
/// Only the columns that the schema names are read. Participants are checked across batches, at the cost of about a
/// bit for each whole number and sixteen bytes for any other identifier.
///
/// ```
/// # #[cfg(feature = "csv")] {
/// use helm_core::{CohortFile, CohortSource, ReadOptions, SchemaFile};
///
/// let file = std::env::temp_dir().join("helm-core-doc-cohort.csv");
/// std::fs::write(&file, "id,age,name\n1,54,x\n2,31,y\n")?;
/// let schema = SchemaFile::parse("s.toml", r#"
///     participant = "id"
///     [[feature]]
///     name = "age"
///     kind = "number"
///     column = "age"
///     range = [0, 120]
/// "#)?;
/// let cohort = CohortFile::new(schema, &file, ReadOptions::default());
/// let batch = cohort.batches()?.next().expect("a batch")?;
/// assert_eq!(batch.values("age")?[1].as_number(), Some(31.0));
/// # std::fs::remove_file(&file)?;
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct CohortFile {
    schema: SchemaFile,
    path: PathBuf,
    options: ReadOptions,
}

impl CohortFile {
    /// A cohort in a file, which is opened when its batches are asked for.
    pub fn new(schema: SchemaFile, path: impl Into<PathBuf>, options: ReadOptions) -> Self {
        let path = path.into();
        // Files of signals are named from the table's folder, unless the caller says otherwise.
        let schema = match path.parent() {
            Some(folder) if !schema.has_folder() => schema.with_folder(folder),
            _ => schema,
        };
        Self { schema, path, options }
    }

    /// The schema file.
    pub fn schema_file(&self) -> &SchemaFile {
        &self.schema
    }

    /// The whole cohort in memory, with clusters, parts and the counts of what was skipped.
    ///
    /// # Errors
    /// As [`TableReader::open`] and [`SchemaFile::load`] have them.
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
        let mut whole = match whole {
            Some(whole) => whole,
            // No row: the schema's columns are still asked for.
            None => self.schema.load(&batches.empty_table()?, self.options.bad)?,
        };
        whole.skipped.add(&batches.skipped_rows());
        Ok(whole)
    }

    /// The batches with their clusters, parts and the counts of the cells that were skipped in each.
    ///
    /// # Errors
    /// As [`TableReader::open`].
    pub fn loaded_batches(&self) -> Result<LoadedBatches<'_>, Error> {
        let reader = TableReader::open_columns(&self.path, &self.options, &|column| self.schema.reads(column))?;
        Ok(LoadedBatches { cohort: self, reader, seen: Seen::default(), failed: false })
    }

    /// The row (from 0) in which a participant stands first.
    fn first_row(&self, participant: &ParticipantId) -> Result<usize, Error> {
        let Some(name) = self.schema.participant_column() else { return Ok(0) };
        let reader = TableReader::open_columns(&self.path, &self.options, &|column| column.eq_ignore_ascii_case(name))?;
        for table in reader {
            let table = table?;
            let ids = table.identifiers(name)?;
            if let Some(row) = ids.iter().position(|id| id.as_ref() == Some(participant)) {
                return Ok(table.first_row() + row);
            }
        }
        Ok(0)
    }
}

impl CohortSource for CohortFile {
    fn schema(&self) -> &Schema {
        self.schema.schema()
    }

    fn batches(&self) -> Result<Box<dyn Iterator<Item = Result<Cohort, Error>> + '_>, Error> {
        Ok(Box::new(self.loaded_batches()?.map(|loaded| Ok(loaded?.cohort))))
    }
}

/// The batches of a [`CohortFile`].
pub struct LoadedBatches<'a> {
    cohort: &'a CohortFile,
    reader: TableReader,
    seen: Seen,
    failed: bool,
}

impl LoadedBatches<'_> {
    /// The rows skipped so far because they are none of their format; what was skipped in sound rows stands in each
    /// [`Loaded`].
    pub fn skipped_rows(&self) -> Skipped {
        self.reader.skipped()
    }

    fn empty_table(&self) -> Result<Table, Error> {
        self.reader.empty_table()
    }

    fn load(&mut self, table: Table) -> Result<Loaded, Error> {
        let Self { cohort, seen, .. } = self;
        let first_row = table.first_row();
        cohort.schema.load_new(Cow::Owned(table), cohort.options.bad, &mut |ids, place| {
            let mut twice = Vec::new();
            for (row, id) in ids.iter().enumerate() {
                let Some(id) = id.as_ref().filter(|id| !seen.insert(id)) else { continue };
                // Counting needs no first row, which takes another walk over the file.
                let skip = cohort.options.bad == crate::BadData::CountAndSkip;
                let first = if skip { 0 } else { cohort.first_row(id)? };
                let (first, second) = (first + 1, first_row + row + 1);
                twice.push((row, Error::DuplicateParticipant { place: place.into(), first, second }));
                if !skip {
                    break;
                }
            }
            Ok(twice)
        })
    }
}

impl Iterator for LoadedBatches<'_> {
    type Item = Result<Loaded, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let table = self.reader.next()?;
        let loaded = table.and_then(|table| self.load(table));
        self.failed = loaded.is_err();
        Some(loaded)
    }
}

impl CohortFile {
    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}
