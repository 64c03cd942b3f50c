use std::fmt;
use std::sync::Arc;

use crate::{Error, ParticipantId, Record, Schema, SignalState, Value};

/// Participants with their features, signals and outcomes, held in columns; [`Record`] is the view of one row.
///
/// Every value was checked against its feature when the cohort was built, so nothing later meets a NaN, an impossible
/// number or a column of another length. `Debug` shows sizes only.
///
/// ```
/// use helm_core::{Cohort, Feature, Outcome, ParticipantId, Schema, Value};
///
/// let schema = Schema::new(
///     vec![Feature::number("age", "age", "years", 0.0..=120.0)],
///     vec![],
///     vec![Outcome::new("wheeze", "wheezing in the past year", "RDQ070 = 1")],
/// )?;
/// let cohort = Cohort::builder(schema, vec![ParticipantId::new("a"), ParticipantId::new("b")])?
///     .feature("age", vec![Value::Number(54.0), Value::Number(31.0)])?
///     .outcome("wheeze", vec![Some(true), None])?
///     .build()?;
/// assert_eq!(cohort.record(1).value("age")?.as_number(), Some(31.0));
/// assert_eq!(cohort.labels("wheeze")?, [Some(true), None]);
/// # Ok::<(), helm_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Cohort {
    schema: Arc<Schema>,
    participants: Vec<ParticipantId>,
    features: Vec<Vec<Value>>,
    signals: Vec<Vec<SignalState>>,
    labels: Vec<Vec<Option<bool>>>,
}

impl Cohort {
    /// Starts a cohort of participants, each with one row. Batches of one cohort share an `Arc` of their schema.
    ///
    /// # Errors
    /// [`Error::DuplicateParticipant`] if a participant stands twice.
    pub fn builder(schema: impl Into<Arc<Schema>>, participants: Vec<ParticipantId>) -> Result<CohortBuilder, Error> {
        ParticipantId::check_unique(&participants, "cohort")?;
        Ok(CohortBuilder::new(schema.into(), participants))
    }

    /// What the cohort holds.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The schema as it is shared between the batches of a cohort.
    pub fn shared_schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// How many participants there are.
    pub fn n_participants(&self) -> usize {
        self.participants.len()
    }

    /// The participants in the order of the rows.
    pub fn participants(&self) -> &[ParticipantId] {
        &self.participants
    }

    /// The view of one row.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn record(&self, row: usize) -> Record<'_> {
        assert!(row < self.n_participants(), "row {row} of {} participants", self.n_participants());
        Record { cohort: self, row }
    }

    /// The views of all rows in their order.
    pub fn records(&self) -> impl ExactSizeIterator<Item = Record<'_>> {
        (0..self.n_participants()).map(|row| self.record(row))
    }

    /// One feature's values.
    ///
    /// # Errors
    /// [`Error::Unknown`] if the schema has no such feature.
    pub fn values(&self, feature: &str) -> Result<&[Value], Error> {
        Ok(&self.features[self.schema.feature_index(feature)?])
    }

    /// One signal's states.
    ///
    /// # Errors
    /// [`Error::Unknown`] if the schema has no such signal.
    pub fn signals(&self, signal: &str) -> Result<&[SignalState], Error> {
        Ok(&self.signals[self.schema.signal_index(signal)?])
    }

    /// One outcome's labels: case, control, or neither (`None`).
    ///
    /// # Errors
    /// [`Error::Unknown`] if the schema has no such outcome.
    pub fn labels(&self, outcome: &str) -> Result<&[Option<bool>], Error> {
        Ok(&self.labels[self.schema.outcome_index(outcome)?])
    }

    /// A cohort of some of the rows, in the order asked for.
    ///
    /// # Panics
    /// If there is no such row, or a row is asked for twice.
    pub fn select(&self, rows: &[usize]) -> Self {
        fn pick<T: Clone>(columns: &[Vec<T>], rows: &[usize]) -> Vec<Vec<T>> {
            columns.iter().map(|column| rows.iter().map(|&row| column[row].clone()).collect()).collect()
        }
        let mut seen = vec![false; self.n_participants()];
        for &row in rows {
            assert!(row < self.n_participants(), "row {row} of {} participants", self.n_participants());
            assert!(!std::mem::replace(&mut seen[row], true), "row {row} is asked for twice");
        }
        Self {
            schema: self.schema.clone(),
            participants: rows.iter().map(|&row| self.participants[row].clone()).collect(),
            features: pick(&self.features, rows),
            signals: pick(&self.signals, rows),
            labels: pick(&self.labels, rows),
        }
    }

    /// These participants and then those of another batch of the same cohort, who are others.
    #[cfg(feature = "schema-file")]
    pub(crate) fn append(&mut self, other: Self) {
        fn extend<T>(columns: &mut [Vec<T>], others: Vec<Vec<T>>) {
            columns.iter_mut().zip(others).for_each(|(column, other)| column.extend(other));
        }
        self.participants.extend(other.participants);
        extend(&mut self.features, other.features);
        extend(&mut self.signals, other.signals);
        extend(&mut self.labels, other.labels);
    }

    pub(crate) fn value_at(&self, feature: usize, row: usize) -> Value {
        self.features[feature][row]
    }
}

