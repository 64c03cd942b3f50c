//! What a schema file declares, table by table.

use toml::de::{DeTable, DeValue};

use super::expression::{Code, Expression};
use super::keys::{At, Document, Keys, number};
use super::signal_files::SignalFiles;
use crate::{Answers, Error, Feature, MissingReason, Outcome};

/// A feature with the place of its values.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct FeatureSource {
    pub(super) feature: Feature,
    /// The line's place, for errors.
    pub(super) offset: usize,
    /// `None` where every level has a condition.
    pub(super) column: Option<String>,
    pub(super) kind: Kind,
    pub(super) missing: Vec<(Code, MissingReason)>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    Number { scale: f64, per: Option<String> },
    Codes(Vec<Vec<Code>>),
    Conditions(Vec<Expression>),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct SignalSource {
    pub(super) name: String,
    pub(super) offset: usize,
    pub(super) place: SignalPlace,
    /// `None` where each file says its own.
    pub(super) rate_hz: Option<f64>,
    pub(super) unit: String,
    pub(super) n_channels: usize,
}

/// Where a signal's samples stand.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum SignalPlace {
    /// In a column of lists.
    Column(String),
    /// In a file for each participant.
    File(SignalFiles),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct OutcomeSource {
    pub(super) outcome: Outcome,
    pub(super) offset: usize,
    pub(super) case: Expression,
    pub(super) control: Option<Expression>,
    pub(super) neither: Option<Expression>,
    pub(super) missing_is_control: bool,
    /// Features that say too much of the outcome.
    pub(super) exclude: Vec<String>,
}

fn name<'a>(keys: &Keys<'a>) -> Result<&'a str, Error> {
    Ok(keys.required_text("name")?.value.trim())
}

/// A table of the file with its name in the path of its keys.
fn named<'a>(
    document: &'a Document<'a>,
    what: &str,
    table: At<&'a DeTable<'a>>,
    allowed: &[&str],
) -> Result<(Keys<'a>, String), Error> {
    let named = table.value.get("name").and_then(|name| name.get_ref().as_str());
    let path = named.map_or(what.to_owned(), |name| format!("{what}.{}", name.trim()));
    let keys = Keys::new(document, path, table.offset, table.value, allowed)?;
    let name = name(&keys)?.to_owned();
    Ok((keys, name))
}

pub(super) fn expression(keys: &Keys<'_>, key: &str) -> Result<Option<Expression>, Error> {
    let Some(text) = keys.text(key)? else { return Ok(None) };
    let fault = |(expected, found)| keys.error(key, format!("a condition; in it, {expected}"), found);
    Expression::parse(text.value).map(Some).map_err(fault)
}

impl FeatureSource {
    pub(super) fn read<'a>(document: &'a Document<'a>, table: At<&'a DeTable<'a>>) -> Result<Self, Error> {
        let allowed = [
            "name",
            "label",
            "kind",
            "column",
            "unit",
            "range",
            "decimals",
            "significant",
            "scale",
            "per",
            "levels",
            "missing",
        ];
        let (keys, name) = named(document, "feature", table, &allowed)?;
        let label = keys.text("label")?.map_or(name.clone(), |label| label.value.to_owned());
        let column = keys.text("column")?.map(|column| column.value.to_owned());
        let kind = keys.required_text("kind")?.value;
        let needless: &[&str] = match kind {
            "number" => &["levels"],
            "category" => &["unit", "range", "decimals", "significant", "scale", "per"],
            _ => return Err(keys.error("kind", "\"number\" or \"category\"", "another text")),
        };
        if let Some(key) = needless.iter().find(|key| keys.has(key)) {
            return Err(keys.error(key, format!("no such key in a feature of kind {kind:?}"), "one"));
        }
        let missing = missing_codes(&keys)?;
        let offset = table.offset;
        if kind == "category" {
            let (levels, kind) = levels(&keys)?;
            let conditions = matches!(kind, Kind::Conditions(_));
            if conditions == column.is_some() {
                let found = if conditions { "a column besides" } else { "neither" };
                return Err(keys.error("column", "a column, or a condition (when) for every level", found));
            }
            let feature = Feature::category(name, label, levels);
            return Ok(Self { feature, offset, column, kind, missing });
        }
        let Some(column) = column else { return Err(keys.error("column", "text in quotes", "no such key")) };
        let range = match keys.array("range")? {
            None => return Err(keys.error("range", "a smallest and a largest value, [0, 120]", "no such key")),
            Some([low, high]) => number(low.get_ref()).zip(number(high.get_ref())).filter(|(low, high)| low < high),
            Some(_) => None,
        };
        let Some((low, high)) = range else {
            return Err(keys.error("range", "a smallest and a largest value, [0, 120]", "another list"));
        };
        let unit = keys.read_unit()?;
        let feature = Feature::number(name, label, unit, low..=high);
        let feature = match (keys.count("decimals", 0..=12)?, keys.count("significant", 1..=12)?) {
            (Some(_), Some(_)) => return Err(keys.error("significant", "decimals or significant digits", "both")),
            (Some(decimals), None) => feature.with_decimals(decimals),
            (None, Some(significant)) => feature.with_significant_digits(significant),
            (None, None) => feature,
        };
        let scale = keys.number("scale")?.unwrap_or(1.0);
        if scale == 0.0 {
            return Err(keys.error("scale", "a factor other than 0", "0"));
        }
        let per = keys.text("per")?.map(|per| per.value.to_owned());
        Ok(Self { feature, offset, column: Some(column), kind: Kind::Number { scale, per }, missing })
    }

    /// The columns and patterns of columns that the feature reads.
    pub(super) fn columns(&self) -> Vec<&str> {
        let mut columns: Vec<&str> = self.column.as_deref().into_iter().collect();
        match &self.kind {
            Kind::Number { per, .. } => columns.extend(per.as_deref()),
            Kind::Codes(_) => {}
            Kind::Conditions(conditions) => columns.extend(conditions.iter().flat_map(Expression::columns)),
        }
        columns
    }
}

