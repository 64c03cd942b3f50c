//! SAS transport files that are as they should be.

use std::io::Cursor;

use helm_core::{Cells, Error, MissingReason, ReadOptions, Table, TableReader, Value, read_xpt};
use proptest::prelude::*;
use sas_xport::sas::xport::{XportReader, XportValue};

use crate::file;
use crate::xpt_file::{Var, XptFile, ibm};

fn read(file: &XptFile) -> Table {
    file::read("good.xpt", &file.bytes(), read_xpt).unwrap()
}

fn texts(table: &Table, column: &str) -> Vec<Option<String>> {
    match &table.column(column).unwrap().cells {
        Cells::Text(texts) => texts.clone(),
        _ => panic!("{column} is no text"),
    }
}

#[test]
fn a_small_file_is_read_as_it_was_written() {
    let vars = vec![Var::number("SEQN", 8), Var::text("GRADE", 3), Var::number("SHORT", 3)];
    let rows = vec![
        vec![ibm(62161.0), b"A".to_vec(), ibm(2.5)[..3].to_vec()],
        vec![ibm(62162.0), b"".to_vec(), b".\0\0".to_vec()],
        vec![ibm(-0.1), b" B ".to_vec(), b"Z\0\0".to_vec()],
        vec![vec![0; 8], "é".into(), vec![0; 3]],
    ];
    let table = read(&XptFile::new(vars, rows));
    assert_eq!((table.name(), table.n_rows()), ("good.xpt", 4));
    let names: Vec<&str> = table.columns().iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["SEQN", "GRADE", "SHORT"]);
    assert_eq!(table.columns()[2].label.as_deref(), Some("label of SHORT"));
    assert_eq!(*table.numbers("SEQN").unwrap(), [62161.0, 62162.0, -0.1, 0.0].map(Value::Number));
    assert_eq!(texts(&table, "GRADE"), [Some("A".into()), None, Some(" B".into()), Some("é".into())]);
    let short = [
        Value::Number(2.5),
        Value::Missing(MissingReason::NotRecorded),
        Value::Missing(MissingReason::SasCode('Z')),
        Value::Number(0.0),
    ];
    assert_eq!(*table.numbers("SHORT").unwrap(), short);
}

#[test]
fn numbers_of_2_to_8_bytes() {
    for length in 2..=8 {
        let cut = |number: f64| ibm(number)[..usize::from(length)].to_vec();
        let numbers = [1.0, -15.0, 0.0, 4096.0, 1.0 / 256.0];
        let mut rows: Vec<_> = numbers.iter().map(|&number| vec![cut(number)]).collect();
        let mut expected = numbers.map(Value::Number).to_vec();
        for code in (b'A'..=b'Z').chain([b'_', b'.']) {
            let mut cell = vec![0; length.into()];
            cell[0] = code;
            rows.push(vec![cell]);
            let reason = if code == b'.' { MissingReason::NotRecorded } else { MissingReason::SasCode(code.into()) };
            expected.push(Value::Missing(reason));
        }
        let table = read(&XptFile::new(vec![Var::number("X", length)], rows));
        assert_eq!(*table.numbers("X").unwrap(), expected, "{length} bytes");
    }
}

/// What sas_xport 0.4.1 takes for infinity, and what it and we take for numbers.
#[test]
fn the_largest_numbers_are_numbers() {
    let cells = [[0x7f, 0xff], [0xff, 0xff], [0x41, 0xff], [0x00, 0xff]].map(|[first, rest]: [u8; 2]| {
        let mut cell = vec![rest; 8];
        cell[0] = first;
        vec![cell]
    });
    let table = read(&XptFile::new(vec![Var::number("X", 8)], cells.to_vec()));
    let fraction = 1.0 - 2f64.powi(-53);
    let expected = [63, 63, 1, -64].map(|exponent| fraction * 16f64.powi(exponent));
    let expected = [expected[0], -expected[1], expected[2], expected[3]].map(Value::Number);
    assert_eq!(*table.numbers("X").unwrap(), expected);
}

