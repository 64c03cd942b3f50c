mod cells;

#[cfg(feature = "meds")]
pub(crate) use cells::cells as parquet_cells;

use std::fs::File;
use std::path::{Path, PathBuf};

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::FieldRef;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use rayon::prelude::*;

use super::{ReadOptions, file_name};
use crate::{Error, Table, TableColumn};

/// A Parquet file in batches of rows.
///
/// Numbers, booleans (0 and 1), text, dates (as text, 2016-05-01) and lists of numbers are read. A null is missing, and
/// so is NaN, by which several programs write a missing number; infinity is an error.
pub(crate) struct ParquetBatches {
    path: PathBuf,
    reader: ParquetRecordBatchReader,
    row: usize,
}

impl ParquetBatches {
    pub(crate) fn open(path: &Path, options: &ReadOptions, keep: &dyn Fn(&str) -> bool) -> Result<Self, Error> {
        let io = |source| Error::Io { path: path.into(), source };
        let file = File::open(path).map_err(io)?;
        let length = file.metadata().map_err(io)?.len();
        let format = |place: &str, expected: &str, error: String| Error::Format {
            path: path.into(),
            place: place.into(),
            expected: expected.into(),
            found: error,
        };
        let builder = guarded(|| ParquetRecordBatchReaderBuilder::try_new(file)).map_err(|error| {
            let found = format!("none in {length} bytes ({error}): no Parquet, or truncated");
            format("footer", "the footer of a Parquet file", found)
        })?;
        let fields = builder.schema().fields().clone();
        if let Some(field) = fields.iter().find(|field| keep(field.name()) && !cells::is_read(field.data_type())) {
            let expected = "numbers, booleans, text, dates or lists of numbers";
            return Err(format(&format!("column {:?}", field.name()), expected, field.data_type().to_string()));
        }
        let kept = fields.iter().enumerate().filter(|(_, field)| keep(field.name())).map(|(index, _)| index);
        let mask = ProjectionMask::roots(builder.parquet_schema(), kept);
        let builder = builder.with_projection(mask).with_batch_size(options.rows_per_batch.min(1 << 20));
        let reader = guarded(|| builder.build()).map_err(|error| format("metadata", "a Parquet file", error))?;
        Ok(Self { path: path.into(), reader, row: 0 })
    }

    pub(crate) fn next_batch(&mut self) -> Result<Option<Table>, Error> {
        let reader = &mut self.reader;
        let batch = guarded(|| reader.next().transpose()).map_err(|error| Error::Format {
            path: self.path.clone(),
            place: format!("row {} and what follows", self.row + 1),
            expected: "pages of a Parquet file".into(),
            found: format!("damaged or missing ones ({error})"),
        })?;
        let Some(batch) = batch else { return Ok(None) };
        let table = self.table(&batch)?;
        self.row += table.n_rows();
        Ok(Some(table))
    }

    /// The columns without a row.
    #[cfg(feature = "schema-file")]
    pub(crate) fn empty_table(&self) -> Result<Table, Error> {
        self.table(&RecordBatch::new_empty(arrow_array::RecordBatchReader::schema(&self.reader)))
    }

    fn table(&self, batch: &RecordBatch) -> Result<Table, Error> {
        let schema = batch.schema_ref();
        let (file, first_row) = (file_name(&self.path), self.row);
        let column = |(array, field): (&ArrayRef, &FieldRef)| {
            let cells = cells::cells(array).map_err(|(row, expected, found)| Error::Cell {
                file: file.clone(),
                row: first_row + row + 1,
                column: field.name().clone(),
                expected: expected.into(),
                found: found.into(),
            })?;
            Ok(TableColumn { name: field.name().clone(), label: None, cells })
        };
        // Side by side; of several errors, the first in the order of the columns is the one.
        let columns: Vec<Result<TableColumn, Error>> =
            batch.columns().par_iter().zip(schema.fields().par_iter()).map(column).collect();
        let columns = columns.into_iter().collect::<Result<_, _>>()?;
        Ok(Table::checked(file.clone(), columns)?.at_row(first_row))
    }
}

/// What a call of the parquet crate gives, or why not. The crate panics on some damaged pages; that is an error, too,
/// and the reader isn't used again.
pub(crate) fn guarded<T, E: std::fmt::Display>(call: impl FnOnce() -> Result<T, E>) -> Result<T, String> {
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)) {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(_) => Err("pages that contradict themselves".into()),
    }
}
