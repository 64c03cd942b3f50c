//! The short way for what most columns are.

use super::declare::{FeatureSource, Kind};
use super::expression::Code;
use crate::{Cells, FeatureKind, Table, Value};

/// The values of a feature whose cells are all plain: numbers in the range, or numeric codes of the levels, or missing.
pub(super) fn plain_values(table: &Table, source: &FeatureSource, rows: &[usize]) -> Option<Vec<Value>> {
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
