use helm_eval::report::LinePlot;
use serde_json::json;

use super::found::{Found, log_odds};
use super::table::shown;
use super::tables::LOGISTIC_MULTIMODAL;
use super::{FeatureSet, Model, PaperPlot, PaperTable, Tables, Trained, verdict};
use crate::Failure;

impl Found<'_> {
    pub(super) fn learning_curve(&self) -> Result<(PaperTable, PaperPlot), Failure> {
        let Tables { data, folds, experiments, curve, .. } = self.tables;
        let set = FeatureSet::Expanded;
        let whole = folds.train_rows(0).len();
        let mut rows = Vec::new();
        let mut json = Vec::new();
        let mut lines = [Vec::new(), Vec::new()];
        for (n, trained) in curve.iter().map(|&n| (n, Trained::Rows(n))).chain([(whole, Trained::Whole)]) {
            for outcome in &data.outcomes {
                let multimodal = [data.features(set, outcome).as_slice(), &data.measures].concat();
                let scores = self.of(Model::HelmMultimodal, set, 0, trained)?;
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
                    row.push(shown(model.auroc));
                    if *outcome == data.outcomes[0] {
                        lines[index].push((n as f64, model.auroc));
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
}
