//! Medical events, sound and hostile.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Float32Array, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use helm_core::{Cohort, CohortSource, Error, MedsCohort, ReadOptions, SchemaFile, Value};
use parquet::arrow::ArrowWriter;

const SCHEMA: &str = r#"
participant = "subject_id"
split = "split"
[[feature]]
name = "age"
kind = "number"
column = "age_years"
range = [0, 120]
decimals = 1
[[feature]]
name = "hba1c"
kind = "number"
column = "last:LAB//HBA1C"
range = [2, 20]
[[feature]]
name = "diabetes"
kind = "category"
column = "ever:ICD10CM//E1*"
levels = [{ name = "no", codes = 0 }, { name = "yes", codes = 1 }]
[[outcome]]
name = "infarction"
case = "any(`after:ICD10CM//I21*`) = 1"
[[outcome]]
name = "label"
case = "boolean_value = 1"
"#;

/// Subject, day, code, value; no day is no time.
type Event = (i64, Option<i64>, &'static str, Option<f32>);

const DAY: i64 = 86_400_000_000;
const YEAR: i64 = 365 * DAY + DAY / 4;

fn write(path: &Path, columns: Vec<(&str, ArrayRef)>) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true))).unwrap();
    let mut writer = ArrowWriter::try_new(fs::File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

fn shard(folder: &Path, name: &str, events: &[Event]) {
    let times = events.iter().map(|event| event.1.map(|day| day * DAY));
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("subject_id", Arc::new(events.iter().map(|event| Some(event.0)).collect::<Int64Array>())),
        ("time", Arc::new(times.collect::<TimestampMicrosecondArray>())),
        ("code", Arc::new(events.iter().map(|event| Some(event.2)).collect::<StringArray>())),
        ("numeric_value", Arc::new(events.iter().map(|event| event.3).collect::<Float32Array>())),
        ("text_value", Arc::new(events.iter().map(|_| None::<&str>).collect::<StringArray>())),
    ];
    write(&folder.join("data").join(name), columns);
}

fn labels(folder: &Path, rows: &[(i64, i64, bool)]) -> std::path::PathBuf {
    let path = folder.join("labels.parquet");
    let times = rows.iter().map(|row| Some(row.1 * DAY));
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("subject_id", Arc::new(rows.iter().map(|row| Some(row.0)).collect::<Int64Array>())),
        ("prediction_time", Arc::new(times.collect::<TimestampMicrosecondArray>())),
        ("boolean_value", Arc::new(rows.iter().map(|row| Some(row.2)).collect::<BooleanArray>())),
    ];
    write(&path, columns);
    path
}

fn splits(folder: &Path) {
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("subject_id", Arc::new(Int64Array::from(vec![1, 2, 3]))),
        ("split", Arc::new(StringArray::from(vec!["train", "tuning", "held_out"]))),
    ];
    write(&folder.join("metadata/subject_splits.parquet"), columns);
}

/// Three people in two shards; subject 2 is in no labels' file.
fn people() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let born = |age: i64| Some(20_000 - age * YEAR / DAY);
    shard(
        folder.path(),
        "train/0.parquet",
        &[
            (3, None, "GENDER//F", None),
            (3, born(70), "MEDS_BIRTH", None),
            (3, Some(19_000), "LAB//HBA1C", Some(7.5)),
            (3, Some(19_990), "LAB//HBA1C", Some(8.25)),
            (3, Some(19_995), "LAB//HBA1C", None),
            (3, Some(20_000), "ICD10CM//E119", None),
            (3, Some(20_001), "LAB//HBA1C", Some(11.0)),
            (3, Some(20_010), "ICD10CM//I214", None),
            (2, born(50), "MEDS_BIRTH", None),
        ],
    );
    shard(
        folder.path(),
        "tuning/0.parquet",
        &[
            (1, born(41), "MEDS_BIRTH", None),
            (1, Some(19_000), "ICD10CM//I219", None),
            (1, Some(20_500), "ICD10CM//E119", None),
        ],
    );
    splits(folder.path());
    folder
}

fn cohort(folder: &Path, rows_per_batch: usize) -> MedsCohort {
    let options = ReadOptions { rows_per_batch, ..ReadOptions::default() };
    MedsCohort::new(SchemaFile::parse("meds.toml", SCHEMA).unwrap(), folder, options)
}

