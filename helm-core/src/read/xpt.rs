use std::io::Cursor;
use std::path::Path;

use sas_xport::sas::SasMissingValue;
use sas_xport::sas::xport::{XportDataset, XportError, XportFileVersion, XportReader, XportSchema, XportValue};

use super::{file_name, read_bytes};
use crate::{Cells, Error, MissingReason, Table, TableColumn, Value};

/// SAS transport files consist of records of this many bytes.
const RECORD: usize = 80;

/// Reads a SAS transport file (XPORT version 5, the format of NHANES) with one data set.
///
/// The format is SAS Institute's TS-140, "Record Layout of a SAS Version 5 or 6 Data Set in SAS Transport Format".
/// Numbers are IBM hexadecimal floats of up to 8 bytes; every one that f64 can hold is converted exactly, and the
/// IBM zero is 0. SAS' missing value `.` becomes [`MissingReason::NotRecorded`], `.A` to `.Z` and `._`
/// [`MissingReason::SasCode`]. Blanks at the end of text are cut off, and empty text is missing.
///
/// The format has no count of rows: the length of the file is checked against the length of a row instead, so that a
/// truncated file is an error even where it ends between two records.
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
/// [`Error::Io`]; [`Error::Format`] if the file is none of version 5, holds no or several data sets, or its header
/// lies; [`Error::Truncated`] if it ends early.
pub fn read_xpt(path: &Path) -> Result<Table, Error> {
    let bytes = read_bytes(path)?;
    let format = |place: &str, expected: &str, found: String| Error::Format {
        path: path.into(),
        place: place.into(),
        expected: expected.into(),
        found,
    };
    let broken = |error: XportError| format("content", "a SAS transport file", error.to_string());
    if !bytes.starts_with(b"HEADER RECORD*******LIB") {
        let found = if bytes.is_empty() { "an empty file" } else { "another" };
        return Err(format("first record", "the library header of a SAS transport file", found.into()));
    }
    if !bytes.len().is_multiple_of(RECORD) {
        return Err(Error::Truncated {
            path: path.into(),
            place: "last record".into(),
            expected_bytes: RECORD as u64,
            found_bytes: (bytes.len() % RECORD) as u64,
        });
    }
    let reader = XportReader::from_reader(Cursor::new(&bytes)).map_err(broken)?;
    if reader.metadata().file_version() != XportFileVersion::V5 {
        return Err(format("library header", "version 5", "version 8".into()));
    }
    let none = || format("content", "one data set", "none".into());
    let mut dataset = reader.next_dataset().map_err(broken)?.ok_or_else(none)?;
    let layout = Layout::of(dataset.schema());
    if layout.row == 0 {
        return Err(format("variable descriptors", "variables of at least one byte", "none".into()));
    }
    for variable in dataset.schema().variables() {
        let numeric = variable.value_type() == sas_xport::sas::SasVariableType::Numeric;
        if numeric && !(2..=8).contains(&variable.value_length()) {
            let found = format!("{} for {}", variable.value_length(), variable.short_name());
            return Err(format("variable descriptors", "numbers of 2 to 8 bytes", found));
        }
    }
    let columns = read_columns(&mut dataset).map_err(broken)?;
    let n_rows = columns.first().map_or(0, |column| column.cells.len());
    if dataset.next_dataset().map_err(broken)?.is_some() {
        return Err(format("content", "one data set", "several".into()));
    }
    // Behind the last row stand blanks up to the end of a record.
    let end = layout.header + n_rows * layout.row;
    let rest = bytes.get(end..).unwrap_or_default();
    if end > bytes.len() || rest.iter().any(|&byte| byte != b' ') {
        return Err(Error::Truncated {
            path: path.into(),
            place: format!("row {}", n_rows + usize::from(end <= bytes.len())),
            expected_bytes: layout.row as u64,
            found_bytes: (bytes.len().saturating_sub(layout.header) % layout.row) as u64,
        });
    }
    Table::new(file_name(path), columns)
}

/// Where the rows begin, and how long each is, in bytes.
struct Layout {
    header: usize,
    row: usize,
}

impl Layout {
    fn of(schema: &XportSchema) -> Self {
        let descriptors = schema.variables().len() * usize::from(schema.variable_descriptor_length());
        // Library: a header and two records; data set: two headers and two records; a header each in front of the
        // descriptors and of the rows.
        let header = (3 + 4 + 1 + 1) * RECORD + descriptors.next_multiple_of(RECORD);
        Self { header, row: schema.variables().iter().map(|variable| usize::from(variable.value_length())).sum() }
    }
}

fn read_columns(dataset: &mut XportDataset<Cursor<&Vec<u8>>>) -> Result<Vec<TableColumn>, XportError> {
    let mut columns: Vec<TableColumn> = dataset
        .schema()
        .variables()
        .iter()
        .map(|variable| TableColumn {
            name: variable.short_name().to_owned(),
            label: Some(variable.short_label().to_owned()).filter(|label| !label.is_empty()),
            cells: match variable.value_type() {
                sas_xport::sas::SasVariableType::Numeric => Cells::Numbers(Vec::new()),
                _ => Cells::Text(Vec::new()),
            },
        })
        .collect();
    while let Some(record) = dataset.next_record()? {
        for (column, value) in columns.iter_mut().zip(record.iter()) {
            match (&mut column.cells, value) {
                (Cells::Numbers(cells), XportValue::Number(number)) => cells.push(number_or_missing(*number)),
                (Cells::Text(cells), XportValue::Character(text)) => {
                    cells.push(Some(text.trim_end().to_owned()).filter(|text| !text.is_empty()));
                }
                // The reader yields each variable's own type.
                (Cells::Numbers(cells), XportValue::Character(_)) => {
                    cells.push(Value::Missing(MissingReason::NotRecorded));
                }
                (Cells::Text(cells), XportValue::Number(_)) => cells.push(None),
            }
        }
    }
    Ok(columns)
}

fn number_or_missing(number: f64) -> Value {
    if number.is_finite() {
        return Value::Number(number);
    }
    match SasMissingValue::try_from_f64(number).map(|missing| missing.code()) {
        Some(code) if code != b'.' => Value::Missing(MissingReason::SasCode(char::from(code))),
        _ => Value::Missing(MissingReason::NotRecorded),
    }
}
