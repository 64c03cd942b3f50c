//! SAS transport files that are cut, damaged, or lie: an error that says where, and never a panic or a wrong table.

use std::path::Path;

use helm_core::{Cells, Error, Table, Value, read_xpt};
use proptest::prelude::*;

use crate::file;
use crate::xpt_file::{Var, XptFile, header, ibm};

const NAME: &str = "hostile.xpt";
/// What no message may show.
const SECRET: &str = "secret";

fn read(bytes: &[u8]) -> Result<Table, Error> {
    let table = file::read(NAME, bytes, read_xpt);
    if let Err(error) = &table {
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains(SECRET), "a value is shown: {shown}");
    }
    table
}

fn message(bytes: &[u8]) -> String {
    let message = read(bytes).unwrap_err().to_string();
    message.split_once(NAME).unwrap().1.trim_start_matches(": ").to_owned()
}

/// Rows of 23 bytes, so that rows and records meet seldom, or of `wide` more.
fn sample(n_rows: usize, wide: u16) -> XptFile {
    let mut vars = vec![Var::number("SEQN", 8), Var::number("SHORT", 3), Var::text("NOTE", 12)];
    vars.extend((wide > 0).then(|| Var::text("WIDE", wide)));
    let row = |i: usize| {
        let mut row = vec![ibm(62161.0 + i as f64), ibm(i as f64)[..3].to_vec(), SECRET.into()];
        row.extend((wide > 0).then(|| SECRET.into()));
        row
    };
    XptFile::new(vars, (0..n_rows).map(row).collect())
}

fn cells(table: &Table, n_rows: usize) -> Vec<(String, Vec<Value>, Vec<Option<String>>)> {
    let cut = |column: &helm_core::TableColumn| match &column.cells {
        Cells::Numbers(cells) => (column.name.clone(), cells[..n_rows].to_vec(), vec![]),
        Cells::Text(cells) => (column.name.clone(), vec![], cells[..n_rows].to_vec()),
        _ => panic!("{} holds lists", column.name),
    };
    table.columns().iter().map(cut).collect()
}

/// A file that is cut is an error at every length, except where a cut can't be told: between two records, with
/// nothing but blanks, fewer than a record, behind the last whole row.
#[test]
fn cut_at_every_byte() {
    // 80 rows of 23 bytes are 23 records, the only place before the end where both meet.
    let mut undecidable = 0;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(NAME);
    for file in [sample(81, 0), sample(7, 100), sample(9, 57), sample(1, 0)] {
        let (bytes, start, row) = (file.bytes(), file.header_length(), file.row_length());
        let whole = read(&bytes).unwrap();
        assert_eq!(whole.n_rows(), file.rows.len());
        std::fs::write(&path, &bytes).unwrap();
        let shorter = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        // The cuts in the header are the same in all of them.
        let first = if file.rows.len() == 81 { 0 } else { start };
        for cut in (first..bytes.len()).rev() {
            shorter.set_len(cut as u64).unwrap();
            let result = read_xpt(&path);
            let rows = cut.saturating_sub(start) / row;
            let rest = &bytes[(start + rows * row).min(cut)..cut];
            if cut >= start && cut % 80 == 0 && rest.len() < 80 && rest.iter().all(|&byte| byte == b' ') {
                let table = result.unwrap();
                assert_eq!(table.n_rows(), rows, "cut at {cut}");
                assert_eq!(cells(&table, rows), cells(&whole, rows), "cut at {cut}");
                undecidable += 1;
                continue;
            }
            let error = result.err().unwrap_or_else(|| panic!("cut at {cut} of {}, but no error", bytes.len()));
            let is_empty = cut == 0 && matches!(error, Error::Format { .. });
            assert!(is_empty || matches!(error, Error::Truncated { .. }), "cut at {cut}: {error}");
            assert!(error.to_string().contains(NAME) && !format!("{error:?}").contains(SECRET), "cut at {cut}");
        }
    }
    // That one, the 8 between the 9 rows of 80 bytes, and the headers alone of the four files with rows.
    assert_eq!(undecidable, 1 + 8 + 4);
}

