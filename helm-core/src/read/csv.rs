mod scan;

use std::fs::File;
use std::path::{Path, PathBuf};

use self::scan::{Fault, Scan};
use super::{ReadOptions, file_name};
use crate::{Cells, Error, Skipped, Table, TableColumn};

/// Reads a CSV file (RFC 4180) with a header row, as text: [`Table::numbers`] parses a column when it is asked for.
///
/// Quoted fields, Windows line ends and a UTF-8 byte order mark are read; an empty cell is missing. Empty lines at the
/// end of the file are no rows. [`TableReader`](crate::TableReader) reads the same in batches, for a file larger than
/// memory.
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
/// empty), a row has more or fewer cells than the header or is longer than [`ReadOptions::max_row_bytes`], a line
/// between rows is empty, or a quote never closes or has text behind it; [`Error::Cell`] if a cell is not UTF-8;
/// [`Error::DuplicateName`] if two columns share a name.
pub fn read_csv(path: &Path) -> Result<Table, Error> {
    let options = ReadOptions { rows_per_batch: usize::MAX, ..ReadOptions::default() };
    let mut batches = CsvBatches::open(path, &options, &|_| true)?;
    match batches.next_batch()? {
        Some(table) => Ok(table),
        None => batches.empty_table(),
    }
}

/// A CSV file in batches of rows.
pub(crate) struct CsvBatches {
    path: PathBuf,
    reader: csv::Reader<Scan<File>>,
    n_cells: usize,
    /// The columns that are read: their places and names.
    kept: Vec<(usize, String)>,
    options: ReadOptions,
    row: usize,
    pub(crate) skipped: Skipped,
}

impl CsvBatches {
    /// Opens a file and reads its header; of the columns, those are read of which `keep` says so.
    pub(crate) fn open(path: &Path, options: &ReadOptions, keep: &dyn Fn(&str) -> bool) -> Result<Self, Error> {
        let io = |source| Error::Io { path: path.into(), source };
        let file = File::open(path).map_err(io)?;
        if file.metadata().map_err(io)?.is_dir() {
            return Err(io(std::io::ErrorKind::IsADirectory.into()));
        }
        let scan = Scan::new(file, options.max_row_bytes, options.bad);
        let reader = csv::ReaderBuilder::new().flexible(true).has_headers(false).from_reader(scan);
        let n_cells = 0;
        let (path, options, skipped) = (path.to_owned(), options.clone(), Skipped::default());
        let mut batches = Self { path, reader, n_cells, kept: vec![], options, row: 0, skipped };
        let mut header = csv::ByteRecord::new();
        batches.read(&mut header)?;
        let names = header.iter().map(|name| std::str::from_utf8(name).map(|name| name.trim().to_owned()));
        let names: Result<Vec<String>, _> = names.collect();
        let names = names.map_err(|_| batches.format("header".into(), "UTF-8 text", "other bytes"))?;
        if names.iter().all(String::is_empty) {
            return Err(batches.format("header".into(), "the columns' names", "nothing"));
        }
        // A file without a header: its first row's values must not turn up in messages as names.
        if names.iter().all(|name| name.is_empty() || name.parse::<f64>().is_ok()) {
            return Err(batches.format("header".into(), "the columns' names", "numbers only"));
        }
        // Of all names, for two of one name.
        let columns =
            names.iter().map(|name| TableColumn { name: name.clone(), label: None, cells: Cells::Text(vec![]) });
        Table::new(file_name(&batches.path), columns.collect())?;
        batches.n_cells = names.len();
        batches.kept = names.into_iter().enumerate().filter(|(_, name)| keep(name)).collect();
        Ok(batches)
    }

    /// The next rows, in the order of the file; `None` at its end.
    pub(crate) fn next_batch(&mut self) -> Result<Option<Table>, Error> {
        let mut columns: Vec<Vec<Option<String>>> = vec![Vec::new(); self.kept.len()];
        let (mut first_row, mut n_rows) = (self.row, 0);
        let mut record = csv::ByteRecord::new();
        while n_rows < self.options.rows_per_batch && self.read(&mut record)? {
            self.row += 1;
            if let Err(error) = self.check(&record) {
                self.skipped.note(self.options.bad, error)?;
                // A skipped row would shift the numbers of those behind it.
                if n_rows > 0 {
                    break;
                }
                first_row = self.row;
                continue;
            }
            for (column, &(place, _)) in columns.iter_mut().zip(&self.kept) {
                let cell = std::str::from_utf8(&record[place]).unwrap_or_default();
                column.push(Some(cell.to_owned()).filter(|cell| !cell.is_empty()));
            }
            n_rows += 1;
        }
        if n_rows == 0 { Ok(None) } else { self.table(columns, first_row).map(Some) }
    }

    /// The columns without a row.
    pub(crate) fn empty_table(&self) -> Result<Table, Error> {
        self.table(vec![Vec::new(); self.kept.len()], 0)
    }

    fn table(&self, columns: Vec<Vec<Option<String>>>, first_row: usize) -> Result<Table, Error> {
        let columns = self.kept.iter().zip(columns).map(|((_, name), cells)| TableColumn {
            name: name.clone(),
            label: None,
            cells: Cells::Text(cells),
        });
        Ok(Table::new(file_name(&self.path), columns.collect())?.at_row(first_row))
    }

    fn check(&self, record: &csv::ByteRecord) -> Result<(), Error> {
        if record.len() != self.n_cells {
            let expected = format!("{} cells", self.n_cells);
            return Err(self.format(format!("row {}", self.row), &expected, &record.len().to_string()));
        }
        let bad = |(place, _): &&(usize, String)| std::str::from_utf8(&record[*place]).is_err();
        match self.kept.iter().find(bad) {
            None => Ok(()),
            Some((_, column)) => Err(Error::Cell {
                file: file_name(&self.path),
                row: self.row,
                column: column.clone(),
                expected: "UTF-8 text".into(),
                found: "other bytes".into(),
            }),
        }
    }

    fn read(&mut self, record: &mut csv::ByteRecord) -> Result<bool, Error> {
        let read = self.reader.read_byte_record(record);
        let empty_lines = self.reader.get_mut().take_empty_lines();
        for _ in 0..empty_lines {
            let error = self.format("row".into(), "a row", "an empty line");
            self.skipped.note(self.options.bad, error)?;
        }
        read.map_err(|error| match error.into_kind() {
            csv::ErrorKind::Io(source) => match source.get_ref().and_then(|inner| inner.downcast_ref::<Fault>()) {
                Some(fault) => {
                    let place = if fault.row == 0 { "header".into() } else { format!("row {}", fault.row) };
                    self.format(place, &fault.expected, fault.found)
                }
                None => Error::Io { path: self.path.clone(), source },
            },
            _ => self.format(format!("row {}", self.row + 1), "a row of CSV", "something else"),
        })
    }

    fn format(&self, place: String, expected: &str, found: &str) -> Error {
        Error::Format { path: self.path.clone(), place, expected: expected.into(), found: found.into() }
    }
}
