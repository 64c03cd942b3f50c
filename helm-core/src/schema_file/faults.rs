use super::SchemaFile;
use super::bound::{Bound, find_code, is_missing, number};
use super::declare::{FeatureSource, Kind, OutcomeSource, SignalPlace, SignalSource};
use super::signal_files::Read;
use crate::{
    BadData, Cells, Error, MissingReason, Part, ParticipantId, Signal, SignalState, Skipped, Table, TableColumn, Value,
};

/// A table whose bad cells are errors, or are counted.
pub(super) struct Faults<'a> {
    table: &'a Table,
    bad: BadData,
    skipped: Skipped,
}

impl<'a> Faults<'a> {
    pub(super) fn new(table: &'a Table, bad: BadData) -> Self {
        Self { table, bad, skipped: Skipped::default() }
    }

    /// What was skipped, in counts.
    pub(super) fn skipped(self) -> Skipped {
        self.skipped
    }

    /// Counts an error, or passes it on, as the caller said.
    pub(super) fn pass(&mut self, error: Error) -> Result<(), Error> {
        self.skipped.note(self.bad, error)
    }

    fn note(&mut self, row: usize, column: &TableColumn, expected: &str, found: &str) -> Result<(), Error> {
        self.pass(self.table.cell_error(row, column, expected, found))
    }

    fn unreadable(&mut self, row: usize, column: &TableColumn, expected: &str, found: &str) -> Result<Value, Error> {
        self.note(row, column, expected, found).map(|()| Value::Missing(MissingReason::Unreadable))
    }

    pub(super) fn identifiers(&mut self, column: &TableColumn) -> Result<Vec<Option<ParticipantId>>, Error> {
        let ids = self.table.identifiers(&column.name)?;
        for (row, id) in ids.iter().enumerate() {
            if id.is_none() {
                self.note(row, column, "a participant's identifier", "an empty cell")?;
            }
        }
        Ok(ids)
    }

    pub(super) fn clusters(&mut self, column: &TableColumn, rows: &[usize]) -> Result<Vec<ParticipantId>, Error> {
        let cluster = |&row: &usize| {
            column.identifier(row).ok_or_else(|| self.table.cell_error(row, column, "a cluster", "an empty cell"))
        };
        rows.iter().map(cluster).collect()
    }

    pub(super) fn parts(&mut self, column: &TableColumn, rows: &[usize]) -> Result<Vec<Part>, Error> {
        let part = |&row: &usize| {
            let text = if let Cells::Text(cells) = &column.cells { cells[row].as_deref() } else { None };
            text.and_then(Part::from_name)
                .ok_or_else(|| self.table.cell_error(row, column, "train, validation or test", "something else"))
        };
        rows.iter().map(part).collect()
    }

    pub(super) fn feature(&mut self, source: &FeatureSource, rows: &[usize]) -> Result<Vec<Value>, Error> {
        let table = self.table;
        if let Kind::Conditions(conditions) = &source.kind {
            let bound =
                conditions.iter().map(|condition| Bound::new(condition, table)).collect::<Result<Vec<_>, _>>()?;
            return rows.iter().map(|&row| self.first_level(source, &bound, row)).collect();
        }
        let name = source.column.as_deref().unwrap_or_default();
        let column = table.column(name)?;
        let per = match &source.kind {
            Kind::Number { per: Some(per), .. } => Some(table.column(per)?),
            _ => None,
        };
        rows.iter().map(|&row| self.value(source, column, per, row)).collect()
    }

    fn value(
        &mut self,
        source: &FeatureSource,
        column: &TableColumn,
        per: Option<&TableColumn>,
        row: usize,
    ) -> Result<Value, Error> {
        if is_missing(column, row) {
            return Ok(match &column.cells {
                Cells::Numbers(cells) => cells[row],
                _ => Value::Missing(MissingReason::NotRecorded),
            });
        }
        let is = |code| find_code(column, std::slice::from_ref(code), row) == Some(true);
        if let Some((_, reason)) = source.missing.iter().find(|(code, _)| is(code)) {
            return Ok(Value::Missing(*reason));
        }
        match &source.kind {
            Kind::Codes(levels) => match levels.iter().position(|codes| find_code(column, codes, row) == Some(true)) {
                Some(level) => Ok(Value::Level(level)),
                None => self.unreadable(row, column, "one of the levels' codes or a missing code", "another code"),
            },
            Kind::Number { scale, .. } => {
                let read = |column: &TableColumn| number(column, row).map_err(|fault| (column.clone(), fault));
                let quotient = match (read(column), per.map(read)) {
                    (Err(fault), _) | (_, Some(Err(fault))) => Err(fault),
                    (Ok(Value::Number(number)), None) => Ok(Value::Number(number * scale)),
                    (Ok(Value::Number(number)), Some(Ok(Value::Number(per)))) if per != 0.0 => {
                        Ok(Value::Number(number / per * scale))
                    }
                    (Ok(Value::Number(_)), Some(Ok(missing @ Value::Missing(_)))) => Ok(missing),
                    (Ok(missing @ Value::Missing(_)), _) => Ok(missing),
                    _ => Ok(Value::Missing(MissingReason::NotApplicable)),
                };
                match quotient {
                    Err((column, (expected, found))) => self.unreadable(row, &column, expected, found),
                    Ok(value) => match source.feature.check(value) {
                        Err(Error::Value { expected, found, .. }) => self.unreadable(row, column, &expected, &found),
                        _ => Ok(value),
                    },
                }
            }
            Kind::Conditions(_) => Ok(Value::Missing(MissingReason::NotRecorded)),
        }
    }

