//! Parquet files, sound and hostile.

use std::sync::Arc;

use arrow_array::types::{Float32Type, Int32Type};
use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, DictionaryArray, Float64Array, Int64Array, ListArray, RecordBatch,
    StringArray, UInt64Array,
};
use helm_core::{BadData, Cells, CohortFile, Error, ReadOptions, SchemaFile, Table, TableReader, Value, write_parquet};
use parquet::arrow::ArrowWriter;

use crate::source::Folder;

fn bytes(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true))).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

fn sound() -> Vec<(&'static str, ArrayRef)> {
    let samples = vec![Some(vec![Some(0.5f32), Some(1.5)]), None, Some(vec![Some(2.0)])];
    vec![
        ("id", Arc::new(Int64Array::from(vec![62161, 62162, 62163]))),
        ("age", Arc::new(Float64Array::from(vec![Some(54.0), None, Some(f64::NAN)]))),
        ("smokes", Arc::new(BooleanArray::from(vec![Some(true), Some(false), None]))),
        ("sex", Arc::new(vec!["male", "female", "male"].into_iter().collect::<DictionaryArray<Int32Type>>())),
        ("died", Arc::new(Date32Array::from(vec![Some(16_922), None, None]))),
        ("ecg", Arc::new(ListArray::from_iter_primitive::<Float32Type, _, _>(samples))),
        ("note", Arc::new(StringArray::from(vec![Some("é"), Some(""), None]))),
    ]
}

/// What was read is written, and read again.
#[test]
fn a_table_written_is_the_table_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("again.parquet");
    let table = read(&bytes(sound()), 100).unwrap().remove(0);
    write_parquet(&table, &path).unwrap();
    let again = TableReader::open(&path, &ReadOptions::default()).unwrap().next().unwrap().unwrap();
    assert_eq!((again.n_rows(), again.columns().len()), (3, table.columns().len()));
    for (own, other) in table.columns().iter().zip(again.columns()) {
        assert_eq!(own.name, other.name);
        match (&own.cells, &other.cells) {
            (Cells::Numbers(a), Cells::Numbers(b)) => {
                let numbers = |cells: &[Value]| cells.iter().map(|cell| cell.as_number()).collect::<Vec<_>>();
                assert_eq!(numbers(a), numbers(b));
            }
            (Cells::Text(a), Cells::Text(b)) => assert_eq!(a, b),
            (Cells::Lists(a), Cells::Lists(b)) => assert_eq!(a, b),
            _ => panic!("{} is of another kind", own.name),
        }
    }
    // Nothing else is left in the folder, also after a failure.
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    assert!(matches!(write_parquet(&table, &folder.path().join("no/a.parquet")), Err(Error::Io { .. })));
    let none = Table::new("none", vec![]).and_then(|none| write_parquet(&none, &folder.path().join("none.parquet")));
    assert!(none.is_err());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

/// Arrow's dictionaries without a value: a file without rows, and a column that is all null.
#[test]
fn empty_dictionaries_are_missing_text() {
    for n in [0, 3] {
        let none: Vec<Option<&str>> = vec![None; n];
        let sex: ArrayRef = Arc::new(none.into_iter().collect::<DictionaryArray<Int32Type>>());
        let tables = read(&bytes(vec![("sex", sex)]), 10).unwrap();
        assert_eq!(tables.iter().map(Table::n_rows).sum::<usize>(), n);
        for table in &tables {
            match &table.column("sex").unwrap().cells {
                Cells::Text(texts) => assert!(texts.iter().all(Option::is_none)),
                _ => panic!("no text"),
            }
        }
    }
}

fn read(bytes: &[u8], rows_per_batch: usize) -> Result<Vec<Table>, Error> {
    let folder = Folder::new();
    let options = ReadOptions { rows_per_batch, ..ReadOptions::default() };
    TableReader::open(&folder.file("a.parquet", bytes), &options)?.collect()
}

#[test]
fn every_kind_of_column() {
    for rows in [1, 2, 100] {
        let tables = read(&bytes(sound()), rows).unwrap();
        assert_eq!(tables.iter().map(Table::n_rows).sum::<usize>(), 3);
        let numbers = |column: &str| -> Vec<Option<f64>> {
            tables.iter().flat_map(|t| t.numbers(column).unwrap().to_vec()).map(Value::as_number).collect()
        };
        assert_eq!(numbers("ID"), [Some(62161.0), Some(62162.0), Some(62163.0)]);
        assert_eq!(numbers("age"), [Some(54.0), None, None]);
        assert_eq!(numbers("smokes"), [Some(1.0), Some(0.0), None]);
        let texts = |column: &str| -> Vec<Option<String>> {
            let texts = tables.iter().flat_map(|table| match &table.column(column).unwrap().cells {
                Cells::Text(texts) => texts.clone(),
                _ => panic!("no text"),
            });
            texts.collect()
        };
        assert_eq!(texts("sex"), ["male", "female", "male"].map(|text| Some(text.to_owned())));
        assert_eq!(texts("died"), [Some("2016-05-01".into()), None, None]);
        assert_eq!(texts("note"), [Some("é".into()), None, None]);
        let Cells::Lists(lists) = &tables[0].column("ecg").unwrap().cells else { panic!("no lists") };
        assert_eq!(lists[0], Some(vec![0.5, 1.5]));
    }
}

