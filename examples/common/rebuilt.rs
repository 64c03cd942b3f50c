use helm_core::{Cohort, Feature, Schema, SignalState, Value};

use crate::Failure;

/// The participants and outcomes of a cohort with other features, and with other signals as far as a function gives some.
///
/// # Errors
/// If there is not a value of its feature for every participant, or a name stands twice.
pub(crate) fn rebuilt(
    cohort: &Cohort,
    features: Vec<(Feature, Vec<Value>)>,
    signals: impl Fn(&str) -> Option<Vec<SignalState>>,
) -> Result<Cohort, Failure> {
    let schema = cohort.schema();
    let described = features.iter().map(|(feature, _)| feature.clone()).collect();
    let whole = Schema::new(described, schema.signals().to_vec(), schema.outcomes().to_vec())?;
    let mut builder = Cohort::builder(whole, cohort.participants().to_vec())?;
    for (feature, values) in features {
        builder = builder.feature(&feature.name, values)?;
    }
    for signal in schema.signals() {
        let states = match signals(signal) {
            Some(states) => states,
            None => cohort.signals(signal)?.to_vec(),
        };
        builder = builder.signal(signal, states)?;
    }
    for outcome in schema.outcomes() {
        builder = builder.outcome(&outcome.name, cohort.labels(&outcome.name)?.to_vec())?;
    }
    Ok(builder.build()?)
}

/// A cohort's features with their values.
///
/// # Errors
/// None: the schema is the cohort's own.
pub(crate) fn features_of(cohort: &Cohort) -> Result<Vec<(Feature, Vec<Value>)>, Failure> {
    let features = cohort.schema().features();
    features.iter().map(|feature| Ok((feature.clone(), cohort.values(&feature.name)?.to_vec()))).collect()
}
