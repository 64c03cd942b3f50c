use helm_eval::report::OutcomeResult;
use serde_json::json;

use super::found::{Found, log_odds};
use super::tables::REPEATED;
use super::{FeatureSet, PaperTable, Trained, verdict};
use crate::Failure;

impl Found<'_> {
    pub(super) fn paired(&self, set: FeatureSet, results: &[OutcomeResult]) -> Result<PaperTable, Failure> {
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
            let repeated = REPEATED.into_iter().find(|model| model.name() == name);
            if let Some(model) = repeated {
                let scores = self.of(model, set, seed, Trained::Whole)?;
                let risks =
                    scores.get(outcome).ok_or_else(|| Failure::new(format!("{name}: no scores of {outcome}")))?;
                return self.tables.auroc(outcome, &log_odds(risks));
            }
            let found = result.models.iter().find(|model| model.name == name);
            found.map(|model| model.auroc.value).ok_or_else(|| Failure::new(format!("no model {name}")))
        };
        Ok(auroc(a)? - auroc(b)?)
    }
}
