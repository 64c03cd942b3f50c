//! From a table to a cohort.

use std::borrow::Cow;

use super::SchemaFile;
use super::bound::Bound;
use super::faults::Faults;
use super::loaded::Loaded;
use super::pattern::fits;
use super::plain::Plain;
use crate::{BadData, CohortBuilder, Error, ParticipantId, Table};

/// Finds rows of participants who have one already: of a batch's identifiers and the file's name.
pub(crate) type FindDuplicates<'a> =
    dyn FnMut(&[Option<ParticipantId>], &str) -> Result<Vec<(usize, Error)>, Error> + 'a;

/// Identifiers of rows that have none: their numbers in the file.
fn row_numbers(table: &Table) -> Vec<Option<ParticipantId>> {
    let numbers = (1..=table.n_rows()).map(|row| table.first_row() + row);
    numbers.map(|row| Some(ParticipantId::new(row.to_string()))).collect()
}

impl SchemaFile {
    /// The cohort of a table's rows, in their order.
    ///
    /// A participant's second row is bad data, whether `include` would leave one of the two out or not. A cluster or a
    /// part that is empty or none is an error also where bad data are counted and skipped: without it, a split is not
    /// what it seems.
    ///
    /// # Errors
    /// [`Error::Unknown`] where the table lacks a column; and unless bad data are to be counted and skipped:
    /// [`Error::Cell`] with file, row and column where a cell is not what the schema says (out of range, no number, of
    /// an unknown category, neither case nor control), [`Error::DuplicateParticipant`].
    pub fn load(&self, table: &Table, bad: BadData) -> Result<Loaded, Error> {
        self.load_new(Cow::Borrowed(table), bad, &mut |ids, place| {
            let mut rows = std::collections::HashMap::with_capacity(ids.len());
            let first = |(row, id)| Option::as_ref(id).and_then(|id| rows.insert(id, row)).map(|first| (first, row));
            let twice = ids.iter().enumerate().filter_map(first).map(|(first, second)| {
                (second, Error::DuplicateParticipant { place: place.into(), first: first + 1, second: second + 1 })
            });
            Ok(twice.collect())
        })
    }

    /// As [`SchemaFile::load`], with duplicates found by the caller: the rows (of this table) of participants that were
    /// there already, each with its error.
    pub(crate) fn load_new(
        &self,
        mut table: Cow<'_, Table>,
        bad: BadData,
        duplicates: &mut FindDuplicates<'_>,
    ) -> Result<Loaded, Error> {
        let mut faults = Faults::new(&table, bad);
        let ids = match &self.participant {
            Some(column) => faults.identifiers(table.column(column)?)?,
            None => row_numbers(&table),
        };
        let mut keep: Vec<bool> = ids.iter().map(Option::is_some).collect();
        for (row, error) in duplicates(&ids, table.name())? {
            faults.pass(error)?;
            keep[row] = false;
        }
        let mut n_left_out = 0;
        if let Some(include) = &self.include {
            let include = Bound::new(include, &table)?;
            for (row, keep) in keep.iter_mut().enumerate().filter(|(_, keep)| **keep) {
                match include.holds(row) {
                    Ok(Some(true)) => {}
                    Ok(_) => {
                        *keep = false;
                        n_left_out += 1;
                    }
                    Err(error) => {
                        faults.pass(error)?;
                        *keep = false;
                    }
                }
            }
        }
        let rows: Vec<usize> = (0..table.n_rows()).filter(|&row| keep[row]).collect();
        let kept_ids = ids.into_iter().zip(&keep).filter(|(_, keep)| **keep).filter_map(|(id, _)| id).collect();
        let mut builder = CohortBuilder::new(self.schema.clone(), kept_ids);
        // Most columns have nothing to say of any cell; the others are read one after another, so that what is said of
        // them comes in their order.
        let plain: Vec<Option<Plain<'_>>> =
            self.features.iter().map(|source| Plain::find(&table, source, &rows)).collect();
        for (source, _) in self.features.iter().zip(&plain).filter(|(_, plain)| plain.is_none()) {
            builder = builder.checked_feature(&source.feature.name, faults.feature(source, &rows)?)?;
        }
        for source in &self.signals {
            builder = builder.signal(&source.name, faults.signal(source, self, &rows)?)?;
        }
        let has = |pattern: &&str| table.columns().iter().any(|column| fits(pattern, &column.name));
        for source in &self.outcomes {
            let known = !self.outcomes_are_optional || source.columns().iter().all(has);
            let labels = if known { faults.outcome(source, &rows)? } else { vec![None; rows.len()] };
            builder = builder.outcome(&source.outcome.name, labels)?;
        }
        let clusters =
            self.cluster.as_deref().map(|column| faults.clusters(table.column(column)?, &rows)).transpose()?;
        let parts = self.split.as_deref().map(|column| faults.parts(table.column(column)?, &rows)).transpose()?;
        let skipped = faults.skipped();
        // Nothing else reads the table from here on.
        for (source, plain) in self.features.iter().zip(plain) {
            if let Some(plain) = plain {
                builder = builder.checked_feature(&source.feature.name, plain.values(&mut table, &rows))?;
            }
        }
        Ok(Loaded { cohort: builder.build()?, clusters, parts, n_left_out, skipped })
    }
}
