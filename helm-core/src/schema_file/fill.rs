//! From a table to a cohort.

use rayon::prelude::*;

use super::SchemaFile;
use super::bound::{Bound, find_code, is_missing, number};
use super::declare::{FeatureSource, Kind, OutcomeSource, SignalPlace, SignalSource};
use super::expression::Code;
use super::pattern::fits;
use super::signal_files::Read;
use crate::{
    BadData, Cells, Cohort, Error, FeatureKind, MissingReason, Part, ParticipantId, Signal, SignalState, Skipped,
    Table, TableColumn, Value,
};

/// A cohort with what else its table said of the participants.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The participants that are included.
    pub cohort: Cohort,
    /// The cluster of each (a household, a sampling unit), if the schema file names its column.
    pub clusters: Option<Vec<ParticipantId>>,
    /// The part of the cohort that each belongs to, if the schema file names its column.
    pub parts: Option<Vec<Part>>,
    /// Rows that the schema file's `include` left out.
    pub n_left_out: usize,
    /// Bad rows and cells, where those are to be counted and skipped.
    pub skipped: Skipped,
}

/// Finds rows of participants who have one already: of a batch's identifiers and the file's name.
pub(crate) type FindDuplicates<'a> =
    dyn FnMut(&[Option<ParticipantId>], &str) -> Result<Vec<(usize, Error)>, Error> + 'a;

impl Loaded {
    /// These participants and then those of another batch of the same cohort.
    pub(crate) fn append(&mut self, other: Self) {
        self.cohort.append(other.cohort);
        if let (Some(clusters), Some(others)) = (&mut self.clusters, other.clusters) {
            clusters.extend(others);
        }
        if let (Some(parts), Some(others)) = (&mut self.parts, other.parts) {
            parts.extend(others);
        }
        self.n_left_out += other.n_left_out;
        self.skipped.add(&other.skipped);
    }
}

impl SchemaFile {
    /// The cohort of a table's rows, in their order.
    ///
    /// A participant's second row is bad data, whether `include` would leave one of the two out or not. A cluster or a
    /// part that is empty or none is an error also where bad data are counted and skipped: without it, a split is not
    /// what it seems.
    ///
    /// # Errors
    /// [`Error::Unknown`] where the table lacks a column; and unless bad data are to be counted and skipped:
    /// [`Error::Cell`] with file, row and column where a cell is not what the schema says (out of range, no number, of
    /// an unknown category, neither case nor control), [`Error::DuplicateParticipant`].
    pub fn load(&self, table: &Table, bad: BadData) -> Result<Loaded, Error> {
        self.load_new(table, bad, &mut |ids, place| {
            let mut rows = std::collections::HashMap::with_capacity(ids.len());
            let first =
                |(row, id): (usize, &Option<ParticipantId>)| rows.insert(id.clone()?, row).map(|first| (first, row));
            let twice = ids.iter().enumerate().filter_map(first).map(|(first, second)| {
                (second, Error::DuplicateParticipant { place: place.into(), first: first + 1, second: second + 1 })
            });
            Ok(twice.collect())
        })
    }

    /// As [`SchemaFile::load`], with duplicates found by the caller: the rows (of this table) of participants that were
    /// there already, each with its error.
    pub(crate) fn load_new(
        &self,
        table: &Table,
        bad: BadData,
        duplicates: &mut FindDuplicates<'_>,
    ) -> Result<Loaded, Error> {
        let mut faults = Faults { table, bad, skipped: Skipped::default() };
        let ids = faults.identifiers(table.column(&self.participant)?)?;
        let mut keep: Vec<bool> = ids.iter().map(Option::is_some).collect();
        for (row, error) in duplicates(&ids, table.name())? {
            faults.skipped.note(bad, error)?;
            keep[row] = false;
        }
        let mut n_left_out = 0;
        if let Some(include) = &self.include {
            let include = Bound::new(include, table)?;
            for (row, keep) in keep.iter_mut().enumerate().filter(|(_, keep)| **keep) {
                match include.holds(row) {
                    Ok(Some(true)) => {}
                    Ok(_) => {
                        *keep = false;
                        n_left_out += 1;
                    }
                    Err(error) => {
                        faults.skipped.note(bad, error)?;
                        *keep = false;
                    }
                }
            }
        }
        let rows: Vec<usize> = (0..table.n_rows()).filter(|&row| keep[row]).collect();
        let kept_ids = rows.iter().filter_map(|&row| ids[row].clone()).collect();
        let mut builder = Cohort::builder(self.schema.clone(), kept_ids)?;
        // Most columns have nothing to say of any cell, and are read side by side; the others one after another, so that
        // what is said of them comes in their order.
        let plain: Vec<Option<Vec<Value>>> =
            self.features.par_iter().map(|source| plain_values(table, source, &rows)).collect();
        for (source, plain) in self.features.iter().zip(plain) {
            let values = match plain {
                Some(values) => values,
                None => faults.feature(source, &rows)?,
            };
            builder = builder.checked_feature(&source.feature.name, values)?;
        }
        for source in &self.signals {
            builder = builder.signal(&source.name, faults.signal(source, self, &rows)?)?;
        }
        let has = |pattern: &&str| table.columns().iter().any(|column| fits(pattern, &column.name));
        for source in &self.outcomes {
            let known = !self.outcomes_are_optional || source.columns().iter().all(has);
            let labels = if known { faults.outcome(source, &rows)? } else { vec![None; rows.len()] };
            builder = builder.outcome(&source.outcome.name, labels)?;
        }
        let clusters =
            self.cluster.as_deref().map(|column| faults.clusters(table.column(column)?, &rows)).transpose()?;
        let parts = self.split.as_deref().map(|column| faults.parts(table.column(column)?, &rows)).transpose()?;
        Ok(Loaded { cohort: builder.build()?, clusters, parts, n_left_out, skipped: faults.skipped })
    }
}

