use std::ops::Range;
use std::path::Path;

use crate::Error;

/// SAS transport files consist of records of this many bytes.
pub(super) const RECORD: usize = 80;

/// The bytes of a header record that tell which it is.
pub(super) const TITLE: usize = 48;

/// The header records of a file with one data set; `#` stands for a digit of the number that a record carries.
const LIBRARY: &[u8; RECORD] = b"HEADER RECORD*******LIBRARY HEADER RECORD!!!!!!!000000000000000000000000000000  ";
pub(super) const DATA_SET: &[u8; RECORD] =
    b"HEADER RECORD*******MEMBER  HEADER RECORD!!!!!!!00000000000000000160000000####  ";
const DESCRIPTOR: &[u8; RECORD] = b"HEADER RECORD*******DSCRPTR HEADER RECORD!!!!!!!000000000000000000000000000000  ";
const VARIABLES: &[u8; RECORD] = b"HEADER RECORD*******NAMESTR HEADER RECORD!!!!!!!000000####00000000000000000000  ";
const ROWS: &[u8; RECORD] = b"HEADER RECORD*******OBS     HEADER RECORD!!!!!!!000000000000000000000000000000  ";

/// What stands in front of the rows of a SAS transport file.
pub(super) struct Header {
    /// The variables in the order of their places in a row; at least one.
    pub(super) variables: Vec<Variable>,
    /// Bytes up to the first row; the file is at least so long.
    pub(super) length: usize,
    /// Bytes of a row, at least one.
    pub(super) row: usize,
}

/// One variable of a data set.
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) label: Option<String>,
    pub(super) kind: Kind,
    /// Its bytes in a row: 2 to 8 of a number, 1 to 200 of text.
    pub(super) place: Range<usize>,
}

/// What a variable holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Number,
    Text,
}

impl Header {
    /// Reads and checks the header of a file from the file's first bytes, up to 2 MiB of all its `length`; `path` is for messages. Memory is taken for descriptors that are there.
    ///
    /// # Errors
    /// [`Error::Format`] and [`Error::Truncated`], with the record at fault.
    pub(super) fn read(bytes: &[u8], length: u64, path: &Path) -> Result<Self, Error> {
        check_first_record(bytes, path)?;
        let mut records = Records { bytes, path, at: 0 };
        records.header("library header", LIBRARY)?;
        // Whole records first: which one is cut matters less than that one is.
        if !length.is_multiple_of(RECORD as u64) {
            return Err(records.truncated("last record", RECORD, (length % RECORD as u64) as usize));
        }
        // Times and names of the library and of the data set are of no use here, and free of rules.
        records.take("library description", 2 * RECORD)?;
        let descriptor_length = records.header("data set header", DATA_SET)?;
        if !matches!(descriptor_length, 136 | 140) {
            let expected = "variable descriptors of 140 (or, from VAX/VMS, 136) bytes";
            return Err(records.format("data set header", expected, format!("{descriptor_length}")));
        }
        records.header("descriptor header", DESCRIPTOR)?;
        records.take("data set description", 2 * RECORD)?;
        let n_variables = records.header("variables' header", VARIABLES)?;
        if n_variables == 0 {
            return Err(records.format("variables' header", "at least one variable", "none".into()));
        }
        let (mut variables, mut row) = (Vec::new(), 0);
        for number in 1..=n_variables {
            let variable = records.variable(number, descriptor_length, row)?;
            row = variable.place.end;
            variables.push(variable);
        }
        let end = records.at.next_multiple_of(RECORD);
        records.take("padding of the variable descriptors", end - records.at)?;
        records.header("rows' header", ROWS)?;
        Ok(Self { variables, length: records.at, row })
    }
}

/// Text of a fixed width without the blanks (or NULs) at its end; `None` if it is not UTF-8.
pub(super) fn text(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?;
    Some(text.trim_end_matches([' ', '\0']).to_owned())
}

