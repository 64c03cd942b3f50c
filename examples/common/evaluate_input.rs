//! The columns of a CSV file that an evaluation needs, read in one pass.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use std::rc::Rc;

use helm_core::Error;
use helm_examples::Failure;
use sha2::{Digest, Sha256};

/// Which columns are read, by name.
pub(crate) struct Columns<'a> {
    pub(crate) label: &'a str,
    pub(crate) scores: &'a [String],
    pub(crate) group: Option<&'a str>,
    pub(crate) cluster: Option<&'a str>,
    pub(crate) weight: Option<&'a str>,
}

/// What is kept of a file: the columns asked for. Memory grows with the rows, not with the bytes of the file.
pub(crate) struct Input {
    pub(crate) labels: Vec<bool>,
    /// One column for each score.
    pub(crate) scores: Vec<Vec<f64>>,
    pub(crate) group: Option<Names>,
    pub(crate) cluster: Option<Names>,
    pub(crate) weights: Option<Vec<f64>>,
    /// SHA-256 of the file.
    pub(crate) sha256: String,
}

/// A column of text, every name once.
#[derive(Default)]
pub(crate) struct Names {
    pub(crate) names: Vec<String>,
    /// The place of each row's name.
    pub(crate) of_row: Vec<u32>,
    places: HashMap<String, u32>,
}

impl Names {
    fn push(&mut self, name: &str) {
        let place = self.places.get(name).copied().unwrap_or_else(|| {
            let place = self.names.len() as u32;
            self.names.push(name.to_owned());
            self.places.insert(name.to_owned(), place);
            place
        });
        self.of_row.push(place);
    }
}

impl Input {
    /// Reads a file.
    ///
    /// # Errors
    /// If it can't be read, is no CSV, lacks a column or has one twice, or if a cell is not what its column must hold.
    pub(crate) fn read(path: &Path, columns: &Columns<'_>) -> Result<Self, Failure> {
        let file = File::open(path).map_err(|source| Error::Io { path: path.into(), source })?;
        let hash = Rc::new(RefCell::new(Hashed::default()));
        let mut watched = Watched { file: BufReader::with_capacity(1 << 20, file), hashed: Rc::clone(&hash) };
        let mut reader = csv::ReaderBuilder::new().buffer_capacity(1 << 20).from_reader(&mut watched);
        let format = |place: String, expected: &str, found: &str| Error::Format {
            path: path.into(),
            place,
            expected: expected.into(),
            found: found.into(),
        };
        let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let header: Vec<String> = match reader.byte_headers() {
            Ok(header) => header.iter().map(|name| String::from_utf8_lossy(name).trim().to_owned()).collect(),
            Err(error) => return Err(broken(path, &error, 0).into()),
        };
        if header.iter().all(String::is_empty) {
            return Err(format("header".into(), "the columns' names", "nothing: the file is empty").into());
        }
        let find = |column: &str| find(&name, &header, column);
        let label_at = find(columns.label)?;
        let scores_at = columns.scores.iter().map(|score| find(score)).collect::<Result<Vec<_>, _>>()?;
        let [group_at, cluster_at, weight_at] =
            [columns.group, columns.cluster, columns.weight].map(|column| column.map(find).transpose());
        let (group_at, cluster_at, weight_at) = (group_at?, cluster_at?, weight_at?);

        let mut input = Self {
            labels: Vec::new(),
            scores: vec![Vec::new(); scores_at.len()],
            group: group_at.map(|_| Names::default()),
            cluster: cluster_at.map(|_| Names::default()),
            weights: weight_at.map(|_| Vec::new()),
            sha256: String::new(),
        };
        let mut record = csv::ByteRecord::new();
        for row in 1.. {
            match reader.read_byte_record(&mut record) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => return Err(broken(path, &error, row).into()),
            }
            let cell = |column: usize, expected: &str, found: &str| Error::Cell {
                file: name.clone(),
                row,
                column: header[column].clone(),
                expected: expected.into(),
                found: found.into(),
            };
            let number = |column: usize, expected: &str| -> Result<f64, Error> {
                let text = std::str::from_utf8(&record[column]).unwrap_or("?").trim();
                match text.parse::<f64>() {
                    Ok(number) if number.is_finite() => Ok(number),
                    Ok(_) => Err(cell(column, expected, "NaN or infinity")),
                    Err(_) if text.is_empty() => Err(cell(column, expected, "an empty cell")),
                    Err(_) => Err(cell(column, expected, "text")),
                }
            };
            let text = |column: usize| -> Result<&str, Error> {
                match std::str::from_utf8(&record[column]).map(str::trim) {
                    Ok("") => Err(cell(column, "text", "an empty cell")),
                    Ok(text) => Ok(text),
                    Err(_) => Err(cell(column, "UTF-8 text", "other bytes")),
                }
            };
            input.labels.push(match number(label_at, "0 or 1")? {
                0.0 => false,
                1.0 => true,
                _ => return Err(cell(label_at, "0 or 1", "another number").into()),
            });
            for (scores, &column) in input.scores.iter_mut().zip(&scores_at) {
                scores.push(number(column, "a finite number")?);
            }
            if let (Some(weights), Some(column)) = (&mut input.weights, weight_at) {
                let weight = number(column, "a finite number of at least 0")?;
                if weight < 0.0 {
                    return Err(cell(column, "a finite number of at least 0", "a negative number").into());
                }
                weights.push(weight);
            }
            for (names, column) in [(&mut input.group, group_at), (&mut input.cluster, cluster_at)] {
                if let (Some(names), Some(column)) = (names, column) {
                    names.push(text(column)?);
                }
            }
        }
        drop(reader);
        if input.labels.is_empty() {
            return Err(format("header".into(), "at least one row behind it", "none").into());
        }
        let hashed = hash.borrow();
        if hashed.quote.is_open() {
            return Err(format("end of the file".into(), "a closing quote", "none").into());
        }
        input.sha256 = hashed.sha256.clone().finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(input)
    }
}

