use std::sync::Arc;

use helm_core::{Digits, FeatureKind, MissingReason, Schema, Value};

use crate::number::write_number;
use crate::template::{Engine, HOLE, Variables};
use crate::{Error, MissingPolicy, Template};

/// A template's pieces rendered for the features of one schema: all that is left to do is to join text.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) schema: Arc<Schema>,
    pub(crate) opening: String,
    pub(crate) separator: String,
    pub(crate) closing: String,
    pub(crate) features: Vec<FeaturePlan>,
}

/// One feature's texts.
#[derive(Clone, Debug)]
pub(crate) struct FeaturePlan {
    /// Its place in the schema.
    pub(crate) index: usize,
    pub(crate) name: String,
    pub(crate) measured: Measured,
    /// Around the reason; `None` where missing features are left out.
    pub(crate) missing: Option<Vec<String>>,
    policy: MissingPolicy,
}

#[derive(Clone, Debug)]
pub(crate) enum Measured {
    /// The text around the number, which stands between each two.
    Number(Vec<String>, Digits),
    /// The text of each level.
    Levels(Vec<String>),
}

impl Plan {
    pub(crate) fn new(
        schema: Arc<Schema>,
        template: &Template,
        instruction: &str,
        features: &[String],
        policy: MissingPolicy,
    ) -> Result<Self, Error> {
        let engine = Engine::new();
        let plain = |piece, source: &str| engine.text(piece, source, "instruction", instruction);
        let opening = plain("opening", &template.opening)?;
        let (separator, closing) = (plain("separator", &template.separator)?, plain("closing", &template.closing)?);
        let features = features.iter().map(|name| FeaturePlan::new(&schema, &engine, template, name, policy));
        let features = features.collect::<Result<_, _>>()?;
        Ok(Self { opening, separator, closing, features, schema })
    }
}

impl FeaturePlan {
    fn new(
        schema: &Schema,
        engine: &Engine,
        template: &Template,
        name: &str,
        policy: MissingPolicy,
    ) -> Result<Self, Error> {
        let index = schema.feature_index(name)?;
        let feature = &schema.features()[index];
        let unit = feature.unit().unwrap_or_default();
        let kind = if matches!(feature.kind, FeatureKind::Number { .. }) { "number" } else { "category" };
        let render = |piece, source: &str, number: &str, value: &str, reason: &str| {
            let variables = Variables { name, label: &feature.label, kind, unit, number, value, reason };
            engine.feature(piece, source, &variables)
        };
        let measured = match &feature.kind {
            FeatureKind::Number { digits, .. } => {
                let with_unit = if unit.is_empty() { HOLE.to_owned() } else { format!("{HOLE} {unit}") };
                let parts = cut(&render("feature", &template.feature, HOLE, &with_unit, "")?);
                if parts.len() < 2 {
                    let expected = "the number or the value as it is, in every feature of numbers".into();
                    return Err(Error::Template { piece: "feature", expected, found: "neither".into() });
                }
                Measured::Number(parts, *digits)
            }
            FeatureKind::Category { levels } => {
                let level = |level: &String| render("feature", &template.feature, level, level, "");
                Measured::Levels(levels.iter().map(level).collect::<Result<_, _>>()?)
            }
        };
        let missing = match policy {
            MissingPolicy::LeaveOut => None,
            _ => Some(cut(&render("missing", &template.missing, "", "", HOLE)?)),
        };
        Ok(Self { index, name: name.into(), measured, missing, policy })
    }

    /// Writes a value with its words; false where it is missing and left out.
    pub(crate) fn write(&self, out: &mut String, separator: &str, value: Value) -> bool {
        match (&self.measured, value) {
            (Measured::Number(parts, digits), Value::Number(number)) => {
                out.push_str(separator);
                join(out, parts, |out| write_number(out, number, *digits));
                true
            }
            (Measured::Levels(levels), Value::Level(level)) if level < levels.len() => {
                out.push_str(separator);
                out.push_str(&levels[level]);
                true
            }
            (_, value) => {
                let Some(parts) = &self.missing else { return false };
                out.push_str(separator);
                join(out, parts, |out| match (self.policy, value) {
                    (MissingPolicy::Reason, Value::Missing(reason)) => out.push_str(&reason.to_string()),
                    _ => out.push_str(UNKNOWN),
                });
                true
            }
        }
    }
}

pub(crate) const UNKNOWN: &str = "unknown";

/// Every word that may stand for a missing value.
pub(crate) fn reasons() -> Vec<String> {
    let mut reasons: Vec<String> = [
        MissingReason::NotRecorded,
        MissingReason::Refused,
        MissingReason::DontKnow,
        MissingReason::NotApplicable,
        MissingReason::NoRow,
        MissingReason::Unreadable,
    ]
    .iter()
    .map(ToString::to_string)
    .collect();
    reasons.push(UNKNOWN.into());
    reasons.extend(('A'..='Z').chain(['_']).map(|code| MissingReason::SasCode(code).to_string()));
    reasons
}

pub(crate) fn cut(text: &str) -> Vec<String> {
    text.split(HOLE).map(str::to_owned).collect()
}

fn join(out: &mut String, parts: &[String], fill: impl Fn(&mut String)) {
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            fill(out);
        }
        out.push_str(part);
    }
}