impl fmt::Debug for Cohort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Cohort({} participants, {} features, {} signals, {} outcomes)",
            self.n_participants(),
            self.features.len(),
            self.signals.len(),
            self.labels.len()
        )
    }
}

/// Fills a [`Cohort`] column by column.
pub struct CohortBuilder {
    schema: Arc<Schema>,
    participants: Vec<ParticipantId>,
    features: Vec<Option<Vec<Value>>>,
    signals: Vec<Option<Vec<SignalState>>>,
    labels: Vec<Option<Vec<Option<bool>>>>,
}

impl CohortBuilder {
    /// Starts a cohort of participants of whom it is known that none stands twice.
    pub(crate) fn new(schema: Arc<Schema>, participants: Vec<ParticipantId>) -> Self {
        Self {
            features: vec![None; schema.features().len()],
            signals: vec![None; schema.signals().len()],
            labels: vec![None; schema.outcomes().len()],
            schema,
            participants,
        }
    }

    /// Gives a feature its values, one a participant.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::Length`], [`Error::DuplicateName`] if the feature has its values already, or
    /// [`Error::Value`] with the row of the first value that the feature can't hold.
    pub fn feature(mut self, name: &str, values: Vec<Value>) -> Result<Self, Error> {
        let index = self.schema.feature_index(name)?;
        self.check_length("feature", name, values.len())?;
        let feature = &self.schema.features()[index];
        for (row, &value) in values.iter().enumerate() {
            feature.check(value).map_err(|error| match error {
                Error::Value { feature, expected, found, .. } => {
                    Error::Value { feature, row: row + 1, expected, found }
                }
                other => other,
            })?;
        }
        fill("feature", name, &mut self.features[index], values)?;
        Ok(self)
    }

    /// Gives a feature values that were checked one by one.
    #[cfg(feature = "schema-file")]
    pub(crate) fn checked_feature(mut self, name: &str, values: Vec<Value>) -> Result<Self, Error> {
        let index = self.schema.feature_index(name)?;
        self.check_length("feature", name, values.len())?;
        fill("feature", name, &mut self.features[index], values)?;
        Ok(self)
    }

    /// Gives a signal its states, one a participant.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::Length`], or [`Error::DuplicateName`] if the signal has its states already.
    pub fn signal(mut self, name: &str, states: Vec<SignalState>) -> Result<Self, Error> {
        let index = self.schema.signal_index(name)?;
        self.check_length("signal", name, states.len())?;
        fill("signal", name, &mut self.signals[index], states)?;
        Ok(self)
    }

    /// Gives an outcome its labels, one a participant; `None` is neither a case nor a control.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::Length`], or [`Error::DuplicateName`] if the outcome has its labels already.
    pub fn outcome(mut self, name: &str, labels: Vec<Option<bool>>) -> Result<Self, Error> {
        let index = self.schema.outcome_index(name)?;
        self.check_length("outcome", name, labels.len())?;
        fill("outcome", name, &mut self.labels[index], labels)?;
        Ok(self)
    }

    /// The cohort.
    ///
    /// # Errors
    /// [`Error::NotFilled`] if the schema declares something that got no values.
    pub fn build(self) -> Result<Cohort, Error> {
        let Self { schema, participants, features, signals, labels } = self;
        let names = schema.features().iter().map(|feature| feature.name.as_str());
        let features = filled("feature", features, names)?;
        let signals = filled("signal", signals, schema.signals().iter().map(String::as_str))?;
        let names = schema.outcomes().iter().map(|outcome| outcome.name.as_str());
        let labels = filled("outcome", labels, names)?;
        Ok(Cohort { schema, participants, features, signals, labels })
    }

    fn check_length(&self, what: &'static str, name: &str, found: usize) -> Result<(), Error> {
        let expected = self.participants.len();
        if found == expected { Ok(()) } else { Err(Error::Length { what, name: name.into(), expected, found }) }
    }
}

