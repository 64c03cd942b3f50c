use std::fmt::Write as _;

use helm_core::{Answers, Digits, FeatureKind, Schema, SchemaFile};
use serde_json::json;

use crate::Failure;

/// A signal in one cell of a table, as a list of numbers.
#[derive(Clone, Copy)]
pub struct SignalColumn<'a> {
    /// The signal's name, and its column's.
    pub name: &'a str,
    /// Samples a second.
    pub rate_hz: f64,
    /// The samples' unit.
    pub unit: &'a str,
}

/// The text of a schema file for tables whose columns are named as a schema's features, signals and outcomes: numbers
/// in the feature's unit, levels as they are spelled, outcomes as 1 and 0, participants in the column `id`.
///
/// # Errors
/// If the schema can't be said so: a feature and an outcome share a name, say.
pub fn flat_schema_file(schema: &Schema, signals: &[SignalColumn<'_>]) -> Result<String, Failure> {
    // JSON's strings and lists of strings are TOML's, too.
    let quoted = |text: &str| json!(text).to_string();
    let mut toml = "participant = \"id\"\n".to_owned();
    for feature in schema.features() {
        let (name, label) = (quoted(&feature.name), quoted(&feature.label));
        write!(toml, "\n[[feature]]\nname = {name}\ncolumn = {name}\nlabel = {label}\n")?;
        match &feature.kind {
            FeatureKind::Number { unit, range, digits } => {
                let (low, high) = (range.start(), range.end());
                let unit = quoted(unit.as_deref().unwrap_or_default());
                write!(toml, "kind = \"number\"\nunit = {unit}\nrange = [{low:?}, {high:?}]\n")?;
                match digits {
                    Digits::Decimals(digits) => writeln!(toml, "decimals = {digits}")?,
                    Digits::Significant(digits) => writeln!(toml, "significant = {digits}")?,
                }
            }
            FeatureKind::Category { levels } => {
                write!(toml, "kind = \"category\"\nlevels = {}\n", json!(levels))?;
            }
        }
    }
    for SignalColumn { name, rate_hz, unit } in signals {
        let (name, unit) = (quoted(name), quoted(unit));
        write!(toml, "\n[[signal]]\nname = {name}\ncolumn = {name}\nrate_hz = {rate_hz:?}\nunit = {unit}\n")?;
    }
    for outcome in schema.outcomes() {
        let (name, label, definition) = (&outcome.name, quoted(&outcome.label), quoted(&outcome.definition));
        let (case, control) = (quoted(&format!("`{name}` = 1")), quoted(&format!("`{name}` = 0")));
        let name = quoted(name);
        write!(toml, "\n[[outcome]]\nname = {name}\nlabel = {label}\ndefinition = {definition}\n")?;
        write!(toml, "case = {case}\ncontrol = {control}\n")?;
        if outcome.answers != Answers::yes_no() {
            let (positive, negative) = (json!(outcome.answers.positive()), json!(outcome.answers.negative()));
            write!(toml, "positive = {positive}\nnegative = {negative}\n")?;
        }
        if let Some(question) = &outcome.question {
            writeln!(toml, "question = {}", quoted(question))?;
        }
    }
    let file = SchemaFile::parse("schema of a flat table", &toml)?;
    if file.schema() == schema {
        return Ok(toml);
    }
    Err(Failure::new("schema of a flat table: expected one that a schema file can say, found another"))
}
