use helm_core::{Feature, Record};

use crate::plan::{FeaturePlan, Measured, Plan, reasons};
use crate::{Error, Serializer};

/// What a serialised record says of one feature.
#[derive(Clone, Debug, PartialEq)]
pub enum Printed {
    /// The number, as far as it was printed.
    Number(f64),
    /// The index of the level.
    Level(usize),
    /// That it is missing.
    Missing,
}

impl Serializer {
    /// Reads back what [`Serializer::write_text`] wrote of a record, feature by feature in the order of the text. The
    /// record only lends its schema.
    ///
    /// A text is read by its template: where two features' words are alike, or a level contains the separator, it may
    /// be read otherwise than it was meant.
    ///
    /// # Errors
    /// [`Error::Parse`] with the place where the text is none of this serializer's; as [`Serializer::context`].
    pub fn parse<'a>(&self, record: Record<'a>, text: &str) -> Result<Vec<(&'a Feature, Printed)>, Error> {
        let plan = self.plan(record)?;
        let schema = record.cohort().schema();
        let mut found = Vec::new();
        let fault = |rest: &str, expected: &str| {
            Err(Error::Parse { offset: text.len() - rest.len(), expected: expected.into() })
        };
        let Some(mut rest) = text.strip_prefix(plan.opening.as_str()) else { return fault(text, "the opening") };
        let mut left: Vec<&FeaturePlan> = plan.features.iter().collect();
        while rest != plan.closing {
            if !found.is_empty() {
                let Some(behind) = rest.strip_prefix(plan.separator.as_str()) else {
                    return fault(rest, "a separator or the end");
                };
                rest = behind;
            }
            // The one that explains most of the text.
            let read = left.iter().enumerate().filter_map(|(at, feature)| Some((at, one(&plan, feature, rest)?)));
            let Some((at, (printed, length))) = read.max_by_key(|(_, (_, length))| *length) else {
                return fault(rest, "a feature");
            };
            found.push((&schema.features()[left.remove(at).index], printed));
            rest = &rest[length..];
        }
        Ok(found)
    }
}

/// Reads one feature at the start of a text; what it says, and its length.
fn one(plan: &Plan, feature: &FeaturePlan, text: &str) -> Option<(Printed, usize)> {
    let ends = |length: &usize| text[*length..].starts_with(&plan.separator) || text[*length..] == plan.closing;
    let measured = match &feature.measured {
        Measured::Levels(levels) => {
            let read = |(level, words): (usize, &String)| {
                text.starts_with(words.as_str()).then_some((Printed::Level(level), words.len()))
            };
            let read = levels.iter().enumerate().filter_map(read).filter(|(_, length)| ends(length));
            read.max_by_key(|(_, length)| *length)
        }
        Measured::Number(parts, _) => number(parts, text).filter(|(_, length)| ends(length)),
    };
    let missing = || {
        let parts = feature.missing.as_ref()?;
        let lengths = reasons().into_iter().filter_map(|reason| {
            let words = parts.join(&reason);
            text.starts_with(words.as_str()).then_some(words.len())
        });
        lengths.filter(ends).max().map(|length| (Printed::Missing, length))
    };
    measured.or_else(missing)
}

/// Reads the text around a number, and the number.
fn number(parts: &[String], text: &str) -> Option<(Printed, usize)> {
    let (first, others) = parts.split_first()?;
    let rest = text.strip_prefix(first.as_str())?;
    let digits = |at: usize, c: char| c.is_ascii_digit() || c == '.' || (c == '-' && at == 0);
    let longest = rest.char_indices().find(|&(at, c)| !digits(at, c)).map_or(rest.len(), |(at, _)| at);
    // A sentence's full stop may follow the number.
    (1..=longest).rev().find_map(|length| {
        let number: f64 = rest[..length].parse().ok()?;
        let mut behind = &rest[length..];
        for (index, part) in others.iter().enumerate() {
            if index > 0 {
                behind = behind.strip_prefix(&rest[..length])?;
            }
            behind = behind.strip_prefix(part.as_str())?;
        }
        Some((Printed::Number(number), text.len() - behind.len()))
    })
}
