use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float32Type, Float64Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType,
};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, TimeUnit};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use crate::Error;
use crate::read::{file_name, guarded};

/// One event of a subject.
pub(super) struct Event {
    /// Microseconds since 1970; `None` of what has no time.
    pub(super) time: Option<i64>,
    pub(super) code: String,
    pub(super) value: Option<f64>,
}

/// The events of a shard, subject by subject.
pub(super) struct Events {
    reader: Rows,
    /// The batch that is read, and the next row of it.
    batch: Option<(Batch, usize)>,
    /// Rows of the batches before it.
    row: usize,
}

/// The columns of some rows.
struct Batch {
    subjects: Vec<i64>,
    times: Vec<Option<i64>>,
    codes: Vec<String>,
    values: Vec<Option<f64>>,
}

impl Events {
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let reader = Rows::open(path, &["subject_id", "time", "code", "numeric_value"])?;
        Ok(Self { reader, batch: None, row: 0 })
    }

    pub(super) fn name(&self) -> String {
        file_name(&self.reader.path)
    }

    /// The next subject's events.
    pub(super) fn next_subject(&mut self) -> Result<Option<(i64, Vec<Event>)>, Error> {
        let mut subject: Option<(i64, Vec<Event>)> = None;
        loop {
            let Some((batch, at)) = &mut self.batch else {
                match self.reader.next()? {
                    None => return Ok(subject),
                    Some(rows) => self.batch = Some((Batch::new(&self.reader, &rows, self.row)?, 0)),
                }
                continue;
            };
            if *at == batch.subjects.len() {
                self.row += *at;
                self.batch = None;
                continue;
            }
            let id = batch.subjects[*at];
            let (own, events) = subject.get_or_insert_with(|| (id, Vec::new()));
            if *own != id {
                return Ok(subject);
            }
            let event =
                Event { time: batch.times[*at], code: std::mem::take(&mut batch.codes[*at]), value: batch.values[*at] };
            if events.last().is_some_and(|last: &Event| event.time < last.time) {
                let (place, expected) =
                    (format!("row {}", self.row + *at + 1), "a subject's events in the order of time");
                return Err(self.reader.wrong(&place, expected, "an earlier one"));
            }
            events.push(event);
            *at += 1;
        }
    }
}

impl Batch {
    fn new(reader: &Rows, rows: &RecordBatch, first_row: usize) -> Result<Self, Error> {
        Ok(Self {
            subjects: subjects(reader, rows, first_row)?,
            times: times(reader, rows, "time")?,
            codes: texts(reader, rows, "code")?
                .into_iter()
                .enumerate()
                .map(|(row, code)| {
                    let place = format!("row {}, column \"code\"", first_row + row + 1);
                    code.ok_or_else(|| reader.wrong(&place, "a code", "none"))
                })
                .collect::<Result<_, _>>()?,
            values: numbers(reader, rows)?,
        })
    }
}

/// Index times and labels by subject.
pub(super) fn read_index(path: &Path) -> Result<HashMap<i64, (i64, bool)>, Error> {
    let mut reader = Rows::open(path, &["subject_id", "prediction_time", "boolean_value"])?;
    let mut found = HashMap::new();
    let mut row = 0;
    while let Some(rows) = reader.next()? {
        let ids = subjects(&reader, &rows, row)?;
        let times = times(&reader, &rows, "prediction_time")?;
        let labels = column(&reader, &rows, "boolean_value")?;
        let labels = labels.as_boolean_opt().ok_or_else(|| wrong_type(&reader, "boolean_value", "booleans", labels))?;
        for (at, (id, time)) in ids.into_iter().zip(times).enumerate() {
            let place = format!("row {}", row + at + 1);
            let (Some(time), true) = (time, labels.is_valid(at)) else {
                return Err(reader.wrong(&place, "a prediction_time and a boolean_value", "none"));
            };
            if found.insert(id, (time, labels.value(at))).is_some() {
                return Err(reader.wrong(&place, "one row for each subject", "a second one"));
            }
        }
        row += rows.num_rows();
    }
    Ok(found)
}

/// The parts of subjects, by the names that splits have here.
pub(super) fn read_splits(path: &Path) -> Result<HashMap<i64, String>, Error> {
    let mut reader = Rows::open(path, &["subject_id", "split"])?;
    let mut found = HashMap::new();
    let mut row = 0;
    while let Some(rows) = reader.next()? {
        let ids = subjects(&reader, &rows, row)?;
        for (id, part) in ids.into_iter().zip(texts(&reader, &rows, "split")?) {
            let part = part.unwrap_or_default();
            let part = match part.as_str() {
                "tuning" => "validation",
                "held_out" => "test",
                other => other,
            };
            found.insert(id, part.to_owned());
        }
        row += rows.num_rows();
    }
    Ok(found)
}

/// Some columns of a Parquet file, in batches of rows.
struct Rows {
    path: PathBuf,
    reader: ParquetRecordBatchReader,
}

