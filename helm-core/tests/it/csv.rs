//! CSV files, sound and hostile.

use helm_core::{Cells, Error, Table, read_csv};
use proptest::prelude::*;

use crate::file;

const NAME: &str = "a.csv";

fn read(text: impl AsRef<[u8]>) -> Result<Table, Error> {
    file::read(NAME, text.as_ref(), read_csv)
}

fn message(text: impl AsRef<[u8]>) -> String {
    let message = read(text).unwrap_err().to_string();
    message.split_once(NAME).unwrap().1.trim_start_matches(": ").to_owned()
}

fn texts<'a>(table: &'a Table, column: &str) -> Vec<Option<&'a str>> {
    match &table.column(column).unwrap().cells {
        Cells::Text(texts) => texts.iter().map(Option::as_deref).collect(),
        _ => panic!("{column} is no text"),
    }
}

#[test]
fn byte_order_marks_and_line_ends() {
    for text in [
        "id,x\n1,2.5\n2,\n",
        "id,x\r\n1,2.5\r\n2,\r\n",
        "id,x\r1,2.5\r2,\r",
        "id,x\n1,2.5\n2,",
        "\u{feff}id,x\n1,2.5\n2,\n\n\n",
        "\u{feff}\"id\",\" x \"\r\n\"1\",\"2.5\"\r\n\"2\",\"\"\r\n\r\n",
        " id ,x\n1, 2.5 \n2, \n",
    ] {
        let table = read(text).unwrap();
        assert_eq!((table.name(), table.n_rows()), (NAME, 2), "{text:?}");
        let ids: Vec<String> = table.participants("id").unwrap().iter().map(|id| id.as_str().to_owned()).collect();
        assert_eq!(ids, ["1", "2"], "{text:?}");
        let numbers: Vec<_> = table.numbers("X").unwrap().iter().map(|value| value.as_number()).collect();
        assert_eq!(numbers, [Some(2.5), None], "{text:?}");
    }
}

#[test]
fn quoted_cells_hold_commas_line_ends_and_quotes() {
    let table = read("id,note\n1,\"a, b\"\n2,\"two\r\nlines\n\n\"\n3,\"say \"\"yes\"\"\"\n4,5'11\"\n5,ü\n").unwrap();
    let expected = ["a, b", "two\r\nlines\n\n", "say \"yes\"", "5'11\"", "ü"].map(Some);
    assert_eq!(texts(&table, "note"), expected);
    let header = read("\u{feff}\"two\n\nlines\",x\n1,2\n").unwrap();
    assert_eq!(header.columns()[0].name, "two\n\nlines");
}

#[test]
fn numbers_that_are_none_are_named_and_not_shown() {
    for (cell, expected) in [
        ("NaN", "expected a finite number or an empty cell, found NaN or infinity"),
        ("inf", "expected a finite number or an empty cell, found NaN or infinity"),
        ("-1e400", "expected a finite number or an empty cell, found NaN or infinity"),
        ("secret", "expected a number or an empty cell, found text"),
        ("12 345", "expected a number or an empty cell, found text"),
        ("\"1,5\"", "expected a number or an empty cell, found text"),
    ] {
        let table = read(format!("id,x\n1,2\n2,{cell}\n3,4\n")).unwrap();
        let error = table.numbers("x").unwrap_err();
        assert_eq!(error.to_string(), format!("a.csv: row 2, column \"x\": {expected}"));
        assert!(!format!("{error:?}").contains("secret"));
    }
}

#[test]
fn ragged_rows_are_errors() {
    assert_eq!(message("a,b,c\n1,2,3\n4,5\n"), "row 2: expected 3 cells, found 2");
    assert_eq!(message("a,b,c\n1,2,3,\n"), "row 1: expected 3 cells, found 4");
    assert_eq!(message("a,b\n\"x\ny\",2\n3\n"), "row 2: expected 2 cells, found 1");
    assert_eq!(message("a,b\n1,2\n\n3,4\n"), "row 2: expected a row, found an empty line");
    assert_eq!(message("a\n1\n\n3\n"), "row 2: expected a row, found an empty line");
    assert_eq!(message("\n\na,b\n1,2\n"), "header: expected a row, found an empty line");
    assert_eq!(message("a;b\n1,5;2\n"), "row 1: expected 1 cells, found 2");
}

