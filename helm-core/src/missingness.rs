use std::fmt::Write as _;

use crate::{Cohort, MissingReason, SignalState, SmallCells, Value};

/// How much of each feature and signal is missing, and why.
///
/// ```
/// use helm_core::{Cohort, Feature, MissingReason, Missingness, ParticipantId, Schema, SmallCells, Value};
///
/// let schema = Schema::new(vec![Feature::number("age", "age", "years", 0.0..=120.0)], vec![], vec![])?;
/// let cohort = Cohort::builder(schema, vec![ParticipantId::new("a"), ParticipantId::new("b")])?
///     .feature("age", vec![Value::Number(54.0), Value::Missing(MissingReason::Refused)])?
///     .build()?;
/// let missingness = Missingness::of(&cohort);
/// assert_eq!(missingness.missing("age"), Some(1));
/// assert!(missingness.to_markdown(SmallCells { threshold: 1 }).contains("| age | 1 (50.0 %) | refused 1 |"));
/// # Ok::<(), helm_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missingness {
    n: usize,
    columns: Vec<(String, Vec<(String, usize)>)>,
}

impl Missingness {
    /// The missing values of a cohort.
    pub fn of(cohort: &Cohort) -> Self {
        let schema = cohort.schema();
        let features = schema.features().iter().enumerate().map(|(index, feature)| {
            let reasons = (0..cohort.n_participants()).filter_map(|row| match cohort.value_at(index, row) {
                // Its codes together: one for each would be a long list of small numbers.
                Value::Missing(MissingReason::SasCode(_)) => Some("missing code".to_owned()),
                Value::Missing(reason) => Some(reason.to_string()),
                _ => None,
            });
            (feature.name.clone(), count(reasons))
        });
        let signals = schema.signals().iter().map(|signal| {
            let reason = |state: &SignalState| match state {
                SignalState::Present(_) => None,
                SignalState::Unusable(_) => Some("unusable".to_owned()),
                SignalState::Absent => Some("absent".to_owned()),
            };
            (signal.clone(), count(cohort.signals(signal).unwrap_or_default().iter().filter_map(reason)))
        });
        Self { n: cohort.n_participants(), columns: features.chain(signals).collect() }
    }

    /// How often a feature or a signal is missing; `None` if there is none of that name.
    pub fn missing(&self, name: &str) -> Option<usize> {
        let (_, reasons) = self.columns.iter().find(|(column, _)| column == name)?;
        Some(reasons.iter().map(|(_, count)| count).sum())
    }

    /// Every feature and then every signal with the reasons of its missing values and their counts.
    pub fn columns(&self) -> impl Iterator<Item = (&str, &[(String, usize)])> {
        self.columns.iter().map(|(name, reasons)| (name.as_str(), reasons.as_slice()))
    }

    /// A table in Markdown in which small counts, and those from which they could be derived, are hidden.
    pub fn to_markdown(&self, small: SmallCells) -> String {
        let mut out = String::from("| feature | missing | reasons |\n| --- | --- | --- |\n");
        for (name, reasons) in &self.columns {
            let missing: usize = reasons.iter().map(|(_, count)| count).sum();
            let total = match small.suppress(&[missing, self.n - missing])[0] {
                Some(missing) => format!("{missing} ({:.1} %)", 100.0 * missing as f64 / self.n.max(1) as f64),
                None => "few".into(),
            };
            // The reasons' total is known, if it is shown; if it is not, none of them is.
            let shown = small.suppress(&reasons.iter().map(|(_, count)| *count).collect::<Vec<_>>());
            let reasons = reasons.iter().zip(shown).map(|((reason, _), count)| match count {
                Some(count) if total != "few" => format!("{reason} {count}"),
                _ => reason.clone(),
            });
            let _ = writeln!(out, "| {name} | {total} | {} |", reasons.collect::<Vec<_>>().join(", "));
        }
        out
    }
}

fn count(reasons: impl Iterator<Item = String>) -> Vec<(String, usize)> {
    let mut counts = std::collections::BTreeMap::new();
    for reason in reasons {
        *counts.entry(reason).or_insert(0) += 1;
    }
    counts.into_iter().collect()
}