impl Keys<'_> {
    /// A unit; empty for none.
    fn read_unit(&self) -> Result<String, Error> {
        match self.value("unit").map(|unit| unit.get_ref()) {
            None => Ok(String::new()),
            Some(DeValue::String(unit)) => Ok(unit.trim().to_owned()),
            Some(other) => Err(self.error("unit", "text in quotes", other.type_str())),
        }
    }
}

fn code(value: &DeValue<'_>) -> Option<Code> {
    number(value).map(Code::Number).or_else(|| value.as_str().filter(|text| !text.is_empty()).map(Code::text))
}

const REASONS: [(&str, MissingReason); 4] = [
    ("not_recorded", MissingReason::NotRecorded),
    ("refused", MissingReason::Refused),
    ("dont_know", MissingReason::DontKnow),
    ("not_applicable", MissingReason::NotApplicable),
];

/// `missing = { refused = [7, 77], dont_know = 9 }`.
fn missing_codes(keys: &Keys<'_>) -> Result<Vec<(Code, MissingReason)>, Error> {
    let expected = "codes by reason, { refused = [7, 77], dont_know = 9 }";
    let Some(value) = keys.value("missing") else { return Ok(vec![]) };
    let Some(table) = value.get_ref().as_table() else {
        return Err(keys.error("missing", expected, value.get_ref().type_str()));
    };
    let allowed = REASONS.map(|(name, _)| name);
    let reasons = Keys::new(keys.document, keys.name("missing"), value.span().start, table, &allowed)?;
    let mut codes = Vec::new();
    for (name, reason) in REASONS {
        let Some(value) = reasons.value(name) else { continue };
        codes.extend(several_codes(&reasons, name, value.get_ref())?.into_iter().map(|code| (code, reason)));
    }
    Ok(codes)
}

/// One code or a list of them.
fn several_codes(keys: &Keys<'_>, key: &str, value: &DeValue<'_>) -> Result<Vec<Code>, Error> {
    let codes = match value.as_array() {
        Some(values) => values.iter().map(|value| code(value.get_ref())).collect(),
        None => code(value).map(|code| vec![code]),
    };
    let codes = codes.filter(|codes: &Vec<Code>| !codes.is_empty());
    codes.ok_or_else(|| keys.error(key, "a number, a text or a list of them", "something else"))
}

/// Levels: texts that the column holds as they are, or tables with the codes, or the conditions, of each.
fn levels(keys: &Keys<'_>) -> Result<(Vec<String>, Kind), Error> {
    let expected = "two or more levels, [\"no\", \"yes\"] or [{ name = \"no\", codes = [0] }, …]";
    let Some(values) = keys.array("levels")? else { return Err(keys.error("levels", expected, "no such key")) };
    let (mut names, mut codes, mut conditions) = (Vec::new(), Vec::new(), Vec::new());
    for value in values {
        if let Some(name) = value.get_ref().as_str() {
            names.push(name.to_owned());
            codes.push(vec![Code::Text(name.into())]);
            continue;
        }
        let Some(table) = value.get_ref().as_table() else {
            return Err(keys.error("levels", expected, format!("one of kind {}", value.get_ref().type_str())));
        };
        let path = keys.name("levels");
        let level = Keys::new(keys.document, path, value.span().start, table, &["name", "codes", "when"])?;
        names.push(name(&level)?.to_owned());
        match (level.value("codes"), expression(&level, "when")?) {
            (Some(value), None) => codes.push(several_codes(&level, "codes", value.get_ref())?),
            (None, Some(condition)) => conditions.push(condition),
            _ => return Err(level.error("codes", "codes, or a condition (when)", "both or neither")),
        }
    }
    if names.len() < 2 {
        return Err(keys.error("levels", expected, names.len().to_string()));
    }
    match (codes.is_empty(), conditions.is_empty()) {
        (true, false) => Ok((names, Kind::Conditions(conditions))),
        (false, true) => Ok((names, Kind::Codes(codes))),
        _ => Err(keys.error("levels", "codes for every level, or conditions for every level", "a mixture")),
    }
}