#[test]
fn a_schema_reads_its_columns_only() {
    let mut columns = sound();
    columns.push(("when", Arc::new(arrow_array::TimestampSecondArray::from(vec![1, 2, 3]))));
    let folder = Folder::new();
    let path = folder.file("a.parquet", bytes(columns));
    let error = TableReader::open(&path, &ReadOptions::default()).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("column \"when\": expected numbers, booleans, text, dates or lists of numbers"), "{error}");
    let schema = SchemaFile::parse(
        "s.toml",
        r#"participant = "id"
        [[feature]]
        name = "sex"
        kind = "category"
        column = "sex"
        levels = ["male", "female"]
        [[signal]]
        name = "ecg"
        column = "ecg"
        rate_hz = 100
        [[outcome]]
        name = "death"
        case = "died is recorded""#,
    );
    let options = ReadOptions { rows_per_batch: 2, ..ReadOptions::default() };
    let cohort = CohortFile::new(schema.unwrap(), &path, options).load().unwrap().cohort;
    assert_eq!(cohort.values("sex").unwrap(), [Value::Level(0), Value::Level(1), Value::Level(0)]);
    assert_eq!(cohort.labels("death").unwrap(), [Some(true), Some(false), Some(false)]);
    let lengths: Vec<_> = cohort.signals("ecg").unwrap().iter().map(|s| s.signal().map(|s| s.len())).collect();
    assert_eq!(lengths, [Some(2), None, Some(1)]);
}

#[test]
fn bad_cells_are_named_and_not_shown() {
    let message = |column: ArrayRef| read(&bytes(vec![("x", column)]), 2).unwrap_err().to_string();
    let infinite = message(Arc::new(Float64Array::from(vec![0.0, 1.0, f64::INFINITY])));
    assert_eq!(
        infinite,
        "a.parquet: row 3, column \"x\": expected a finite number, whole ones up to 2^53, found infinity or a larger one"
    );
    let large = message(Arc::new(UInt64Array::from(vec![0, (1 << 53) + 1])));
    assert!(large.starts_with("a.parquet: row 2, column \"x\"") && !large.contains("9007199254740993"), "{large}");
    let holes = vec![Some(vec![Some(1.0f32), None])];
    let holes = message(Arc::new(ListArray::from_iter_primitive::<Float32Type, _, _>(holes)));
    assert!(holes.ends_with("expected a list of numbers, found a missing one among them"), "{holes}");
}

#[test]
fn truncated_and_damaged_files_are_errors() {
    let sound = bytes(sound());
    for length in [0, 1, 3, 4, 8, 12, sound.len() / 2, sound.len() - 9, sound.len() - 1] {
        let error = read(&sound[..length], 2).unwrap_err().to_string();
        assert!(error.contains("a.parquet: footer: expected the footer of a Parquet file"), "{error}");
    }
    // The footer stands, the pages do not: an error, or other values, but no panic.
    for at in 4..sound.len() - 8 {
        let mut damaged = sound.clone();
        damaged[at] ^= 0xff;
        let result = std::panic::catch_unwind(|| read(&damaged, 2).map(|tables| tables.len()));
        assert!(result.is_ok(), "a panic at byte {at}");
    }
}

#[test]
fn participants_are_unique_across_batches() {
    let folder = Folder::new();
    let ids: ArrayRef = Arc::new(Int64Array::from(vec![5, 6, 7, 6]));
    let path = folder.file("a.parquet", bytes(vec![("id", ids)]));
    let schema = SchemaFile::parse("s.toml", "participant = \"id\"").unwrap();
    let file =
        |bad| CohortFile::new(schema.clone(), &path, ReadOptions { rows_per_batch: 1, bad, ..ReadOptions::default() });
    let error = file(BadData::Refuse).load().unwrap_err().to_string();
    assert!(error.ends_with("found the participant of row 2 again in row 4"), "{error}");
    let loaded = file(BadData::CountAndSkip).load().unwrap();
    assert_eq!((loaded.cohort.n_participants(), loaded.skipped.total()), (3, 1));
}
