use std::collections::BTreeMap;

use helm_core::Risk;
use helm_eval::report::OutcomeResult;

use super::tables::{BOOSTING, BOOSTING_MULTIMODAL, Columns, LEARNED, LOGISTIC, LOGISTIC_MULTIMODAL, REPEATED};
use super::{FeatureSet, Job, Model, Tables, Trained};
use crate::{AllScores, Failure, Scores};

/// The jobs' scores, of which tables are made.
pub(super) struct Found<'a> {
    pub(super) tables: &'a Tables<'a>,
    pub(super) scores: Vec<(Job, BTreeMap<String, Vec<Risk>>)>,
    /// What [`all_models`](Self::all_models) made, by set and outcome.
    pub(super) columns: BTreeMap<(FeatureSet, String), Columns>,
}

impl<'a> Found<'a> {
    /// The scores of a job, by what they are of.
    pub(super) fn of(
        &self,
        model: Model,
        set: FeatureSet,
        seed: u64,
        trained: Trained,
    ) -> Result<&BTreeMap<String, Vec<Risk>>, Failure> {
        let is = |job: &Job| (job.model, job.set, job.seed, job.trained) == (model, set, seed, trained);
        let found = self.scores.iter().find(|(job, _)| is(job)).map(|(_, scores)| scores);
        found
            .ok_or_else(|| Failure::new(format!("{}: expected it among what was computed, found it not", model.name())))
    }

    /// The scores of a model that was trained on everything, with the first seed.
    pub(super) fn risks(&self, model: Model, set: FeatureSet, of: &str) -> Result<&[Risk], Failure> {
        let scores = self.of(model, set, 0, Trained::Whole)?;
        let missing = || Failure::new(format!("{}: expected scores of {of}, found none", model.name()));
        Ok(scores.get(of).ok_or_else(missing)?)
    }

    /// The log-odds of an outcome by every model on a set of features.
    pub(super) fn all_models(&self, set: FeatureSet, outcome: &str) -> Result<Columns, Failure> {
        let Tables { data, folds, .. } = self.tables;
        let tabular = data.features(set, outcome);
        let multimodal = [tabular.as_slice(), &data.measures].concat();
        let train = |fold| folds.train_rows(fold);
        let mut columns = vec![
            (LOGISTIC, self.tables.logistic(outcome, &tabular, &data.cohort, train)?),
            (BOOSTING, self.tables.boosting(outcome, &tabular)?),
            (LOGISTIC_MULTIMODAL, self.tables.logistic(outcome, &multimodal, &data.cohort, train)?),
            (BOOSTING_MULTIMODAL, self.tables.boosting(outcome, &multimodal)?),
        ];
        for model in LEARNED {
            columns.push((model.name(), log_odds(self.risks(model, set, outcome)?)));
        }
        Ok(columns)
    }

    /// How well they rank the outcome, and HeLM's differences from the others.
    pub(super) fn result(&self, set: FeatureSet, outcome: &str) -> Result<OutcomeResult, Failure> {
        let tabular = [Model::Untuned, Model::TenShot, Model::SoftPrompt, Model::HelmText].map(Model::name);
        let tabular: Vec<&str> = tabular.into_iter().chain([LOGISTIC, BOOSTING]).collect();
        let multimodal = [LOGISTIC_MULTIMODAL, BOOSTING_MULTIMODAL, Model::LogisticEncoder.name()];
        let [helm_tabular, helm_multimodal] = REPEATED.map(Model::name);
        let mut comparisons: Vec<(&str, &str)> = tabular.iter().map(|&other| (helm_tabular, other)).collect();
        let others = [helm_tabular].into_iter().chain(tabular.iter().copied()).chain(multimodal);
        comparisons.extend(others.map(|other| (helm_multimodal, other)));
        let others = [helm_multimodal, helm_tabular].into_iter().chain(multimodal);
        comparisons.extend(others.map(|other| (Model::HelmNoText.name(), other)));
        self.tables.evaluate(outcome, &self.columns[&(set, outcome.to_owned())], &comparisons)
    }

    /// The scores that the tables of areas are made of.
    pub(super) fn all_scores(&self) -> Result<AllScores<'a>, Failure> {
        let mut scores = Vec::new();
        for ((set, outcome), columns) in &self.columns {
            for (name, log_odds) in columns {
                let model = LEARNED.into_iter().find(|model| model.name() == *name);
                let asked = model.filter(|&model| model != Model::LogisticEncoder);
                let masses = |risks: &[Risk]| risks.iter().map(|risk| risk.answer_mass).collect();
                let risks = asked.map(|model| self.risks(model, *set, outcome)).transpose()?;
                scores.push(Scores {
                    outcome: outcome.clone(),
                    model: format!("{name}_{}", set.name()),
                    log_odds: log_odds.clone(),
                    answer_mass: risks.map(masses),
                });
            }
        }
        let Tables { data, folds, .. } = self.tables;
        Ok(AllScores { cohort: &data.cohort, folds, scores })
    }
}

/// The log-odds of risks.
pub(super) fn log_odds(risks: &[Risk]) -> Vec<f64> {
    risks.iter().map(|risk| risk.log_odds).collect()
}