#[test]
fn a_cut_says_where() {
    let file = sample(160, 0);
    let bytes = file.bytes();
    let truncated = |cut: usize| message(&bytes[..cut]);
    assert_eq!(truncated(0), "library header: expected a SAS transport file of version 5, found an empty file");
    assert_eq!(truncated(79), "library header: expected 80 bytes, found 79: the file is truncated");
    assert_eq!(truncated(100), "last record: expected 80 bytes, found 20: the file is truncated");
    assert_eq!(truncated(80), "library description: expected 160 bytes, found 0: the file is truncated");
    assert_eq!(truncated(240), "data set header: expected 80 bytes, found 0: the file is truncated");
    assert_eq!(truncated(720), "variable descriptor 1: expected 140 bytes, found 80: the file is truncated");
    assert_eq!(truncated(880), "variable descriptor 2: expected 140 bytes, found 100: the file is truncated");
    assert_eq!(truncated(1120), "rows' header: expected 80 bytes, found 0: the file is truncated");
    assert_eq!(truncated(1280), "row 4: expected 23 bytes, found 11: the file is truncated");
}

#[test]
fn other_files_are_told_apart() {
    let expected = "library header: expected a SAS transport file of version 5, found";
    for (bytes, found) in [
        (&b"SEQN,secret\n1,2\n"[..], "another file"),
        (b"\x89PNG\r\n\x1a\n", "another file"),
        (&[0; 4096], "another file"),
        (b"**COMPRESSED** **COMPRESSED** **COMPRESSED**", "a file of PROC CPORT, which only SAS reads"),
    ] {
        assert_eq!(message(bytes), format!("{expected} {found}"));
    }
    let mut version_8 = header("LIBV8", &"0".repeat(30));
    version_8.extend(&sample(3, 0).bytes()[80..]);
    assert_eq!(message(&version_8), format!("{expected} version 8"));
    let missing = read_xpt(Path::new("no/such.xpt")).err();
    assert!(matches!(missing, Some(Error::Io { .. })));
}

#[test]
fn a_damaged_header_record_is_named() {
    let bytes = sample(3, 0).bytes();
    for (record, place) in [
        (0, "library header"),
        (3, "data set header"),
        (4, "descriptor header"),
        (7, "variables' header"),
        (14, "rows' header"),
    ] {
        for at in 0..80 {
            let mut damaged = bytes.clone();
            damaged[record * 80 + at] ^= 0x40;
            let message = message(&damaged);
            assert!(message.starts_with(&format!("{place}: expected ")), "byte {at}: {message}");
        }
    }
}

#[test]
fn a_header_that_lies_about_variables_is_an_error() {
    let lie = |n_vars: &str| {
        let mut file = sample(50, 0);
        file.n_vars = Some(n_vars.into());
        message(&file.bytes())
    };
    assert_eq!(lie("0000"), "variables' header: expected at least one variable, found none");
    assert_eq!(lie("000x"), "variables' header: expected a number of four digits, found other bytes");
    assert_eq!(lie("  3 "), "variables' header: expected a number of four digits, found other bytes");
    assert_eq!(lie("   3"), "variables' header: expected a number of four digits, found other bytes");
    assert!(lie("0002").starts_with("rows' header: expected a record \"HEADER RECORD*******OBS"), "{}", lie("0002"));
    assert!(lie("0004").starts_with("variable descriptor 4: expected"), "{}", lie("0004"));
    assert!(lie("9999").starts_with("variable descriptor 4: expected"), "{}", lie("9999"));
}

#[test]
fn a_header_that_lies_about_descriptors_is_an_error() {
    for length in ["0000", "0001", "0087", "0088", "0135", "0139", "0141", "9999"] {
        let mut file = sample(50, 0);
        file.descriptor_length = length.into();
        let expected = "data set header: expected variable descriptors of 140 (or, from VAX/VMS, 136) bytes, found";
        let length: usize = length.parse().unwrap();
        assert_eq!(message(&file.bytes()), format!("{expected} {length}"));
    }
    let mut file = sample(50, 0);
    file.descriptor_length = "0136".into();
    let mut bytes = file.bytes();
    bytes[240 + 74..240 + 78].copy_from_slice(b"0140");
    assert!(message(&bytes).starts_with("variable descriptor 2: expected"), "{}", message(&bytes));
}

