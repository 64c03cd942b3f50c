use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use crate::extent::Extent;
use crate::{Error, MissingReason, ParticipantId, Value};

/// The columns of one file as it was read, before a schema gives them meaning.
///
/// Every reader (SAS transport, CSV, Parquet, the mortality file) yields a `Table`; a cohort is built from one or several.
/// Columns are found by name, whatever the case of its letters. `Debug` shows sizes and column names only.
///
/// ```
/// use helm_core::{Cells, Table, TableColumn, Value};
///
/// let bmi = TableColumn {
///     name: "BMXBMI".into(),
///     label: Some("Body mass index (kg/m²)".into()),
///     cells: Cells::Numbers(vec![Value::Number(23.5)]),
/// };
/// let table = Table::new("BMX_G.XPT", vec![bmi])?;
/// assert_eq!(table.numbers("bmxbmi")?[0].as_number(), Some(23.5));
/// assert!(table.numbers("BMXHT").unwrap_err().to_string().contains("BMXHT"));
/// # Ok::<(), helm_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Table {
    name: String,
    columns: Vec<TableColumn>,
    /// Of each column.
    #[cfg_attr(not(feature = "schema-file"), expect(dead_code, reason = "a schema asks for them"))]
    extents: Vec<Extent>,
    n_rows: usize,
    first_row: usize,
}

/// One column of a [`Table`].
#[derive(Clone)]
pub struct TableColumn {
    /// The column's name as the file has it.
    pub name: String,
    /// The column's label, where the format has one.
    pub label: Option<String>,
    /// The cells, one a row.
    pub cells: Cells,
}

/// The cells of a column: numbers, text or lists of numbers, as the file stores them.
#[derive(Clone)]
#[non_exhaustive]
pub enum Cells {
    /// Numbers; each is a finite [`Value::Number`] or [`Value::Missing`].
    Numbers(Vec<Value>),
    /// Text; an empty cell is `None`.
    Text(Vec<Option<String>>),
    /// Lists of numbers, such as the samples of a signal; no list is `None`.
    Lists(Vec<Option<Vec<f32>>>),
}

