use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::types::Float32Type;
use arrow_array::{ArrayRef, Float64Array, ListArray, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use crate::{Cells, Error, Table, Value};

/// Writes a table as a Parquet file (zstd), for pandas, polars, R or [`TableReader`](crate::TableReader) to read:
/// numbers as doubles, text as strings, lists of numbers (a signal's samples, or what an encoder made of it) as lists of
/// floats; what is missing is null, without its reason. The file is there whole or not at all: it is written under
/// another name in the same folder and renamed.
///
/// ```
/// use helm_core::{Cells, Table, TableColumn, Value, write_parquet};
///
/// let column = |name: &str, cells| TableColumn { name: name.into(), label: None, cells };
/// let embedding = Cells::Lists(vec![Some(vec![0.5, -1.0]), None]);
/// let ids = Cells::Text(vec![Some("a".into()), Some("b".into())]);
/// let table = Table::new("embeddings", vec![column("id", ids), column("spirogram", embedding)])?;
/// let path = std::env::temp_dir().join(format!("helm-core-doc-{}.parquet", std::process::id()));
/// write_parquet(&table, &path)?;
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::Io`] if the file can't be written; [`Error::Format`] if Parquet can't hold the table: it has no column.
pub fn write_parquet(table: &Table, path: &Path) -> Result<(), Error> {
    let format = |found: String| Error::Format {
        path: path.into(),
        place: "table".into(),
        expected: "columns that Parquet can hold".into(),
        found,
    };
    let columns = table.columns().iter().map(|column| (column.name.as_str(), array(&column.cells), true));
    let batch = RecordBatch::try_from_iter_with_nullable(columns).map_err(|error| format(error.to_string()))?;
    let properties = WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).build();
    let part = part(path);
    let io = |source| Error::Io { path: path.into(), source };
    let written = || -> Result<(), Error> {
        let file = File::create(&part).map_err(io)?;
        let named = |error: parquet::errors::ParquetError| io(std::io::Error::other(error));
        let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).map_err(named)?;
        writer.write(&batch).map_err(named)?;
        writer.into_inner().map_err(named)?.sync_all().map_err(io)?;
        fs::rename(&part, path).map_err(io)
    };
    let result = written();
    if result.is_err() {
        // What was written so far is of no use, and why it can't be removed neither.
        let _ = fs::remove_file(&part);
    }
    result
}

/// The name of a file that is not whole yet.
fn part(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    path.with_file_name(name)
}

fn array(cells: &Cells) -> ArrayRef {
    match cells {
        Cells::Numbers(numbers) => {
            Arc::new(numbers.iter().map(|value| Value::as_number(*value)).collect::<Float64Array>())
        }
        Cells::Text(texts) => Arc::new(texts.iter().map(Option::as_deref).collect::<StringArray>()),
        Cells::Lists(lists) => {
            let lists = lists.iter().map(|list| list.as_ref().map(|list| list.iter().copied().map(Some)));
            Arc::new(ListArray::from_iter_primitive::<Float32Type, _, _>(lists))
        }
    }
}
