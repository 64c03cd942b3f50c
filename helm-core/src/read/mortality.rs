use std::ops::{Range, RangeInclusive};
use std::path::Path;

use super::{file_name, read_bytes};
use crate::{Cells, Error, MissingReason, Table, TableColumn, Value};

/// A field of a line.
struct Field {
    name: &'static str,
    label: &'static str,
    /// Its bytes; the last field of a line may be shorter, since the files come without the blanks at a line's end.
    place: Range<usize>,
    allowed: RangeInclusive<u32>,
}

const FIELDS: [Field; 5] = [
    Field { name: "SEQN", label: "respondent sequence number", place: 0..6, allowed: 1..=999_999 },
    Field { name: "ELIGSTAT", label: "eligible for mortality follow-up (1)", place: 14..15, allowed: 1..=3 },
    Field { name: "MORTSTAT", label: "assumed alive (0), assumed dead (1)", place: 15..16, allowed: 0..=1 },
    Field { name: "PERMTH_INT", label: "months of follow-up since the interview", place: 42..45, allowed: 0..=999 },
    Field { name: "PERMTH_EXM", label: "months of follow-up since the examination", place: 45..48, allowed: 0..=999 },
];

/// Characters of a line; the blanks at its end may be missing, except that the last field has one character at least.
const LINE: RangeInclusive<usize> = 46..=48;

/// Reads a public-use linked mortality file of the US National Center for Health Statistics for NHANES (fixed width,
/// one line a participant), with the columns SEQN, ELIGSTAT, MORTSTAT, PERMTH_INT and PERMTH_EXM of its documentation.
///
/// A point or blanks are a missing value, except that every line has a SEQN. Empty lines at the end are no rows.
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
/// [`Error::Io`]; [`Error::Format`] if the file is empty, a line between others is empty, or a line has fewer than 46
/// or more than 48 characters; [`Error::Truncated`] if the file ends within a line; [`Error::Cell`] if a field is no
/// whole number or none of its codes.
pub fn read_mortality(path: &Path) -> Result<Table, Error> {
    let bytes = read_bytes(path)?;
    let format = |place: &str, expected: String, found: String| Error::Format {
        path: path.into(),
        place: place.into(),
        expected,
        found,
    };
    let content = bytes.len() - bytes.iter().rev().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    if content == 0 {
        return Err(format("content", "a line a participant".into(), "none".into()));
    }
    let mut columns: [Vec<Value>; 5] = Default::default();
    let mut lines = bytes[..content].split(|&byte| byte == b'\n').enumerate().peekable();
    while let Some((index, line)) = lines.next() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let place = format!("line {}", index + 1);
        // Without a line end, a shorter last line may be a part of one, and its last number a part of a number.
        if lines.peek().is_none() && content == bytes.len() && line.len() < *LINE.end() {
            let (expected_bytes, found_bytes) = (*LINE.end() as u64, line.len() as u64);
            return Err(Error::Truncated { path: path.into(), place, expected_bytes, found_bytes });
        }
        if !LINE.contains(&line.len()) {
            let expected = format!("{} to {} characters", LINE.start(), LINE.end());
            return Err(format(&place, expected, line.len().to_string()));
        }
        for (column, field) in columns.iter_mut().zip(&FIELDS) {
            let text = &line[field.place.start..field.place.end.min(line.len())];
            column.push(field.value(text).map_err(|expected| Error::Cell {
                file: file_name(path),
                row: index + 1,
                column: field.name.into(),
                expected,
                found: "something else".into(),
            })?);
        }
    }
    let columns = columns.into_iter().zip(&FIELDS).map(|(cells, field)| TableColumn {
        name: field.name.into(),
        label: Some(field.label.into()),
        cells: Cells::Numbers(cells),
    });
    Table::new(file_name(path), columns.collect())
}

impl Field {
    /// The field's value, or what was expected instead.
    fn value(&self, text: &[u8]) -> Result<Value, String> {
        let text = text.trim_ascii();
        let identifier = self.place.start == 0;
        if matches!(text, b"" | b".") && !identifier {
            return Ok(Value::Missing(MissingReason::NotRecorded));
        }
        // At most six digits: no overflow.
        let digit = |byte: &u8| byte.is_ascii_digit().then(|| u32::from(byte - b'0'));
        let number = text.iter().try_fold(0, |number, byte| Some(number * 10 + digit(byte)?));
        match number {
            Some(number) if !text.is_empty() && self.allowed.contains(&number) => Ok(Value::Number(number.into())),
            _ => {
                let or_missing = if identifier { "" } else { ", a point or blanks" };
                Err(format!("a whole number from {} to {}{or_missing}", self.allowed.start(), self.allowed.end()))
            }
        }
    }
}
