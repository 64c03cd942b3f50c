//! An evaluation of scores in a file: discrimination, calibration, differences, subgroups.

use helm_core::SmallCells;
use helm_eval::report::{Estimate, ModelResult, OutcomeResult, PairedResult, Table};
use helm_eval::{
    Bins, Bootstrap, BootstrapIntervals, Comparison, DeLong, Error, Interval, Predictions, Scored, Subgroup, ZTest,
};
use helm_examples::Failure;
use serde_json::{Map, Value, json};

use crate::evaluate_input::Input;

/// Everything that is computed.
pub(crate) struct Evaluation {
    pub(crate) n: usize,
    pub(crate) cases: usize,
    pub(crate) confidence: f64,
    pub(crate) models: Vec<Model>,
    pub(crate) pairs: Vec<Pair>,
    pub(crate) groups: Vec<Group>,
    /// Replicates without cases or controls.
    pub(crate) undefined: usize,
}

/// One score.
pub(crate) struct Model {
    pub(crate) name: String,
    pub(crate) scored: Scored,
    /// The same rows, where every score is a risk and every row counts alike.
    pub(crate) predictions: Option<Predictions>,
    pub(crate) bootstrap: BootstrapIntervals,
    pub(crate) delong: Option<DeLong>,
    confidence: f64,
}

/// Two scores.
pub(crate) struct Pair {
    pub(crate) a: String,
    pub(crate) b: String,
    pub(crate) bootstrap: Comparison,
    pub(crate) delong: Option<ZTest>,
}

/// The subgroups of one score.
pub(crate) struct Group {
    pub(crate) model: String,
    pub(crate) shown: Vec<Subgroup>,
    /// Names of those with small counts, or from which such a count could be derived.
    pub(crate) hidden: Vec<String>,
}

/// Bins of the calibration error.
const BINS: Bins = Bins::EqualWidth(10);

impl Evaluation {
    /// Evaluates all scores; subgroups with counts below `min_cell` are suppressed.
    ///
    /// # Errors
    /// As helm-eval has them, with the name of the score where one is at fault.
    pub(crate) fn new(
        input: &Input,
        names: &[String],
        bootstrap: &Bootstrap,
        min_cell: usize,
    ) -> Result<Self, Failure> {
        let all: Vec<usize> = (0..input.labels.len()).collect();
        let scored = |(name, scores): (&String, &Vec<f64>)| {
            scored_rows(input, scores, &all).map_err(|error| named(name, &error))
        };
        let scored = names.iter().zip(&input.scores).map(scored).collect::<Result<Vec<_>, _>>()?;
        let columns: Vec<&Scored> = scored.iter().collect();
        let (n, cases) = columns.first().map_or((0, 0), |first| (first.len(), first.n_cases()));
        let (intervals, comparisons) = bootstrap.compare_all(&columns)?;
        let undefined = intervals.first().map_or(0, |first| first.undefined);
        // Rows that depend on one another or count differently have a design-based variance.
        let is_plain = input.weights.is_none() && input.cluster.is_none();
        let mut comparisons = comparisons.into_iter();
        let mut pairs = Vec::new();
        for (index, a) in scored.iter().enumerate() {
            for (b, other) in names.iter().zip(&scored).skip(index + 1) {
                let Some(bootstrap) = comparisons.next() else { continue };
                let delong = if is_plain { a.delong_test(other) } else { a.survey_test(other) }.ok();
                pairs.push(Pair { a: names[index].clone(), b: b.clone(), bootstrap, delong });
            }
        }
        let mut groups = Vec::new();
        if let Some(group) = &input.group {
            let of_row: Vec<&str> = group.of_row.iter().map(|&place| group.names[place as usize].as_str()).collect();
            for (name, scores) in names.iter().zip(&input.scores) {
                let of = |rows: &[usize]| scored_rows(input, scores, rows);
                let subgroups = Subgroup::of(&input.labels, scores, &of_row, bootstrap.confidence, of)?;
                let (shown, hidden) = Subgroup::suppress(subgroups, &SmallCells { threshold: min_cell });
                groups.push(Group { model: name.clone(), shown, hidden });
            }
        }
        let confidence = bootstrap.confidence;
        let models = names.iter().zip(&input.scores).zip(scored).zip(intervals);
        let models = models.map(|(((name, scores), scored), intervals)| {
            let delong = if is_plain { scored.delong() } else { scored.survey() }.ok();
            let predictions = match input.weights {
                None => Predictions::new(&input.labels, scores).ok(),
                Some(_) => None,
            };
            Model { name: name.clone(), scored, predictions, bootstrap: intervals, delong, confidence }
        });
        Ok(Self { n, cases, confidence, models: models.collect(), pairs, groups, undefined })
    }