#[test]
fn a_data_set_may_have_no_row() {
    let table = read(&XptFile::new(vec![Var::number("X", 8), Var::text("T", 9)], vec![]));
    assert_eq!((table.n_rows(), table.columns().len()), (0, 2));
}

#[test]
fn descriptors_of_vax_vms_are_shorter() {
    let vars = vec![Var::number("A", 8), Var::text("B", 4), Var::number("C", 4)];
    let mut file = XptFile::new(vars, vec![vec![ibm(1.0), b"b".to_vec(), ibm(2.0)[..4].to_vec()]; 7]);
    file.descriptor_length = "0136".into();
    let table = read(&file);
    assert_eq!(*table.numbers("C").unwrap(), [Value::Number(2.0); 7]);
    assert_eq!(texts(&table, "B"), vec![Some("b".to_owned()); 7]);
}

#[test]
fn empty_names_of_labels_and_rows_of_empty_text() {
    let mut var = Var::text("T", 30);
    var.label = vec![];
    // Of rows at the end that are blank, as many stay as the records need.
    for (length, n_rows) in [(30, 6), (20, 5), (10, 4), (80, 6)] {
        var.length = length;
        let rows = ["a", "", "", "b", "", ""].map(|text| vec![text.into()]);
        let table = read(&XptFile::new(vec![var.clone()], rows.to_vec()));
        assert_eq!(table.columns()[0].label, None);
        assert_eq!(table.n_rows(), n_rows, "{length} bytes");
        assert_eq!(texts(&table, "T")[..4], [Some("a".into()), None, None, Some("b".into())]);
    }
}

/// An f64 in IBM's range, from 16^-65 to 16^63, with all its bits.
fn ibm_number() -> impl Strategy<Value = f64> {
    (any::<bool>(), -260i64..252, 0u64..1 << 52).prop_map(|(is_negative, power, fraction)| {
        f64::from_bits((u64::from(is_negative) << 63) | (((power + 1023) as u64) << 52) | fraction)
    })
}

/// A variable and its cells, which never are blank or numbers that f64 can't hold exactly.
fn column() -> impl Strategy<Value = (bool, u16, Vec<Vec<u8>>)> {
    let number = (2u16..=8).prop_flat_map(|length| {
        let full = ibm_number().prop_map(ibm);
        let code = prop::sample::select(b"._ABCMZ".to_vec()).prop_map(|code| vec![code, 0, 0, 0, 0, 0, 0, 0]);
        let cell = prop_oneof![6 => full, 1 => code, 1 => Just(vec![0; 8])];
        let cut = move |mut cell: Vec<u8>| {
            cell.truncate(length.into());
            // A fraction that was cut to nothing would be another thing.
            if cell[1..].iter().all(|&byte| byte == 0) && !matches!(cell[0], 0 | b'.' | b'_' | b'A'..=b'Z') {
                cell[1] = 1;
            }
            cell
        };
        (Just(true), Just(length), proptest::collection::vec(cell.prop_map(cut), 40))
    });
    let text = (1u16..=200).prop_flat_map(|length| {
        let cell = proptest::collection::vec(prop::sample::select(b"abcXYZ019 -.,".to_vec()), 0..=length.into());
        (Just(false), Just(length), proptest::collection::vec(cell, 40))
    });
    prop_oneof![2 => number, 1 => text]
}

