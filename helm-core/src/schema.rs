use std::collections::HashSet;

use crate::{Error, Feature, Outcome};

/// What a cohort holds: features, signals and outcomes, each with a name of its own.
///
/// ```
/// use helm_core::{Feature, Outcome, Schema};
///
/// let schema = Schema::new(
///     vec![Feature::number("age", "age", "years", 0.0..=120.0)],
///     vec!["spirogram".into()],
///     vec![Outcome::new("wheeze", "wheezing in the past year", "RDQ070 = 1")],
/// )?;
/// assert_eq!(schema.feature_index("age")?, 0);
/// assert!(schema.feature_index("agee").is_err());
/// # Ok::<(), helm_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Schema {
    features: Vec<Feature>,
    signals: Vec<String>,
    outcomes: Vec<Outcome>,
}

impl Schema {
    /// A schema.
    ///
    /// # Errors
    /// [`Error::DuplicateName`] if two features, two signals or two outcomes share a name, [`Error::Invalid`] if a
    /// feature has an empty or unordered range, or fewer than two levels.
    pub fn new(features: Vec<Feature>, signals: Vec<String>, outcomes: Vec<Outcome>) -> Result<Self, Error> {
        unique("feature", features.iter().map(|feature| &feature.name))?;
        unique("signal", signals.iter())?;
        unique("outcome", outcomes.iter().map(|outcome| &outcome.name))?;
        for feature in &features {
            let (expected, found) = match &feature.kind {
                crate::FeatureKind::Number { range, .. } if range.is_empty() => {
                    ("a range of numbers", format!("{} to {}", range.start(), range.end()))
                }
                crate::FeatureKind::Category { levels } if levels.len() < 2 => {
                    ("at least two levels", levels.len().to_string())
                }
                _ => continue,
            };
            let what = format!("feature {:?}", feature.name);
            return Err(Error::Invalid { what, expected: expected.into(), found });
        }
        Ok(Self { features, signals, outcomes })
    }

    /// The features in their order.
    pub fn features(&self) -> &[Feature] {
        &self.features
    }

    /// The signals' names in their order.
    pub fn signals(&self) -> &[String] {
        &self.signals
    }

    /// The outcomes in their order.
    pub fn outcomes(&self) -> &[Outcome] {
        &self.outcomes
    }

    /// Where a feature stands.
    ///
    /// # Errors
    /// [`Error::Unknown`] with the names there are.
    pub fn feature_index(&self, name: &str) -> Result<usize, Error> {
        find("feature", name, self.features.iter().map(|feature| feature.name.as_str()))
    }

    /// Where a signal stands.
    ///
    /// # Errors
    /// [`Error::Unknown`] with the names there are.
    pub fn signal_index(&self, name: &str) -> Result<usize, Error> {
        find("signal", name, self.signals.iter().map(String::as_str))
    }

    /// Where an outcome stands.
    ///
    /// # Errors
    /// [`Error::Unknown`] with the names there are.
    pub fn outcome_index(&self, name: &str) -> Result<usize, Error> {
        find("outcome", name, self.outcomes.iter().map(|outcome| outcome.name.as_str()))
    }
}

fn unique<'a>(what: &'static str, names: impl Iterator<Item = &'a String>) -> Result<(), Error> {
    let mut seen = HashSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(Error::DuplicateName { what, name: name.clone(), place: "schema".into() });
        }
    }
    Ok(())
}

fn find<'a>(what: &'static str, name: &str, names: impl Iterator<Item = &'a str> + Clone) -> Result<usize, Error> {
    names.clone().position(|candidate| candidate == name).ok_or_else(|| Error::Unknown {
        what,
        name: name.into(),
        place: "schema".into(),
        available: names.collect::<Vec<_>>().join(", "),
    })
}
