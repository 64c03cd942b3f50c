use std::fmt;
use std::io::{self, Read};

use crate::BadData;

/// What the parser would pass over in silence, losing or joining rows: an empty line between rows, text behind a
/// closing quote, a quote that never closes; or a row too long to be one.
#[derive(Debug)]
pub(super) struct Fault {
    /// The row; 0 is the header.
    pub(super) row: usize,
    pub(super) expected: String,
    pub(super) found: &'static str,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row {}: expected {}, found {}", self.row, self.expected, self.found)
    }
}

impl std::error::Error for Fault {}

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

/// Reads on, without a byte order mark, and checks what passes.
pub(super) struct Scan<R> {
    inner: R,
    max_row_bytes: usize,
    bad: BadData,
    place: Place,
    row: usize,
    row_bytes: usize,
    after_carriage_return: bool,
    /// Empty lines since the last row.
    empty_lines: usize,
    /// Empty lines between rows, where they are counted.
    counted: usize,
    /// Bytes that were looked at for a byte order mark, and are none.
    start: Vec<u8>,
    started: bool,
    fault: Option<Fault>,
}

impl<R: Read> Scan<R> {
    pub(super) fn new(inner: R, max_row_bytes: usize, bad: BadData) -> Self {
        Self {
            inner,
            max_row_bytes,
            bad,
            place: Place::RowStart,
            row: 0,
            row_bytes: 0,
            after_carriage_return: false,
            empty_lines: 0,
            counted: 0,
            start: Vec::new(),
            started: false,
            fault: None,
        }
    }

    pub(super) fn take_empty_lines(&mut self) -> usize {
        std::mem::take(&mut self.counted)
    }

    fn begin(&mut self) -> io::Result<()> {
        self.started = true;
        let mut start = Vec::new();
        (&mut self.inner).take(3).read_to_end(&mut start)?;
        if start != b"\xef\xbb\xbf" {
            self.start = start;
        }
        Ok(())
    }

    /// Takes one byte; a fault that it makes.
    fn step(&mut self, byte: u8) -> Option<Fault> {
        let fault = |row, expected: &str, found| Some(Fault { row, expected: expected.into(), found });
        let second_half_of_line_end = byte == b'\n' && self.after_carriage_return;
        self.after_carriage_return = byte == b'\r' && self.place != Place::Quoted;
        self.row_bytes += 1;
        if self.row_bytes > self.max_row_bytes {
            let expected = format!("at most {} bytes", self.max_row_bytes);
            return Some(Fault { row: self.row, expected, found: "more" });
        }
        let at_row_start = self.place == Place::RowStart;
        if at_row_start && matches!(byte, b'\r' | b'\n') {
            self.empty_lines += usize::from(!second_half_of_line_end);
            self.row_bytes = 0;
            return None;
        }
        if at_row_start && self.empty_lines > 0 {
            let empty_lines = std::mem::take(&mut self.empty_lines);
            match self.bad {
                BadData::Refuse => return fault(self.row, "a row", "an empty line"),
                BadData::CountAndSkip => self.counted += empty_lines,
            }
        }
        self.place = match (self.place, byte) {
            (Place::RowStart | Place::CellStart | Place::BehindQuote, b'"') => Place::Quoted,
            (Place::Quoted, b'"') => Place::BehindQuote,
            (Place::Quoted, _) => Place::Quoted,
            (_, b',') => Place::CellStart,
            (_, b'\r' | b'\n') => {
                self.row += 1;
                self.row_bytes = 0;
                Place::RowStart
            }
            (Place::BehindQuote, _) => return fault(self.row, "a comma or a line end behind a quote", "text"),
            (Place::RowStart | Place::CellStart | Place::Plain, _) => Place::Plain,
        };
        None
    }
}

impl<R: Read> Read for Scan<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(fault) = self.fault.take() {
            return Err(io::Error::other(fault));
        }
        if !self.started {
            self.begin()?;
        }
        let n = if self.start.is_empty() {
            self.inner.read(buffer)?
        } else {
            let n = self.start.len().min(buffer.len());
            buffer[..n].copy_from_slice(&self.start[..n]);
            self.start.drain(..n);
            n
        };
        if n == 0 && self.place == Place::Quoted && !buffer.is_empty() {
            let fault = Fault { row: self.row, expected: "a closing quote".into(), found: "the end of the file" };
            return Err(io::Error::other(fault));
        }
        for (index, &byte) in buffer[..n].iter().enumerate() {
            let Some(fault) = self.step(byte) else { continue };
            // What stands before the fault is still read; the fault comes with the next call.
            if index == 0 {
                return Err(io::Error::other(fault));
            }
            self.fault = Some(fault);
            return Ok(index);
        }
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first_fault(text: &str) -> Option<(usize, &'static str)> {
        let mut read = Vec::new();
        let error = Scan::new(text.as_bytes(), 100, BadData::Refuse).read_to_end(&mut read).err()?;
        let fault = error.get_ref().and_then(|inner| inner.downcast_ref::<Fault>()).expect("a fault");
        Some((fault.row, fault.found))
    }

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
            assert_eq!(first_fault(sound), None, "{sound:?}");
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
            assert_eq!(first_fault(unsound), Some((row, found)), "{unsound:?}");
        }
        assert_eq!(first_fault(&format!("a\n{}\n{}\n", "1".repeat(99), "2".repeat(100))), Some((2, "more")));
    }

    /// A line without an end, of which a reader that waits for it would take a gigabyte.
    #[test]
    fn a_line_too_long_stops_early() {
        let mut n_read = 0;
        let mut scan = Scan::new(io::repeat(b'x').take(1 << 30), 1 << 20, BadData::Refuse);
        let mut buffer = [0; 1 << 16];
        while let Ok(n) = scan.read(&mut buffer) {
            n_read += n;
        }
        assert_eq!(n_read, 1 << 20);
    }
}