fn files() -> impl Strategy<Value = XptFile> {
    (0usize..=40, proptest::collection::vec(column(), 1..12)).prop_map(|(n_rows, columns)| {
        // The first column keeps rows from being blank.
        let (mut vars, mut cells) =
            (vec![Var::number("SEQN", 8)], vec![(0..40).map(|i| ibm(f64::from(i) + 1.0)).collect()]);
        for (index, (is_number, length, column)) in columns.into_iter().enumerate() {
            let name = format!("V{index}");
            vars.push(if is_number { Var::number(&name, length) } else { Var::text(&name, length) });
            cells.push(column);
        }
        let rows = (0..n_rows).map(|row| cells.iter().map(|column: &Vec<Vec<u8>>| column[row].clone()).collect());
        XptFile::new(vars, rows.collect())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn every_f64_in_range_comes_back(numbers in proptest::collection::vec(ibm_number(), 1..40)) {
        let rows = numbers.iter().map(|&number| vec![ibm(number)]).collect();
        let table = read(&XptFile::new(vec![Var::number("X", 8)], rows));
        let found: Vec<u64> =
            table.numbers("X").unwrap().iter().map(|value| value.as_number().unwrap().to_bits()).collect();
        prop_assert_eq!(found, numbers.iter().map(|number| number.to_bits()).collect::<Vec<_>>());
    }

    #[test]
    fn another_reader_agrees(file in files()) {
        agrees_with_sas_xport(&file.bytes(), &read(&file));
    }
}

/// Compares every name, label and cell with those of sas_xport.
pub(crate) fn agrees_with_sas_xport(bytes: &[u8], table: &Table) {
    let mut other = XportReader::from_reader(Cursor::new(bytes)).unwrap().next_dataset().unwrap().unwrap();
    assert_eq!(other.schema().variables().len(), table.columns().len());
    for (variable, column) in other.schema().variables().iter().zip(table.columns()) {
        assert_eq!(variable.short_name(), column.name);
        assert_eq!(variable.short_label(), column.label.as_deref().unwrap_or_default());
    }
    let mut row = 0;
    while let Some(record) = other.next_record().unwrap() {
        for (theirs, column) in record.iter().zip(table.columns()) {
            let agrees = match (theirs, &column.cells) {
                (XportValue::Number(number), Cells::Numbers(cells)) => match cells[row] {
                    Value::Number(ours) => ours.to_bits() == number.to_bits(),
                    Value::Missing(MissingReason::NotRecorded) => number.is_nan() && missing_code(*number) == '.',
                    Value::Missing(MissingReason::SasCode(code)) => number.is_nan() && missing_code(*number) == code,
                    _ => false,
                },
                (XportValue::Character(text), Cells::Text(cells)) => cells[row].as_deref().unwrap_or_default() == *text,
                _ => false,
            };
            assert!(agrees, "{}: row {}, column {} differs", table.name(), row + 1, column.name);
        }
        row += 1;
    }
    assert_eq!(row, table.n_rows());
}

/// The code of a missing value: sas_xport keeps its complement in the third byte of a NaN.
fn missing_code(number: f64) -> char {
    char::from(!number.to_be_bytes()[2])
}

/// Rows of several batches are those of the whole, also where a row ends inside of a record.
#[test]
fn batches_are_the_whole_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("people.xpt");
    let rows: Vec<Vec<Vec<u8>>> = (0..25u8).map(|i| vec![vec![0x42, i + 1, 0, 0], vec![b'a' + i]]).collect();
    let file = XptFile::new(vec![Var::number("SEQN", 4), Var::text("NAME", 7)], rows);
    std::fs::write(&path, file.bytes()).unwrap();
    let whole = helm_core::read_xpt(&path).unwrap();
    assert_eq!(whole.n_rows(), 25);
    for rows_per_batch in [1, 7, 25, 100] {
        let options = ReadOptions { rows_per_batch, ..ReadOptions::default() };
        let batches: Vec<Table> = TableReader::open_columns(&path, &options, &|name| name == "SEQN")
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        assert_eq!(batches.len(), 25usize.div_ceil(rows_per_batch));
        assert!(batches.iter().all(|batch| batch.columns().len() == 1));
        let numbers: Vec<_> = batches.iter().flat_map(|batch| batch.numbers("SEQN").unwrap().to_vec()).collect();
        assert_eq!(numbers, whole.numbers("SEQN").unwrap().to_vec());
        assert_eq!(batches.last().unwrap().first_row(), 24 / rows_per_batch * rows_per_batch);
    }
    // An error in a later batch names the row of the file.
    let mut bytes = file.bytes();
    let at = file.header_length() + 20 * file.row_length();
    bytes[at..at + 4].copy_from_slice(&[0x70, 0, 0, 0]);
    std::fs::write(&path, bytes).unwrap();
    let options = ReadOptions { rows_per_batch: 7, ..ReadOptions::default() };
    let error = TableReader::open(&path, &options).unwrap().find_map(Result::err).unwrap();
    assert!(matches!(error, Error::Cell { row: 21, .. }), "{error}");
}
