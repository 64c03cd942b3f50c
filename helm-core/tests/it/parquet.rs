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

/// The same with so many threads.
fn with_threads<T: Send>(n: usize, task: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap().install(task)
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

/// What is read, in words that can be compared.
fn cells(table: &Table) -> Vec<String> {
    let words = |column: &helm_core::TableColumn| match &column.cells {
        Cells::Numbers(cells) => format!("{:?}", cells.iter().map(|cell| cell.as_number()).collect::<Vec<_>>()),
        Cells::Text(cells) => format!("{cells:?}"),
        Cells::Lists(cells) => format!("{cells:?}"),
        _ => panic!("{} is of another kind", column.name),
    };
    table.columns().iter().map(|column| format!("{}: {}", column.name, words(column))).collect()
}

#[test]
fn rows_and_columns_keep_the_order_of_the_file_however_many_threads() {
    let n = 1000;
    let numbers =
        |column: i64| -> ArrayRef { Arc::new((0..n).map(|row| Some(row * 7 + column)).collect::<Int64Array>()) };
    let names: Vec<String> = (0..11).map(|column| format!("c{column}")).collect();
    let bytes = bytes(names.iter().zip(0..).map(|(name, column)| (name.as_str(), numbers(column))).collect());
    let one = with_threads(1, || read(&bytes, 64)).unwrap();
    assert_eq!(one.iter().map(Table::first_row).collect::<Vec<_>>(), (0..1000).step_by(64).collect::<Vec<_>>());
    for threads in [2, 3, 16] {
        let several = with_threads(threads, || read(&bytes, 64)).unwrap();
        assert_eq!(several.len(), one.len());
        for (own, other) in several.iter().zip(&one) {
            assert_eq!((own.first_row(), cells(own)), (other.first_row(), cells(other)));
        }
    }
    for (row, value) in one.iter().flat_map(|table| table.numbers("c10").unwrap().to_vec()).enumerate() {
        assert_eq!(value.as_number(), Some((row * 7 + 10) as f64));
    }
}

#[test]
fn of_several_errors_the_same_is_told_however_many_threads() {
    let with_infinity = |at: usize| -> ArrayRef {
        Arc::new((0..9).map(|row| Some(if row == at { f64::INFINITY } else { 0.5 })).collect::<Float64Array>())
    };
    let columns = [("a", 9), ("b", 7), ("c", 6), ("d", 3), ("e", 4)];
    let bytes = bytes(columns.map(|(name, at)| (name, with_infinity(at))).to_vec());
    // The first batch with one; in it, the first column.
    for (rows_per_batch, expected) in
        [(2, "row 4, column \"d\""), (5, "row 4, column \"d\""), (8, "row 8, column \"b\"")]
    {
        for threads in [1, 2, 5] {
            let error = with_threads(threads, || read(&bytes, rows_per_batch)).unwrap_err().to_string();
            assert!(error.starts_with(&format!("a.parquet: {expected}: expected a finite number")), "{error}");
        }
    }
}

/// A column of numbers moves from the table into the cohort, but not before whatever else reads it.
#[test]
fn a_column_that_is_several_things_is_all_of_them() {
    let number = |cells: [f64; 5]| -> ArrayRef { Arc::new(Float64Array::from(cells.to_vec())) };
    let columns = vec![
        ("id", number([1.0, 2.0, 3.0, 4.0, 5.0])),
        ("age", number([30.0, 17.0, 50.0, 41.0, 88.0])),
        ("weight", number([60.0, 70.0, 80.0, 90.0, 100.0])),
        ("height", number([150.0, 160.0, 170.0, 180.0, f64::NAN])),
        ("sugar", number([5.0, 9.0, 7.0, 5.5, 6.5])),
    ];
    let schema = r#"
        participant = "id"
        include = "age >= 20"
        [[feature]]
        name = "age"
        kind = "number"
        column = "AGE"
        range = [0, 120]
        [[feature]]
        name = "weight"
        kind = "number"
        column = "weight"
        range = [0, 300]
        [[feature]]
        name = "ratio"
        kind = "number"
        column = "weight"
        per = "height"
        range = [0, 10]
        [[feature]]
        name = "height_m"
        kind = "number"
        column = "height"
        scale = 0.01
        range = [0, 3]
        [[feature]]
        name = "sugar"
        kind = "number"
        column = "sugar"
        range = [0, 50]
        [[outcome]]
        name = "diabetes"
        case = "sugar >= 6.5"
        exclude = ["sugar"]
    "#;
    let schema = SchemaFile::parse("s.toml", schema).unwrap();
    let folder = Folder::new();
    let path = folder.file("a.parquet", bytes(columns));
    let table = TableReader::open(&path, &ReadOptions::default()).unwrap().next().unwrap().unwrap();
    let borrowed = schema.load(&table, BadData::Refuse).unwrap();
    let owned = CohortFile::new(schema, &path, ReadOptions::default()).load().unwrap();
    for loaded in [borrowed, owned] {
        let numbers = |feature: &str| -> Vec<Option<f64>> {
            loaded.cohort.values(feature).unwrap().iter().map(|value| value.as_number()).collect()
        };
        assert_eq!(loaded.n_left_out, 1);
        assert_eq!(numbers("age"), [Some(30.0), Some(50.0), Some(41.0), Some(88.0)]);
        assert_eq!(numbers("weight"), [Some(60.0), Some(80.0), Some(90.0), Some(100.0)]);
        assert_eq!(numbers("ratio"), [Some(60.0 / 150.0), Some(80.0 / 170.0), Some(0.5), None]);
        assert_eq!(numbers("height_m"), [Some(150.0 * 0.01), Some(170.0 * 0.01), Some(180.0 * 0.01), None]);
        assert_eq!(numbers("sugar"), [Some(5.0), Some(7.0), Some(5.5), Some(6.5)]);
        assert_eq!(loaded.cohort.labels("diabetes").unwrap(), [Some(false), Some(true), Some(false), Some(true)]);
    }
    assert_eq!(table.numbers("weight").unwrap().len(), 5, "a table that was lent keeps its columns");
}

/// What is left out may be out of range, and what is kept may not.
#[test]
fn ranges_are_those_of_rows_that_are_kept() {
    let folder = Folder::new();
    let ages = |ages: [i64; 3]| {
        let ids: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
        folder.file("a.parquet", bytes(vec![("id", ids), ("age", Arc::new(Int64Array::from(ages.to_vec())))]))
    };
    let schema = r#"
        participant = "id"
        include = "age < 900"
        [[feature]]
        name = "age"
        kind = "number"
        column = "age"
        range = [0, 120]
    "#;
    let schema = SchemaFile::parse("s.toml", schema).unwrap();
    let load = |path, bad| CohortFile::new(schema.clone(), path, ReadOptions { bad, ..ReadOptions::default() }).load();
    let left_out = load(ages([54, 999, 31]), BadData::Refuse).unwrap();
    assert_eq!(left_out.cohort.values("age").unwrap(), [Value::Number(54.0), Value::Number(31.0)]);
    let path = ages([54, 999, 777]);
    let error = load(path.clone(), BadData::Refuse).unwrap_err().to_string();
    assert_eq!(error, "a.parquet: row 3, column \"age\": expected a number from 0 to 120, found a larger one");
    let loaded = load(path, BadData::CountAndSkip).unwrap();
    assert_eq!((loaded.skipped.total(), loaded.n_left_out, loaded.cohort.n_participants()), (1, 1, 2));
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
    // The footer stands, the pages do not: an error, or other values, but no panic, and the same with several threads.
    let folder = Folder::new();
    let options = ReadOptions { rows_per_batch: 2, ..ReadOptions::default() };
    for at in 4..sound.len() - 8 {
        let mut damaged = sound.clone();
        damaged[at] ^= 0xff;
        let result = std::panic::catch_unwind(|| read(&damaged, 2).map(|tables| tables.len()));
        assert!(result.is_ok(), "a panic at byte {at}");
        let path = folder.file("a.parquet", &damaged);
        let outcomes = [1, 3].map(|threads| {
            let tables = with_threads(threads, || TableReader::open(&path, &options)?.collect::<Result<Vec<_>, _>>());
            tables.map(|tables| tables.iter().flat_map(cells).collect::<Vec<_>>()).map_err(|error| error.to_string())
        });
        assert_eq!(outcomes[0], outcomes[1], "at byte {at}");
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
