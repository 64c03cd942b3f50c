//! Signals that stand in a file for each participant.

use std::fs;
use std::path::Path;

use helm_core::{BadData, Cohort, CohortFile, CohortSource, Error, ReadOptions, SchemaFile, SignalState};

fn schema(signal: &str) -> Result<SchemaFile, Error> {
    let text = format!("participant = \"id\"\n[[signal]]\nname = \"wave\"\n{signal}\n");
    SchemaFile::parse("s.toml", &text)
}

/// A table of some participants, with a column of file names.
fn table(folder: &Path, rows: &[(&str, &str)]) -> CohortFile {
    let text: String = rows.iter().map(|(id, wave)| format!("{id},{wave}\n")).collect();
    fs::create_dir_all(folder.join("waves")).unwrap();
    fs::write(folder.join("people.csv"), format!("id,wave\n{text}")).unwrap();
    let schema = schema("file = \"waves/{}.txt\"\nrate_hz = 100\nunit = \"L\"").unwrap();
    CohortFile::new(schema, folder.join("people.csv"), ReadOptions { rows_per_batch: 2, ..ReadOptions::default() })
}

fn states(cohort: &Cohort) -> Vec<Option<Vec<f32>>> {
    let state = |state: &SignalState| state.signal().map(|signal| signal.channel(0).to_vec());
    cohort.signals("wave").unwrap().iter().map(state).collect()
}

#[test]
fn each_batch_reads_its_participants_files() {
    let folder = tempfile::tempdir().unwrap();
    let cohort = table(folder.path(), &[("1", "a"), ("2", "b"), ("3", "c")]);
    fs::write(folder.path().join("waves/1.txt"), "0 0.5, 1\n2").unwrap();
    fs::write(folder.path().join("waves/3.txt"), "7").unwrap();
    let batches: Vec<Cohort> = cohort.batches().unwrap().collect::<Result<_, _>>().unwrap();
    let all: Vec<_> = batches.iter().flat_map(states).collect();
    assert_eq!(all, [Some(vec![0.0, 0.5, 1.0, 2.0]), None, Some(vec![7.0])]);
    assert_eq!(batches[0].signals("wave").unwrap()[1], SignalState::Absent);
    assert_eq!(batches[0].signals("wave").unwrap()[0].signal().unwrap().rate_hz(), 100.0);
}

#[test]
fn a_column_may_name_the_files_and_a_csv_hold_them() {
    let folder = tempfile::tempdir().unwrap();
    table(folder.path(), &[("1", "a"), ("2", "b")]);
    fs::write(folder.path().join("waves/b.csv"), "seconds,volume\n0,0.1\n0.01,0.2\n").unwrap();
    let signal = "file = \"waves/{}.csv\"\ncolumn = \"wave\"\nfile_column = \"volume\"\nrate_hz = 100";
    let cohort =
        CohortFile::new(schema(signal).unwrap(), folder.path().join("people.csv"), ReadOptions::default()).load();
    assert_eq!(states(&cohort.unwrap().cohort), [None, Some(vec![0.1, 0.2])]);
}

#[cfg(feature = "wfdb")]
#[test]
fn a_file_that_says_its_rate_must_agree() {
    let folder = tempfile::tempdir().unwrap();
    table(folder.path(), &[("a", "x")]);
    fs::write(folder.path().join("waves/a.hea"), "a 1 300 3\na.dat 16 1000/mV 16 0 500 0 0 ECG\n").unwrap();
    fs::write(folder.path().join("waves/a.dat"), [500i16, 250, -1000].map(i16::to_le_bytes).concat()).unwrap();
    let load = |signal: &str| {
        CohortFile::new(schema(signal).unwrap(), folder.path().join("people.csv"), ReadOptions::default()).load()
    };
    let cohort = load("file = \"waves/{}.hea\"").unwrap().cohort;
    assert_eq!(states(&cohort), [Some(vec![0.5, 0.25, -1.0])]);
    for (more, expected) in
        [("rate_hz = 250", "250 samples a second"), ("unit = \"V\"", "samples in V"), ("channels = 2", "2 channels")]
    {
        let error = load(&format!("file = \"waves/{{}}.hea\"\n{more}")).unwrap_err();
        assert!(matches!(&error, Error::Cell { row: 1, .. }) && error.to_string().contains(expected), "{error}");
    }
}

/// Errors name the row and the pattern: the file's name would tell the participant's identifier.
#[test]
fn bad_files_and_cells_are_errors_or_counted() {
    let folder = tempfile::tempdir().unwrap();
    for (id, content) in
        [("s3cret", "1 two 3"), ("s3cret", ""), ("s3cret", "1 nan"), ("../s3cret", "1"), (".s3cret", "1")]
    {
        let cohort = table(folder.path(), &[("1", "a"), (id, "b")]);
        let _ = fs::write(folder.path().join(format!("waves/{id}.txt")), content);
        let error = cohort.load().unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, Error::Cell { row: 2, .. }) && !text.contains("s3cret"), "{text}");
        let options = ReadOptions { bad: BadData::CountAndSkip, ..ReadOptions::default() };
        let loaded =
            CohortFile::new(cohort.schema_file().clone(), folder.path().join("people.csv"), options).load().unwrap();
        assert_eq!(loaded.skipped.total(), 1, "{text}");
        assert!(matches!(loaded.cohort.signals("wave").unwrap()[1], SignalState::Unusable(_)));
    }
}

#[test]
fn declarations_that_can_not_be_are_errors() {
    for (signal, key) in [
        ("file = \"waves/all.txt\"\nrate_hz = 1", "file"),
        ("file = \"{}/{}.txt\"\nrate_hz = 1", "file"),
        ("file = \"{}.png\"\nrate_hz = 1", "file"),
        ("file = \"{}.txt\"", "rate_hz"),
        ("file = \"{}.csv\"\nrate_hz = 1", "file_column"),
        ("file = \"{}.txt\"\nrate_hz = 1\nfile_column = \"x\"", "file_column"),
        ("column = \"wave\"\nrate_hz = 1\nfile_column = \"x\"", "file_column"),
        ("column = \"wave\"", "rate_hz"),
        ("rate_hz = 1", "column"),
        ("file = \"{}.wf\"\nrate_hz = 0", "rate_hz"),
    ] {
        match schema(signal) {
            Err(Error::SchemaFile { key: found, .. }) => assert_eq!(found, format!("signal.wave.{key}"), "{signal}"),
            other => panic!("{signal}: {other:?}"),
        }
    }
}
