use serde::{Deserialize, Serialize};

use crate::{Bootstrap, Error, Interval, Scored};

/// An estimate with its interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The estimate.
    pub value: f64,
    /// The interval's ends.
    pub ci: [f64; 2],
}

/// How well one model ranks one outcome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelResult {
    /// The model.
    pub name: String,
    /// Area under the ROC curve.
    pub auroc: Estimate,
    /// Average precision.
    pub auprc: Estimate,
}

/// The difference in AUROC of two models on the same rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PairedResult {
    /// The first model.
    pub a: String,
    /// The second model.
    pub b: String,
    /// AUROC of the first less that of the second.
    pub auroc_difference: f64,
    /// The interval's ends.
    pub ci: [f64; 2],
    /// Two-sided p of the paired bootstrap.
    pub p: f64,
}

/// All models on one outcome: one block of a paper's table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutcomeResult {
    /// The outcome.
    pub outcome: String,
    /// Rows with a label.
    pub n: usize,
    /// Cases among them.
    pub cases: usize,
    /// The confidence of every interval: 0.95 for 95 % intervals.
    pub confidence: f64,
    /// The models, in the order given.
    pub models: Vec<ModelResult>,
    /// The comparisons, in the order given.
    pub paired: Vec<PairedResult>,
}

impl OutcomeResult {
    /// Evaluates models on one outcome, and compares some of them, with one bootstrap.
    ///
    /// ```
    /// use helm_eval::{Bootstrap, report::OutcomeResult};
    ///
    /// let labels = [false, false, true, true];
    /// let (age, breath) = ([0.1, 0.4, 0.35, 0.8], [0.1, 0.2, 0.35, 0.8]);
    /// let models: [(&str, &[f64]); 2] = [("age", &age), ("breath", &breath)];
    /// let result = OutcomeResult::evaluate("wheeze", &labels, &models, &[("breath", "age")], &Bootstrap::default())?;
    /// assert_eq!((result.n, result.cases), (4, 2));
    /// assert_eq!(result.paired[0].auroc_difference, 0.25);
    /// # Ok::<(), helm_eval::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Scored::new`] and [`Bootstrap::compare`]; [`Error::Setting`] if a comparison names no model, or if two models
    /// have the same name.
    pub fn evaluate(
        outcome: impl Into<String>,
        labels: &[bool],
        models: &[(&str, &[f64])],
        comparisons: &[(&str, &str)],
        bootstrap: &Bootstrap,
    ) -> Result<Self, Error> {
        let scored: Vec<Scored> =
            models.iter().map(|(_, scores)| Scored::new(labels, scores)).collect::<Result<_, _>>()?;
        let models: Vec<(&str, &Scored)> = models.iter().map(|(name, _)| *name).zip(&scored).collect();
        Self::of(outcome, &models, comparisons, bootstrap)
    }

    /// As [`evaluate`](Self::evaluate), of scores that may have weights and participants with several rows. There is at
    /// least one model, and all are of the same rows.
    ///
    /// # Errors
    /// [`Error::Empty`] without models; as [`Bootstrap::compare`]; [`Error::Setting`] if a comparison names no model, or
    /// if two models have the same name.
    pub fn of(
        outcome: impl Into<String>,
        models: &[(&str, &Scored)],
        comparisons: &[(&str, &str)],
        bootstrap: &Bootstrap,
    ) -> Result<Self, Error> {
        let columns: Vec<&Scored> = models.iter().map(|(_, scored)| *scored).collect();
        Scored::check_same_rows(&columns)?;
        for (index, (name, _)) in models.iter().enumerate() {
            if models[..index].iter().any(|(other, _)| other == name) {
                let (expected, found) = ("each model's name once".into(), format!("{name} twice"));
                return Err(Error::Setting { what: "models", expected, found });
            }
        }
        let results = models.iter().map(|(name, scored)| {
            let intervals = bootstrap.intervals(scored)?;
            let estimate = |value, interval: Interval| Estimate { value, ci: [interval.lower, interval.upper] };
            let auroc = estimate(scored.auroc(), intervals.auroc);
            let auprc = estimate(scored.auprc(), intervals.auprc);
            Ok(ModelResult { name: (*name).into(), auroc, auprc })
        });
        let results = results.collect::<Result<Vec<_>, Error>>()?;
        let find = |name: &str| {
            models.iter().find(|(other, _)| *other == name).map(|(_, scored)| *scored).ok_or_else(|| Error::Setting {
                what: "comparison",
                expected: models.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", "),
                found: name.into(),
            })
        };
        let paired = comparisons.iter().map(|&(a, b)| {
            let difference = bootstrap.compare(find(a)?, find(b)?)?.auroc;
            Ok(PairedResult {
                a: a.into(),
                b: b.into(),
                auroc_difference: difference.difference,
                ci: [difference.interval.lower, difference.interval.upper],
                p: difference.p,
            })
        });
        let paired = paired.collect::<Result<Vec<_>, Error>>()?;
        let (n, cases) = columns.first().map_or((0, 0), |first| (first.len(), first.n_cases()));
        Ok(Self { outcome: outcome.into(), n, cases, confidence: bootstrap.confidence, models: results, paired })
    }
}
