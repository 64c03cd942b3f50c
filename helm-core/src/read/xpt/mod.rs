//! SAS transport files, version 5.

mod header;
mod ibm_float;

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use self::header::{DATA_SET, Header, Kind, RECORD, TITLE, Variable};
use super::file_name;
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
    let mut batches = XptBatches::open(path, usize::MAX, &|_| true)?;
    match batches.next_batch()? {
        Some(table) => Ok(table),
        None => batches.empty_table(),
    }
}

/// A SAS transport file in batches of rows; of the file, its header and one batch are in memory.
pub(crate) struct XptBatches {
    path: PathBuf,
    file: BufReader<File>,
    variables: Vec<Variable>,
    /// Eight blanks would be the number 3.7e-40.
    has_numbers: bool,
    row_bytes: usize,
    n_rows: usize,
    row: usize,
    rows_per_batch: usize,
}

impl XptBatches {
    /// Opens a file and looks through it once: its header, and where its rows end.
    pub(crate) fn open(path: &Path, rows_per_batch: usize, keep: &dyn Fn(&str) -> bool) -> Result<Self, Error> {
        let io = |source| Error::Io { path: path.into(), source };
        let mut file = File::open(path).map_err(io)?;
        let length = file.metadata().map_err(io)?.len();
        // Of 9999 variables, the most that there can be, a header takes 1.4 MB.
        let mut front = Vec::new();
        file.by_ref().take(2 << 20).read_to_end(&mut front).map_err(io)?;
        let header = Header::read(&front, length, path)?;
        let Header { variables, length: data, row: row_bytes } = header;
        let body = length - data as u64;
        file.seek(SeekFrom::Start(data as u64)).map_err(io)?;
        let mut file = BufReader::with_capacity(1 << 20, file);
        let mut record = [0; RECORD];
        // Whole records, as the header's reader checked.
        for _ in 0..body / RECORD as u64 {
            file.read_exact(&mut record).map_err(io)?;
            if record.starts_with(&DATA_SET[..TITLE]) {
                let (place, expected) = ("content".into(), "one data set".into());
                return Err(Error::Format { path: path.into(), place, expected, found: "several".into() });
            }
        }
        let blanks = match body {
            0 => 0,
            _ => record.iter().rev().take_while(|&&byte| byte == b' ').count(),
        };
        let n_rows = count_rows(body, blanks, row_bytes, path)?;
        file.seek(SeekFrom::Start(data as u64)).map_err(io)?;
        let has_numbers = variables.iter().any(|variable| variable.kind == Kind::Number);
        let variables = variables.into_iter().filter(|variable| keep(&variable.name)).collect();
        Ok(Self { path: path.into(), file, variables, has_numbers, row_bytes, n_rows, row: 0, rows_per_batch })
    }

    pub(crate) fn empty_table(&self) -> Result<Table, Error> {
        self.table(&[])
    }

    pub(crate) fn next_batch(&mut self) -> Result<Option<Table>, Error> {
        let n = self.rows_per_batch.min(self.n_rows - self.row);
        if n == 0 {
            return Ok(None);
        }
        let mut bytes = vec![0; n * self.row_bytes];
        self.file.read_exact(&mut bytes).map_err(|source| Error::Io { path: self.path.clone(), source })?;
        let table = self.table(&bytes)?.at_row(self.row);
        self.row += n;
        Ok(Some(table))
    }

    /// The table of some whole rows.
    fn table(&self, bytes: &[u8]) -> Result<Table, Error> {
        let rows = || bytes.chunks_exact(self.row_bytes);
        if let Some(blank) = rows().position(|row| row.iter().all(|&byte| byte == b' ')).filter(|_| self.has_numbers) {
            return Err(Error::Format {
                path: self.path.clone(),
                place: format!("row {}", self.row + blank + 1),
                expected: "numbers".into(),
                found: "blanks".into(),
            });
        }
        let file = file_name(&self.path);
        let columns = self.variables.iter().map(|variable| {
            let cells = rows().map(|row| &row[variable.place.clone()]);
            Ok(TableColumn {
                name: variable.name.clone(),
                label: variable.label.clone(),
                cells: match variable.kind {
                    Kind::Number => numbers(cells, variable, self.row, &file).map(Cells::Numbers),
                    Kind::Text => texts(cells, variable, self.row, &file).map(Cells::Text),
                }?,
            })
        });
        let columns = columns.collect::<Result<_, Error>>()?;
        Table::new(file, columns)
    }
}

/// The number of rows of `row` bytes: the fewest behind which nothing stands but blanks up to the end of a record;
/// `blanks` stand at the end of the last record.
fn count_rows(body: u64, blanks: usize, row: usize, path: &Path) -> Result<usize, Error> {
    let n_rows = (body - blanks.min(RECORD - 1) as u64).div_ceil(row as u64);
    if n_rows * row as u64 > body {
        return Err(Error::Truncated {
            path: path.into(),
            place: format!("row {n_rows}"),
            expected_bytes: row as u64,
            found_bytes: body % row as u64,
        });
    }
    Ok(n_rows as usize)
}

fn numbers<'a>(
    cells: impl Iterator<Item = &'a [u8]>,
    variable: &Variable,
    first_row: usize,
    file: &str,
) -> Result<Vec<Value>, Error> {
    let expected = "a number or one of SAS' missing values";
    let wrong = |row: usize| cell_error(first_row + row, variable, file, expected, "an exponent without a fraction");
    cells.enumerate().map(|(row, cell)| ibm_float::value(cell).ok_or_else(|| wrong(row))).collect()
}

fn texts<'a>(
    cells: impl Iterator<Item = &'a [u8]>,
    variable: &Variable,
    first_row: usize,
    file: &str,
) -> Result<Vec<Option<String>>, Error> {
    let wrong = |row: usize| cell_error(first_row + row, variable, file, "text in UTF-8", "other bytes");
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
        let count = |text: &str, row| {
            let last = &text[text.len().saturating_sub(RECORD)..];
            let blanks = last.len() - last.trim_end().len();
            count_rows(text.len() as u64, blanks, row, Path::new("a.xpt")).ok()
        };
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