impl Cells {
    /// How many cells there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Numbers(cells) => cells.len(),
            Self::Text(cells) => cells.len(),
            Self::Lists(cells) => cells.len(),
        }
    }

    /// Whether there is no cell.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Table {
    /// A table of columns of one length.
    ///
    /// # Errors
    /// [`Error::Length`] where a column is shorter or longer than the first, [`Error::DuplicateName`] where two share
    /// a name, [`Error::Cell`] where a cell of numbers is a category, NaN or infinity.
    pub fn new(name: impl Into<String>, columns: Vec<TableColumn>) -> Result<Self, Error> {
        let extents = columns.iter().map(|column| Extent::of(&column.cells)).collect();
        let table = Self::measured(name.into(), columns, extents)?;
        for column in &table.columns {
            let Cells::Numbers(numbers) = &column.cells else { continue };
            for (row, &value) in numbers.iter().enumerate() {
                let found = match value {
                    Value::Missing(_) => continue,
                    Value::Number(number) if number.is_finite() => continue,
                    Value::Number(_) => "NaN or infinity",
                    Value::Level(_) => value.kind(),
                };
                return Err(table.cell_error(row, column, "a finite number or a missing value", found));
            }
        }
        Ok(table)
    }

    /// A table whose numbers are known to be finite, and from which to which they are.
    pub(crate) fn measured(name: String, columns: Vec<TableColumn>, extents: Vec<Extent>) -> Result<Self, Error> {
        let n_rows = columns.first().map_or(0, |column| column.cells.len());
        let mut seen = HashSet::new();
        for column in &columns {
            if column.cells.len() != n_rows {
                return Err(Error::Length {
                    what: "column",
                    name: column.name.clone(),
                    expected: n_rows,
                    found: column.cells.len(),
                });
            }
            if !seen.insert(column.name.to_ascii_lowercase()) {
                return Err(Error::DuplicateName { what: "column", name: column.name.clone(), place: name });
            }
        }
        Ok(Self { name, columns, extents, n_rows, first_row: 0 })
    }

    /// The same rows as a part of a longer file that starts at this row (from 0), so that messages tell the file's rows.
    #[cfg(any(feature = "csv", feature = "parquet"))]
    pub(crate) fn at_row(mut self, first_row: usize) -> Self {
        self.first_row = first_row;
        self
    }

    /// The row of the file (from 0) at which this table starts: 0, but for the later batches of a file.
    pub fn first_row(&self) -> usize {
        self.first_row
    }

    /// The file's name, for messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Rows.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// The columns in the order of the file.
    pub fn columns(&self) -> &[TableColumn] {
        &self.columns
    }

    /// The column of a name.
    ///
    /// # Errors
    /// [`Error::Unknown`] where the table has none, with the names there are.
    pub fn column(&self, name: &str) -> Result<&TableColumn, Error> {
        self.place(name).map(|place| &self.columns[place]).ok_or_else(|| {
            let names: Vec<&str> = self.columns.iter().map(|column| column.name.as_str()).collect();
            Error::Unknown { what: "column", name: name.into(), place: self.name.clone(), available: names.join(", ") }
        })
    }

    /// A column as numbers; text cells are parsed, an empty one is missing.
    ///
    /// # Errors
    /// [`Error::Unknown`] without such a column, [`Error::Cell`] where a text is not a finite number (`NaN` and `inf`
    /// are no numbers, and a missing value is an empty cell) or the column holds lists.
    pub fn numbers(&self, name: &str) -> Result<Cow<'_, [Value]>, Error> {
        let column = self.column(name)?;
        let wrong = |row, (expected, found)| self.cell_error(row, column, expected, found);
        match &column.cells {
            Cells::Numbers(numbers) => Ok(Cow::Borrowed(numbers)),
            Cells::Text(texts) => texts
                .iter()
                .enumerate()
                .map(|(row, text)| parse_number(text.as_deref()).map_err(|fault| wrong(row, fault)))
                .collect::<Result<Vec<_>, _>>()
                .map(Cow::Owned),
            Cells::Lists(_) => Err(wrong(0, ("a number", "a list of numbers"))),
        }
    }

    /// A column as participants' identifiers; whole numbers are written without a point.
    ///
    /// # Errors
    /// [`Error::Unknown`] without such a column, [`Error::Cell`] where an identifier is missing or blank,
    /// [`Error::DuplicateParticipant`] where one stands twice.
    pub fn participants(&self, name: &str) -> Result<Vec<ParticipantId>, Error> {
        let column = self.column(name)?;
        let missing = |row| self.cell_error(row, column, "a participant's identifier", "an empty cell");
        let ids: Vec<ParticipantId> =
            (0..self.n_rows).map(|row| column.identifier(row).ok_or_else(|| missing(row))).collect::<Result<_, _>>()?;
        ParticipantId::check_unique(&ids, &self.name)?;
        Ok(ids)
    }

    /// A column as identifiers, `None` where there is none.
    #[cfg(feature = "schema-file")]
    pub(crate) fn identifiers(&self, name: &str) -> Result<Vec<Option<ParticipantId>>, Error> {
        let column = self.column(name)?;
        Ok((0..self.n_rows).map(|row| column.identifier(row)).collect())
    }

    /// The numbers of a column and their extent; `None` where there is no such column, or it is none of numbers.
    #[cfg(feature = "schema-file")]
    pub(crate) fn measured_numbers(&self, name: &str) -> Option<(&[Value], Extent)> {
        let place = self.place(name)?;
        let Cells::Numbers(cells) = &self.columns[place].cells else { return None };
        Some((cells, self.extents[place]))
    }

    /// The numbers of a column, none where it has no numbers. They move out of a table of one's own, whose column is
    /// empty from then on, and are copied out of another's.
    #[cfg(feature = "schema-file")]
    pub(crate) fn take_numbers(table: &mut Cow<'_, Self>, name: &str) -> Vec<Value> {
        let Some(place) = table.place(name) else { return Vec::new() };
        match table {
            Cow::Owned(table) => match &mut table.columns[place].cells {
                Cells::Numbers(cells) => std::mem::take(cells),
                _ => Vec::new(),
            },
            Cow::Borrowed(table) => match &table.columns[place].cells {
                Cells::Numbers(cells) => cells.clone(),
                _ => Vec::new(),
            },
        }
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name.eq_ignore_ascii_case(name))
    }

    pub(crate) fn cell_error(&self, row: usize, column: &TableColumn, expected: &str, found: &str) -> Error {
        Error::Cell {
            file: self.name.clone(),
            row: self.first_row + row + 1,
            column: column.name.clone(),
            expected: expected.into(),
            found: found.into(),
        }
    }
}

impl TableColumn {
    /// A cell as an identifier; `None` where it is missing, blank or a list.
    pub(crate) fn identifier(&self, row: usize) -> Option<ParticipantId> {
        match &self.cells {
            Cells::Numbers(cells) => cells[row].as_number().map(ParticipantId::from_number),
            Cells::Text(cells) => cells[row].as_deref().filter(|text| !text.trim().is_empty()).map(ParticipantId::new),
            Cells::Lists(_) => None,
        }
    }
}

/// A text cell as a number; an empty one is missing. Otherwise what was expected and what found.
pub(crate) fn parse_number(text: Option<&str>) -> Result<Value, (&'static str, &'static str)> {
    match text.map(str::trim) {
        None | Some("") => Ok(Value::Missing(MissingReason::NotRecorded)),
        Some(text) => match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Value::Number(number)),
            Ok(_) => Err(("a finite number or an empty cell", "NaN or infinity")),
            Err(_) => Err(("a number or an empty cell", "text")),
        },
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Table({}: {} rows, columns {:?})", self.name, self.n_rows, self.columns)
    }
}

impl fmt::Debug for TableColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} <{:?}>", self.name, self.cells)
    }
}