#[test]
fn a_variable_that_lies_is_named() {
    let lie = |change: fn(&mut Var)| {
        let mut file = sample(5, 0);
        change(&mut file.vars[1]);
        // The rows have another length now, but no reader gets to them.
        file.rows.clear();
        let message = message(&file.bytes());
        message.strip_prefix("variable descriptor 2: expected ").unwrap_or_else(|| panic!("{message}")).to_owned()
    };
    for length in [0, 1, 9, 200, u16::MAX] {
        let mut file = sample(0, 0);
        file.vars[1].length = length;
        assert!(message(&file.bytes()).ends_with(&format!("2: expected a number of 2 to 8 bytes, found {length}")));
        let mut file = sample(0, 0);
        file.vars[2].length = if length < 2 { 0 } else { length.saturating_add(1).max(201) };
        let found = file.vars[2].length;
        assert!(message(&file.bytes()).ends_with(&format!("3: expected text of 1 to 200 bytes, found {found}")));
    }
    for kind in [0, 3, 256, u16::MAX] {
        let mut file = sample(0, 0);
        file.vars[1].kind = kind;
        assert!(message(&file.bytes()).ends_with(&format!("expected type 1 (number) or 2 (text), found {kind}")));
    }
    assert_eq!(lie(|var| var.name = vec![]), "a name, found blanks");
    assert_eq!(lie(|var| var.name = vec![0; 8]), "a name, found blanks");
    assert_eq!(lie(|var| var.name = vec![b'A', 0xff]), "a name in UTF-8, found other bytes");
    assert_eq!(lie(|var| var.label = vec![0xb5, b'm']), "a label in UTF-8, found other bytes");
    assert_eq!(lie(|var| var.position = Some(0)), "position 8 in a row, found 0");
    assert_eq!(lie(|var| var.position = Some(u32::MAX)), "position 8 in a row, found 4294967295");
    let mut file = sample(5, 0);
    file.vars[1].name = b"seqn".to_vec();
    let error = read(&file.bytes()).unwrap_err();
    assert!(matches!(error, Error::DuplicateName { what: "column", .. }), "{error}");
}

#[test]
fn cells_that_are_none_are_named_and_not_shown() {
    let mut file = sample(5, 0);
    for first in [0x80, 0x01, 0x2d, 0x40, 0x5b, 0x61, 0xc1, 0xff] {
        file.rows[3][0] = vec![first, 0, 0, 0, 0, 0, 0, 0];
        let expected = "row 4, column \"SEQN\": expected a number or one of SAS' missing values, found an exponent without \
                        a fraction";
        assert_eq!(message(&file.bytes()), expected);
    }
    let mut file = sample(5, 0);
    file.rows[1][2] = [SECRET.as_bytes(), &[0xe9]].concat();
    let expected = "row 2, column \"NOTE\": expected text in UTF-8, found other bytes";
    assert_eq!(message(&file.bytes()), expected);
}

#[test]
fn blanks_in_place_of_rows_are_an_error() {
    let mut file = sample(40, 0);
    file.rows[7] = vec![b" ".repeat(8), b"   ".to_vec(), vec![]];
    assert_eq!(message(&file.bytes()), "row 8: expected numbers, found blanks");
    // Whole records of them behind the rows.
    for wide in [0, 100] {
        let mut bytes = sample(40, wide).bytes();
        bytes.extend([b' '; 160]);
        let message = message(&bytes);
        assert!(message.starts_with("row 41: expected "), "{message}");
    }
}

#[test]
fn several_data_sets_are_an_error() {
    for (first, second) in [(0, 0), (0, 3), (160, 2), (7, 7)] {
        let bytes = [sample(first, 0).bytes(), sample(second, 100).data_set()].concat();
        assert_eq!(message(&bytes), "content: expected one data set, found several");
    }
}

#[test]
fn something_behind_the_rows_is_an_error() {
    let file = sample(3, 0);
    // 69 bytes of rows in a record: the 11 blanks behind them must be blank.
    for at in 0..11 {
        let mut bytes = file.bytes();
        let end = bytes.len();
        bytes[end - 1 - at] = b'x';
        assert_eq!(message(&bytes), "row 4: expected 23 bytes, found 11: the file is truncated");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// `read` checks the message; a table that comes out all the same has finite numbers and the columns' lengths.
    #[test]
    fn flipped_bytes_never_panic(
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in proptest::option::weighted(0.2, any::<prop::sample::Index>()),
        wide in prop::sample::select(vec![0u16, 100]),
    ) {
        let mut bytes = sample(12, wide).bytes();
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

    #[test]
    fn random_headers_never_panic(
        record in 0usize..15,
        content in proptest::collection::vec(any::<u8>(), 80),
        from in 0usize..80,
    ) {
        let mut bytes = sample(12, 0).bytes();
        bytes[record * 80 + from..(record + 1) * 80].copy_from_slice(&content[from..]);
        let _ = read(&bytes);
    }

    #[test]
    fn random_rows_never_panic(body in proptest::collection::vec(any::<u8>(), 0..400)) {
        let mut bytes = sample(0, 0).bytes();
        bytes.extend(&body);
        bytes.resize(bytes.len().next_multiple_of(80), b' ');
        if let Ok(table) = read(&bytes) {
            let numbers = table.numbers("SEQN").unwrap();
            prop_assert!(numbers.iter().all(|value| value.as_number().is_none_or(f64::is_finite)));
        }
    }
}
