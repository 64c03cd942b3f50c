use std::path::Path;

use helm_core::simulate::SimulatedCohort;
use helm_core::{Cohort, MissingReason, SignalState, Value};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::rebuilt::{features_of, rebuilt};
use crate::{Failure, OutcomeGroup, breath_measures, nhanes, simulated_people};

/// What the paper's experiments run on.
pub struct PaperData {
    /// What it is called.
    pub name: &'static str,
    /// Whether its people exist.
    pub simulated: bool,
    /// The participants, with measures of their breath as features.
    pub cohort: Cohort,
    /// The breath's name.
    pub signal: &'static str,
    /// Features that stand beside the breath's curve.
    pub beside: Vec<&'static str>,
    /// Features that measure the breath.
    pub measures: Vec<&'static str>,
    /// The paper's features, by their names here.
    features: [Vec<&'static str>; 2],
    /// Those that the data lack.
    pub lacking: Vec<&'static str>,
    /// The outcomes that models are trained on; the first is the one where lungs matter most.
    pub outcomes: Vec<String>,
    /// The outcomes that models are asked about without having been trained on them: others than the
    /// [`outcomes`](Self::outcomes), or some of them, for which there are models that were trained without them.
    pub held_out: Vec<String>,
    defines: fn(&str, &str) -> bool,
}

/// One of the paper's two sets of features.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FeatureSet {
    /// Age, sex and body mass index.
    Baseline,
    /// These, blood lipids, blood pressure, smoking and sleep.
    Expanded,
}

impl FeatureSet {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Baseline, Self::Expanded];

    /// Its name in tables and files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Expanded => "expanded",
        }
    }
}

impl PaperData {
    /// Simulated people who have a breath, of so many.
    ///
    /// # Errors
    /// As [`simulated_people`].
    pub fn simulated(participants: usize, seed: u64) -> Result<Self, Failure> {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Ok(Self {
            name: "simulated people",
            simulated: true,
            cohort: simulated_people(participants, seed)?,
            signal: SimulatedCohort::SPIROGRAM,
            beside: vec![],
            measures: breath_measures(),
            features: [SimulatedCohort::BASELINE.to_vec(), SimulatedCohort::EXPANDED.to_vec()],
            lacking: vec![],
            outcomes: names(&[
                "asthma",
                "mortality",
                "diabetes",
                "hypertension",
                "depression",
                "migraine",
                "myocardial_infarction",
                "stroke",
            ]),
            held_out: names(&["cataract", "gerd", "hay_fever_eczema", "osteoarthritis", "pneumonia"]),
            defines: |_, _| false,
        })
    }

    /// NHANES 2011–2012, from its files' folder.
    ///
    /// # Errors
    /// As [`nhanes::load`].
    pub fn nhanes(folder: &Path) -> Result<Self, Failure> {
        let cohort = nhanes::load(folder)?.cohort;
        let mut outcomes: Vec<String> = cohort.schema().outcomes().iter().map(|outcome| outcome.name.clone()).collect();
        let wheeze = outcomes.iter().position(|outcome| outcome == "wheeze").unwrap_or(0);
        outcomes[..=wheeze].rotate_right(1);
        Ok(Self {
            name: "NHANES 2011–2012",
            simulated: false,
            cohort,
            signal: nhanes::SPIROGRAM,
            beside: nhanes::BESIDE_THE_CURVE.to_vec(),
            measures: nhanes::SPIROMETRY.to_vec(),
            features: [nhanes::BASELINE.to_vec(), nhanes::EXPANDED.to_vec()],
            lacking: nhanes::LACKING.to_vec(),
            outcomes,
            held_out: ["stroke", "arthritis", "chronic_cough"].map(Into::into).into(),
            defines: nhanes::defines,
        })
    }

    /// Of the outcomes that models are trained on, some only.
    ///
    /// # Errors
    /// If one is not among them.
    pub fn with_outcomes(mut self, outcomes: &[String]) -> Result<Self, Failure> {
        if let Some(other) = outcomes.iter().find(|outcome| !self.outcomes.contains(outcome)) {
            let expected = self.outcomes.join(", ");
            return Err(Failure::new(format!("--outcome: expected some of {expected}; found {other}")));
        }
        self.held_out.retain(|outcome| !self.outcomes.contains(outcome) || outcomes.contains(outcome));
        self.outcomes.retain(|outcome| outcomes.contains(outcome));
        Ok(self)
    }

    /// The features of a set that an outcome may be estimated from.
    pub fn features(&self, set: FeatureSet, outcome: &str) -> Vec<&'static str> {
        let all = &self.features[usize::from(set == FeatureSet::Expanded)];
        all.iter().copied().filter(|feature| !(self.defines)(feature, outcome)).collect()
    }

    /// Outcomes by their features in a set.
    ///
    /// # Errors
    /// If an outcome stands twice.
    pub fn groups(&self, set: FeatureSet, outcomes: &[String]) -> Result<Vec<OutcomeGroup>, Failure> {
        OutcomeGroup::of(outcomes, |outcome| Ok(self.features(set, outcome)))
    }

    /// The cohort in which a share of all features' values is missing, drawn at random: what is missing of a smaller
    /// share is missing of a larger one, too.
    ///
    /// # Errors
    /// None: the cohort is changed in nothing else.
    pub fn with_missing(&self, share: f64, seed: u64) -> Result<Cohort, Failure> {
        let mut features = features_of(&self.cohort)?;
        for (index, (_, values)) in features.iter_mut().enumerate() {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(index as u64);
            for value in values {
                if rng.random_range(0.0..1.0) < share {
                    *value = Value::Missing(MissingReason::NotRecorded);
                }
            }
        }
        rebuilt(&self.cohort, features, |_| None)
    }

    /// The cohort in which nobody has a breath, or a measure of it.
    ///
    /// # Errors
    /// None: the cohort is changed in nothing else.
    pub fn without_breath(&self) -> Result<Cohort, Failure> {
        let mut features = features_of(&self.cohort)?;
        for (feature, values) in &mut features {
            if self.measures.contains(&feature.name.as_str()) {
                values.fill(Value::Missing(MissingReason::NotRecorded));
            }
        }
        rebuilt(&self.cohort, features, |_| Some(vec![SignalState::Absent; self.cohort.n_participants()]))
    }
}