    /// The first level whose condition holds. A recorded cell for which none does, and none is unknown, is bad.
    fn first_level(&mut self, source: &FeatureSource, levels: &[Bound<'_>], row: usize) -> Result<Value, Error> {
        let (mut recorded, mut coded, mut known) = (None, Vec::new(), true);
        for (level, condition) in levels.iter().enumerate() {
            match condition.holds(row) {
                Ok(Some(true)) => return Ok(Value::Level(level)),
                Ok(holds) => {
                    known &= holds.is_some();
                    recorded = condition.recorded_column(row).or(recorded);
                    coded.extend(condition.coded_columns(row));
                }
                Err(error) => {
                    self.pass(error)?;
                    return Ok(Value::Missing(MissingReason::Unreadable));
                }
            }
        }
        let Some(column) = recorded else { return Ok(Value::Missing(MissingReason::NotRecorded)) };
        // A missing code counts in any column that is compared with codes: the order of the levels doesn't matter.
        let is = |code| coded.iter().any(|column| find_code(column, std::slice::from_ref(code), row) == Some(true));
        match source.missing.iter().find(|(code, _)| is(code)) {
            Some((_, reason)) => Ok(Value::Missing(*reason)),
            None if known => self.unreadable(row, column, "a code of one of the levels, or a missing code", "another"),
            None => Ok(Value::Missing(MissingReason::NotRecorded)),
        }
    }

    pub(super) fn signal(
        &mut self,
        source: &SignalSource,
        schema: &SchemaFile,
        rows: &[usize],
    ) -> Result<Vec<SignalState>, Error> {
        let name = source.column().or(schema.participant_column()).unwrap_or_default();
        let column = self.table.column(name)?;
        let mut states = Vec::with_capacity(rows.len());
        for &row in rows {
            if is_missing(column, row) {
                states.push(SignalState::Absent);
                continue;
            }
            let signal = match &source.place {
                SignalPlace::Column(_) => samples(column, row).and_then(|samples| {
                    let rate_hz = source.rate_hz.unwrap_or(f64::NAN);
                    let signal = Signal::new(samples, source.n_channels, rate_hz, source.unit.clone());
                    signal.map_err(|error| match error {
                        Error::Invalid { expected, .. } => expected,
                        other => other.to_string(),
                    })
                }),
                SignalPlace::File(files) => {
                    let cell = column.identifier(row);
                    let cell = cell.as_ref().map_or("", ParticipantId::as_str);
                    match files.read(&schema.folder, cell, source.rate_hz, &source.unit, source.n_channels) {
                        Read::Signal(signal) => Ok(signal),
                        Read::NoFile => {
                            states.push(SignalState::Absent);
                            continue;
                        }
                        Read::Bad(expected) => Err(expected),
                    }
                }
            };
            states.push(match signal {
                Ok(signal) => SignalState::Present(signal),
                Err(expected) => {
                    self.note(row, column, &expected, "something else")?;
                    SignalState::Unusable(format!("expected {expected}"))
                }
            });
        }
        Ok(states)
    }

    pub(super) fn outcome(&mut self, source: &OutcomeSource, rows: &[usize]) -> Result<Vec<Option<bool>>, Error> {
        let bind = |expression| Bound::new(expression, self.table);
        let case = bind(&source.case)?;
        let control = source.control.as_ref().map(bind).transpose()?;
        let neither = source.neither.as_ref().map(bind).transpose()?;
        let mut labels = Vec::with_capacity(rows.len());
        for &row in rows {
            let label = match self.label(source, &case, control.as_ref(), neither.as_ref(), row) {
                Ok(label) => label,
                Err(error) => {
                    self.pass(error)?;
                    None
                }
            };
            labels.push(label);
        }
        Ok(labels)
    }

    fn label(
        &self,
        source: &OutcomeSource,
        case: &Bound<'_>,
        control: Option<&Bound<'_>>,
        neither: Option<&Bound<'_>>,
        row: usize,
    ) -> Result<Option<bool>, Error> {
        if let Some(neither) = neither
            && neither.holds(row)? == Some(true)
        {
            return Ok(None);
        }
        let is_case = case.holds(row)?;
        let Some(control) = control else {
            return Ok(is_case.or(source.missing_is_control.then_some(false)));
        };
        let fault = |expected: &str, found: &str| match case.recorded_column(row) {
            Some(column) => Err(self.table.cell_error(row, column, expected, found)),
            None => Ok(None),
        };
        let name = &source.outcome.name;
        match (is_case, control.holds(row)?) {
            (Some(true), Some(true)) => fault(&format!("a case or a control of {name:?}"), "both"),
            (Some(true), _) => Ok(Some(true)),
            (_, Some(true)) => Ok(Some(false)),
            (Some(false), Some(false)) => {
                fault(&format!("a case, a control or neither of {name:?}"), "a code that is none of them")
            }
            _ => Ok(None),
        }
    }
}

/// The samples of a cell: a list, or text of numbers with blanks, commas, semicolons or bars between them.
fn samples(column: &TableColumn, row: usize) -> Result<Vec<f32>, String> {
    match &column.cells {
        Cells::Lists(cells) => Ok(cells[row].clone().unwrap_or_default()),
        Cells::Text(cells) => {
            let text =
                cells[row].as_deref().unwrap_or_default().trim_matches(|c: char| c.is_whitespace() || "[]".contains(c));
            let items = text.split(|c: char| c.is_whitespace() || ",;|".contains(c)).filter(|item| !item.is_empty());
            items.map(|item| item.parse().map_err(|_| "a list of numbers".to_owned())).collect()
        }
        Cells::Numbers(_) => Err("a list of numbers".into()),
    }
}
