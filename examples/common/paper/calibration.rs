use helm_eval::{Bins, Predictions, RecalibrationMethod, RecalibrationSplit};
use serde_json::json;

use super::found::{Found, log_odds};
use super::table::number;
use super::tables::{Columns, LOGISTIC};
use super::{FeatureSet, Model, PaperTable, Tables};
use crate::Failure;
use crate::labelled::labelled;

impl Found<'_> {
    pub(super) fn calibration(&self) -> Result<PaperTable, Failure> {
        let Tables { data, folds, seed, .. } = self.tables;
        let set = FeatureSet::Expanded;
        let mut rows = Vec::new();
        let mut json = Vec::new();
        for outcome in &data.outcomes {
            let (known, labels) = labelled(&self.tables.data.cohort, outcome)?;
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
}