impl Rows {
    fn open(path: &Path, names: &[&str]) -> Result<Self, Error> {
        let io = |source| Error::Io { path: path.into(), source };
        let file = File::open(path).map_err(io)?;
        let wrong = |place: &str, expected: &str, found: String| Error::Format {
            path: path.into(),
            place: place.into(),
            expected: expected.into(),
            found,
        };
        let builder = guarded(|| ParquetRecordBatchReaderBuilder::try_new(file))
            .map_err(|error| wrong("metadata", "a Parquet file", error))?;
        let fields = builder.schema().fields().clone();
        let mut roots = Vec::with_capacity(names.len());
        for name in names {
            let Some(root) = fields.iter().position(|field| field.name() == name) else {
                return Err(wrong("columns", &format!("a column {name:?}"), "none".into()));
            };
            roots.push(root);
        }
        let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
        let builder = builder.with_projection(mask).with_batch_size(8192);
        let reader = guarded(|| builder.build()).map_err(|error| wrong("metadata", "a Parquet file", error))?;
        Ok(Self { path: path.into(), reader })
    }

    fn next(&mut self) -> Result<Option<RecordBatch>, Error> {
        let reader = &mut self.reader;
        guarded(|| reader.next().transpose()).map_err(|error| Error::Format {
            path: self.path.clone(),
            place: "rows".into(),
            expected: "pages of a Parquet file".into(),
            found: format!("damaged or missing ones ({error})"),
        })
    }

    fn wrong(&self, place: &str, expected: &str, found: &str) -> Error {
        Error::Format { path: self.path.clone(), place: place.into(), expected: expected.into(), found: found.into() }
    }
}

fn column<'a>(reader: &Rows, rows: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef, Error> {
    rows.column_by_name(name).ok_or_else(|| reader.wrong("columns", &format!("a column {name:?}"), "none"))
}

fn wrong_type(reader: &Rows, name: &str, expected: &str, found: &ArrayRef) -> Error {
    reader.wrong(&format!("column {name:?}"), expected, &found.data_type().to_string())
}

fn subjects(reader: &Rows, rows: &RecordBatch, first_row: usize) -> Result<Vec<i64>, Error> {
    let array = column(reader, rows, "subject_id")?;
    let ids = array
        .as_primitive_opt::<Int64Type>()
        .ok_or_else(|| wrong_type(reader, "subject_id", "whole numbers of 64 bits", array))?;
    let id = |(row, id): (usize, Option<i64>)| {
        let place = format!("row {}, column \"subject_id\"", first_row + row + 1);
        id.ok_or_else(|| reader.wrong(&place, "a subject", "none"))
    };
    ids.iter().enumerate().map(id).collect()
}

/// Times in microseconds since 1970.
fn times(reader: &Rows, rows: &RecordBatch, name: &str) -> Result<Vec<Option<i64>>, Error> {
    let array = column(reader, rows, name)?;
    let all: Vec<Option<i64>> = match array.data_type() {
        DataType::Timestamp(TimeUnit::Second, _) => array.as_primitive::<TimestampSecondType>().iter().collect(),
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            array.as_primitive::<TimestampMillisecondType>().iter().collect()
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            array.as_primitive::<TimestampMicrosecondType>().iter().collect()
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            array.as_primitive::<TimestampNanosecondType>().iter().collect()
        }
        _ => return Err(wrong_type(reader, name, "times", array)),
    };
    let (times, divided) = match array.data_type() {
        DataType::Timestamp(TimeUnit::Second, _) => (1_000_000, 1),
        DataType::Timestamp(TimeUnit::Millisecond, _) => (1000, 1),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => (1, 1000),
        _ => (1, 1),
    };
    Ok(all.into_iter().map(|time| time.map(|time| time.saturating_mul(times).div_euclid(divided))).collect())
}

fn texts(reader: &Rows, rows: &RecordBatch, name: &str) -> Result<Vec<Option<String>>, Error> {
    let array = column(reader, rows, name)?;
    match crate::read::parquet_cells(array) {
        Ok(crate::Cells::Text(texts)) => Ok(texts),
        _ => Err(wrong_type(reader, name, "text", array)),
    }
}

/// Numeric values; one that is not finite is none.
fn numbers(reader: &Rows, rows: &RecordBatch) -> Result<Vec<Option<f64>>, Error> {
    let array = column(reader, rows, "numeric_value")?;
    let all: Vec<Option<f64>> = match array.data_type() {
        DataType::Float32 => array.as_primitive::<Float32Type>().iter().map(|value| value.map(f64::from)).collect(),
        DataType::Float64 => array.as_primitive::<Float64Type>().iter().collect(),
        _ => return Err(wrong_type(reader, "numeric_value", "floating-point numbers", array)),
    };
    Ok(all.into_iter().map(|value| value.filter(|value| value.is_finite())).collect())
}
