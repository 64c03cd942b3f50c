use std::fs;
use std::path::Path;

use crate::spirometry::WaveformFile;
use crate::{Error, Signal};

/// A signal that stands in a file for each participant: `waves/{}.hea`, where a cell of the table takes the place of the
/// braces.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct SignalFiles {
    pattern: String,
    /// The column of the cells; `None` for the participants' identifiers.
    column: Option<String>,
    format: Format,
}

#[derive(Clone, Debug, PartialEq)]
enum Format {
    /// A PhysioNet record's header, `.hea`.
    #[cfg(feature = "wfdb")]
    Wfdb,
    /// A standard waveform of spirometry, `.wf`.
    Waveform,
    /// Text of numbers, `.txt`.
    Text,
    /// A column of a table, `.csv`.
    #[cfg(feature = "csv")]
    Csv(String),
}

/// The key at fault, what is expected, what was found.
type Fault = (&'static str, &'static str, &'static str);

/// What became of a participant's file.
pub(super) enum Read {
    Signal(Signal),
    /// There is no such file.
    NoFile,
    /// What was expected of the cell or the file; nothing in it names the file, whose name holds an identifier.
    Bad(String),
}

impl SignalFiles {
    pub(super) fn new(
        pattern: &str,
        column: Option<String>,
        file_column: Option<String>,
        has_rate: bool,
    ) -> Result<Self, Fault> {
        if pattern.matches("{}").count() != 1 {
            return Err(("file", "a file's name with {} once, for a cell of the table", "another text"));
        }
        let ending = Path::new(pattern).extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        let format = match (ending.to_ascii_lowercase().as_str(), file_column) {
            #[cfg(feature = "csv")]
            ("csv", Some(column)) => Format::Csv(column),
            #[cfg(feature = "csv")]
            ("csv", None) => return Err(("file_column", "the column of the samples", "no such key")),
            (_, Some(_)) => return Err(("file_column", "no such key of a file that is no CSV", "one")),
            #[cfg(feature = "wfdb")]
            ("hea", None) => Format::Wfdb,
            ("wf", None) => Format::Waveform,
            ("txt", None) => Format::Text,
            _ => {
                return Err(("file", "the ending .csv, .hea, .txt or .wf, for which this program is built", "another"));
            }
        };
        let tells_its_rate = match format {
            #[cfg(feature = "wfdb")]
            Format::Wfdb => true,
            Format::Waveform => true,
            _ => false,
        };
        if !tells_its_rate && !has_rate {
            return Err(("rate_hz", "a rate above 0 Hz", "none"));
        }
        Ok(Self { pattern: pattern.into(), column, format })
    }

    pub(super) fn column(&self) -> Option<&str> {
        self.column.as_deref()
    }

    /// Reads the file of a cell, from a folder; rate and channels are the schema's, which a file that says its own must
    /// not contradict.
    pub(super) fn read(&self, folder: &Path, cell: &str, rate_hz: Option<f64>, unit: &str, n_channels: usize) -> Read {
        // A cell is data, and must not lead out of the folder.
        let plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
        if cell.is_empty() || cell.starts_with('.') || !cell.chars().all(plain) {
            return Read::Bad("a cell of letters, digits, _, - and . that names a file".into());
        }
        let path = folder.join(self.pattern.replace("{}", cell));
        if !path.is_file() {
            return Read::NoFile;
        }
        let signal = match self.samples(&path) {
            Ok(Found::Signal(signal)) => signal,
            Ok(Found::Samples(samples)) => {
                let rate_hz = rate_hz.unwrap_or(f64::NAN);
                match Signal::new(samples, n_channels, rate_hz, unit) {
                    Ok(signal) => signal,
                    Err(error) => return Read::Bad(self.expected(error)),
                }
            }
            Err(error) => return Read::Bad(self.expected(error)),
        };
        if rate_hz.is_some_and(|rate_hz| (rate_hz - signal.rate_hz()).abs() > 1e-9 * rate_hz) {
            return Read::Bad(format!("{} samples a second in a file {}", rate_hz.unwrap_or(0.0), self.pattern));
        }
        if !unit.is_empty() && unit != signal.unit() {
            return Read::Bad(format!("samples in {unit} in a file {}", self.pattern));
        }
        if signal.n_channels() != n_channels {
            return Read::Bad(format!("{n_channels} channels in a file {}", self.pattern));
        }
        Read::Signal(signal)
    }

    fn samples(&self, path: &Path) -> Result<Found, Error> {
        Ok(match &self.format {
            #[cfg(feature = "wfdb")]
            Format::Wfdb => Found::Signal(crate::read_wfdb(path)?),
            Format::Waveform => Found::Signal(WaveformFile::read(path)?.blow.into_signal()),
            Format::Text => {
                let text = fs::read_to_string(path).map_err(|source| Error::Io { path: path.into(), source })?;
                let items = text.split(|c: char| c.is_whitespace() || ",;|".contains(c));
                let number = |item: &str| {
                    item.parse().map_err(|_| Error::Invalid {
                        what: "samples".into(),
                        expected: "numbers with blanks or commas between them".into(),
                        found: "something else".into(),
                    })
                };
                Found::Samples(items.filter(|item| !item.is_empty()).map(number).collect::<Result<_, _>>()?)
            }
            #[cfg(feature = "csv")]
            Format::Csv(column) => {
                let table = crate::read_csv(path)?;
                let number = |(row, value): (usize, &crate::Value)| {
                    value.as_number().map(|number| number as f32).ok_or_else(|| Error::Invalid {
                        what: "samples".into(),
                        expected: format!("a number in row {} of column {column:?}", row + 1),
                        found: "none".into(),
                    })
                };
                Found::Samples(table.numbers(column)?.iter().enumerate().map(number).collect::<Result<_, _>>()?)
            }
        })
    }

    /// What a file must be, of an error about it, without its name.
    fn expected(&self, error: Error) -> String {
        let of = match error {
            Error::Io { source, .. } => format!("that can be read ({})", source.kind()),
            Error::Format { place, expected, .. } => format!("with {expected} ({place})"),
            Error::Truncated { place, .. } => format!("that is whole ({place})"),
            Error::Cell { row, column, expected, .. } => format!("with {expected} (row {row}, column {column:?})"),
            Error::Unknown { name, .. } => format!("with a column {name:?}"),
            Error::Invalid { expected, .. } => format!("with {expected}"),
            _ => "that is sound".into(),
        };
        format!("a file {} {of}", self.pattern)
    }
}

enum Found {
    Signal(Signal),
    Samples(Vec<f32>),
}
