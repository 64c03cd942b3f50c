use std::fmt;

use helm_core::Standardizer;

use crate::Error;

/// What an encoder is pretrained to tell of each participant: measures (numbers) and labels (yes or no), any of which
/// may be unknown.
///
/// `Debug` shows names and sizes only.
///
/// ```
/// use helm_encoders::Targets;
///
/// let targets = Targets::new(3)
///     .with_measure("fev1", vec![Some(3.1), None, Some(2.2)])?
///     .with_label("asthma", vec![Some(false), Some(true), None])?;
/// assert_eq!(targets.names().collect::<Vec<_>>(), ["fev1", "asthma"]);
/// # Ok::<(), helm_encoders::Error>(())
/// ```
#[derive(Clone)]
pub struct Targets {
    n_participants: usize,
    columns: Vec<Column>,
}

#[derive(Clone)]
struct Column {
    name: String,
    is_label: bool,
    /// 0 or 1 for a label.
    values: Vec<Option<f64>>,
}

impl Targets {
    /// No target yet of so many participants.
    pub fn new(n_participants: usize) -> Self {
        Self { n_participants, columns: Vec::new() }
    }

    /// Adds a measure: its squared error counts, in standard deviations of its known values.
    ///
    /// # Errors
    /// [`Error::Input`] if there is not one value for each participant, none is known, one is not finite, or another
    /// target has the name.
    pub fn with_measure(self, name: impl Into<String>, values: Vec<Option<f64>>) -> Result<Self, Error> {
        self.with(name.into(), false, values)
    }

    /// Adds a label: its cross-entropy counts.
    ///
    /// # Errors
    /// [`Error::Input`] if there is not one value for each participant, there are not both cases and controls, or
    /// another target has the name.
    pub fn with_label(self, name: impl Into<String>, values: Vec<Option<bool>>) -> Result<Self, Error> {
        let values = values.into_iter().map(|value| value.map(|case| f64::from(u8::from(case)))).collect();
        self.with(name.into(), true, values)
    }

    fn with(mut self, name: String, is_label: bool, values: Vec<Option<f64>>) -> Result<Self, Error> {
        let wrong =
            |expected: String, found: String| Err(Error::Input { what: format!("target {name:?}"), expected, found });
        if values.len() != self.n_participants {
            return wrong(format!("values of {} participants", self.n_participants), values.len().to_string());
        }
        if self.names().any(|other| other == name) {
            return wrong("a name of its own".into(), "another target of that name".into());
        }
        let known = || values.iter().flatten();
        if known().any(|value| !value.is_finite()) {
            return wrong("finite numbers".into(), "NaN or infinity".into());
        }
        if is_label && !(known().any(|&value| value == 0.0) && known().any(|&value| value == 1.0)) {
            return wrong("cases and controls".into(), "at most one of the two".into());
        }
        if known().next().is_none() {
            return wrong("at least one known value".into(), "none".into());
        }
        self.columns.push(Column { name, is_label, values });
        Ok(self)
    }

    /// The targets' names, in the order in which they were added.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.name.as_str())
    }

    /// How many participants there are.
    pub fn n_participants(&self) -> usize {
        self.n_participants
    }

    pub(crate) fn n_targets(&self) -> usize {
        self.columns.len()
    }

    pub(crate) fn are_labels(&self) -> Vec<bool> {
        self.columns.iter().map(|column| column.is_label).collect()
    }

    /// Means and standard deviations of the measures; those of labels are not used.
    pub(crate) fn standardizer(&self) -> Result<Standardizer, Error> {
        Ok(Standardizer::fit((0..self.n_participants).map(|row| self.row(row)))?)
    }

    pub(crate) fn row(&self, row: usize) -> Vec<Option<f64>> {
        self.columns.iter().map(|column| column.values[row]).collect()
    }
}

impl fmt::Debug for Targets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Targets({} participants, {:?})", self.n_participants, self.names().collect::<Vec<_>>())
    }
}