/// Tells a file of another kind from a damaged one.
fn check_first_record(bytes: &[u8], path: &Path) -> Result<(), Error> {
    let found = if bytes.is_empty() {
        "an empty file"
    } else if bytes.starts_with(b"**COMPRESSED**") {
        "a file of PROC CPORT, which only SAS reads"
    } else if bytes.starts_with(b"HEADER RECORD*******LIBV8") {
        "version 8"
    } else if bytes.starts_with(&LIBRARY[..24]) || LIBRARY.starts_with(bytes) {
        return Ok(());
    } else {
        "another file"
    };
    Err(Error::Format {
        path: path.into(),
        place: "library header".into(),
        expected: "a SAS transport file of version 5".into(),
        found: found.into(),
    })
}

/// The records of a file from its first on.
struct Records<'a> {
    bytes: &'a [u8],
    path: &'a Path,
    at: usize,
}

impl<'a> Records<'a> {
    /// The next bytes.
    fn take(&mut self, place: &str, length: usize) -> Result<&'a [u8], Error> {
        let rest = &self.bytes[self.at..];
        let taken = rest.get(..length).ok_or_else(|| self.truncated(place, length, rest.len()))?;
        self.at += length;
        Ok(taken)
    }

    /// The next record, which must be the given header; the number that it carries, 0 if none.
    fn header(&mut self, place: &str, header: &[u8; RECORD]) -> Result<usize, Error> {
        let record = self.take(place, RECORD)?;
        let mut number = 0;
        for (&found, &expected) in record.iter().zip(header) {
            match expected {
                b'#' if found.is_ascii_digit() => number = number * 10 + usize::from(found - b'0'),
                b'#' => return Err(self.format(place, "a number of four digits", "other bytes".into())),
                _ if found == expected => {}
                _ => {
                    let expected = format!("a record {:?}", String::from_utf8_lossy(&header[..TITLE]));
                    return Err(self.format(place, &expected, "another".into()));
                }
            }
        }
        Ok(number)
    }

    /// The next variable descriptor; `number` counts them from 1, `offset` is where the variable's bytes must begin.
    fn variable(&mut self, number: usize, length: usize, offset: usize) -> Result<Variable, Error> {
        let place = format!("variable descriptor {number}");
        let descriptor = self.take(&place, length)?;
        let format = |expected: &str, found: String| self.format(&place, expected, found);
        let u16_at = |at: usize| usize::from(u16::from_be_bytes([descriptor[at], descriptor[at + 1]]));
        let (kind, length) = (u16_at(0), u16_at(4));
        let kind = match (kind, length) {
            (1, 2..=8) => Kind::Number,
            (2, 1..=200) => Kind::Text,
            (1, _) => return Err(format("a number of 2 to 8 bytes", length.to_string())),
            (2, _) => return Err(format("text of 1 to 200 bytes", length.to_string())),
            _ => return Err(format("type 1 (number) or 2 (text)", kind.to_string())),
        };
        let name = text(&descriptor[8..16]).ok_or_else(|| format("a name in UTF-8", "other bytes".into()))?;
        if name.is_empty() {
            return Err(format("a name", "blanks".into()));
        }
        let label = text(&descriptor[16..56]).ok_or_else(|| format("a label in UTF-8", "other bytes".into()))?;
        let position = (u16_at(84) << 16) | u16_at(86);
        if position != offset {
            return Err(format(&format!("position {offset} in a row"), position.to_string()));
        }
        let label = Some(label).filter(|label| !label.is_empty());
        Ok(Variable { name, label, kind, place: offset..offset + length })
    }

    fn format(&self, place: &str, expected: &str, found: String) -> Error {
        Error::Format { path: self.path.into(), place: place.into(), expected: expected.into(), found }
    }

    fn truncated(&self, place: &str, expected: usize, found: usize) -> Error {
        Error::Truncated {
            path: self.path.into(),
            place: place.into(),
            expected_bytes: expected as u64,
            found_bytes: found as u64,
        }
    }
}
