use std::collections::BTreeMap;

use helm_core::{Cohort, Folds};
use helm_eval::baseline::{BoostingConfig, LogisticConfig};
use helm_eval::report::OutcomeResult;
use helm_eval::{Bootstrap, Scored};

use super::found::Found;
use super::{Experiments, FeatureSet, Job, Model, PaperData, PaperTable, Trained};
use crate::labelled::labelled;
use crate::{AllScores, Failure, Progress};

/// Makes the paper's tables and plots of what the experiments computed.
pub struct Tables<'a> {
    /// The data.
    pub data: &'a PaperData,
    /// Who was tested by models that had not seen them.
    pub folds: &'a Folds,
    /// What was computed.
    pub experiments: &'a Experiments<'a>,
    /// The bootstrap of intervals and tests.
    pub bootstrap: Bootstrap,
    /// Training seeds of HeLM on the expanded features.
    pub seeds: u64,
    /// People of the learning curve.
    pub curve: Vec<usize>,
    /// Decides what is drawn at random.
    pub seed: u64,
}

/// The log-odds of everyone by each model, of one outcome.
pub(super) type Columns = Vec<(&'static str, Vec<f64>)>;

/// What is made.
pub struct Made<'a> {
    /// The tables.
    pub tables: Vec<PaperTable>,
    /// The plots, each of the table that has its name.
    pub plots: Vec<PaperPlot>,
    /// The scores of both sets' models; a model's name ends with its set's.
    pub scores: AllScores<'a>,
}

/// A drawing with its file's name and its caption.
pub struct PaperPlot {
    /// Its file's name, without extension.
    pub name: &'static str,
    /// The drawing.
    pub svg: String,
    /// What it shows.
    pub caption: &'static str,
}

pub(super) const LOGISTIC: &str = "logistic";
pub(super) const BOOSTING: &str = "boosting";
pub(super) const LOGISTIC_MULTIMODAL: &str = "logistic_multimodal";
pub(super) const BOOSTING_MULTIMODAL: &str = "boosting_multimodal";
pub(super) const LEARNED: [Model; 8] = [
    Model::Untuned,
    Model::TenShot,
    Model::SoftPrompt,
    Model::HelmText,
    Model::HelmTabular,
    Model::HelmMultimodal,
    Model::HelmNoText,
    Model::LogisticEncoder,
];
/// Those that are trained from several seeds.
pub(super) const REPEATED: [Model; 2] = [Model::HelmTabular, Model::HelmMultimodal];
/// The share of the probability from which an answer counts as valid.
pub(super) const VALID: f64 = 0.5;

/// A fitted classical model, as what it does to a row.
type Fitted = Box<dyn Fn(&[Option<f64>]) -> f64>;