fn fill<T>(what: &'static str, name: &str, column: &mut Option<T>, cells: T) -> Result<(), Error> {
    match column.replace(cells) {
        None => Ok(()),
        Some(_) => Err(Error::DuplicateName { what, name: name.into(), place: "cohort".into() }),
    }
}

fn filled<'a, T>(
    what: &'static str,
    columns: Vec<Option<T>>,
    names: impl Iterator<Item = &'a str>,
) -> Result<Vec<T>, Error> {
    columns
        .into_iter()
        .zip(names)
        .map(|(column, name)| column.ok_or_else(|| Error::NotFilled { what, name: name.into() }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Feature, Outcome};

    fn schema() -> Schema {
        Schema::new(
            vec![Feature::number("age", "age", "years", 0.0..=120.0)],
            vec!["spirogram".into()],
            vec![Outcome::new("wheeze", "wheezing in the past year", "RDQ070 = 1")],
        )
        .expect("a schema")
    }

    fn builder() -> CohortBuilder {
        let ids = vec![ParticipantId::new("98765"), ParticipantId::new("98766")];
        Cohort::builder(schema(), ids).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn every_column_is_asked_for() {
        let message = |cohort: Result<Cohort, Error>| cohort.expect_err("an unfilled cohort").to_string();
        assert!(message(builder().build()).starts_with("feature \"age\": the schema declares it"));
        let aged = || builder().feature("age", vec![Value::Number(54.0), Value::Number(31.0)]);
        assert!(message(aged().and_then(CohortBuilder::build)).starts_with("signal \"spirogram\""));
        let blown = || aged().and_then(|builder| builder.signal("spirogram", vec![SignalState::Absent; 2]));
        assert!(message(blown().and_then(CohortBuilder::build)).starts_with("outcome \"wheeze\""));
        let labelled = blown().and_then(|builder| builder.outcome("wheeze", vec![Some(true), None]));
        let cohort = labelled.and_then(CohortBuilder::build).expect("a cohort");
        assert_eq!(format!("{cohort:?}"), "Cohort(2 participants, 1 features, 1 signals, 1 outcomes)");
        assert_eq!(cohort.labels("wheeze").expect("labels"), [Some(true), None]);
        assert_eq!(cohort.values("age").expect("values").len(), 2);
        assert_eq!(cohort.signals("spirogram").expect("states"), [SignalState::Absent, SignalState::Absent]);
    }

    #[test]
    fn bad_columns_are_errors_that_hide_values() {
        let wrong =
            builder().feature("age", vec![Value::Number(54.0), Value::Number(777.5)]).err().map(|e| e.to_string());
        let expected = "feature \"age\", row 2: expected a number from 0 to 120 years, found a larger one";
        assert_eq!(wrong.as_deref(), Some(expected));
        let short = builder().feature("age", vec![Value::Number(54.0)]).err().map(|e| e.to_string());
        let expected = "feature \"age\": expected 2 rows, one for each participant, found 1";
        assert_eq!(short.as_deref(), Some(expected));
        assert!(matches!(builder().signal("ecg", vec![]).err(), Some(Error::Unknown { what: "signal", .. })));
        assert!(matches!(builder().signal("spirogram", vec![]).err(), Some(Error::Length { what: "signal", .. })));
        assert!(matches!(builder().outcome("death", vec![]).err(), Some(Error::Unknown { what: "outcome", .. })));
        assert!(matches!(builder().outcome("wheeze", vec![]).err(), Some(Error::Length { what: "outcome", .. })));
    }

    #[test]
    fn what_is_given_twice_is_an_error() {
        let labels = || vec![Some(true), None];
        let twice = builder().outcome("wheeze", labels()).and_then(|builder| builder.outcome("wheeze", labels()));
        assert!(matches!(twice.err(), Some(Error::DuplicateName { what: "outcome", .. })));
        let ids = vec![ParticipantId::new("98765"), ParticipantId::new(" 98765")];
        let error = Cohort::builder(schema(), ids).err().map(|error| format!("{error} {error:?}")).unwrap_or_default();
        assert!(error.contains("row 1 again in row 2") && !error.contains("98765"), "{error}");
    }

    #[test]
    #[should_panic(expected = "row 2 of 2 participants")]
    fn rows_past_the_last_panic() {
        let columns = builder()
            .feature("age", vec![Value::Number(54.0), Value::Number(31.0)])
            .and_then(|builder| builder.signal("spirogram", vec![SignalState::Absent; 2]))
            .and_then(|builder| builder.outcome("wheeze", vec![None, None]));
        columns.and_then(CohortBuilder::build).expect("a cohort").record(2);
    }
}
