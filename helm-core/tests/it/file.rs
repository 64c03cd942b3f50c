//! Files for the readers, made for one test.

use std::path::Path;

use helm_core::{Error, Table};

thread_local! {
    static FOLDER: tempfile::TempDir = tempfile::tempdir().unwrap();
}

/// What a reader makes of a file of these bytes; every error must name the file.
pub(crate) fn read(name: &str, bytes: &[u8], reader: fn(&Path) -> Result<Table, Error>) -> Result<Table, Error> {
    let path = FOLDER.with(|folder| folder.path().join(name));
    std::fs::write(&path, bytes).unwrap();
    let table = reader(&path);
    if let Err(error) = &table {
        assert!(error.to_string().contains(name), "an error without the file's name: {error}");
        assert!(!matches!(error, Error::Io { .. }), "{error}");
    }
    table
}