#[test]
fn quotes_out_of_place_are_errors() {
    // A parser that lets this pass reads one row here, not three.
    let open = "a,b\n1,\"x\n2,y\n3,z\n";
    assert_eq!(message(open), "row 1: expected a closing quote, found the end of the file");
    assert_eq!(message("a,\"b\n1,2\n"), "header: expected a closing quote, found the end of the file");
    assert_eq!(message("a,b\n\"1\"2,3\n"), "row 1: expected a comma or a line end behind a quote, found text");
}

#[test]
fn headers_must_name_columns() {
    for empty in ["", "\u{feff}", "\n\n\r\n", ",,\n1,2,3\n", "  \n"] {
        assert_eq!(message(empty), "header: expected the columns' names, found nothing");
    }
    // No header at all: nothing of the first row is shown.
    assert_eq!(message("62161,0,43.21\n62163,1,39.9\n"), "header: expected the columns' names, found numbers only");
    assert_eq!(read("id,x\n").unwrap().n_rows(), 0);
    assert_eq!(read("id,x").unwrap().columns().len(), 2);
    for twice in ["id,x,x\n", "id,Age,AGE\n", "id, x,x\n", "id,,\n"] {
        assert!(matches!(read(twice), Err(Error::DuplicateName { what: "column", .. })), "{twice:?}");
    }
    // Only one column may go without a name, as row numbers do that some programs write.
    assert_eq!(read(",x\n0,5\n").unwrap().columns()[0].name, "");
}

#[test]
fn other_encodings_are_errors() {
    assert_eq!(message(b"id,caf\xe9\n1,2\n"), "header: expected UTF-8 text, found other bytes");
    assert_eq!(message(b"id,note\n1,a\n2,caf\xe9\n"), "row 2, column \"note\": expected UTF-8 text, found other bytes");
    let utf_16: Vec<u8> = "\u{feff}id,x\n1,2\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(message(utf_16), "header: expected UTF-8 text, found other bytes");
}

#[test]
fn files_that_are_not_there_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path().join("none.csv"), folder.path().to_owned()] {
        let error = read_csv(&path).unwrap_err();
        assert!(matches!(error, Error::Io { .. }));
        assert!(error.to_string().starts_with(&path.display().to_string()), "{error}");
    }
}

/// Cells of all that has a meaning in CSV, and of what has none.
fn cells() -> impl Strategy<Value = Vec<Vec<String>>> {
    let cell = proptest::collection::vec(prop::sample::select(vec!["a", "1", ",", "\"", "\n", "\r\n", " ", "é"]), 0..6);
    (1usize..5).prop_flat_map(move |width| {
        proptest::collection::vec(proptest::collection::vec(cell.clone().prop_map(|parts| parts.concat()), width), 0..8)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_is_quoted_comes_back(rows in cells()) {
        let width = rows.first().map_or(1, Vec::len);
        let mut text: String = (0..width).map(|i| format!("c{i}")).collect::<Vec<_>>().join(",") + "\n";
        for row in &rows {
            let quoted: Vec<String> = row.iter().map(|cell| format!("\"{}\"", cell.replace('"', "\"\""))).collect();
            text += &(quoted.join(",") + "\r\n");
        }
        let table = read(&text).unwrap();
        prop_assert_eq!(table.n_rows(), rows.len());
        for column in 0..width {
            let expected: Vec<_> = rows.iter().map(|row| Some(row[column].as_str()).filter(|cell| !cell.is_empty())).collect();
            prop_assert_eq!(texts(&table, &format!("c{column}")), expected);
        }
    }

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(
        prop_oneof![3 => prop::sample::select(b"a1,\"\n\r \t;".to_vec()), 1 => any::<u8>()],
        0..80,
    )) {
        if let Ok(table) = read(&bytes) {
            for column in table.columns() {
                prop_assert_eq!(column.cells.len(), table.n_rows());
                let _ = table.numbers(&column.name);
                let _ = table.participants(&column.name);
            }
        }
    }
}
