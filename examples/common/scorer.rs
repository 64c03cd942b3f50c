use std::collections::BTreeMap;
use std::path::Path;

use helm_core::{Cohort, CohortFile, ReadOptions, Risk, Schema, SchemaFile};
use helm_encoders::ModalityKinds;
use helm_eval::{Calibration, Recalibration, RecalibrationMethod, RecalibrationSplit};
use helm_llm::{Bundle, Helm, LanguageModel};
use helm_serialize::Serializer;
use serde::{Deserialize, Serialize};

use crate::labelled::labelled;
use crate::study::prompts_asking;
use crate::{Failure, Progress, Scores, nhanes};

/// All that `--save` keeps and that scores new people: a trained model with what its participants were read, written
/// and calibrated by.
pub struct Scorer {
    /// The encoders around the language model.
    pub helm: Helm,
    /// Writes the contexts.
    pub serializer: Serializer,
    /// What the model reads of a person, and what is asked.
    pub schema: Schema,
    /// How new people's data are read.
    pub source: DataSource,
    /// From log-odds to risks, for each outcome; null where that can't be fitted.
    pub calibration: BTreeMap<String, Option<Calibrated>>,
}

/// How new people's data are read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSource {
    /// Whether a folder of NHANES' files can be read, too.
    pub nhanes_folder: bool,
    /// What a table's columns mean: a schema file's text.
    pub schema_file: String,
}

/// A map from log-odds to risks that was fitted on one half of the participants, each scored by a model that had not
/// seen them. It holds two numbers, and no participant's: which is why it is Platt scaling, and not isotonic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibrated {
    /// The map.
    pub recalibration: Recalibration,
    /// How well it is calibrated on the other half; null where that can't be said.
    pub held_out: Option<Calibration>,
}

/// Fits each outcome's calibration to out-of-fold scores.
///
/// # Errors
/// If the cohort lacks an outcome.
pub fn calibrate(
    cohort: &Cohort,
    scores: &[Scores],
    seed: u64,
) -> Result<BTreeMap<String, Option<Calibrated>>, Failure> {
    let of_outcome = |scores: &Scores| {
        let (rows, labels) = labelled(cohort, &scores.outcome)?;
        let log_odds: Vec<f64> = rows.iter().map(|&row| scores.log_odds[row]).collect();
        let participants: Vec<_> = rows.iter().map(|&row| &cohort.participants()[row]).collect();
        let fitted = RecalibrationSplit::new(&labels, &log_odds, &participants, 0.5, seed)
            .and_then(|split| split.fit(RecalibrationMethod::Platt));
        // Scores that fall with the risk, or too few people: there is no honest map then.
        let calibrated = fitted
            .ok()
            .map(|(recalibration, held_out)| Calibrated { recalibration, held_out: held_out.calibration(0.95).ok() });
        Ok((scores.outcome.clone(), calibrated))
    };
    scores.iter().map(of_outcome).collect()
}

const SERIALIZER: &str = "serializer";
const SCHEMA: &str = "schema";
const SOURCE: &str = "data_source";
const CALIBRATION: &str = "calibration";

impl Scorer {
    /// Writes it as a bundle.
    ///
    /// # Errors
    /// If the folder can't be written, or holds something else than a bundle.
    pub fn save(&self, folder: &Path) -> Result<(), Failure> {
        let outcomes = self.schema.outcomes().iter();
        Bundle::new(outcomes.map(|outcome| (&outcome.name, self.serializer.question(outcome))))?
            .with_part(SERIALIZER, &self.serializer)?
            .with_part(SCHEMA, &self.schema)?
            .with_part(SOURCE, &self.source)?
            .with_part(CALIBRATION, &self.calibration)?
            .save(&self.helm, folder)?;
        Ok(())
    }

