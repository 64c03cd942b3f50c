use helm_core::simulate::SimulatedCohort;
use helm_core::spirometry::{MeasureSettings, Measures, Spirogram};
use helm_core::{Cohort, Feature, MissingReason, SignalState, Value};

use crate::Failure;
use crate::rebuilt::{features_of, rebuilt};
use crate::tiny::PEOPLE_SEED;

/// A measure of a breath: its name and words, its unit, what is possible, and how it is taken.
struct Measure {
    name: &'static str,
    label: &'static str,
    unit: &'static str,
    most: f64,
    of: fn(&Measures) -> Option<f64>,
}

/// The volumes and flows of a report, and flows against the vital capacity and one another, which say how the breath's
/// descending limb is bent.
const MEASURES: [Measure; 14] = {
    const fn measure(
        name: &'static str,
        label: &'static str,
        (unit, most): (&'static str, f64),
        of: fn(&Measures) -> Option<f64>,
    ) -> Measure {
        Measure { name, label, unit, most, of }
    }
    const LITRES: (&str, f64) = ("L", 15.0);
    const FLOW: (&str, f64) = ("L/s", 25.0);
    const SHARE: (&str, f64) = ("", 1.0);
    const PER_SECOND: (&str, f64) = ("1/s", 250.0);
    const RATIO: (&str, f64) = ("", 100.0);
    [
        measure("fvc", "FVC", LITRES, |it| Some(it.fvc_litres)),
        measure("fev1", "FEV1", LITRES, |it| it.fev1_litres),
        measure("fev1_fvc", "FEV1/FVC", SHARE, Measures::fev1_fvc),
        measure("fev3_fvc", "FEV3/FVC", SHARE, |it| Some(it.fev3_litres? / it.fvc_litres)),
        measure("pef", "peak flow", FLOW, |it| Some(it.pef_litres_per_second)),
        measure("fef25", "FEF25", FLOW, |it| it.fef25_litres_per_second),
        measure("fef50", "FEF50", FLOW, |it| it.fef50_litres_per_second),
        measure("fef75", "FEF75", FLOW, |it| it.fef75_litres_per_second),
        measure("fef25_75", "FEF25–75", FLOW, |it| it.fef25_75_litres_per_second),
        measure("fef25_fvc", "FEF25/FVC", PER_SECOND, |it| Some(it.fef25_litres_per_second? / it.fvc_litres)),
        measure("fef50_fvc", "FEF50/FVC", PER_SECOND, |it| Some(it.fef50_litres_per_second? / it.fvc_litres)),
        measure("fef75_fvc", "FEF75/FVC", PER_SECOND, |it| Some(it.fef75_litres_per_second? / it.fvc_litres)),
        measure("fef50_fef25", "FEF50/FEF25", RATIO, |it| {
            Some(it.fef50_litres_per_second? / it.fef25_litres_per_second?)
        }),
        measure("fef75_fef25", "FEF75/FEF25", RATIO, |it| {
            Some(it.fef75_litres_per_second? / it.fef25_litres_per_second?)
        }),
    ]
};

/// The names of the features that [`simulated_people`] have of their breath.
pub fn breath_measures() -> Vec<&'static str> {
    MEASURES.iter().map(|measure| measure.name).collect()
}

/// The cohort with what a signal's breaths measure as features of their own, behind the others: missing where there is no
/// breath, it can't be measured, or it is too short.
///
/// # Errors
/// If the cohort lacks the signal, or has a feature of a measure's name.
fn with_breath_measures(cohort: &Cohort, signal: &str) -> Result<Cohort, Failure> {
    let measured: Vec<Option<Measures>> = cohort.signals(signal)?.iter().map(measures).collect();
    let mut features = features_of(cohort)?;
    for Measure { name, label, unit, most, of } in &MEASURES {
        let value = |measures: &Option<Measures>| {
            let value = measures.as_ref().and_then(of).filter(|value| (0.0..=*most).contains(value));
            value.map_or(Value::Missing(MissingReason::NotRecorded), Value::Number)
        };
        features.push((Feature::number(*name, *label, *unit, 0.0..=*most), measured.iter().map(value).collect()));
    }
    rebuilt(cohort, features, |_| None)
}

fn measures(state: &SignalState) -> Option<Measures> {
    let blow = Spirogram::from_signal(state.signal()?.clone()).ok()?;
    Measures::new(&blow, &MeasureSettings::default()).ok()
}

/// Simulated people who have a breath, of so many, with its measures as features: a cohort for evaluation.
///
/// # Errors
/// If the seed is that of the people in the embedded language model's texts.
pub fn simulated_people(participants: usize, seed: u64) -> Result<Cohort, Failure> {
    if seed == PEOPLE_SEED {
        let expected = "another seed than that of the people in the language model's texts";
        return Err(Failure::new(format!("--seed: expected {expected}, found {PEOPLE_SEED}")));
    }
    let everyone = SimulatedCohort::new(participants, seed)?.to_cohort()?;
    let breaths = everyone.signals(SimulatedCohort::SPIROGRAM)?;
    let rows: Vec<usize> = (0..breaths.len()).filter(|&row| breaths[row].signal().is_some()).collect();
    with_breath_measures(&everyone.select(&rows), SimulatedCohort::SPIROGRAM)
}
