//! The short way for what most columns are.

use std::borrow::Cow;

use super::declare::{FeatureSource, Kind};
use super::expression::Code;
use crate::{FeatureKind, Table, Value};

/// A feature whose cells are all plain: numbers in the range, or numeric codes of the levels, or missing.
pub(super) enum Plain<'a> {
    /// The cells of a column, times a scale.
    Numbers { column: &'a str, scale: f64 },
    /// The levels of the rows that are kept.
    Levels(Vec<Value>),
}

impl<'a> Plain<'a> {
    /// What the feature is, if all cells of the table are plain.
    pub(super) fn find(table: &Table, source: &'a FeatureSource, rows: &[usize]) -> Option<Self> {
        let name = source.column.as_deref()?;
        let (cells, extent) = table.measured_numbers(name)?;
        if !source.missing.is_empty() {
            return None;
        }
        match (&source.feature.kind, &source.kind) {
            (FeatureKind::Number { range, .. }, &Kind::Number { scale, per: None }) => {
                let are_in_range = extent.all(|number| range.contains(&(number * scale)));
                are_in_range.then_some(Self::Numbers { column: name, scale })
            }
            (FeatureKind::Category { .. }, Kind::Codes(levels)) => {
                levels_of(cells, rows, &numeric_codes(levels)?).map(Self::Levels)
            }
            _ => None,
        }
    }

    /// The values of the rows that are kept. A column of numbers moves out of a table of one's own: no two features
    /// have the same, and whatever else reads it must have done so.
    pub(super) fn values(self, table: &mut Cow<'_, Table>, rows: &[usize]) -> Vec<Value> {
        let (column, scale) = match self {
            Self::Levels(values) => return values,
            Self::Numbers { column, scale } => (column, scale),
        };
        let mut values = Table::take_numbers(table, column);
        if rows.len() < values.len() {
            values = rows.iter().map(|&row| values[row]).collect();
        }
        if scale != 1.0 {
            for value in &mut values {
                if let Value::Number(number) = value {
                    *number *= scale;
                }
            }
        }
        values
    }
}

/// The codes with their levels, the first ones last; `None` if one is text.
fn numeric_codes(levels: &[Vec<Code>]) -> Option<Vec<(f64, usize)>> {
    let of_level = |(level, codes): (usize, &'_ Vec<Code>)| {
        let number = |code: &Code| if let Code::Number(number) = code { Some((*number, level)) } else { None };
        codes.iter().map(number).collect::<Option<Vec<_>>>()
    };
    let codes: Vec<_> = levels.iter().enumerate().map(of_level).collect::<Option<_>>()?;
    Some(codes.into_iter().flatten().rev().collect())
}

/// The levels of the rows that are kept; `None` if a cell is another number.
fn levels_of(cells: &[Value], rows: &[usize], codes: &[(f64, usize)]) -> Option<Vec<Value>> {
    const NONE: usize = usize::MAX;
    let mut all_known = true;
    let mut level = |cell: Value| {
        let Value::Number(number) = cell else { return cell };
        // All codes are compared: a branch for each would often be guessed wrong.
        let level = codes.iter().fold(NONE, |found, &(code, level)| if code == number { level } else { found });
        all_known &= level != NONE;
        Value::Level(level)
    };
    let values = rows.iter().map(|&row| level(cells[row])).collect();
    all_known.then_some(values)
}
