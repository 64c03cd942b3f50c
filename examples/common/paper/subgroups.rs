use helm_core::{FeatureKind, SmallCells, Value};
use helm_eval::Subgroup;
use serde_json::{Map, json};

use super::found::Found;
use super::table::number;
use super::{FeatureSet, Model, PaperTable};
use crate::Failure;
use crate::labelled::labelled;

impl Found<'_> {
    pub(super) fn subgroups(&self) -> Result<PaperTable, Failure> {
        let data = self.tables.data;
        let mut rows = Vec::new();
        let mut json = Map::new();
        let groups: [(&str, Vec<String>); 2] = [("sex", self.sexes()?), ("age", self.ages()?)];
        for outcome in &data.outcomes {
            let (known, labels) = labelled(&self.tables.data.cohort, outcome)?;
            let all = self.risks(Model::HelmMultimodal, FeatureSet::Expanded, outcome)?;
            let risks: Vec<f64> = known.iter().map(|&row| all[row].probability()).collect();
            for (_, names) in &groups {
                let names: Vec<&str> = known.iter().map(|&row| names[row].as_str()).collect();
                let (shown, hidden) =
                    Subgroup::suppress(Subgroup::all(&labels, &risks, &names, 0.95)?, &SmallCells::default());
                for subgroup in &shown {
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
            (Value::Level(level), FeatureKind::Category { levels }) => levels[*level].clone(),
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
