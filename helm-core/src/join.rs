use std::collections::{HashMap, HashSet};

use crate::{Cells, Error, MissingReason, ParticipantId, Table, TableColumn, Value};

impl Table {
    /// This table with the columns of others, found by participant: all rows of this one, in their order. A participant
    /// whom another table lacks has its columns missing ([`MissingReason::NoRow`] for numbers). `id` is the column of
    /// identifiers in all of them; numbers join with text, and `62161.0` with `62161`.
    ///
    /// ```
    /// use helm_core::{Cells, Table, TableColumn, Value};
    ///
    /// let column = |name: &str, cells| TableColumn { name: name.into(), label: None, cells };
    /// let numbers = |cells: &[f64]| Cells::Numbers(cells.iter().copied().map(Value::Number).collect());
    /// let survey = Table::new("survey", vec![column("id", numbers(&[1.0, 2.0])), column("age", numbers(&[54.0, 31.0]))])?;
    /// let texts = Cells::Text(vec![Some("2.0".into()), Some("3".into())]);
    /// let lab = Table::new("lab", vec![column("id", texts), column("hdl", numbers(&[1.5, 1.1]))])?;
    /// let joined = survey.join("id", &[&lab])?;
    /// assert!(joined.numbers("hdl")?[0].is_missing());
    /// assert_eq!(joined.numbers("hdl")?[1].as_number(), Some(1.5));
    /// # Ok::<(), helm_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Table::participants`]; [`Error::DuplicateName`] if two tables share a column besides the identifiers;
    /// [`Error::Invalid`] if another table has none of this one's participants.
    pub fn join(&self, id: &str, others: &[&Table]) -> Result<Table, Error> {
        let ids = self.participants(id)?;
        let mut columns = self.columns().to_vec();
        let mut names: HashSet<String> = columns.iter().map(|column| column.name.to_ascii_lowercase()).collect();
        for other in others {
            let other_ids = other.participants(id)?;
            let rows: HashMap<&ParticipantId, usize> = ParticipantId::index(&other_ids);
            let rows: Vec<Option<usize>> = ids.iter().map(|id| rows.get(id).copied()).collect();
            if !ids.is_empty() && rows.iter().all(Option::is_none) {
                return Err(Error::Invalid {
                    what: format!("joining {} and {} by {id:?}", self.name(), other.name()),
                    expected: "participants in both".into(),
                    found: "none".into(),
                });
            }
            for column in other.columns().iter().filter(|column| !column.name.eq_ignore_ascii_case(id)) {
                if !names.insert(column.name.to_ascii_lowercase()) {
                    let place = format!("{} and the tables before it", other.name());
                    return Err(Error::DuplicateName { what: "column", name: column.name.clone(), place });
                }
                columns.push(TableColumn { cells: column.cells.pick(&rows), ..column.clone_names() });
            }
        }
        let names: Vec<&str> = std::iter::once(self.name()).chain(others.iter().map(|other| other.name())).collect();
        Table::new(names.join(" + "), columns)
    }
}

impl Cells {
    fn pick(&self, rows: &[Option<usize>]) -> Self {
        match self {
            Self::Numbers(cells) => Self::Numbers(
                rows.iter().map(|row| row.map_or(Value::Missing(MissingReason::NoRow), |row| cells[row])).collect(),
            ),
            Self::Text(cells) => Self::Text(rows.iter().map(|row| row.and_then(|row| cells[row].clone())).collect()),
            Self::Lists(cells) => Self::Lists(rows.iter().map(|row| row.and_then(|row| cells[row].clone())).collect()),
        }
    }
}

impl TableColumn {
    /// The column without its cells.
    fn clone_names(&self) -> Self {
        Self { name: self.name.clone(), label: self.label.clone(), cells: Cells::Numbers(vec![]) }
    }
}
