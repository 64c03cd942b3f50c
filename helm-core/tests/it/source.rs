//! Cohorts in files, read in batches, sound and hostile.

use std::path::PathBuf;

use helm_core::{BadData, CohortFile, CohortSource, Error, MissingReason, ReadOptions, SchemaFile, TableReader, Value};

const SCHEMA: &str = r#"
participant = "id"
[[feature]]
name = "age"
kind = "number"
column = "age"
range = [0, 120]
[[outcome]]
name = "ill"
case = "ill = 1"
control = "ill = 0"
"#;

pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

fn cohort(path: &std::path::Path, rows_per_batch: usize, bad: BadData) -> CohortFile {
    let options = ReadOptions { rows_per_batch, bad, ..ReadOptions::default() };
    CohortFile::new(SchemaFile::parse("s.toml", SCHEMA).unwrap(), path, options)
}

#[test]
fn batches_are_the_whole_in_order() {
    let folder = Folder::new();
    let mut text = String::from("id,ill,name,age\n");
    for i in 0..25 {
        text += &format!("{i},{},\"x\ny\",{}\n", i % 2, i + 20);
    }
    let path = folder.file("a.csv", &text);
    let whole = cohort(&path, 1000, BadData::Refuse).load().unwrap().cohort;
    for rows in [1, 3, 7, 25] {
        let file = cohort(&path, rows, BadData::Refuse);
        let batches: Vec<_> = file.batches().unwrap().map(Result::unwrap).collect();
        assert_eq!(batches.len(), 25usize.div_ceil(rows));
        let ages: Vec<Value> = batches.iter().flat_map(|batch| batch.values("age").unwrap().to_vec()).collect();
        assert_eq!(ages, whole.values("age").unwrap());
        let joined = file.load().unwrap().cohort;
        assert!(joined.participants() == whole.participants());
        assert_eq!(joined.labels("ill").unwrap(), whole.labels("ill").unwrap());
    }
    let in_memory: usize = whole.batches().unwrap().map(|batch| batch.unwrap().n_participants()).sum();
    assert_eq!(in_memory, 25);
    let empty = folder.file("empty.csv", "id,ill,age\n");
    assert_eq!(cohort(&empty, 5, BadData::Refuse).load().unwrap().cohort.n_participants(), 0);
    let lacking = folder.file("lacking.csv", "id,ill\n");
    assert!(matches!(cohort(&lacking, 5, BadData::Refuse).load(), Err(Error::Unknown { what: "column", .. })));
}

#[test]
fn bad_rows_are_named_or_counted() {
    let folder = Folder::new();
    for (rows, expected) in [
        (
            "1,0,30\n2,1,31\n3,0,32\n2.0,1,33\n",
            "a.csv: expected one row for each participant, found the participant of row 2 again in row 4",
        ),
        ("1,0,30\n2,1\n3,0,32\n4,1,33\n", "a.csv: row 2: expected 3 cells, found 2"),
        ("1,0,30\n2,1,31\n\n3,0,32\n", "a.csv: row 3: expected a row, found an empty line"),
        (
            "1,0,30\n2,1,31\n3,0,430\n4,1,33\n",
            "a.csv: row 3, column \"age\": expected a number from 0 to 120, found a larger one",
        ),
        (
            "1,0,30\n2,1,31\n3,7,32\n4,1,33\n",
            "a.csv: row 3, column \"ill\": expected a case, a control or neither of \"ill\", found a code that is none of them",
        ),
        (
            "1,0,30\n,1,31\n3,0,32\n4,1,33\n",
            "a.csv: row 2, column \"id\": expected a participant's identifier, found an empty cell",
        ),
    ] {
        let path = folder.file("a.csv", format!("id,ill,age\n{rows}"));
        for rows_per_batch in [2, 100] {
            let error = cohort(&path, rows_per_batch, BadData::Refuse).load().unwrap_err().to_string();
            assert!(error.ends_with(expected), "{error}");
            let loaded = cohort(&path, rows_per_batch, BadData::CountAndSkip).load().unwrap();
            assert_eq!(loaded.skipped.total(), 1, "{} {rows}", loaded.skipped);
            assert!(loaded.cohort.n_participants() >= 3);
        }
    }
    // Rows keep the numbers of the file behind those that were skipped.
    let path = folder.file("a.csv", "id,ill,age\n1,0\n2,1,31\n3,0\n4,1,33\n5,0,34\n");
    let options = ReadOptions { bad: BadData::CountAndSkip, ..ReadOptions::default() };
    let mut reader = TableReader::open(&path, &options).unwrap();
    let starts: Vec<_> = reader.by_ref().map(|table| table.unwrap()).map(|t| (t.first_row(), t.n_rows())).collect();
    assert_eq!(starts, [(1, 1), (3, 2)]);
    assert_eq!(reader.skipped().to_string(), "row: 2 × 2 instead of 3 cells");
    let latin = folder.file("a.csv", b"id,ill,age\n1,0,30\n2,1,\xe9\n");
    let error = cohort(&latin, 9, BadData::Refuse).load().unwrap_err().to_string();
    assert_eq!(error, "a.csv: row 2, column \"age\": expected UTF-8 text, found other bytes");
    let marked = folder.file("a.csv", "\u{feff}id,ill,age\n1,0,30\n");
    assert_eq!(cohort(&marked, 9, BadData::Refuse).load().unwrap().cohort.n_participants(), 1);
    let long = folder.file("a.csv", format!("id,ill,age\n1,0,{}\n", "3".repeat(5000)));
    let options = ReadOptions { max_row_bytes: 1000, ..ReadOptions::default() };
    let schema = SchemaFile::parse("s.toml", SCHEMA).unwrap();
    let error = CohortFile::new(schema, &long, options).load().unwrap_err().to_string();
    assert!(error.ends_with("row 1: expected at most 1000 bytes, found more"), "{error}");
    let odd = folder.file("a.xlsx", "");
    assert!(matches!(cohort(&odd, 9, BadData::Refuse).load(), Err(Error::Format { .. })));
    let loaded = {
        let path = folder.file("a.csv", "id,ill,age\n1,0,x\n");
        cohort(&path, 9, BadData::CountAndSkip).load().unwrap()
    };
    assert_eq!(loaded.cohort.values("age").unwrap(), [Value::Missing(MissingReason::Unreadable)]);
}
