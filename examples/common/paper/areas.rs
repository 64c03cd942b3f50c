use helm_eval::report::{Estimate, ModelResult, OutcomeResult};

use super::found::Found;
use super::table::shown;
use super::{FeatureSet, PaperTable};

impl Found<'_> {
    pub(super) fn areas(
        &self,
        set: FeatureSet,
        results: &[OutcomeResult],
        area: &str,
        of: impl Fn(&ModelResult) -> Estimate,
    ) -> PaperTable {
        let mut header = vec!["outcome".to_owned(), "cases / n".to_owned()];
        header.extend(results.iter().take(1).flat_map(|result| &result.models).map(|model| model.name.clone()));
        let row = |result: &OutcomeResult| {
            let mut row = vec![result.outcome.clone(), format!("{} / {}", result.cases, result.n)];
            row.extend(result.models.iter().map(|model| shown(of(model))));
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
}
