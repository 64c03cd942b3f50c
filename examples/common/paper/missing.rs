use std::collections::BTreeMap;

use helm_core::Risk;
use helm_eval::report::{Estimate, LinePlot};
use serde_json::json;

use super::found::{Found, log_odds};
use super::table::{number, shown};
use super::tables::{Columns, LOGISTIC, LOGISTIC_MULTIMODAL, VALID};
use super::{FeatureSet, Model, PaperPlot, PaperTable, Tables, missing_key, no_breath_key};
use crate::Failure;
use crate::labelled::labelled;

impl Found<'_> {
    pub(super) fn missing(&self) -> Result<(PaperTable, PaperPlot), Failure> {
        let Tables { data, folds, experiments, seed, .. } = self.tables;
        let (set, outcome) = (FeatureSet::Expanded, &data.outcomes[0]);
        let mut rows = Vec::new();
        let mut json = Vec::new();
        let mut lines: BTreeMap<&str, Vec<(f64, Estimate)>> = BTreeMap::new();
        let shares: Vec<f64> = [0.0].into_iter().chain(experiments.budget.missing.iter().copied()).collect();
        for outcome in &data.outcomes {
            let tabular = data.features(set, outcome);
            let multimodal = [tabular.as_slice(), &data.measures].concat();
            let mut add = |what: String, share: Option<f64>, columns: Columns, mass: Vec<Option<f64>>| {
                let result = self.tables.evaluate(outcome, &columns, &[])?;
                for (model, valid) in result.models.iter().zip(mass) {
                    rows.push(vec![
                        outcome.clone(),
                        what.clone(),
                        model.name.clone(),
                        shown(model.auroc),
                        number(valid),
                    ]);
                    json.push(json!({
                        "outcome": outcome, "missing": what, "share": share, "model": model.name,
                        "auroc": model.auroc, "valid_answers": valid,
                    }));
                    if let (Some(share), true) = (share, *outcome == data.outcomes[0]) {
                        let name = columns.iter().find(|(name, _)| *name == model.name).map_or("", |(name, _)| *name);
                        lines.entry(name).or_default().push((share, model.auroc));
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
        let (known, _) = labelled(&self.tables.data.cohort, outcome)?;
        let valid = known.iter().filter(|&&row| risks[row].answer_mass >= VALID).count();
        Ok(valid as f64 / known.len() as f64)
    }
}
