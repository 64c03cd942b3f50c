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

    /// Every feature with its value, in the schema's order.
    pub fn features(self) -> impl Iterator<Item = (&'a Feature, Value)> {
        let features = self.cohort.schema().features().iter();
        features.enumerate().map(move |(index, feature)| (feature, self.cohort.value_at(index, self.row)))
    }

    /// Some features as a model's input, in the order asked for; `None` where a value is missing.
    ///
    /// # Errors
    /// [`Error::Unknown`] if the schema lacks one of the features.
    pub fn model_inputs<S: AsRef<str>>(self, features: &[S]) -> Result<Vec<Option<f64>>, Error> {
        features.iter().map(|feature| Ok(self.value(feature.as_ref())?.as_model_input())).collect()
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