fn find(file: &str, header: &[String], column: &str) -> Result<usize, Error> {
    let mut places = (0..header.len()).filter(|&place| header[place] == column);
    let unknown = || Error::Unknown {
        what: "column",
        name: column.into(),
        place: file.into(),
        // A file without a header: its first row's values must not turn up in a message.
        available: match header.iter().any(|name| name.parse::<f64>().is_ok()) {
            true => "numbers where names must be".into(),
            false => {
                header.iter().map(String::as_str).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(", ")
            }
        },
    };
    let place = places.next().ok_or_else(unknown)?;
    match places.next() {
        None => Ok(place),
        Some(_) => Err(Error::DuplicateName { what: "column", name: column.into(), place: file.into() }),
    }
}

/// An error of the CSV reader in our words.
fn broken(path: &Path, error: &csv::Error, row: usize) -> Error {
    let place = if row == 0 { "header".into() } else { format!("row {row}") };
    let (expected, found) = match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => (format!("{expected_len} cells"), len.to_string()),
        csv::ErrorKind::Io(source) => {
            let source = std::io::Error::new(source.kind(), source.to_string());
            return Error::Io { path: path.into(), source };
        }
        _ => ("a row of CSV".into(), "something else".into()),
    };
    Error::Format { path: path.into(), place, expected, found }
}

/// A file whose bytes are hashed as they pass, and its quotes watched.
struct Watched {
    file: BufReader<File>,
    hashed: Rc<RefCell<Hashed>>,
}

#[derive(Default)]
struct Hashed {
    sha256: Sha256,
    quote: Quote,
}

impl Read for Watched {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.file.read(buffer)?;
        let mut hashed = self.hashed.borrow_mut();
        hashed.sha256.update(&buffer[..n]);
        buffer[..n].iter().for_each(|&byte| hashed.quote.step(byte));
        Ok(n)
    }
}

/// Where the next byte stands: a quote that never closes would swallow all rows behind it in silence.
#[derive(Clone, Copy, Default, PartialEq)]
enum Quote {
    #[default]
    CellStart,
    Plain,
    Open,
    /// Behind a quote in a quoted cell: the cell's end, or the first half of a doubled quote.
    Behind,
}

impl Quote {
    fn step(&mut self, byte: u8) {
        *self = match (*self, byte) {
            (Self::Open, b'"') => Self::Behind,
            (Self::Open, _) => Self::Open,
            (Self::CellStart | Self::Behind, b'"') => Self::Open,
            (_, b',' | b'\r' | b'\n') => Self::CellStart,
            _ => Self::Plain,
        };
    }

    fn is_open(self) -> bool {
        self == Self::Open
    }
}
