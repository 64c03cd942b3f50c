use std::path::Path;

use super::{file_name, read_bytes};
use crate::{Cells, Error, Table, TableColumn};

/// Reads a CSV file (RFC 4180) with a header row, as text: [`Table::numbers`] parses a column when it is asked for.
///
/// Quoted fields, Windows line ends and a UTF-8 byte order mark are read; an empty cell is missing. Empty lines at the
/// end of the file are no rows.
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
/// [`Error::Io`]; [`Error::Format`] if the file is empty or not UTF-8, its header is none (every name is a number or
/// empty), a row has more or fewer cells than the header, a line between rows is empty, or a quote never closes or has
/// text behind it; [`Error::DuplicateName`] if two columns share a name.
pub fn read_csv(path: &Path) -> Result<Table, Error> {
    let bytes = read_bytes(path)?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let format = |row: usize, expected: &str, found: &str| Error::Format {
        path: path.into(),
        place: if row == 0 { "header".into() } else { format!("row {row}") },
        expected: expected.into(),
        found: found.into(),
    };
    if let Some((row, expected, found)) = first_fault(bytes) {
        return Err(format(row, expected, found));
    }
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(bytes);
    let not_text = |row: usize| format(row, "UTF-8 text", "other bytes");
    let header = reader.headers().map_err(|_| not_text(0))?.clone();
    if header.iter().all(|name| name.trim().is_empty()) {
        return Err(format(0, "the columns' names", "nothing"));
    }
    // A file without a header: its first row's values must not turn up in messages as names.
    if header.iter().all(|name| name.trim().is_empty() || name.trim().parse::<f64>().is_ok()) {
        return Err(format(0, "the columns' names", "numbers only"));
    }
    let mut columns: Vec<Vec<Option<String>>> = vec![Vec::new(); header.len()];
    let mut record = csv::StringRecord::new();
    for row in 1.. {
        if !reader.read_record(&mut record).map_err(|_| not_text(row))? {
            break;
        }
        if record.len() != header.len() {
            return Err(format(row, &format!("{} cells", header.len()), &record.len().to_string()));
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

/// Where the next byte of a CSV file stands.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    RowStart,
    CellStart,
    Plain,
    Quoted,
    /// Behind a quote in a quoted cell: the cell's end, or the first half of a doubled quote.
    BehindQuote,
}

/// The first thing that the parser would pass over in silence, losing or joining rows: an empty line between rows,
/// text behind a closing quote, a quote that never closes. The row (0 is the header), what was expected, and found.
fn first_fault(bytes: &[u8]) -> Option<(usize, &'static str, &'static str)> {
    let (mut place, mut row, mut empty_line) = (Place::RowStart, 0, false);
    for (index, &byte) in bytes.iter().enumerate() {
        let second_half_of_line_end = byte == b'\n' && index > 0 && bytes[index - 1] == b'\r';
        place = match (place, byte) {
            (Place::RowStart, b'\n') if second_half_of_line_end => Place::RowStart,
            (Place::RowStart, b'\r' | b'\n') => {
                empty_line = true;
                Place::RowStart
            }
            (Place::RowStart, _) if empty_line => return Some((row, "a row", "an empty line")),
            (Place::RowStart | Place::CellStart, b'"') | (Place::BehindQuote, b'"') => Place::Quoted,
            (Place::Quoted, b'"') => Place::BehindQuote,
            (Place::Quoted, _) => Place::Quoted,
            (_, b',') => Place::CellStart,
            (_, b'\r' | b'\n') => {
                row += 1;
                Place::RowStart
            }
            (Place::BehindQuote, _) => return Some((row, "a comma or a line end behind a quote", "text")),
            (Place::RowStart | Place::CellStart | Place::Plain, _) => Place::Plain,
        };
    }
    (place == Place::Quoted).then_some((row, "a closing quote", "the end of the file"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_found_in_their_rows() {
        for sound in [
            "",
            "a,b\n1,2\n",
            "a,b\r\n1,2\r\n\r\n",
            "a\n\"\"\n1",
            "a,b\n\"1\n\n2\",\"x\"\"y\"\n\n\n",
            "a\n5'11\"\n",
            "\"a\",\"b\"\r1,2\r",
        ] {
            assert_eq!(first_fault(sound.as_bytes()), None, "{sound:?}");
        }
        for (unsound, row, found) in [
            ("\na\n", 0, "an empty line"),
            ("a\n1\n\n2\n", 2, "an empty line"),
            ("a\r\n1\r\n\r\n2\r\n", 2, "an empty line"),
            ("a\r1\r\r2", 2, "an empty line"),
            ("a,b\n1,\"x\n2,y\n", 1, "the end of the file"),
            ("a\n\"x\ny\"z\n", 1, "text"),
            ("\"a\" ,b\n", 0, "text"),
        ] {
            let fault = first_fault(unsound.as_bytes()).map(|(row, _, found)| (row, found));
            assert_eq!(fault, Some((row, found)), "{unsound:?}");
        }
    }
}