impl SignalSource {
    pub(super) fn read<'a>(document: &'a Document<'a>, table: At<&'a DeTable<'a>>) -> Result<Self, Error> {
        let allowed = ["name", "column", "file", "file_column", "rate_hz", "unit", "channels"];
        let (keys, name) = named(document, "signal", table, &allowed)?;
        let column = keys.text("column")?.map(|column| column.value.to_owned());
        let rate_hz = keys.number("rate_hz")?;
        if rate_hz.is_some_and(|rate| rate <= 0.0) {
            return Err(keys.error("rate_hz", "a rate above 0 Hz", "another"));
        }
        let file_column = keys.text("file_column")?.map(|column| column.value.to_owned());
        let place = match keys.text("file")? {
            Some(pattern) => {
                let fault = |key: &'static str, expected: &str, found: &str| keys.error(key, expected, found);
                SignalPlace::File(
                    SignalFiles::new(pattern.value, column, file_column, rate_hz.is_some())
                        .map_err(|(key, expected, found)| fault(key, expected, found))?,
                )
            }
            None => {
                let Some(column) = column else { return Err(keys.error("column", "a column or a file", "neither")) };
                if file_column.is_some() {
                    return Err(keys.error("file_column", "no such key without a file", "one"));
                }
                if rate_hz.is_none() {
                    return Err(keys.error("rate_hz", "a rate above 0 Hz", "none"));
                }
                SignalPlace::Column(column)
            }
        };
        let n_channels = keys.count("channels", 1..=1024)?.unwrap_or(1);
        Ok(Self { name, offset: table.offset, place, rate_hz, unit: keys.read_unit()?, n_channels })
    }

    /// The column that the signal reads, if it is not the participants' own.
    pub(super) fn column(&self) -> Option<&str> {
        match &self.place {
            SignalPlace::Column(column) => Some(column),
            SignalPlace::File(files) => files.column(),
        }
    }
}

impl OutcomeSource {
    pub(super) fn read<'a>(document: &'a Document<'a>, table: At<&'a DeTable<'a>>) -> Result<Self, Error> {
        let allowed = [
            "name",
            "label",
            "definition",
            "question",
            "positive",
            "negative",
            "case",
            "control",
            "neither",
            "missing",
            "exclude",
        ];
        let (keys, name) = named(document, "outcome", table, &allowed)?;
        let label = keys.text("label")?.map_or(name.as_str(), |label| label.value).to_owned();
        let case = expression(&keys, "case")?;
        let Some(case) = case else { return Err(keys.error("case", "a condition", "no such key")) };
        let (control, neither) = (expression(&keys, "control")?, expression(&keys, "neither")?);
        let missing = keys.text("missing")?.map(|missing| missing.value);
        let missing_is_control = match missing {
            None | Some("neither") => false,
            Some("control") if control.is_none() => true,
            Some("control") => return Err(keys.error("missing", "\"neither\" beside a control", "\"control\"")),
            Some(_) => return Err(keys.error("missing", "\"neither\" or \"control\"", "another text")),
        };
        let definition = match (keys.text("definition")?, &control) {
            (Some(definition), _) => definition.value.to_owned(),
            (None, Some(control)) => format!("{} against {}", case.text, control.text),
            (None, None) => case.text.clone(),
        };
        let mut outcome = Outcome::new(name, label, definition);
        let forms = |key| Ok::<_, Error>(keys.texts(key)?.map(|forms| forms.iter().map(|form| form.value).collect()));
        match (forms("positive")?, forms("negative")?) {
            (None, None) => {}
            (Some(positive), Some(negative)) => {
                let (positive, negative): (Vec<&str>, Vec<&str>) = (positive, negative);
                outcome.answers = Answers::new(positive, negative).map_err(|error| match error {
                    Error::Invalid { expected, found, .. } => keys.error("positive", expected, found),
                    other => other,
                })?;
            }
            _ => return Err(keys.error("positive", "both positive and negative answers", "one of them")),
        }
        outcome.question = keys.text("question")?.map(|question| question.value.to_owned());
        let exclude = keys.texts("exclude")?.unwrap_or_default();
        let exclude = exclude.iter().map(|feature| feature.value.to_owned()).collect();
        Ok(Self { outcome, offset: table.offset, case, control, neither, missing_is_control, exclude })
    }

    pub(super) fn columns(&self) -> Vec<&str> {
        [Some(&self.case), self.control.as_ref(), self.neither.as_ref()]
            .into_iter()
            .flatten()
            .flat_map(Expression::columns)
            .collect()
    }
}
