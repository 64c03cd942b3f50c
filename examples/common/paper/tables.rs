use std::collections::BTreeMap;

use helm_core::{Cohort, Folds, Risk, SmallCells, Value};
use helm_eval::baseline::{BoostingConfig, LogisticConfig};
use helm_eval::report::{Estimate, LinePlot, OutcomeResult};
use helm_eval::{Bins, Bootstrap, Predictions, RecalibrationMethod, RecalibrationSplit, Scored, Subgroup};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde_json::{Map, json};

use super::{
    Experiments, FeatureSet, Job, Model, PaperData, PaperTable, Trained, held_out_key, missing_key, no_breath_key,
    verdict,
};
use crate::{Failure, Progress};

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
type Columns = Vec<(&'static str, Vec<f64>)>;

/// A drawing with its file's name and its caption.
pub struct PaperPlot {
    /// Its file's name, without extension.
    pub name: &'static str,
    /// The drawing.
    pub svg: String,
    /// What it shows.
    pub caption: &'static str,
}

const LOGISTIC: &str = "logistic";
const BOOSTING: &str = "boosting";
const LOGISTIC_MULTIMODAL: &str = "logistic_multimodal";
const BOOSTING_MULTIMODAL: &str = "boosting_multimodal";
const LEARNED: [Model; 7] = [
    Model::Untuned,
    Model::TenShot,
    Model::SoftPrompt,
    Model::HelmText,
    Model::HelmTabular,
    Model::HelmMultimodal,
    Model::LogisticEncoder,
];
/// The share of the probability from which an answer counts as valid.
const VALID: f64 = 0.5;

/// A fitted classical model, as what it does to a row.
type Fitted = Box<dyn Fn(&[Option<f64>]) -> f64>;

impl Tables<'_> {
    /// All that is to be computed, cheap things first.
    pub fn jobs(&self) -> Vec<Job> {
        let mut jobs = Vec::new();
        for set in FeatureSet::ALL {
            for model in LEARNED {
                let is_repeated =
                    set == FeatureSet::Expanded && matches!(model, Model::HelmTabular | Model::HelmMultimodal);
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

    /// All tables and plots. The bar gets a stage for each cell of the jobs, and one for each outcome and set.
    ///
    /// # Errors
    /// Where training fails, or something can't be evaluated.
    pub fn make(&self, progress: &mut Progress) -> Result<(Vec<PaperTable>, Vec<PaperPlot>), Failure> {
        let mut scores: Vec<(Job, BTreeMap<String, Vec<Risk>>)> = Vec::new();
        for job in self.jobs() {
            scores.push((job, self.experiments.scores(job, progress)?));
        }
        let found = Found { tables: self, scores };
        let mut results: BTreeMap<FeatureSet, Vec<OutcomeResult>> = BTreeMap::new();
        for set in FeatureSet::ALL {
            for outcome in &self.data.outcomes {
                progress.stage(format!("intervals of {outcome}, {}", set.name()), 1);
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
        Ok((tables, vec![missing_plot, curve_plot]))
    }

    /// What the models that are asked about held-out outcomes were trained on.
    fn trained_held_out(&self) -> Trained {
        let is_trained = self.data.held_out.iter().any(|outcome| self.data.outcomes.contains(outcome));
        if is_trained { Trained::WithoutHeldOut } else { Trained::Whole }
    }

    /// The participants who are cases or controls, and which.
    fn labelled(&self, outcome: &str) -> Result<(Vec<usize>, Vec<bool>), Failure> {
        let labels = self.data.cohort.labels(outcome)?.iter().enumerate();
        Ok(labels.filter_map(|(row, label)| Some((row, (*label)?))).unzip())
    }

    fn evaluate(
        &self,
        outcome: &str,
        columns: &Columns,
        comparisons: &[(&str, &str)],
    ) -> Result<OutcomeResult, Failure> {
        let (known, labels) = self.labelled(outcome)?;
        let known: Vec<(&str, Vec<f64>)> =
            columns.iter().map(|(name, all)| (*name, known.iter().map(|&row| all[row]).collect())).collect();
        let columns: Vec<(&str, &[f64])> = known.iter().map(|(name, column)| (*name, column.as_slice())).collect();
        Ok(OutcomeResult::evaluate(outcome, &labels, &columns, comparisons, &self.bootstrap)?)
    }

    fn auroc(&self, outcome: &str, log_odds: &[f64]) -> Result<f64, Failure> {
        let (known, labels) = self.labelled(outcome)?;
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

    fn logistic(
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

    fn boosting(&self, outcome: &str, features: &[&str]) -> Result<Vec<f64>, Failure> {
        let train = |fold| self.folds.train_rows(fold);
        self.classical(outcome, features, &self.data.cohort, train, |rows, cases| {
            let model = BoostingConfig::default().fit(rows, cases)?;
            Ok(Box::new(move |row| model.log_odds(row)))
        })
    }
}

/// The jobs' scores, of which tables are made.
struct Found<'a> {
    tables: &'a Tables<'a>,
    scores: Vec<(Job, BTreeMap<String, Vec<Risk>>)>,
}

impl Found<'_> {
    fn of(&self, model: Model, set: FeatureSet, seed: u64, trained: Trained) -> &BTreeMap<String, Vec<Risk>> {
        let is = |job: &Job| (job.model, job.set, job.seed, job.trained) == (model, set, seed, trained);
        let found = self.scores.iter().find(|(job, _)| is(job));
        &found.expect("a job of the list").1
    }

    fn risks(&self, model: Model, set: FeatureSet, of: &str) -> Result<&[Risk], Failure> {
        let scores = self.of(model, set, 0, Trained::Whole);
        let missing = || Failure::new(format!("{}: expected scores of {of}, found none", model.name()));
        Ok(scores.get(of).ok_or_else(missing)?)
    }

    /// All models of a set of features.
    fn columns(&self, set: FeatureSet, outcome: &str) -> Result<Columns, Failure> {
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

    fn result(&self, set: FeatureSet, outcome: &str) -> Result<OutcomeResult, Failure> {
        let tabular = [Model::Untuned, Model::TenShot, Model::SoftPrompt, Model::HelmText].map(Model::name);
        let tabular: Vec<&str> = tabular.into_iter().chain([LOGISTIC, BOOSTING]).collect();
        let multimodal = [LOGISTIC_MULTIMODAL, BOOSTING_MULTIMODAL, Model::LogisticEncoder.name()];
        let (helm_tabular, helm_multimodal) = (Model::HelmTabular.name(), Model::HelmMultimodal.name());
        let mut comparisons: Vec<(&str, &str)> = tabular.iter().map(|&other| (helm_tabular, other)).collect();
        let others = [helm_tabular].into_iter().chain(tabular.iter().copied()).chain(multimodal);
        comparisons.extend(others.map(|other| (helm_multimodal, other)));
        self.tables.evaluate(outcome, &self.columns(set, outcome)?, &comparisons)
    }

    fn areas(
        &self,
        set: FeatureSet,
        results: &[OutcomeResult],
        area: &str,
        of: impl Fn(&helm_eval::report::ModelResult) -> Estimate,
    ) -> PaperTable {
        let mut header = vec!["outcome".to_owned(), "cases / n".to_owned()];
        header.extend(results.iter().take(1).flat_map(|result| &result.models).map(|model| model.name.clone()));
        let row = |result: &OutcomeResult| {
            let mut row = vec![result.outcome.clone(), format!("{} / {}", result.cases, result.n)];
            row.extend(result.models.iter().map(|model| {
                let Estimate { value, ci: [lower, upper] } = of(model);
                format!("{value:.3} ({lower:.3}–{upper:.3})")
            }));
            row
        };
        let (name, features) = match (set, area) {
            (FeatureSet::Baseline, "auroc") => ("auroc_baseline", "baseline features"),
            (FeatureSet::Baseline, _) => ("auprc_baseline", "baseline features"),
            (FeatureSet::Expanded, "auroc") => ("auroc_expanded", "expanded features"),
            (FeatureSet::Expanded, _) => ("auprc_expanded", "expanded features"),
        };
        let json = helm_eval::report::Table::new(results.to_vec()).to_json();
        PaperTable {
            name,
            title: format!(
                "{} by every model on the {features}, with 95 % intervals; {}. The multimodal ones and \
                 logistic_encoder have the breath, too; of HeLM, the first training seed.",
                area.to_uppercase(),
                self.untuned_is()
            ),
            header,
            rows: results.iter().map(row).collect(),
            json,
        }
    }

    /// What the language model had seen before.
    fn untuned_is(&self) -> &'static str {
        if self.tables.data.simulated {
            "untuned and ten_shot are pretrained on the simulator where the language model is the embedded one, not tuned"
        } else {
            "untuned and ten_shot are pretrained (the embedded language model on the simulator), not tuned"
        }
    }

    fn paired(&self, set: FeatureSet, results: &[OutcomeResult]) -> Result<PaperTable, Failure> {
        let seeds = if set == FeatureSet::Expanded { self.tables.seeds } else { 1 };
        let mut rows = Vec::new();
        let mut json = Vec::new();
        for result in results {
            let spread = |a: &str, b: &str| -> Result<Vec<f64>, Failure> {
                (0..seeds).map(|seed| self.difference(set, seed, &result.outcome, result, (a, b))).collect()
            };
            for pair in &result.paired {
                let differences = spread(&pair.a, &pair.b)?;
                let low = differences.iter().copied().fold(f64::INFINITY, f64::min);
                let high = differences.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let [lower, upper] = pair.ci;
                let p = if pair.p < 0.001 { "< 0.001".into() } else { format!("{:.3}", pair.p) };
                rows.push(vec![
                    result.outcome.clone(),
                    format!("{} − {}", pair.a, pair.b),
                    format!("{:+.3} ({lower:+.3} to {upper:+.3})", pair.auroc_difference),
                    p,
                    format!("{low:+.3} to {high:+.3}"),
                    verdict(pair.ci).into(),
                ]);
                json.push(json!({
                    "outcome": result.outcome, "a": pair.a, "b": pair.b, "auroc_difference": pair.auroc_difference,
                    "ci": pair.ci, "p": pair.p, "difference_by_seed": differences, "verdict": verdict(pair.ci),
                }));
            }
        }
        let header = ["outcome", "pair", "difference in AUROC (95 % CI)", "p", "over training seeds", "verdict"];
        Ok(PaperTable {
            name: if set == FeatureSet::Expanded { "paired_expanded" } else { "paired_baseline" },
            title: format!(
                "HeLM against every other model on the {} features. Not inferior: a lower bound above −0.02; better: one \
                 above 0; worse: an upper bound below 0; otherwise inconclusive. The interval is of the first of {seeds} \
                 training seed(s).",
                set.name()
            ),
            header: header.map(Into::into).into(),
            rows,
            json: json.into(),
        })
    }

    /// The difference of a pair by HeLM of another training seed; a model that has one only is that one.
    fn difference(
        &self,
        set: FeatureSet,
        seed: u64,
        outcome: &str,
        result: &OutcomeResult,
        (a, b): (&str, &str),
    ) -> Result<f64, Failure> {
        let auroc = |name: &str| -> Result<f64, Failure> {
            let repeated = [Model::HelmTabular, Model::HelmMultimodal].into_iter().find(|model| model.name() == name);
            if let Some(model) = repeated {
                let scores = self.of(model, set, seed, Trained::Whole);
                let risks =
                    scores.get(outcome).ok_or_else(|| Failure::new(format!("{name}: no scores of {outcome}")))?;
                return self.tables.auroc(outcome, &log_odds(risks));
            }
            let found = result.models.iter().find(|model| model.name == name);
            found.map(|model| model.auroc.value).ok_or_else(|| Failure::new(format!("no model {name}")))
        };
        Ok(auroc(a)? - auroc(b)?)
    }

    fn held_out(&self) -> Result<PaperTable, Failure> {
        let Tables { data, folds, .. } = self.tables;
        let trained = self.tables.trained_held_out();
        let set = FeatureSet::Expanded;
        let names = [
            "untuned",
            "helm_tabular",
            "helm_multimodal",
            "logistic, 10 % of rows",
            "logistic, all rows",
            "logistic_multimodal, 10 % of rows",
            "logistic_multimodal, all rows",
        ];
        let tenth = |fold: usize| {
            let mut rows = folds.train_rows(fold);
            rows.shuffle(&mut ChaCha8Rng::seed_from_u64(self.tables.seed));
            rows.truncate(rows.len().div_ceil(10));
            rows
        };
        let mut results = Vec::new();
        for outcome in &data.held_out {
            let tabular = data.features(set, outcome);
            let multimodal = [tabular.as_slice(), &data.measures].concat();
            let untuned = match trained {
                Trained::WithoutHeldOut => outcome.clone(),
                _ => held_out_key(outcome),
            };
            let tuned = |model: Model| {
                let risks = self.of(model, set, 0, trained).get(&held_out_key(outcome));
                let missing = || Failure::new(format!("{}: no scores of {outcome}", model.name()));
                risks.map(|risks| log_odds(risks)).ok_or_else(missing)
            };
            let all = |fold| folds.train_rows(fold);
            let columns = vec![
                (names[0], log_odds(self.risks(Model::Untuned, set, &untuned)?)),
                (names[1], tuned(Model::HelmTabular)?),
                (names[2], tuned(Model::HelmMultimodal)?),
                (names[3], self.tables.logistic(outcome, &tabular, &data.cohort, tenth)?),
                (names[4], self.tables.logistic(outcome, &tabular, &data.cohort, all)?),
                (names[5], self.tables.logistic(outcome, &multimodal, &data.cohort, tenth)?),
                (names[6], self.tables.logistic(outcome, &multimodal, &data.cohort, all)?),
            ];
            let comparisons: Vec<(&str, &str)> = names[3..].iter().map(|&name| (names[2], name)).collect();
            results.push(self.tables.evaluate(outcome, &columns, &comparisons)?);
        }
        let table = self.areas(set, &results, "auroc", |model| model.auroc);
        let title = "AUROC of outcomes that HeLM was not trained on and is asked about by name, beside logistic regression \
                     that was trained on them; expanded features.";
        Ok(PaperTable { name: "held_out", title: title.into(), ..table })
    }

    fn missing(&self) -> Result<(PaperTable, PaperPlot), Failure> {
        let Tables { data, folds, experiments, seed, .. } = self.tables;
        let (set, outcome) = (FeatureSet::Expanded, &data.outcomes[0]);
        let mut rows = Vec::new();
        let mut json = Vec::new();
        let mut lines: BTreeMap<&str, Vec<(f64, f64, [f64; 2])>> = BTreeMap::new();
        let shares: Vec<f64> = [0.0].into_iter().chain(experiments.budget.missing.iter().copied()).collect();
        for outcome in &data.outcomes {
            let tabular = data.features(set, outcome);
            let multimodal = [tabular.as_slice(), &data.measures].concat();
            let mut add = |what: String, share: Option<f64>, columns: Columns, mass: Vec<Option<f64>>| {
                let result = self.tables.evaluate(outcome, &columns, &[])?;
                for (model, valid) in result.models.iter().zip(mass) {
                    let Estimate { value, ci: [lower, upper] } = model.auroc;
                    rows.push(vec![
                        outcome.clone(),
                        what.clone(),
                        model.name.clone(),
                        format!("{value:.3} ({lower:.3}–{upper:.3})"),
                        valid.map_or_else(|| "–".into(), |valid| format!("{valid:.3}")),
                    ]);
                    json.push(json!({
                        "outcome": outcome, "missing": what, "share": share, "model": model.name,
                        "auroc": model.auroc, "valid_answers": valid,
                    }));
                    if let (Some(share), true) = (share, *outcome == data.outcomes[0]) {
                        let name = columns.iter().find(|(name, _)| *name == model.name).map_or("", |(name, _)| *name);
                        lines.entry(name).or_default().push((share, value, [lower, upper]));
                    }
                }
                Ok::<(), Failure>(())
            };
            for &share in &shares {
                let key = if share == 0.0 { outcome.clone() } else { missing_key(share, outcome) };
                let tested = data.with_missing(share, *seed)?;
                let helm = [Model::HelmTabular, Model::HelmMultimodal];
                let mut columns = Columns::new();
                let mut valid = Vec::new();
                for model in helm {
                    let risks = self.risks(model, set, &key)?;
                    columns.push((model.name(), log_odds(risks)));
                    valid.push(Some(self.valid(outcome, risks)?));
                }
                let train = |fold| folds.train_rows(fold);
                columns.push((LOGISTIC, self.tables.logistic(outcome, &tabular, &tested, train)?));
                columns.push((LOGISTIC_MULTIMODAL, self.tables.logistic(outcome, &multimodal, &tested, train)?));
                valid.extend([None, None]);
                add(format!("{:.0} % of the features", 100.0 * share), Some(share), columns, valid)?;
            }
            let risks = self.risks(Model::HelmMultimodal, set, &no_breath_key(outcome))?;
            let train = |fold| folds.train_rows(fold);
            let without = data.without_breath()?;
            let columns = vec![
                (Model::HelmMultimodal.name(), log_odds(risks)),
                (LOGISTIC_MULTIMODAL, self.tables.logistic(outcome, &multimodal, &without, train)?),
            ];
            add("the breath".into(), None, columns, vec![Some(self.valid(outcome, risks)?), None])?;
        }
        let header = ["outcome", "missing at test", "model", "AUROC (95 % CI)", "valid answers"];
        let table = PaperTable {
            name: "missing",
            title: format!(
                "What is lost where features or the breath are missing of those who are tested, by models that were \
                 trained on whole records; logistic regression puts the training mean in their place. An answer is valid \
                 where the declared ones have {VALID} of the probability or more. Measures of the breath count among the \
                 features of logistic_multimodal.",
            ),
            header: header.map(Into::into).into(),
            rows,
            json: json.into(),
        };
        let mut plot = LinePlot::new(format!("{outcome}: features missing at test"), "Share missing", "AUROC");
        for (name, points) in &lines {
            plot = plot.line(name, points);
        }
        let caption = "AUROC against the share of the features that is missing, of those who are tested.";
        Ok((table, PaperPlot { name: "missing", svg: plot.to_svg()?, caption }))
    }

    /// The share of valid answers among the labelled.
    fn valid(&self, outcome: &str, risks: &[Risk]) -> Result<f64, Failure> {
        let (known, _) = self.tables.labelled(outcome)?;
        let valid = known.iter().filter(|&&row| risks[row].answer_mass >= VALID).count();
        Ok(valid as f64 / known.len() as f64)
    }

    fn learning_curve(&self) -> Result<(PaperTable, PaperPlot), Failure> {
        let Tables { data, folds, experiments, curve, .. } = self.tables;
        let set = FeatureSet::Expanded;
        let whole = folds.train_rows(0).len();
        let mut rows = Vec::new();
        let mut json = Vec::new();
        let mut lines = [Vec::new(), Vec::new()];
        for (n, trained) in curve.iter().map(|&n| (n, Trained::Rows(n))).chain([(whole, Trained::Whole)]) {
            for outcome in &data.outcomes {
                let multimodal = [data.features(set, outcome).as_slice(), &data.measures].concat();
                let scores = self.of(Model::HelmMultimodal, set, 0, trained);
                let risks = scores.get(outcome).ok_or_else(|| Failure::new(format!("no scores of {outcome}")))?;
                let train = |fold| experiments.train_rows(fold, trained);
                let columns = vec![
                    (Model::HelmMultimodal.name(), log_odds(risks)),
                    (LOGISTIC_MULTIMODAL, self.tables.logistic(outcome, &multimodal, &data.cohort, train)?),
                ];
                let names = (Model::HelmMultimodal.name(), LOGISTIC_MULTIMODAL);
                let result = self.tables.evaluate(outcome, &columns, &[names])?;
                let mut row = vec![outcome.clone(), n.to_string()];
                for (index, model) in result.models.iter().enumerate() {
                    let Estimate { value, ci: [lower, upper] } = model.auroc;
                    row.push(format!("{value:.3} ({lower:.3}–{upper:.3})"));
                    if *outcome == data.outcomes[0] {
                        lines[index].push((n as f64, value, [lower, upper]));
                    }
                }
                let pair = &result.paired[0];
                row.push(format!("{:+.3} ({:+.3} to {:+.3})", pair.auroc_difference, pair.ci[0], pair.ci[1]));
                row.push(verdict(pair.ci).into());
                rows.push(row);
                json.push(json!({ "n": n, "result": result }));
            }
        }
        let header =
            ["outcome", "people learned from", "helm_multimodal", LOGISTIC_MULTIMODAL, "difference", "verdict"];
        let table = PaperTable {
            name: "learning_curve",
            title: "AUROC against the number of people learned from; expanded features.".into(),
            header: header.map(Into::into).into(),
            rows,
            json: json.into(),
        };
        let mut plot = LinePlot::new(format!("{}: learning curve", data.outcomes[0]), "People learned from", "AUROC");
        for (name, points) in [Model::HelmMultimodal.name(), LOGISTIC_MULTIMODAL].into_iter().zip(&lines) {
            plot = plot.line(name, points);
        }
        let caption = "AUROC against the number of people learned from.";
        Ok((table, PaperPlot { name: "learning_curve", svg: plot.to_svg()?, caption }))
    }

    fn calibration(&self) -> Result<PaperTable, Failure> {
        let Tables { data, folds, seed, .. } = self.tables;
        let set = FeatureSet::Expanded;
        let mut rows = Vec::new();
        let mut json = Vec::new();
        for outcome in &data.outcomes {
            let (known, labels) = self.tables.labelled(outcome)?;
            let ids: Vec<_> = known.iter().map(|&row| &data.cohort.participants()[row]).collect();
            let tabular = data.features(set, outcome);
            let logistic = self.tables.logistic(outcome, &tabular, &data.cohort, |fold| folds.train_rows(fold))?;
            let mut columns: Columns = vec![(LOGISTIC, logistic)];
            for model in [Model::Untuned, Model::HelmTabular, Model::HelmMultimodal] {
                columns.push((model.name(), log_odds(self.risks(model, set, outcome)?)));
            }
            for (name, column) in columns {
                let log_odds: Vec<f64> = known.iter().map(|&row| column[row]).collect();
                let split = RecalibrationSplit::new(&labels, &log_odds, &ids, 0.5, *seed)?;
                let pick = |row: &usize| (labels[*row], 1.0 / (1.0 + (-log_odds[*row]).exp()));
                let (report_labels, risks): (Vec<bool>, Vec<f64>) = split.report_rows().iter().map(pick).unzip();
                let before = Predictions::new(&report_labels, &risks)?;
                let after = split.fit(RecalibrationMethod::Platt).ok().map(|(_, predictions)| predictions);
                for (when, predictions) in [("before", Some(before)), ("after", after)] {
                    let calibration = predictions.as_ref().and_then(|it| it.calibration(0.95).ok());
                    let ece = predictions.as_ref().and_then(|it| it.ece(Bins::EqualMass(10)).ok());
                    let brier = predictions.as_ref().map(Predictions::brier);
                    let number = |value: Option<f64>| value.map_or_else(|| "–".into(), |value| format!("{value:.3}"));
                    rows.push(vec![
                        outcome.clone(),
                        name.into(),
                        when.into(),
                        number(brier),
                        number(ece),
                        number(calibration.map(|it| it.intercept)),
                        number(calibration.map(|it| it.slope)),
                    ]);
                    json.push(json!({
                        "outcome": outcome, "model": name, "recalibrated": when == "after", "brier": brier, "ece": ece,
                        "intercept": calibration.map(|it| it.intercept), "slope": calibration.map(|it| it.slope),
                    }));
                }
            }
        }
        let header = ["outcome", "model", "recalibration", "Brier score", "ECE", "intercept", "slope"];
        Ok(PaperTable {
            name: "calibration",
            title: "Calibration before and after Platt's recalibration, which is fitted on one half of the people and \
                    reported on the other, as is what stands before it; ECE in ten bins of as many people; expanded \
                    features. A dash: risks that fall with the log-odds can't be recalibrated."
                .into(),
            header: header.map(Into::into).into(),
            rows,
            json: json.into(),
        })
    }

    fn subgroups(&self) -> Result<PaperTable, Failure> {
        let data = self.tables.data;
        let mut rows = Vec::new();
        let mut json = Map::new();
        let groups: [(&str, Vec<String>); 2] = [("sex", self.sexes()?), ("age", self.ages()?)];
        for outcome in &data.outcomes {
            let (known, labels) = self.tables.labelled(outcome)?;
            let all = self.risks(Model::HelmMultimodal, FeatureSet::Expanded, outcome)?;
            let risks: Vec<f64> = known.iter().map(|&row| all[row].probability()).collect();
            for (_, names) in &groups {
                let names: Vec<&str> = known.iter().map(|&row| names[row].as_str()).collect();
                let (shown, hidden) =
                    Subgroup::suppress(Subgroup::all(&labels, &risks, &names, 0.95)?, &SmallCells::default());
                for subgroup in &shown {
                    let number = |value: Option<f64>| value.map_or_else(|| "–".into(), |value| format!("{value:.3}"));
                    let interval = subgroup.interval.map(|it| format!(" ({:.3}–{:.3})", it.lower, it.upper));
                    rows.push(vec![
                        outcome.clone(),
                        subgroup.name.clone(),
                        format!("{} / {}", subgroup.cases, subgroup.n),
                        number(subgroup.auroc) + &interval.unwrap_or_default(),
                        number(subgroup.difference.map(|it| it.difference)),
                        number(subgroup.difference.map(|it| it.p)),
                        number(subgroup.observed_expected.map(|it| it.ratio)),
                    ]);
                }
                for name in hidden {
                    let mut row = vec![outcome.clone(), name, "suppressed".into()];
                    row.extend(std::iter::repeat_n("–".to_owned(), 4));
                    rows.push(row);
                }
                let found = json.entry(outcome.clone()).or_insert_with(|| json!([]));
                if let Some(found) = found.as_array_mut() {
                    found.extend(shown.iter().map(|subgroup| json!(subgroup)));
                }
            }
        }
        let header = ["outcome", "subgroup", "cases / n", "AUROC (95 % CI)", "less others", "p", "observed / expected"];
        Ok(PaperTable {
            name: "subgroups",
            title: "helm_multimodal in subgroups, with DeLong's intervals; small counts are suppressed, and what they could \
                    be derived from; expanded features."
                .into(),
            header: header.map(Into::into).into(),
            rows,
            json: json.into(),
        })
    }

    fn sexes(&self) -> Result<Vec<String>, Failure> {
        let cohort = &self.tables.data.cohort;
        let schema = cohort.schema();
        let kind = &schema.features()[schema.feature_index("sex")?].kind;
        let name = |value: &Value| match (value, kind) {
            (Value::Level(level), helm_core::FeatureKind::Category { levels }) => levels[*level].clone(),
            _ => "sex unknown".into(),
        };
        Ok(cohort.values("sex")?.iter().map(name).collect())
    }

    fn ages(&self) -> Result<Vec<String>, Failure> {
        let name = |value: &Value| match value.as_number() {
            Some(age) if age < 45.0 => "below 45 years",
            Some(age) if age < 65.0 => "45 to 64 years",
            Some(_) => "65 years and more",
            None => "age unknown",
        };
        Ok(self.tables.data.cohort.values("age")?.iter().map(|value| name(value).into()).collect())
    }
}

fn log_odds(risks: &[Risk]) -> Vec<f64> {
    risks.iter().map(|risk| risk.log_odds).collect()
}
