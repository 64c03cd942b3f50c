use std::path::Path;

use helm_core::{
    Cohort, Feature, FeatureKind, MissingReason, ParticipantId, Schema, Signal, SignalState, Value as Cell,
};
use serde_json::{Map, Value};

use crate::Failure;

/// One person's own data: what a JSON object says of them, and one signal.
#[derive(Default)]
pub struct Person {
    record: Map<String, Value>,
    signal: Option<Signal>,
}

impl Person {
    /// Reads a JSON object of features: numbers in the feature's unit, or one of the levels' names.
    ///
    /// # Errors
    /// If the file can't be read or holds no object.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let wrong = |what: String| Failure::new(format!("{}: {what}", path.display()));
        let bytes = std::fs::read(path).map_err(|error| wrong(format!("can't be read: {error}")))?;
        let record = serde_json::from_slice(&bytes)
            .map_err(|error| wrong(format!("expected a JSON object, found another text in line {}", error.line())))?;
        Ok(Self { record, signal: None })
    }

    /// The same person with a signal.
    pub fn with_signal(mut self, signal: Signal) -> Self {
        self.signal = Some(signal);
        self
    }

    /// A cohort of this person alone, as a schema has it; what is not said is missing, outcomes are unknown.
    ///
    /// # Errors
    /// If the schema has no such feature, or it can't hold the value; if a signal comes with a schema of none or of
    /// several.
    pub fn cohort(&self, schema: &Schema) -> Result<Cohort, Failure> {
        if let Some(unknown) = self.record.keys().find(|key| !schema.features().iter().any(|it| it.name == **key)) {
            let names: Vec<&str> = schema.features().iter().map(|feature| feature.name.as_str()).collect();
            let expected = if names.is_empty() { "no feature".into() } else { names.join(", ") };
            return Err(Failure::new(format!("record: expected {expected}, found {unknown:?}")));
        }
        if self.signal.is_some() && schema.signals().len() != 1 {
            let found = schema.signals().len();
            return Err(Failure::new(format!("signal: expected a model that reads one signal, found {found}")));
        }
        let mut builder = Cohort::builder(schema.clone(), vec![ParticipantId::new("person")])?;
        for feature in schema.features() {
            let cell = self.record.get(&feature.name).map_or(Ok(NOT_SAID), |value| cell(feature, value))?;
            builder = builder.feature(&feature.name, vec![cell])?;
        }
        for name in schema.signals() {
            let state = self.signal.clone().map_or(SignalState::Absent, SignalState::Present);
            builder = builder.signal(name, vec![state])?;
        }
        for outcome in schema.outcomes() {
            builder = builder.outcome(&outcome.name, vec![None])?;
        }
        Ok(builder.build()?)
    }

    /// The record as text, a line for each thing said: for a model without a schema.
    pub fn to_text(&self) -> String {
        let line = |(name, value): (&String, &Value)| match value {
            Value::String(text) => format!("{name}: {text}\n"),
            value => format!("{name}: {value}\n"),
        };
        self.record.iter().map(line).collect()
    }
}

const NOT_SAID: Cell = Cell::Missing(MissingReason::NotRecorded);

/// A feature's value; errors don't show it.
fn cell(feature: &Feature, value: &Value) -> Result<Cell, Failure> {
    let wrong = |expected: &str, found: &str| {
        Err(Failure::new(format!("record: feature {:?}: expected {expected}, found {found}", feature.name)))
    };
    match (&feature.kind, value) {
        (_, Value::Null) => Ok(NOT_SAID),
        (FeatureKind::Number { .. }, Value::Number(number)) => match number.as_f64() {
            Some(number) => Ok(Cell::Number(number)),
            None => wrong("a number", "one out of range"),
        },
        (FeatureKind::Number { .. }, _) => wrong("a number", "another JSON value"),
        (FeatureKind::Category { levels }, Value::String(text)) => {
            match levels.iter().position(|level| level == text) {
                Some(level) => Ok(Cell::Level(level)),
                None => wrong(&format!("one of {}", levels.join(", ")), "another text"),
            }
        }
        (FeatureKind::Category { levels }, _) => wrong(&format!("one of {}", levels.join(", ")), "another JSON value"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Schema {
        let features = vec![
            Feature::number("age", "age", "years", 0.0..=120.0),
            Feature::category("sex", "sex", ["female", "male"]),
            Feature::number("bmi", "BMI", "kg/m²", 5.0..=100.0),
        ];
        Schema::new(features, vec!["spirogram".into()], vec![]).expect("a schema")
    }

    fn person(record: Value) -> Person {
        let Value::Object(record) = record else { panic!("an object") };
        Person { record, signal: None }
    }

    #[test]
    fn what_is_not_said_is_missing() {
        let person = person(json!({ "age": 54.5, "sex": "male", "bmi": null }));
        let signal = Signal::new(vec![0.0, 1.0], 1, 100.0, "L").expect("a signal");
        let cohort = person.with_signal(signal).cohort(&schema()).expect("a cohort");
        let record = cohort.record(0);
        assert_eq!(record.value("age").expect("a feature"), Cell::Number(54.5));
        assert_eq!(record.value("sex").expect("a feature"), Cell::Level(1));
        assert!(record.value("bmi").expect("a feature").is_missing());
        assert!(record.signal("spirogram").expect("a signal").signal().is_some());
    }

    #[test]
    fn errors_name_the_feature_and_not_the_value() {
        for (record, expected) in [
            (json!({ "age": "98765" }), "feature \"age\": expected a number"),
            (json!({ "age": 98765 }), "\"age\""),
            (json!({ "sex": "98765" }), "expected one of female, male"),
            (json!({ "sex": 98765 }), "expected one of female, male"),
            (json!({ "weight": 98765 }), "expected age, sex, bmi, found \"weight\""),
        ] {
            let Err(error) = person(record).cohort(&schema()) else { panic!("an error: {expected}") };
            let message = format!("{error:?}");
            assert!(message.contains(&expected.replace('"', "\\\"")) && !message.contains("98765"), "{message}");
        }
        let nothing = Schema::new(vec![], vec![], vec![]).expect("a schema");
        let signal = Signal::new(vec![0.0], 1, 100.0, "L").expect("a signal");
        assert!(Person::default().with_signal(signal).cohort(&nothing).is_err());
    }
}
