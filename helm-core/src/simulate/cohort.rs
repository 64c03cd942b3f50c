use std::fmt;
use std::sync::Arc;

use rayon::prelude::*;

use super::effects::OUTCOME_MODELS;
use super::participant::{SimulatedParticipant, intercepts};
use crate::{Cohort, CohortSource, Error, Feature, Outcome, ParticipantId, Schema};

/// Simulated people, as many as asked for; see [the module](crate::simulate) for what they are like.
///
/// The first of them are the same however many there are. Participants are called `simulated-1` and so on.
///
/// ```
/// use helm_core::CohortSource;
/// use helm_core::simulate::SimulatedCohort;
///
/// // A cohort larger than memory is walked in batches.
/// let cohort = SimulatedCohort::new(5000, 7)?;
/// let mut n = 0;
/// for batch in cohort.batches()? {
///     n += batch?.n_participants();
/// }
/// assert_eq!(n, 5000);
/// // What no study knows: the lungs behind the breath.
/// assert!(cohort.participant(0)?.lung.spread > 0.0);
/// # Ok::<(), helm_core::Error>(())
/// ```
#[derive(Clone)]
pub struct SimulatedCohort {
    n: usize,
    seed: u64,
    schema: Arc<Schema>,
    intercepts: Arc<[f64]>,
}

/// People of a batch: their breaths take some ten megabytes.
const ROWS_PER_BATCH: usize = 4096;

impl SimulatedCohort {
    /// The signal's name.
    pub const SPIROGRAM: &'static str = "spirogram";

    /// HeLM's baseline features.
    pub const BASELINE: [&'static str; 3] = ["age", "sex", "bmi"];

    /// HeLM's expanded features, which the baseline ones begin.
    pub const EXPANDED: [&'static str; 14] = [
        "age",
        "sex",
        "bmi",
        "hdl",
        "ldl",
        "cholesterol",
        "triglycerides",
        "diastolic",
        "ever_smoked",
        "snoring",
        "insomnia",
        "napping",
        "sleep_duration",
        "chronotype",
    ];

    /// A cohort of `n` people.
    ///
    /// # Errors
    /// [`Error::Invalid`] if there are to be none.
    pub fn new(n: usize, seed: u64) -> Result<Self, Error> {
        if n == 0 || seed == u64::MAX {
            let (expected, found) = match n {
                0 => ("at least one person", "none"),
                _ => ("a seed below 18446744073709551615", "that one"),
            };
            return Err(Error::Invalid {
                what: "simulated cohort".into(),
                expected: expected.into(),
                found: found.into(),
            });
        }
        Ok(Self { n, seed, schema: Arc::new(schema()?), intercepts: intercepts().into() })
    }

    /// People.
    pub fn n_participants(&self) -> usize {
        self.n
    }

    /// The person of a row, from 0, with what no study would know.
    ///
    /// # Errors
    /// [`Error::Invalid`] if there is no such row.
    pub fn participant(&self, row: usize) -> Result<SimulatedParticipant, Error> {
        if row >= self.n {
            let expected = format!("a row below {}", self.n);
            return Err(Error::Invalid { what: "simulated cohort".into(), expected, found: row.to_string() });
        }
        SimulatedParticipant::draw(self.seed, row as u64, &self.intercepts)
    }

    /// The whole cohort in memory: some 4 kB a person, most of it the breath.
    ///
    /// # Errors
    /// None that the simulation is known to have.
    pub fn to_cohort(&self) -> Result<Cohort, Error> {
        self.rows(0, self.n)
    }

    fn rows(&self, from: usize, to: usize) -> Result<Cohort, Error> {
        let people: Vec<SimulatedParticipant> =
            (from..to).into_par_iter().map(|row| self.participant(row)).collect::<Result<_, _>>()?;
        let ids = (from..to).map(|row| ParticipantId::new(format!("simulated-{}", row + 1))).collect();
        let mut builder = Cohort::builder(self.schema.clone(), ids)?;
        for (index, feature) in self.schema.features().iter().enumerate() {
            builder = builder.feature(&feature.name, people.iter().map(|person| person.values[index]).collect())?;
        }
        for (index, outcome) in self.schema.outcomes().iter().enumerate() {
            builder =
                builder.outcome(&outcome.name, people.iter().map(|person| Some(person.labels[index])).collect())?;
        }
        builder.signal(Self::SPIROGRAM, people.into_iter().map(|person| person.spirogram).collect())?.build()
    }
}

impl CohortSource for SimulatedCohort {
    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn batches(&self) -> Result<Box<dyn Iterator<Item = Result<Cohort, Error>> + '_>, Error> {
        let starts = (0..self.n).step_by(ROWS_PER_BATCH);
        Ok(Box::new(starts.map(|start| self.rows(start, self.n.min(start + ROWS_PER_BATCH)))))
    }
}

impl fmt::Debug for SimulatedCohort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SimulatedCohort({} people, seed {})", self.n, self.seed)
    }
}

/// The features have the names and units of the schema for UK Biobank, and height beside them.
fn schema() -> Result<Schema, Error> {
    let features = vec![
        Feature::number("age", "age", "years", 18.0..=100.0),
        Feature::category("sex", "sex", ["female", "male"]),
        Feature::number("height", "standing height", "cm", 100.0..=230.0),
        Feature::number("bmi", "body mass index", "kg/m²", 8.0..=100.0).with_decimals(1),
        Feature::number("hdl", "HDL cholesterol", "mmol/L", 0.0..=10.0).with_decimals(2),
        Feature::number("ldl", "LDL cholesterol", "mmol/L", 0.0..=20.0).with_decimals(2),
        Feature::number("cholesterol", "total cholesterol", "mmol/L", 0.0..=25.0).with_decimals(2),
        Feature::number("triglycerides", "triglycerides", "mmol/L", 0.0..=30.0).with_decimals(2),
        Feature::number("diastolic", "diastolic blood pressure", "mmHg", 20.0..=200.0),
        Feature::yes_no("ever_smoked", "ever smoked"),
        Feature::yes_no("snoring", "snoring"),
        Feature::category("insomnia", "insomnia", ["never or rarely", "sometimes", "usually"]),
        Feature::category("napping", "daytime napping", ["never or rarely", "sometimes", "often"]),
        Feature::number("sleep_duration", "sleep duration", "hours", 0.0..=24.0),
        Feature::category(
            "chronotype",
            "chronotype",
            [
                "definitely a morning person",
                "more a morning than an evening person",
                "more an evening than a morning person",
                "definitely an evening person",
            ],
        ),
    ];
    let outcomes = OUTCOME_MODELS
        .iter()
        .map(|model| Outcome::new(model.name, model.label, "simulated: drawn from a logistic model"))
        .collect();
    Schema::new(features, vec![SimulatedCohort::SPIROGRAM.into()], outcomes)
}
