use std::path::{Path, PathBuf};

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::FieldRef;
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;

use super::{cells, guarded};
use crate::extent::Extent;
use crate::read::file_name;
use crate::{Error, TableColumn};

/// Some columns of a Parquet file in batches of rows, as far as they are sound: after an error there is nothing more.
pub(super) struct Columns {
    path: PathBuf,
    /// `None` after an error.
    reader: Option<ParquetRecordBatchReader>,
    row: usize,
}

/// The cells of some columns in a batch of rows.
pub(super) struct Batch {
    pub(super) n_rows: usize,
    pub(super) columns: Vec<(TableColumn, Extent)>,
}

impl Columns {
    pub(super) fn new(path: PathBuf, reader: ParquetRecordBatchReader) -> Self {
        Self { path, reader: Some(reader), row: 0 }
    }

    fn next_batch(&mut self) -> Result<Option<Batch>, Error> {
        let Some(reader) = &mut self.reader else { return Ok(None) };
        let batch = guarded(|| reader.next().transpose()).map_err(|error| Error::Format {
            path: self.path.clone(),
            place: format!("row {} and what follows", self.row + 1),
            expected: "pages of a Parquet file".into(),
            found: format!("damaged or missing ones ({error})"),
        })?;
        let Some(batch) = batch else { return Ok(None) };
        let columns = Self::converted(&self.path, self.row, &batch)?;
        self.row += batch.num_rows();
        Ok(Some(Batch { n_rows: batch.num_rows(), columns }))
    }

    /// What a batch that starts at a row of the file holds.
    pub(super) fn converted(
        path: &Path,
        first_row: usize,
        batch: &RecordBatch,
    ) -> Result<Vec<(TableColumn, Extent)>, Error> {
        let column = |(array, field): (&ArrayRef, &FieldRef)| {
            let cells = cells::cells(array).map_err(|(row, expected, found)| Error::Cell {
                file: file_name(path),
                row: first_row + row + 1,
                column: field.name().clone(),
                expected: expected.into(),
                found: found.into(),
            })?;
            let extent = Extent::of(&cells);
            Ok((TableColumn { name: field.name().clone(), label: None, cells }, extent))
        };
        batch.columns().iter().zip(batch.schema_ref().fields()).map(column).collect()
    }
}

impl Iterator for Columns {
    type Item = Result<Batch, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.next_batch();
        if batch.is_err() {
            self.reader = None;
        }
        batch.transpose()
    }
}
