use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::found::{Found, log_odds};
use super::{FeatureSet, Model, PaperTable, Tables, Trained, held_out_key};
use crate::Failure;

impl Found<'_> {
    pub(super) fn held_out(&self) -> Result<PaperTable, Failure> {
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
        let mut results = Vec::new();
        for outcome in &data.held_out {
            let tabular = data.features(set, outcome);
            let multimodal = [tabular.as_slice(), &data.measures].concat();
            let untuned = match trained {
                Trained::WithoutHeldOut => outcome.clone(),
                _ => held_out_key(outcome),
            };
            let tuned = |model: Model| {
                let scores = self.of(model, set, 0, trained)?;
                let risks = scores.get(&held_out_key(outcome));
                let missing = || Failure::new(format!("{}: no scores of {outcome}", model.name()));
                risks.map(|risks| log_odds(risks)).ok_or_else(missing)
            };
            let all = |fold| folds.train_rows(fold);
            let labels = data.cohort.labels(outcome)?;
            let tenth = |fold| self.tenth(&folds.train_rows(fold), labels);
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

    /// A tenth of the labelled rows, of the cases as of the controls, and at least one of either.
    fn tenth(&self, rows: &[usize], labels: &[Option<bool>]) -> Vec<usize> {
        let mut rng = ChaCha8Rng::seed_from_u64(self.tables.seed);
        let mut tenth = Vec::new();
        for case in [true, false] {
            let mut of_class: Vec<usize> = rows.iter().copied().filter(|&row| labels[row] == Some(case)).collect();
            of_class.shuffle(&mut rng);
            of_class.truncate(of_class.len().div_ceil(10));
            tenth.extend(of_class);
        }
        tenth
    }
}