impl Tables<'_> {
    /// All that is to be computed, cheap things first.
    pub fn jobs(&self) -> Vec<Job> {
        let mut jobs = Vec::new();
        for set in FeatureSet::ALL {
            for model in LEARNED {
                let is_repeated = set == FeatureSet::Expanded && REPEATED.contains(&model);
                for seed in 0..if is_repeated { self.seeds } else { 1 } {
                    jobs.push(Job { model, set, seed, trained: Trained::Whole });
                }
            }
        }
        let expanded = |model, trained| Job { model, set: FeatureSet::Expanded, seed: 0, trained };
        if self.trained_held_out() == Trained::WithoutHeldOut {
            jobs.extend([Model::HelmTabular, Model::HelmMultimodal].map(|it| expanded(it, Trained::WithoutHeldOut)));
        }
        jobs.extend(self.curve.iter().map(|&n| expanded(Model::HelmMultimodal, Trained::Rows(n))));
        jobs
    }

    /// All tables and plots, and the scores behind them. The bar gets a stage for each cell of the jobs, and one for each
    /// outcome and set.
    ///
    /// # Errors
    /// Where training fails, or something can't be evaluated.
    pub fn make(&self, progress: &mut Progress) -> Result<Made<'_>, Failure> {
        let mut found = Found { tables: self, scores: Vec::new(), columns: BTreeMap::new() };
        for job in self.jobs() {
            found.scores.push((job, self.experiments.scores(job, progress)?));
        }
        let mut results: BTreeMap<FeatureSet, Vec<OutcomeResult>> = BTreeMap::new();
        for set in FeatureSet::ALL {
            for outcome in &self.data.outcomes {
                progress.stage(format!("intervals of {outcome}, {}", set.name()), 1);
                found.columns.insert((set, outcome.clone()), found.all_models(set, outcome)?);
                results.entry(set).or_default().push(found.result(set, outcome)?);
            }
        }
        let (missing, missing_plot) = found.missing()?;
        let (curve, curve_plot) = found.learning_curve()?;
        let mut tables = Vec::new();
        for (set, results) in &results {
            tables.push(found.areas(*set, results, "auroc", |model| model.auroc));
            tables.push(found.areas(*set, results, "auprc", |model| model.auprc));
        }
        for (set, results) in &results {
            tables.push(found.paired(*set, results)?);
        }
        tables.extend([found.held_out()?, missing, curve, found.calibration()?, found.subgroups()?]);
        Ok(Made { tables, plots: vec![missing_plot, curve_plot], scores: found.all_scores()? })
    }

    /// What the models that are asked about held-out outcomes were trained on.
    pub(super) fn trained_held_out(&self) -> Trained {
        let is_trained = self.data.held_out.iter().any(|outcome| self.data.outcomes.contains(outcome));
        if is_trained { Trained::WithoutHeldOut } else { Trained::Whole }
    }

    pub(super) fn evaluate(
        &self,
        outcome: &str,
        columns: &Columns,
        comparisons: &[(&str, &str)],
    ) -> Result<OutcomeResult, Failure> {
        let (known, labels) = labelled(&self.data.cohort, outcome)?;
        let known: Vec<(&str, Vec<f64>)> =
            columns.iter().map(|(name, all)| (*name, known.iter().map(|&row| all[row]).collect())).collect();
        let columns: Vec<(&str, &[f64])> = known.iter().map(|(name, column)| (*name, column.as_slice())).collect();
        Ok(OutcomeResult::evaluate(outcome, &labels, &columns, comparisons, &self.bootstrap)?)
    }

    pub(super) fn auroc(&self, outcome: &str, log_odds: &[f64]) -> Result<f64, Failure> {
        let (known, labels) = labelled(&self.data.cohort, outcome)?;
        let scores: Vec<f64> = known.iter().map(|&row| log_odds[row]).collect();
        Ok(Scored::new(&labels, &scores)?.auroc())
    }

    /// Everyone's log-odds by a classical model that was fitted on some training rows of each fold, and tested on rows of
    /// another cohort of the same people.
    fn classical(
        &self,
        outcome: &str,
        features: &[&str],
        tested: &Cohort,
        train: impl Fn(usize) -> Vec<usize>,
        fit: impl Fn(&[Vec<Option<f64>>], &[bool]) -> Result<Fitted, helm_eval::Error>,
    ) -> Result<Vec<f64>, Failure> {
        let labels = self.data.cohort.labels(outcome)?;
        let inputs = |cohort: &Cohort| {
            cohort.records().map(|record| record.model_inputs(features)).collect::<Result<Vec<_>, _>>()
        };
        let (rows, tested) = (inputs(&self.data.cohort)?, inputs(tested)?);
        let mut log_odds = vec![0.0; rows.len()];
        for fold in 0..self.folds.k() {
            let known = train(fold).into_iter().filter_map(|row| Some((rows[row].clone(), labels[row]?)));
            let (rows, cases): (Vec<_>, Vec<bool>) = known.unzip();
            let fitted = fit(&rows, &cases)?;
            for row in self.folds.test_rows(fold) {
                log_odds[row] = fitted(&tested[row]);
            }
        }
        Ok(log_odds)
    }

    pub(super) fn logistic(
        &self,
        outcome: &str,
        features: &[&str],
        tested: &Cohort,
        train: impl Fn(usize) -> Vec<usize>,
    ) -> Result<Vec<f64>, Failure> {
        self.classical(outcome, features, tested, train, |rows, cases| {
            let model = LogisticConfig::default().fit(rows, cases)?;
            Ok(Box::new(move |row| model.log_odds(row)))
        })
    }

    pub(super) fn boosting(&self, outcome: &str, features: &[&str]) -> Result<Vec<f64>, Failure> {
        let train = |fold| self.folds.train_rows(fold);
        self.classical(outcome, features, &self.data.cohort, train, |rows, cases| {
            let model = BoostingConfig::default().fit(rows, cases)?;
            Ok(Box::new(move |row| model.log_odds(row)))
        })
    }
}
