//! Linked mortality files, sound and hostile.

use helm_core::{Error, MissingReason, Table, Value, read_mortality};
use proptest::prelude::*;

use crate::file;

const NAME: &str = "mort.dat";
const DEAD: &str = "62161         11   ..                     93 92";
const ALIVE: &str = "62164         10   ..                     101101";
const CHILD: &str = "62162         2.   ..                     .  .";

fn read(text: impl AsRef<[u8]>) -> Result<Table, Error> {
    file::read(NAME, text.as_ref(), read_mortality)
}

fn message(text: impl AsRef<[u8]>) -> String {
    let message = read(text).unwrap_err().to_string();
    message.split_once(NAME).unwrap().1.trim_start_matches(": ").to_owned()
}

fn columns(table: &Table) -> Vec<Vec<Option<f64>>> {
    let names = ["SEQN", "ELIGSTAT", "MORTSTAT", "PERMTH_INT", "PERMTH_EXM"];
    assert_eq!(table.columns().iter().map(|column| column.name.as_str()).collect::<Vec<_>>(), names);
    names.map(|name| table.numbers(name).unwrap().iter().map(|value| value.as_number()).collect()).to_vec()
}

#[test]
fn lines_are_read_with_any_line_end() {
    for (end, last) in [("\n", "\n"), ("\r\n", "\r\n"), ("\n", "\n\n"), ("\r\n", "\r\n\r\n"), ("\n", "")] {
        let table = read(format!("{DEAD}{end}{CHILD}{end}{ALIVE}{last}")).unwrap();
        let expected = [
            [Some(62161.0), Some(62162.0), Some(62164.0)],
            [Some(1.0), Some(2.0), Some(1.0)],
            [Some(1.0), None, Some(0.0)],
            [Some(93.0), None, Some(101.0)],
            [Some(92.0), None, Some(101.0)],
        ];
        assert_eq!(columns(&table), expected, "{end:?} {last:?}");
        assert_eq!(table.numbers("MORTSTAT").unwrap()[1], Value::Missing(MissingReason::NotRecorded));
    }
}

#[test]
fn lines_of_another_length_are_errors() {
    for length in 1..46 {
        let expected = format!("line 2: expected 46 to 48 characters, found {length}");
        assert_eq!(message(format!("{CHILD}\n{}\n{ALIVE}\n", &ALIVE[..length])), expected);
        assert_eq!(message(format!("{CHILD}\r\n{}\r\n", &ALIVE[..length])), expected);
    }
    assert_eq!(message(format!("{ALIVE}0\n")), "line 1: expected 46 to 48 characters, found 49");
    assert_eq!(message(format!("{ALIVE}\n\n{ALIVE}\n")), "line 2: expected 46 to 48 characters, found 0");
    // One long line of old Mac line ends.
    assert!(message(format!("{ALIVE}\r{ALIVE}\r")).starts_with("line 1: expected 46 to 48 characters, found 97"));
}

#[test]
fn a_file_cut_within_a_line_is_an_error() {
    let text = format!("{CHILD}\r\n{DEAD}\r\n{ALIVE}\r\n");
    for cut in 1..text.len() {
        let lines = text[..cut].matches('\n').count();
        let rest = cut - text[..cut].rfind('\n').map_or(0, |at| at + 1);
        let whole = rest == 0 || rest >= [47, 48, 48][lines] && (lines != 2 || rest == 48 || rest == 49);
        let expected_rows = lines + usize::from(rest > 0);
        match read(&text[..cut]) {
            // The last line is whole, or its line end has begun.
            Ok(table) => assert!(whole && table.n_rows() == expected_rows, "cut at {cut}"),
            Err(error) => assert!(!whole && matches!(error, Error::Truncated { .. }), "cut at {cut}: {error}"),
        }
    }
    // "92" could be the start of "920".
    let expected = "line 1: expected 48 bytes, found 47: the file is truncated";
    assert_eq!(message(DEAD), expected);
}

#[test]
fn empty_files_are_errors() {
    for empty in ["", "\n", "\r\n\r\n"] {
        assert_eq!(message(empty), "content: expected a line a participant, found none");
    }
    assert!(matches!(read_mortality(std::path::Path::new("no/such.dat")), Err(Error::Io { .. })));
}

#[test]
fn fields_that_are_none_are_named_and_not_shown() {
    // The character to put, where, and the message behind the row.
    for (at, put, expected) in [
        (2, "x", "column \"SEQN\": expected a whole number from 1 to 999999, found something else"),
        (0, "      ", "column \"SEQN\": expected a whole number from 1 to 999999, found something else"),
        (0, "     .", "column \"SEQN\": expected a whole number from 1 to 999999, found something else"),
        (0, "0     ", "column \"SEQN\": expected a whole number from 1 to 999999, found something else"),
        (0, "62 161", "column \"SEQN\": expected a whole number from 1 to 999999, found something else"),
        (0, "-62161", "column \"SEQN\": expected a whole number from 1 to 999999, found something else"),
        (14, "4", "column \"ELIGSTAT\": expected a whole number from 1 to 3, a point or blanks, found something else"),
        (14, "0", "column \"ELIGSTAT\": expected a whole number from 1 to 3, a point or blanks, found something else"),
        (15, "2", "column \"MORTSTAT\": expected a whole number from 0 to 1, a point or blanks, found something else"),
        (15, "é", "column \"MORTSTAT\": expected a whole number from 0 to 1, a point or blanks, found something else"),
        (
            43,
            ".",
            "column \"PERMTH_INT\": expected a whole number from 0 to 999, a point or blanks, found something else",
        ),
        (
            45,
            "1 1",
            "column \"PERMTH_EXM\": expected a whole number from 0 to 999, a point or blanks, found something else",
        ),
        (
            45,
            "+11",
            "column \"PERMTH_EXM\": expected a whole number from 0 to 999, a point or blanks, found something else",
        ),
    ] {
        let mut line = ALIVE.as_bytes().to_vec();
        line[at..at + put.len()].copy_from_slice(put.as_bytes());
        let text = [DEAD.as_bytes(), b"\n", &line, b"\n"].concat();
        assert_eq!(message(text), format!("row 2, column {}", expected.trim_start_matches("column ")));
    }
}

/// Blanks are a missing value wherever they may stand.
#[test]
fn blank_fields_are_missing() {
    let mut line = ALIVE.as_bytes().to_vec();
    line[14..16].fill(b' ');
    line[42..48].fill(b' ');
    let table = read([&line[..], b"\n"].concat()).unwrap();
    assert_eq!(columns(&table), [vec![Some(62164.0)], vec![None], vec![None], vec![None], vec![None]]);
}

proptest! {
    #[test]
    fn flipped_bytes_never_panic(
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
        cut in proptest::option::weighted(0.3, any::<prop::sample::Index>()),
    ) {
        let mut bytes = format!("{DEAD}\r\n{CHILD}\r\n{ALIVE}\r\n").into_bytes();
        for (at, value) in flips {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(table) = read(&bytes) {
            prop_assert!(table.columns().iter().all(|column| column.cells.len() == table.n_rows()));
        }
    }
}
