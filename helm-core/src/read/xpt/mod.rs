//! SAS transport files, version 5.

mod header;
mod ibm_float;

use std::path::Path;

use self::header::{DATA_SET, Header, Kind, RECORD, TITLE, Variable};
use super::{file_name, read_bytes};
use crate::{Cells, Error, Table, TableColumn, Value};

/// Reads a SAS transport file (XPORT version 5, the format of NHANES) with one data set.
///
/// The format is SAS Institute's TS-140, "Record Layout of a SAS Version 5 or 6 Data Set in SAS Transport Format".
/// Numbers are IBM hexadecimal floats of 2 to 8 bytes; every one that f64 can hold is converted exactly (of a longer
/// fraction, the up to 3 bits too many are cut off, as SAS does), and the IBM zero is 0. SAS' missing value `.` becomes
/// [`MissingReason::NotRecorded`](crate::MissingReason::NotRecorded), `.A` to `.Z` and `._`
/// [`MissingReason::SasCode`](crate::MissingReason::SasCode). Text is UTF-8; blanks (and NUL) at its end are cut off,
/// and empty text is missing.
///
/// The format has no count of rows: the rows fill the file up to fewer than 80 blanks, and a file where they don't is
/// an error. Two things it can't tell: whether a file was cut exactly between two rows that is also between two
/// records of 80 bytes, and whether rows of nothing but empty text, within those last blanks, are rows.
///
/// ```no_run
/// use std::path::Path;
///
/// let spirometry = helm_core::read_xpt(Path::new("SPX_G.XPT"))?;
/// let fvc_millilitres = spirometry.numbers("SPXNFVC")?;
/// # Ok::<(), helm_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::Io`]; [`Error::Format`] if the file is none of version 5, holds no or several data sets, has a header that
/// lies or blanks in place of a row; [`Error::Truncated`] if it ends early; [`Error::DuplicateName`] if two columns
/// share a name; [`Error::Cell`] if a number is none of the format's, or text is not UTF-8.
pub fn read_xpt(path: &Path) -> Result<Table, Error> {
    let bytes = read_bytes(path)?;
    let header = Header::read(&bytes, path)?;
    let body = &bytes[header.length..];
    let format = |place: String, expected: &str, found: &str| Error::Format {
        path: path.into(),
        place,
        expected: expected.into(),
        found: found.into(),
    };
    if body.chunks(RECORD).any(|record| record.starts_with(&DATA_SET[..TITLE])) {
        return Err(format("content".into(), "one data set", "several"));
    }
    let n_rows = count_rows(body, header.row, path)?;
    let rows = || body.chunks_exact(header.row).take(n_rows);
    // Eight blanks would be the number 3.7e-40.
    let has_numbers = header.variables.iter().any(|variable| variable.kind == Kind::Number);
    if let Some(blank) = rows().position(|row| row.iter().all(|&byte| byte == b' ')).filter(|_| has_numbers) {
        return Err(format(format!("row {}", blank + 1), "numbers", "blanks"));
    }
    let file = file_name(path);
    let columns = header.variables.iter().map(|variable| {
        let cells = rows().map(|row| &row[variable.place.clone()]);
        Ok(TableColumn {
            name: variable.name.clone(),
            label: variable.label.clone(),
            cells: match variable.kind {
                Kind::Number => numbers(cells, variable, &file).map(Cells::Numbers),
                Kind::Text => texts(cells, variable, &file).map(Cells::Text),
            }?,
        })
    });
    let columns = columns.collect::<Result<_, Error>>()?;
    Table::new(file, columns)
}

/// The number of rows of `row` bytes: the fewest behind which nothing stands but blanks up to the end of a record.
fn count_rows(body: &[u8], row: usize, path: &Path) -> Result<usize, Error> {
    let blanks = body.iter().rev().take_while(|&&byte| byte == b' ').count();
    let n_rows = (body.len() - blanks.min(RECORD - 1)).div_ceil(row);
    if n_rows * row > body.len() {
        return Err(Error::Truncated {
            path: path.into(),
            place: format!("row {n_rows}"),
            expected_bytes: row as u64,
            found_bytes: (body.len() % row) as u64,
        });
    }
    Ok(n_rows)
}

fn numbers<'a>(cells: impl Iterator<Item = &'a [u8]>, variable: &Variable, file: &str) -> Result<Vec<Value>, Error> {
    let expected = "a number or one of SAS' missing values";
    let wrong = |row| cell_error(row, variable, file, expected, "an exponent without a fraction");
    cells.enumerate().map(|(row, cell)| ibm_float::value(cell).ok_or_else(|| wrong(row))).collect()
}

fn texts<'a>(
    cells: impl Iterator<Item = &'a [u8]>,
    variable: &Variable,
    file: &str,
) -> Result<Vec<Option<String>>, Error> {
    let wrong = |row| cell_error(row, variable, file, "text in UTF-8", "other bytes");
    let text = |(row, cell)| header::text(cell).ok_or_else(|| wrong(row));
    cells.enumerate().map(|cell| text(cell).map(|text| Some(text).filter(|text| !text.is_empty()))).collect()
}

fn cell_error(row: usize, variable: &Variable, file: &str, expected: &str, found: &str) -> Error {
    Error::Cell {
        file: file.into(),
        row: row + 1,
        column: variable.name.clone(),
        expected: expected.into(),
        found: found.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_end_where_only_blanks_follow() {
        let count = |text: &str, row| count_rows(text.as_bytes(), row, Path::new("a.xpt")).ok();
        let blanks = |n| " ".repeat(n);
        assert_eq!(count("", 8), Some(0));
        assert_eq!(count(&("x".repeat(80) + &"x".repeat(40) + &blanks(40)), 60), Some(2));
        assert_eq!(count(&("x".repeat(24) + &blanks(56)), 24), Some(1));
        // The last row's own blanks belong to it.
        assert_eq!(count(&("x".repeat(81) + &blanks(79)), 90), Some(1));
        assert_eq!(count(&("x".repeat(101) + &blanks(59)), 50), Some(3));
        // A record of nothing but blanks is a row, or the start of one that was cut.
        assert_eq!(count(&("x".repeat(80) + &blanks(80)), 20), Some(5));
        assert_eq!(count(&("x".repeat(160) + &blanks(80)), 160), None);
        // Not blank and not a row.
        assert_eq!(count(&"x".repeat(160), 90), None);
    }
}
