use std::borrow::Cow;
use std::collections::HashSet;

use crate::{Error, MissingReason, ParticipantId, Value};

/// The columns of one file as it was read, before a schema gives them meaning.
///
/// Every reader (SAS transport, CSV, the mortality file) yields a `Table`; a cohort is built from one or several.
/// Columns are found by name, whatever the case of its letters. There is no `Debug`: a table holds participants' data.
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
    n_rows: usize,
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

/// The cells of a column: numbers or text, as the file stores them.
#[derive(Clone)]
pub enum Cells {
    /// Numbers; each is [`Value::Number`] or [`Value::Missing`].
    Numbers(Vec<Value>),
    /// Text; an empty cell is `None`.
    Text(Vec<Option<String>>),
}

impl Cells {
    /// How many cells there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Numbers(cells) => cells.len(),
            Self::Text(cells) => cells.len(),
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
    /// a name.
    pub fn new(name: impl Into<String>, columns: Vec<TableColumn>) -> Result<Self, Error> {
        let name = name.into();
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
        Ok(Self { name, columns, n_rows })
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
        self.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name)).ok_or_else(|| {
            let names: Vec<&str> = self.columns.iter().map(|column| column.name.as_str()).collect();
            Error::Unknown { what: "column", name: name.into(), place: self.name.clone(), available: names.join(", ") }
        })
    }

    /// A column as numbers; text cells are parsed, an empty one is missing.
    ///
    /// # Errors
    /// [`Error::Unknown`] without such a column, [`Error::Cell`] where a text is not a finite number: `NaN` and
    /// `inf` are no numbers, and a missing value is an empty cell.
    pub fn numbers(&self, name: &str) -> Result<Cow<'_, [Value]>, Error> {
        let column = self.column(name)?;
        match &column.cells {
            Cells::Numbers(numbers) => Ok(Cow::Borrowed(numbers)),
            Cells::Text(texts) => texts
                .iter()
                .enumerate()
                .map(|(row, text)| match text.as_deref().map(str::trim) {
                    None | Some("") => Ok(Value::Missing(MissingReason::NotRecorded)),
                    Some(text) => match text.parse::<f64>() {
                        Ok(number) if number.is_finite() => Ok(Value::Number(number)),
                        Ok(_) => Err(self.cell_error(row, column, "a finite number or an empty cell", "NaN or infinity")),
                        Err(_) => Err(self.cell_error(row, column, "a number or an empty cell", "text")),
                    },
                })
                .collect::<Result<Vec<_>, _>>()
                .map(Cow::Owned),
        }
    }

    /// A column as participants' identifiers; whole numbers are written without a point.
    ///
    /// # Errors
    /// [`Error::Unknown`] without such a column, [`Error::Cell`] where an identifier is missing,
    /// [`Error::DuplicateParticipant`] where one stands twice.
    pub fn participants(&self, name: &str) -> Result<Vec<ParticipantId>, Error> {
        let column = self.column(name)?;
        let missing = |row| self.cell_error(row, column, "a participant's identifier", "an empty cell");
        let ids: Vec<ParticipantId> = match &column.cells {
            Cells::Numbers(numbers) => numbers
                .iter()
                .enumerate()
                .map(|(row, value)| value.as_number().map(ParticipantId::from_number).ok_or_else(|| missing(row)))
                .collect::<Result<_, _>>()?,
            Cells::Text(texts) => texts
                .iter()
                .enumerate()
                .map(|(row, text)| text.as_deref().map(ParticipantId::new).ok_or_else(|| missing(row)))
                .collect::<Result<_, _>>()?,
        };
        ParticipantId::check_unique(&ids, &self.name)?;
        Ok(ids)
    }

    fn cell_error(&self, row: usize, column: &TableColumn, expected: &str, found: &str) -> Error {
        Error::Cell {
            file: self.name.clone(),
            row: row + 1,
            column: column.name.clone(),
            expected: expected.into(),
            found: found.into(),
        }
    }
}
