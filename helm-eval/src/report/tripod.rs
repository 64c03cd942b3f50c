use serde::{Deserialize, Serialize};

/// The checklist of TRIPOD+AI (Collins et al. 2024, BMJ 385:e078378), topics in our words, with what is known of an
/// evaluation filled in. The rest is for the authors.
///
/// ```
/// use helm_eval::report::Tripod;
///
/// let checklist = Tripod::default().fill("11", "Nobody has a missing score.");
/// assert_eq!(checklist.items().iter().filter(|item| item.found.is_some()).count(), 1);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tripod {
    items: Vec<TripodItem>,
}

/// One item of the checklist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TripodItem {
    /// The item's number, as the statement has it.
    pub number: String,
    /// What is to be reported.
    pub topic: String,
    /// What is known.
    pub found: Option<String>,
}

/// Numbers and topics.
const ITEMS: [(&str, &str); 37] = [
    ("1", "Title: development or evaluation of a prediction model, the target population, the outcome"),
    ("2", "Abstract: see TRIPOD+AI for Abstracts"),
    ("3", "Background: the healthcare context, the intended users, known inequalities between groups"),
    ("4", "Objectives: development or evaluation, or both"),
    ("5", "Data: sources for development and evaluation, dates"),
    ("6", "Participants: setting, eligibility, treatments"),
    ("7", "Data preparation: cleaning and quality checks, alike across groups"),
    ("8", "Outcome: definition, time horizon, how and by whom assessed"),
    ("9", "Predictors: choice, definition, how measured"),
    ("10", "Sample size: how it was arrived at"),
    ("11", "Missing data: how handled"),
    ("12a", "Analysis: how data were used, partitions"),
    ("12b", "Analysis: handling of predictors"),
    ("12c", "Analysis: type of model, building steps, internal validation"),
    ("12d", "Analysis: heterogeneity between clusters"),
    ("12e", "Analysis: measures of performance and how models were compared"),
    ("12f", "Analysis: model updating"),
    ("12g", "Analysis: how predictions were calculated"),
    ("13", "Class imbalance: whether and how it was dealt with"),
    ("14", "Fairness: what was done about it"),
    ("15", "Model output: what it is, thresholds"),
    ("16", "Differences between development and evaluation data"),
    ("17", "Ethical approval"),
    ("18", "Open science: funding, conflicts, protocol, registration, data, code"),
    ("19", "Patient and public involvement"),
    ("20a", "Flow of participants"),
    ("20b", "Characteristics of participants, overall and by group, numbers of events"),
    ("20c", "Comparison with the development data"),
    ("21", "Numbers of participants and events in each analysis"),
    ("22", "Model specification: all that is needed to predict and to share it"),
    ("23a", "Performance with confidence intervals, also in subgroups"),
    ("23b", "Heterogeneity of performance between clusters"),
    ("24", "Model updating: results"),
    ("25", "Interpretation, fairness among it"),
    ("26", "Limitations"),
    ("27a", "Usability: poor or missing input data"),
    ("27b", "Usability: what users must do, and next steps for research"),
];

impl Default for Tripod {
    fn default() -> Self {
        let item =
            |(number, topic): (&str, &str)| TripodItem { number: number.into(), topic: topic.into(), found: None };
        Self { items: ITEMS.map(item).to_vec() }
    }
}

impl Tripod {
    /// Fills an item in; another sentence where there is one already. A number that is none changes nothing.
    pub fn fill(mut self, number: &str, text: impl AsRef<str>) -> Self {
        for item in self.items.iter_mut().filter(|item| item.number == number) {
            item.found = Some(match item.found.take() {
                Some(before) => format!("{before} {}", text.as_ref()),
                None => text.as_ref().into(),
            });
        }
        self
    }

    /// All items in their order.
    pub fn items(&self) -> &[TripodItem] {
        &self.items
    }
}
