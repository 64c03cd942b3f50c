use std::path::Path;

use super::events::Event;
use crate::read::file_name;
use crate::{Cells, Error, MissingReason, SchemaFile, Table, TableColumn, Value};

/// The columns that a schema asks for of events.
pub(super) struct Columns(Vec<(String, Take)>);

/// What a column takes of a subject's events.
#[derive(Clone, Debug, PartialEq)]
enum Take {
    SubjectId,
    Split,
    Label,
    AgeYears,
    /// The last numeric value of a code.
    Last(String),
    /// Whether a code was recorded before the index time or at it.
    Ever(Code),
    /// Whether one was recorded after it.
    After(Code),
}

/// A code, or with a star what codes begin with.
#[derive(Clone, Debug, PartialEq)]
struct Code {
    begins: String,
    whole: bool,
}

/// One row of the table: a cell for each column.
pub(super) struct Subject(Vec<Cell>);

enum Cell {
    Number(Value),
    Text(Option<String>),
}

const BIRTH: &str = "MEDS_BIRTH";
const MICROSECONDS_PER_YEAR: f64 = 365.25 * 24.0 * 3600.0 * 1e6;

impl Columns {
    pub(super) fn new(schema: &SchemaFile, has_labels: bool) -> Result<Self, Error> {
        let mut columns: Vec<(String, Take)> = Vec::new();
        for name in schema.column_patterns() {
            if columns.iter().any(|(known, _)| known == name) {
                continue;
            }
            let take = match name.split_once(':') {
                None if name == "subject_id" => Take::SubjectId,
                None if name == "split" => Take::Split,
                None if name == "boolean_value" && has_labels => Take::Label,
                None if name == "age_years" => Take::AgeYears,
                Some(("last", code)) if !code.is_empty() => Take::Last(code.into()),
                Some(("ever", code)) if !code.is_empty() => Take::Ever(Code::new(code)),
                Some(("after", code)) if !code.is_empty() => Take::After(Code::new(code)),
                _ => {
                    let available = "subject_id, split, age_years, boolean_value (with labels), last:CODE, ever:CODE, \
                                     after:CODE";
                    let (what, place) = ("column", schema.file().to_owned());
                    return Err(Error::Unknown { what, name: name.into(), place, available: available.into() });
                }
            };
            columns.push((name.into(), take));
        }
        Ok(Self(columns))
    }

    /// Whether a column asks for parts.
    pub(super) fn splits(&self) -> bool {
        self.0.iter().any(|(_, take)| *take == Take::Split)
    }

    /// The cells of a subject: its events in the order of time, and its index time and label if it has one.
    pub(super) fn subject(
        &self,
        id: i64,
        index: Option<(i64, bool)>,
        split: Option<String>,
        events: &[Event],
    ) -> Subject {
        let end = index.map(|(time, _)| time);
        // Events without a time are facts of always.
        let before = |event: &&Event| event.time.zip(end).is_none_or(|(time, end)| time <= end);
        let after = |event: &&Event| event.time.zip(end).is_some_and(|(time, end)| time > end);
        let yes_no = |yes: bool| Cell::Number(Value::Number(f64::from(u8::from(yes))));
        let number = |number: Option<f64>| {
            Cell::Number(number.map_or(Value::Missing(MissingReason::NotRecorded), Value::Number))
        };
        let cell = |(_, take): &(String, Take)| match take {
            Take::SubjectId => Cell::Text(Some(id.to_string())),
            Take::Split => Cell::Text(split.clone()),
            Take::Label => match index {
                Some((_, label)) => yes_no(label),
                None => number(None),
            },
            Take::AgeYears => {
                let birth = events.iter().find(|event| event.code == BIRTH).and_then(|event| event.time);
                let end = end.or_else(|| events.iter().filter_map(|event| event.time).max());
                number(birth.zip(end).map(|(birth, end)| (end - birth) as f64 / MICROSECONDS_PER_YEAR))
            }
            Take::Last(code) => {
                let mut values = events.iter().rev().filter(before).filter(|event| event.code == *code);
                number(values.find_map(|event| event.value))
            }
            Take::Ever(code) => yes_no(events.iter().filter(before).any(|event| code.is(&event.code))),
            Take::After(code) => yes_no(events.iter().filter(after).any(|event| code.is(&event.code))),
        };
        Subject(self.0.iter().map(cell).collect())
    }

    /// The table of some subjects, the first of which is the cohort's of this row.
    pub(super) fn table(&self, folder: &Path, subjects: &[Subject], first_row: usize) -> Result<Table, Error> {
        let columns = self.0.iter().enumerate().map(|(index, (name, take))| {
            let cells = match take {
                Take::SubjectId | Take::Split => Cells::Text(
                    subjects
                        .iter()
                        .map(|Subject(cells)| if let Cell::Text(text) = &cells[index] { text.clone() } else { None })
                        .collect(),
                ),
                _ => Cells::Numbers(
                    subjects
                        .iter()
                        .map(|Subject(cells)| match cells[index] {
                            Cell::Number(value) => value,
                            Cell::Text(_) => Value::Missing(MissingReason::NotRecorded),
                        })
                        .collect(),
                ),
            };
            TableColumn { name: name.clone(), label: None, cells }
        });
        Ok(Table::new(file_name(folder), columns.collect())?.at_row(first_row))
    }
}

impl Code {
    fn new(code: &str) -> Self {
        match code.strip_suffix('*') {
            Some(begins) => Self { begins: begins.into(), whole: false },
            None => Self { begins: code.into(), whole: true },
        }
    }

    fn is(&self, code: &str) -> bool {
        if self.whole { code == self.begins } else { code.starts_with(&self.begins) }
    }
}