#[test]
fn events_before_the_index_time_are_features_and_those_after_it_outcomes() {
    let folder = people();
    let labels = labels(folder.path(), &[(1, 20_000, true), (3, 20_000, false), (9, 20_000, true)]);
    for rows in [1, 100] {
        let source = cohort(folder.path(), rows).with_labels(&labels);
        let loaded = source.load().unwrap();
        let cohort = loaded.cohort;
        // In the order of the shards.
        let ids: Vec<&str> = cohort.participants().iter().map(|id| id.as_str()).collect();
        assert_eq!(ids, ["3", "1"]);
        let numbers =
            |name: &str| cohort.values(name).unwrap().iter().map(|value| value.as_number()).collect::<Vec<_>>();
        let ages = numbers("age");
        assert!((ages[0].unwrap() - 70.0).abs() < 0.01 && (ages[1].unwrap() - 41.0).abs() < 0.01);
        assert_eq!(numbers("hba1c"), [Some(8.25), None]);
        assert_eq!(cohort.values("diabetes").unwrap(), [Value::Level(1), Value::Level(0)]);
        assert_eq!(cohort.labels("infarction").unwrap(), [Some(true), Some(false)]);
        assert_eq!(cohort.labels("label").unwrap(), [Some(false), Some(true)]);
        assert_eq!(loaded.parts.unwrap(), [helm_core::Part::Test, helm_core::Part::Train]);
        let batches: Vec<Cohort> = source.batches().unwrap().collect::<Result<_, _>>().unwrap();
        assert_eq!(batches.len(), if rows == 1 { 2 } else { 1 });
    }
}

#[test]
fn without_labels_all_events_count() {
    let folder = people();
    let schema = SCHEMA.replace("[[outcome]]\nname = \"label\"\ncase = \"boolean_value = 1\"\n", "");
    let schema = SchemaFile::parse("meds.toml", &schema).unwrap();
    let cohort = MedsCohort::new(schema, folder.path(), ReadOptions::default()).load().unwrap().cohort;
    assert_eq!(cohort.n_participants(), 3);
    assert_eq!(cohort.values("hba1c").unwrap()[0].as_number(), Some(11.0));
    assert_eq!(cohort.labels("infarction").unwrap(), [Some(false); 3]);
}

fn message(cohort: &MedsCohort) -> String {
    cohort.load().unwrap_err().to_string()
}

#[test]
fn hostile_folders_are_errors() {
    let folder = people();
    let file = labels(folder.path(), &[(1, 20_000, true)]);
    let source = || cohort(folder.path(), 10).with_labels(&file);
    assert!(source().load().is_ok());

    // A schema that asks for what events don't have, or for labels that there are not.
    for (column, has_labels) in [("hba1c", true), ("last:", true), ("first:LAB", true), ("boolean_value", false)] {
        let text = format!("participant = \"subject_id\"\n[[outcome]]\nname = \"x\"\ncase = \"`{column}` = 1\"\n");
        let schema = SchemaFile::parse("meds.toml", &text).unwrap();
        let source = MedsCohort::new(schema, folder.path(), ReadOptions::default());
        let source = if has_labels { source.with_labels(&file) } else { source };
        assert!(matches!(source.load(), Err(Error::Unknown { what: "column", .. })), "{column}");
    }

    // Labels twice.
    labels(folder.path(), &[(1, 20_000, true), (1, 20_001, true)]);
    assert!(message(&source()).contains("row 2: expected one row for each subject"));
    labels(folder.path(), &[(1, 20_000, true)]);

    // Times that go back, within a shard and nowhere else.
    shard(folder.path(), "tuning/0.parquet", &[(1, Some(5), "A", None), (1, Some(4), "B", None)]);
    assert!(message(&source()).contains("row 2: expected a subject's events in the order of time"));
    shard(folder.path(), "tuning/0.parquet", &[(1, Some(5), "A", None), (1, None, "B", None)]);
    assert!(message(&source()).contains("row 2"));

    // A subject in two shards.
    shard(folder.path(), "tuning/0.parquet", &[(1, Some(5), "A", None), (3, Some(4), "B", None)]);
    assert!(matches!(source().load(), Err(Error::DuplicateParticipant { .. })));

    // Columns of other types, or none.
    let wrong: Vec<(&str, ArrayRef)> = vec![
        ("subject_id", Arc::new(Int32Array::from(vec![1]))),
        ("time", Arc::new(TimestampMicrosecondArray::from(vec![1]))),
        ("code", Arc::new(StringArray::from(vec!["A"]))),
        ("numeric_value", Arc::new(Float32Array::from(vec![1.0]))),
    ];
    let path = folder.path().join("data/tuning/0.parquet");
    write(&path, wrong.clone());
    assert!(message(&source()).contains("column \"subject_id\": expected whole numbers of 64 bits, found Int32"));
    write(&path, wrong[1..].to_vec());
    assert!(message(&source()).contains("expected a column \"subject_id\""));

    // Cut files, and none.
    let whole = fs::read(folder.path().join("data/train/0.parquet")).unwrap();
    for length in [0, 3, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole[..length]).unwrap();
        assert!(matches!(source().load(), Err(Error::Format { .. })), "{length}");
    }
    fs::remove_dir_all(folder.path().join("data")).unwrap();
    assert!(matches!(source().load(), Err(Error::Io { .. })));
    fs::create_dir_all(folder.path().join("data")).unwrap();
    assert!(message(&source()).contains("at least one shard"));
}
