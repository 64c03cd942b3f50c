mod cells;
mod columns;

#[cfg(feature = "meds")]
pub(crate) use cells::cells as parquet_cells;

use std::fs::File;
use std::path::{Path, PathBuf};

use arrow_schema::SchemaRef;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};

use self::columns::{Batch, Columns};
use super::read_ahead::ReadAhead;
use super::{ReadOptions, file_name};
use crate::{Error, Table};

/// A Parquet file in batches of rows.
///
/// Numbers, booleans (0 and 1), text, dates (as text, 2016-05-01) and lists of numbers are read. A null is missing, and
/// so is NaN, by which several programs write a missing number; infinity is an error.
pub(crate) struct ParquetBatches {
    path: PathBuf,
    /// The columns that are read.
    #[cfg_attr(not(feature = "schema-file"), expect(dead_code, reason = "a schema asks for a table without rows"))]
    schema: SchemaRef,
    /// The columns in their order, some on each thread: what a thread decodes it also converts, while it is at hand.
    groups: Vec<ReadAhead<Result<Batch, Error>>>,
    row: usize,
}

/// More threads than this would wait for whoever makes use of the rows.
const MOST_THREADS: usize = 8;

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
        let metadata = guarded(|| ArrowReaderMetadata::load(&file, ArrowReaderOptions::new())).map_err(|error| {
            let found = format!("none in {length} bytes ({error}): no Parquet, or truncated");
            format("footer", "the footer of a Parquet file", found)
        })?;
        let fields = metadata.schema().fields();
        if let Some(field) = fields.iter().find(|field| keep(field.name()) && !cells::is_read(field.data_type())) {
            let expected = "numbers, booleans, text, dates or lists of numbers";
            return Err(format(&format!("column {:?}", field.name()), expected, field.data_type().to_string()));
        }
        let kept: Vec<usize> = (0..fields.len()).filter(|&index| keep(fields[index].name())).collect();
        let schema =
            metadata.schema().project(&kept).map_err(|e| format("metadata", "a Parquet file", e.to_string()))?;
        let n_threads = rayon::current_num_threads().clamp(1, MOST_THREADS);
        let mut groups = Vec::new();
        for columns in chunks(&kept, n_threads) {
            // Files that share an open one would share its place, too.
            let file = File::open(path).map_err(io)?;
            let mask = ProjectionMask::roots(metadata.parquet_schema(), columns.iter().copied());
            let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata.clone());
            let builder = builder.with_projection(mask).with_batch_size(options.rows_per_batch.min(1 << 20));
            let reader = guarded(|| builder.build()).map_err(|error| format("metadata", "a Parquet file", error))?;
            groups.push(ReadAhead::new(Columns::new(path.into(), reader)).map_err(io)?);
        }
        Ok(Self { path: path.into(), schema: schema.into(), groups, row: 0 })
    }

    pub(crate) fn next_batch(&mut self) -> Result<Option<Table>, Error> {
        let batches: Vec<Result<Option<Batch>, Error>> =
            self.groups.iter_mut().map(|group| group.next().transpose()).collect();
        let batches = first_error(batches)?;
        let n_rows = batches.iter().flatten().map(|batch| batch.n_rows).next().unwrap_or(0);
        if batches.iter().all(Option::is_none) {
            return Ok(None);
        }
        if batches.iter().any(|batch| batch.as_ref().is_none_or(|batch| batch.n_rows != n_rows)) {
            return Err(Error::Format {
                path: self.path.clone(),
                place: format!("row {} and what follows", self.row + 1),
                expected: "pages of a Parquet file".into(),
                found: "damaged or missing ones (columns of several lengths)".into(),
            });
        }
        let (columns, extents) = batches.into_iter().flatten().flat_map(|batch| batch.columns).unzip();
        let table = Table::measured(file_name(&self.path), columns, extents)?.at_row(self.row);
        self.row += n_rows;
        Ok(Some(table))
    }

    /// The columns without a row.
    #[cfg(feature = "schema-file")]
    pub(crate) fn empty_table(&self) -> Result<Table, Error> {
        let batch = arrow_array::RecordBatch::new_empty(self.schema.clone());
        let (columns, extents) = Columns::converted(&self.path, 0, &batch)?.into_iter().unzip();
        Table::measured(file_name(&self.path), columns, extents)
    }
}

/// What was read, or the error that a single reader of all columns, which decodes before it converts, would meet first.
fn first_error<T>(results: Vec<Result<T, Error>>) -> Result<Vec<T>, Error> {
    let is_of_pages = |result: &Result<T, Error>| matches!(result, Err(Error::Format { .. }));
    match results.iter().any(is_of_pages) {
        true => results.into_iter().filter(is_of_pages).collect(),
        false => results.into_iter().collect(),
    }
}

/// So many parts of about one length, or fewer; one that is empty if there is nothing.
fn chunks(items: &[usize], n: usize) -> impl Iterator<Item = &[usize]> {
    let n = n.min(items.len()).max(1);
    (0..n).map(move |part| &items[part * items.len() / n..(part + 1) * items.len() / n])
}

/// What a call of the parquet crate gives, or why not. The crate panics on some damaged pages; that is an error, too,
/// and the reader isn't used again.
pub(crate) fn guarded<T, E: std::fmt::Display>(call: impl FnOnce() -> Result<T, E>) -> Result<T, String> {
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)) {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(_) => Err("pages that contradict themselves".into()),
    }
}