    /// The table of a paper: the label as the outcome.
    pub(crate) fn to_table(&self, outcome: &str) -> Table {
        let estimate = |value: f64, interval: Interval| Estimate { value, ci: ends(interval) };
        let models = self.models.iter().map(|model| ModelResult {
            name: model.name.clone(),
            auroc: estimate(model.scored.auroc(), model.bootstrap.auroc),
            auprc: estimate(model.scored.auprc(), model.bootstrap.auprc),
        });
        let paired = self.pairs.iter().map(|pair| PairedResult {
            a: pair.a.clone(),
            b: pair.b.clone(),
            auroc_difference: pair.bootstrap.auroc.difference,
            ci: ends(pair.bootstrap.auroc.interval),
            p: pair.bootstrap.auroc.p,
        });
        Table::new(vec![OutcomeResult {
            outcome: outcome.into(),
            n: self.n,
            cases: self.cases,
            confidence: self.confidence,
            models: models.collect(),
            paired: paired.collect(),
        }])
    }

    pub(crate) fn to_json(&self) -> Value {
        let models: Map<String, Value> =
            self.models.iter().map(|model| (model.name.clone(), model.to_json())).collect();
        let pairs: Vec<Value> = self.pairs.iter().map(Pair::to_json).collect();
        let groups: Map<String, Value> =
            self.groups.iter().map(|group| (group.model.clone(), group.to_json())).collect();
        let mut result = json!({
            "n": self.n, "cases": self.cases, "confidence": self.confidence, "models": models, "pairs": pairs,
            "undefined_replicates": self.undefined,
        });
        if !groups.is_empty() {
            result["groups"] = Value::Object(groups);
        }
        result
    }
}

impl Model {
    fn to_json(&self) -> Value {
        let wald = self.delong.and_then(|delong| delong.wald(self.confidence).ok());
        let logit = self.delong.and_then(|delong| delong.logit(self.confidence).ok());
        let mut result = json!({
            "auroc": {
                "value": self.scored.auroc(), "delong_se": self.delong.map(|delong| delong.standard_error()),
                "delong_ci": wald.map(ends), "delong_logit_ci": logit.map(ends),
                "bootstrap_ci": ends(self.bootstrap.auroc),
            },
            "auprc": { "value": self.scored.auprc(), "bootstrap_ci": ends(self.bootstrap.auprc) },
        });
        if let Some(predictions) = &self.predictions {
            let calibration = predictions.calibration(self.confidence).ok();
            result["brier"] = json!(predictions.brier());
            result["ece"] = json!(predictions.ece(BINS).ok());
            result["calibration_intercept"] = json!(calibration.map(|it| it.intercept));
            result["calibration_slope"] = json!(calibration.map(|it| it.slope));
        }
        result
    }
}

impl Group {
    fn to_json(&self) -> Value {
        let hidden = self.hidden.iter().map(|name| json!({ "name": name, "suppressed": true }));
        let shown = self.shown.iter().map(|subgroup| {
            let test = subgroup.difference;
            let observed = subgroup.observed_expected;
            json!({
                "name": subgroup.name, "n": subgroup.n, "cases": subgroup.cases,
                "auroc": { "value": subgroup.auroc, "delong_logit_ci": subgroup.interval.map(ends) },
                "difference_from_others": test.map(|it| json!({
                    "auroc_difference": it.difference, "delong_z": it.z, "delong_p": it.p,
                })),
                "observed_expected": observed.map(|it| json!({ "value": it.ratio, "ci": ends(it.interval) })),
            })
        });
        shown.chain(hidden).collect()
    }
}

impl Pair {
    fn to_json(&self) -> Value {
        let Comparison { auroc, auprc, .. } = self.bootstrap;
        json!({
            "a": self.a, "b": self.b, "auroc_difference": auroc.difference,
            "delong_z": self.delong.map(|it| it.z), "delong_p": self.delong.map(|it| it.p),
            "auroc_bootstrap_ci": ends(auroc.interval), "auroc_bootstrap_p": auroc.p,
            "auprc_difference": auprc.difference, "auprc_bootstrap_ci": ends(auprc.interval),
            "auprc_bootstrap_p": auprc.p,
        })
    }
}

/// One column of scores in some rows, with the weights and persons of these rows.
fn scored_rows(input: &Input, scores: &[f64], rows: &[usize]) -> Result<Scored, Error> {
    let (labels, scores): (Vec<bool>, Vec<f64>) = rows.iter().map(|&row| (input.labels[row], scores[row])).unzip();
    let scored = match &input.weights {
        None => Scored::new(&labels, &scores)?,
        Some(weights) => Scored::weighted(&labels, &scores, &rows.iter().map(|&row| weights[row]).collect::<Vec<_>>())?,
    };
    match &input.cluster {
        None => Ok(scored),
        Some(cluster) => scored.clustered(&rows.iter().map(|&row| cluster.of_row[row]).collect::<Vec<_>>()),
    }
}

fn ends(interval: Interval) -> [f64; 2] {
    [interval.lower, interval.upper]
}

fn named(score: &str, error: &Error) -> Failure {
    Failure::new(format!("score {score:?}: {error}"))
}