/// A table whose bad cells are errors, or are counted.
struct Faults<'a> {
    table: &'a Table,
    bad: BadData,
    skipped: Skipped,
}

impl Faults<'_> {
    fn note(&mut self, row: usize, column: &TableColumn, expected: &str, found: &str) -> Result<(), Error> {
        self.skipped.note(self.bad, self.table.cell_error(row, column, expected, found))
    }

    fn unreadable(&mut self, row: usize, column: &TableColumn, expected: &str, found: &str) -> Result<Value, Error> {
        self.note(row, column, expected, found).map(|()| Value::Missing(MissingReason::Unreadable))
    }

    fn identifiers(&mut self, column: &TableColumn) -> Result<Vec<Option<ParticipantId>>, Error> {
        let ids = self.table.identifiers(&column.name)?;
        for (row, id) in ids.iter().enumerate() {
            if id.is_none() {
                self.note(row, column, "a participant's identifier", "an empty cell")?;
            }
        }
        Ok(ids)
    }

    fn clusters(&mut self, column: &TableColumn, rows: &[usize]) -> Result<Vec<ParticipantId>, Error> {
        let cluster = |&row: &usize| {
            column.identifier(row).ok_or_else(|| self.table.cell_error(row, column, "a cluster", "an empty cell"))
        };
        rows.iter().map(cluster).collect()
    }

    fn parts(&mut self, column: &TableColumn, rows: &[usize]) -> Result<Vec<Part>, Error> {
        let part = |&row: &usize| {
            let text = if let Cells::Text(cells) = &column.cells { cells[row].as_deref() } else { None };
            text.and_then(Part::from_name)
                .ok_or_else(|| self.table.cell_error(row, column, "train, validation or test", "something else"))
        };
        rows.iter().map(part).collect()
    }

    fn feature(&mut self, source: &FeatureSource, rows: &[usize]) -> Result<Vec<Value>, Error> {
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
                    self.skipped.note(self.bad, error)?;
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

    fn signal(
        &mut self,
        source: &SignalSource,
        schema: &SchemaFile,
        rows: &[usize],
    ) -> Result<Vec<SignalState>, Error> {
        let column = self.table.column(source.column().unwrap_or(&schema.participant))?;
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

    fn outcome(&mut self, source: &OutcomeSource, rows: &[usize]) -> Result<Vec<Option<bool>>, Error> {
        let bind = |expression| Bound::new(expression, self.table);
        let case = bind(&source.case)?;
        let control = source.control.as_ref().map(bind).transpose()?;
        let neither = source.neither.as_ref().map(bind).transpose()?;
        let mut labels = Vec::with_capacity(rows.len());
        for &row in rows {
            let label = match self.label(source, &case, control.as_ref(), neither.as_ref(), row) {
                Ok(label) => label,
                Err(error) => {
                    self.skipped.note(self.bad, error)?;
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

/// The values of a feature whose cells are all plain: numbers in the range, or numeric codes of the levels, or missing.
fn plain_values(table: &Table, source: &FeatureSource, rows: &[usize]) -> Option<Vec<Value>> {
    let column = table.column(source.column.as_deref()?).ok()?;
    let Cells::Numbers(cells) = &column.cells else { return None };
    if !source.missing.is_empty() {
        return None;
    }
    match (&source.feature.kind, &source.kind) {
        (FeatureKind::Number { range, .. }, Kind::Number { scale, per: None }) => {
            let value = |&row: &usize| match cells[row] {
                Value::Number(number) if range.contains(&(number * scale)) => Some(Value::Number(number * scale)),
                missing @ Value::Missing(_) => Some(missing),
                _ => None,
            };
            rows.iter().map(value).collect()
        }
        (FeatureKind::Category { .. }, Kind::Codes(levels)) => {
            let mut codes = Vec::new();
            for (level, of_level) in levels.iter().enumerate() {
                for code in of_level {
                    let Code::Number(number) = code else { return None };
                    codes.push((*number, level));
                }
            }
            let value = |&row: &usize| match cells[row] {
                Value::Number(number) => {
                    codes.iter().find(|(code, _)| *code == number).map(|&(_, level)| Value::Level(level))
                }
                missing @ Value::Missing(_) => Some(missing),
                Value::Level(_) => None,
            };
            rows.iter().map(value).collect()
        }
        _ => None,
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