impl fmt::Debug for Cells {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Numbers(_) => "numbers",
            Self::Text(_) => "texts",
            Self::Lists(_) => "lists",
        };
        write!(f, "{} {kind}", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, cells: Cells) -> TableColumn {
        TableColumn { name: name.into(), label: None, cells }
    }

    fn text(cells: &[&str]) -> Cells {
        Cells::Text(cells.iter().map(|&cell| Some(cell.to_owned()).filter(|cell| !cell.is_empty())).collect())
    }

    fn numbers(cells: &[f64]) -> Cells {
        Cells::Numbers(cells.iter().copied().map(Value::Number).collect())
    }

    #[test]
    fn text_is_parsed_when_numbers_are_asked_for() {
        let cells = text(&["1.5", " -2e3 ", "", "  ", "+.5", "0"]);
        let table = Table::new("a.csv", vec![column("x", cells)]).expect("a table");
        let parsed: Vec<Option<f64>> =
            table.numbers("X").expect("numbers").iter().map(|value| value.as_number()).collect();
        assert_eq!(parsed, [Some(1.5), Some(-2000.0), None, None, Some(0.5), Some(0.0)]);
    }

    #[test]
    fn text_that_is_no_number_is_an_error_that_hides_it() {
        for (cell, found) in [
            ("secret7", "text"),
            ("1,5", "text"),
            ("0x10", "text"),
            ("1_000", "text"),
            ("NA", "text"),
            ("nan", "NaN or infinity"),
            ("NaN", "NaN or infinity"),
            ("inf", "NaN or infinity"),
            ("-Infinity", "NaN or infinity"),
            ("1e999", "NaN or infinity"),
        ] {
            let table = Table::new("a.csv", vec![column("x", text(&["1", cell]))]).expect("a table");
            let error = table.numbers("x").expect_err("no number");
            assert!(matches!(&error, Error::Cell { row: 2, column, .. } if column == "x"), "{error}");
            let message = error.to_string();
            assert!(message.starts_with("a.csv: row 2, column \"x\": expected"), "{message}");
            assert!(message.ends_with(&format!("found {found}")), "{message}");
            assert!(found.to_lowercase().contains(&cell.to_lowercase()) || !message.contains(cell), "{message}");
        }
    }

    #[test]
    fn columns_of_other_lengths_names_and_values_are_errors() {
        let lengths = vec![column("a", numbers(&[1.0, 2.0])), column("b", numbers(&[1.0]))];
        assert!(matches!(Table::new("t", lengths), Err(Error::Length { expected: 2, found: 1, .. })));
        let names = vec![column("Age", numbers(&[1.0])), column("AGE", text(&["1"]))];
        assert!(matches!(Table::new("t", names), Err(Error::DuplicateName { what: "column", .. })));
        for bad in [Value::Number(f64::NAN), Value::Number(f64::INFINITY), Value::Level(0)] {
            let cells = Cells::Numbers(vec![Value::Missing(MissingReason::NotRecorded), bad]);
            assert!(matches!(Table::new("t", vec![column("a", cells)]), Err(Error::Cell { row: 2, .. })));
        }
        let table = Table::new("t", vec![column("a", numbers(&[1.0])), column("b", numbers(&[1.0]))]).expect("a table");
        let message = table.column("c").expect_err("no column").to_string();
        assert_eq!(message, "t: expected a column \"c\", found only a, b");
    }

    #[test]
    fn a_table_without_columns_has_no_rows() {
        let table = Table::new("t", vec![]).expect("a table");
        assert_eq!((table.n_rows(), table.columns().len()), (0, 0));
        assert!(numbers(&[]).is_empty() && !text(&["a"]).is_empty());
    }

    #[test]
    fn identifiers_of_numbers_and_text_are_the_same() {
        let table = Table::new(
            "t",
            vec![
                column("number", numbers(&[62161.0, 62163.5, 1e6])),
                column("text", text(&["62161", " 62163.5 ", "1000000"])),
            ],
        )
        .expect("a table");
        assert_eq!(
            table.participants("number").expect("identifiers"),
            table.participants("text").expect("identifiers")
        );
    }

    #[test]
    fn identifiers_that_are_missing_or_stand_twice_are_errors() {
        for cells in [
            text(&["a", ""]),
            text(&["a", "   "]),
            Cells::Numbers(vec![Value::Number(1.0), Value::Missing(MissingReason::SasCode('A'))]),
        ] {
            let table = Table::new("t", vec![column("id", cells)]).expect("a table");
            assert!(matches!(table.participants("id"), Err(Error::Cell { row: 2, .. })));
        }
        let table = Table::new("t.csv", vec![column("id", text(&["98765", "b", "98765 "]))]).expect("a table");
        let message = table.participants("id").expect_err("twice").to_string();
        assert_eq!(
            message,
            "t.csv: expected one row for each participant, found the participant of row 1 again in row 3"
        );
    }

    #[test]
    fn debug_shows_no_cell() {
        let columns = vec![column("id", text(&["98765"])), column("bmi", numbers(&[43.21]))];
        let table = Table::new("t.csv", columns).expect("a table");
        assert_eq!(format!("{table:?}"), "Table(t.csv: 1 rows, columns [id <1 texts>, bmi <1 numbers>])");
        assert_eq!(format!("{:?}", table.numbers("bmi").expect("numbers")), "[<a number>]");
    }
}
