use std::ops::Range;
use std::path::Path;

use super::{file_name, read_bytes};
use crate::{Cells, Error, MissingReason, Table, TableColumn, Value};

/// The fields of a line: name, label, and its bytes.
const FIELDS: [(&str, &str, Range<usize>); 5] = [
    ("SEQN", "respondent sequence number", 0..6),
    ("ELIGSTAT", "eligible for mortality follow-up (1)", 14..15),
    ("MORTSTAT", "assumed alive (0), assumed dead (1)", 15..16),
    ("PERMTH_INT", "months of follow-up since the interview", 42..45),
    ("PERMTH_EXM", "months of follow-up since the examination", 45..48),
];

/// Reads a public-use linked mortality file of the US National Center for Health Statistics (fixed width, one line a
/// participant), with the columns SEQN, ELIGSTAT, MORTSTAT, PERMTH_INT and PERMTH_EXM of its documentation.
///
/// A point or blanks are a missing value.
///
/// ```
/// let file = std::env::temp_dir().join("helm-core-doc.dat");
/// std::fs::write(&file, " 62161        10                          091 91\n")?;
/// let table = helm_core::read_mortality(&file)?;
/// assert_eq!(table.numbers("MORTSTAT")?[0].as_number(), Some(0.0));
/// assert_eq!(table.numbers("PERMTH_INT")?[0].as_number(), Some(91.0));
/// # std::fs::remove_file(&file)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::Io`]; [`Error::Format`] if the file is empty or a line is shorter than its fields; [`Error::Cell`] if a
/// field is no whole number.
pub fn read_mortality(path: &Path) -> Result<Table, Error> {
    let bytes = read_bytes(path)?;
    let mut columns: [Vec<Value>; 5] = Default::default();
    let lines = bytes.split(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    for (index, line) in lines.enumerate().filter(|(_, line)| !line.is_empty()) {
        for (column, (name, _, place)) in columns.iter_mut().zip(FIELDS) {
            // The files are written without the blanks at the end of a line.
            let field = line.get(place.start..place.end.min(line.len())).ok_or_else(|| Error::Format {
                path: path.into(),
                place: format!("line {}", index + 1),
                expected: "46 to 48 characters".into(),
                found: line.len().to_string(),
            })?;
            column.push(number(field).ok_or_else(|| Error::Cell {
                file: file_name(path),
                row: index + 1,
                column: name.into(),
                expected: "digits, a point or blanks".into(),
                found: "something else".into(),
            })?);
        }
    }
    if columns[0].is_empty() {
        let (place, expected, found) = ("content".into(), "a line a participant".into(), "none".into());
        return Err(Error::Format { path: path.into(), place, expected, found });
    }
    let columns = columns.into_iter().zip(FIELDS).map(|(cells, (name, label, _))| TableColumn {
        name: name.into(),
        label: Some(label.into()),
        cells: Cells::Numbers(cells),
    });
    Table::new(file_name(path), columns.collect())
}

fn number(field: &[u8]) -> Option<Value> {
    let text = std::str::from_utf8(field).ok()?.trim();
    if matches!(text, "" | ".") {
        return Some(Value::Missing(MissingReason::NotRecorded));
    }
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().map(Value::Number)
}