    /// Reads a bundle.
    ///
    /// # Errors
    /// If a file is not as it was written, or it is the bundle of another language model.
    pub fn load(folder: &Path, model: LanguageModel) -> Result<Self, Failure> {
        let (bundle, helm) = Bundle::load(folder, model, &ModalityKinds::default())?;
        let fault = |error| Failure::new(format!("{}: {error}", folder.display()));
        let scorer = Self {
            helm,
            serializer: bundle.part(SERIALIZER).map_err(fault)?,
            schema: bundle.part(SCHEMA).map_err(fault)?,
            source: bundle.part(SOURCE).map_err(fault)?,
            calibration: bundle.part(CALIBRATION).map_err(fault)?,
        };
        let questions = scorer.schema.outcomes().iter().map(|outcome| scorer.serializer.question(outcome));
        let asked = scorer.schema.outcomes().iter().map(|outcome| outcome.name.as_str());
        if bundle.outcomes().eq(asked) && bundle.questions().into_iter().eq(questions) {
            return Ok(scorer);
        }
        let problem = "expected the outcomes and questions of its schema and serializer, found others";
        Err(Failure::new(format!("{}: {problem}", folder.display())))
    }

    /// Reads new people: a table by the schema file, or a folder of NHANES' files. Their outcomes may be unknown.
    ///
    /// # Errors
    /// If the data can't be read, or are not what the model learned from.
    pub fn read(&self, data: &Path) -> Result<Cohort, Failure> {
        let cohort = if data.is_dir() {
            if !self.source.nhanes_folder {
                return Err(Failure::new(format!("{}: expected a table, found a folder", data.display())));
            }
            nhanes::load(data)?.cohort
        } else {
            let schema =
                SchemaFile::parse("the bundle's schema file", &self.source.schema_file)?.with_optional_outcomes();
            CohortFile::new(schema, data, ReadOptions::default()).load()?.cohort
        };
        self.check_schema(cohort.schema(), data)?;
        if cohort.n_participants() == 0 {
            return Err(Failure::new(format!("{}: expected at least one person, found none", data.display())));
        }
        Ok(cohort)
    }

    /// Whether data have all that the model reads, with the same meaning.
    fn check_schema(&self, found: &Schema, data: &Path) -> Result<(), Failure> {
        // What a file gives back may differ from what was written in a number's last digit.
        let found: Schema = serde_json::from_str(&serde_json::to_string(found)?)?;
        let missing_feature = self.schema.features().iter().find(|it| !found.features().contains(it));
        let missing_signal = self.schema.signals().iter().find(|it| !found.signals().contains(it));
        let missing_outcome = self.schema.outcomes().iter().find(|it| !found.outcomes().contains(it));
        let missing = missing_feature.map(|it| ("feature", &it.name)).or(missing_signal.map(|it| ("signal", it)));
        match missing.or(missing_outcome.map(|it| ("outcome", &it.name))) {
            None => Ok(()),
            Some((what, name)) => Err(Failure::new(format!(
                "{}: expected the {what} {name:?} as in the bundle's schema, found another meaning or none",
                data.display()
            ))),
        }
    }

    /// The risks of people, one for each outcome of the schema.
    ///
    /// # Errors
    /// If someone's prompt can't be made.
    pub fn risks(&self, people: &Cohort, progress: &mut Progress) -> Result<Vec<Vec<Risk>>, Failure> {
        let outcomes = self.schema.outcomes().iter();
        let questions: Vec<_> = outcomes.map(|outcome| self.serializer.question(outcome)).collect();
        let mut risks = Vec::with_capacity(people.n_participants());
        let rows: Vec<usize> = (0..people.n_participants()).collect();
        progress.stage("predicting", 1);
        for rows in rows.chunks(PEOPLE_AT_ONCE) {
            let prompts = prompts_asking(&self.helm, &self.serializer, people, &questions, rows)?;
            risks.extend(self.helm.risks(&prompts)?);
            progress.advance(risks.len(), people.n_participants());
        }
        Ok(risks)
    }
}

/// People whose prompts are in memory.
const PEOPLE_AT_ONCE: usize = 1024;
