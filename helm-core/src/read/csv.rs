use std::path::Path;

use super::{file_name, read_bytes};
use crate::{Cells, Error, Table, TableColumn};

/// Reads a CSV file (RFC 4180) with a header row, as text: [`Table::numbers`] parses a column when it is asked for.
///
/// Quoted fields, Windows line ends and a UTF-8 byte order mark are read; an empty cell is missing.
///
/// ```
/// let file = std::env::temp_dir().join("helm-core-doc.csv");
/// std::fs::write(&file, "SEQN,systolic_mmhg\n62161,110.5\n62163,\n")?;
/// let table = helm_core::read_csv(&file)?;
/// assert_eq!(table.numbers("systolic_mmhg")?[0].as_number(), Some(110.5));
/// assert!(table.numbers("systolic_mmhg")?[1].is_missing());
/// # std::fs::remove_file(&file)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::Io`]; [`Error::Format`] if the file is empty, not UTF-8, or a row has more or fewer cells than the header;
/// [`Error::DuplicateName`] if two columns share a name.
pub fn read_csv(path: &Path) -> Result<Table, Error> {
    let bytes = read_bytes(path)?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let format = |place: String, expected: &str, found: &str| Error::Format {
        path: path.into(),
        place,
        expected: expected.into(),
        found: found.into(),
    };
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(bytes);
    let not_text = |row: usize| format(format!("row {row}"), "UTF-8 text", "other bytes");
    let header = reader.headers().map_err(|_| format("header".into(), "UTF-8 text", "other bytes"))?.clone();
    if header.is_empty() || header.iter().all(|name| name.trim().is_empty()) {
        return Err(format("header".into(), "the columns' names", "nothing"));
    }
    let mut columns: Vec<Vec<Option<String>>> = vec![Vec::new(); header.len()];
    let mut record = csv::StringRecord::new();
    for row in 1.. {
        if !reader.read_record(&mut record).map_err(|_| not_text(row))? {
            break;
        }
        if record.len() != header.len() {
            let (expected, found) = (format!("{} cells", header.len()), record.len().to_string());
            return Err(format(format!("row {row}"), &expected, &found));
        }
        for (column, cell) in columns.iter_mut().zip(&record) {
            column.push(Some(cell.to_owned()).filter(|cell| !cell.is_empty()));
        }
    }
    let columns = header.iter().zip(columns).map(|(name, cells)| TableColumn {
        name: name.trim().to_owned(),
        label: None,
        cells: Cells::Text(cells),
    });
    Table::new(file_name(path), columns.collect())
}
