use std::fmt;

use crate::{Cohort, Error, Feature, SignalState, Value};

/// One participant's row of a [`Cohort`]. Copying it is free; `Debug` shows the row number only.
#[derive(Clone, Copy)]
pub struct Record<'a> {
    pub(crate) cohort: &'a Cohort,
    pub(crate) row: usize,
}

impl<'a> Record<'a> {
    /// The row, from 0.
    pub fn row(self) -> usize {
        self.row
    }

    /// The cohort of which this is a row.
    pub fn cohort(self) -> &'a Cohort {
        self.cohort
    }

    /// The value of a feature.
    ///
    /// # Errors
    /// [`Error::Unknown`] if the schema has no such feature.
    pub fn value(self, feature: &str) -> Result<Value, Error> {
        Ok(self.cohort.value_at(self.cohort.schema().feature_index(feature)?, self.row))
    }

    /// The value of the feature at a place of the schema ([`Schema::feature_index`](crate::Schema::feature_index)), for
    /// whoever reads many records.
    ///
    /// # Panics
    /// If the schema has no feature there.
    pub fn value_at(self, feature: usize) -> Value {
        self.cohort.value_at(feature, self.row)
    }

    /// Every feature with its value, in the schema's order.
    pub fn features(self) -> impl Iterator<Item = (&'a Feature, Value)> {
        let features = self.cohort.schema().features().iter();
        features.enumerate().map(move |(index, feature)| (feature, self.cohort.value_at(index, self.row)))
    }

    /// Some features as a model's input, in the order asked for, each with as many columns as
    /// [`Feature::model_inputs`] has; `None` where a value is missing.
    ///
    /// # Errors
    /// [`Error::Unknown`] if the schema lacks one of the features.
    pub fn model_inputs<S: AsRef<str>>(self, features: &[S]) -> Result<Vec<Option<f64>>, Error> {
        let schema = self.cohort.schema();
        let mut inputs = Vec::with_capacity(features.len());
        for name in features {
            let index = schema.feature_index(name.as_ref())?;
            inputs.extend(schema.features()[index].model_inputs(self.value_at(index)));
        }
        Ok(inputs)
    }

    /// The state of a signal.
    ///
    /// # Errors
    /// [`Error::Unknown`] if the schema has no such signal.
    pub fn signal(self, signal: &str) -> Result<&'a SignalState, Error> {
        Ok(&self.cohort.signals(signal)?[self.row])
    }

    /// Whether the participant is a case, a control or neither.
    ///
    /// # Errors
    /// [`Error::Unknown`] if the schema has no such outcome.
    pub fn label(self, outcome: &str) -> Result<Option<bool>, Error> {
        Ok(self.cohort.labels(outcome)?[self.row])
    }
}

impl fmt::Debug for Record<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Record(row {})", self.row)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Cohort, Error, Feature, MissingReason, Outcome, ParticipantId, Schema, Signal, SignalState, Value};

    fn cohort() -> Cohort {
        let features = vec![
            Feature::number("age", "age", "years", 0.0..=120.0),
            Feature::category("sex", "sex", ["male", "female"]),
        ];
        let outcomes = vec![Outcome::new("wheeze", "wheezing in the past year", "RDQ070 = 1")];
        let schema = Schema::new(features, vec!["spirogram".into()], outcomes).expect("a schema");
        let blow = Signal::new(vec![0.0, 0.321], 1, 100.0, "L").expect("a signal");
        Cohort::builder(schema, vec![ParticipantId::new("p1"), ParticipantId::new("p2")])
            .and_then(|builder| {
                builder.feature("age", vec![Value::Number(54.25), Value::Missing(MissingReason::Refused)])
            })
            .and_then(|builder| builder.feature("sex", vec![Value::Level(1), Value::Level(0)]))
            .and_then(|builder| builder.signal("spirogram", vec![SignalState::Present(blow), SignalState::Absent]))
            .and_then(|builder| builder.outcome("wheeze", vec![Some(true), None]))
            .and_then(|builder| builder.build())
            .expect("a cohort")
    }

    #[test]
    fn a_record_is_its_row() {
        let cohort = cohort();
        let rows: Vec<usize> = cohort.records().map(|record| record.row()).collect();
        assert_eq!(rows, [0, 1]);
        let (first, second) = (cohort.record(0), cohort.record(1));
        assert_eq!(first.value("age").expect("a value"), Value::Number(54.25));
        assert_eq!(second.value("age").expect("a value"), Value::Missing(MissingReason::Refused));
        assert_eq!(first.model_inputs(&["sex", "age"]).expect("inputs"), [Some(1.0), Some(54.25)]);
        assert_eq!(second.model_inputs(&["age", "sex"]).expect("inputs"), [None, Some(0.0)]);
        assert_eq!(first.signal("spirogram").expect("a state").signal().map(Signal::len), Some(2));
        assert_eq!(second.signal("spirogram").expect("a state"), &SignalState::Absent);
        assert_eq!(
            (first.label("wheeze").expect("a label"), second.label("wheeze").expect("none")),
            (Some(true), None)
        );
        let names: Vec<&str> = second.features().map(|(feature, _)| feature.name.as_str()).collect();
        assert_eq!(names, ["age", "sex"]);
        assert_eq!(second.cohort().n_participants(), 2);
    }

    #[test]
    fn unknown_names_are_errors() {
        let cohort = cohort();
        let record = cohort.record(0);
        assert!(matches!(record.value("bmi"), Err(Error::Unknown { what: "feature", .. })));
        assert!(matches!(record.model_inputs(&["age", "bmi"]), Err(Error::Unknown { what: "feature", .. })));
        assert!(matches!(record.signal("ecg"), Err(Error::Unknown { what: "signal", .. })));
        assert!(matches!(record.label("death"), Err(Error::Unknown { what: "outcome", .. })));
    }

    #[test]
    fn debug_shows_the_row_only() {
        let cohort = cohort();
        assert_eq!(format!("{:?}", cohort.record(1)), "Record(row 1)");
        let values: Vec<_> = cohort.record(0).features().map(|(_, value)| value).collect();
        assert_eq!(format!("{values:?}"), "[<a number>, <a category>]");
        let state = cohort.record(0).signal("spirogram").expect("a state");
        assert_eq!(format!("{state:?}"), "Present(Signal(1 × 2 samples at 100 Hz in L))");
    }
}
