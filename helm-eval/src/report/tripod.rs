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
const ITEMS: [(&str, &str); 52] = [
    ("1", "Title: development or evaluation of a prediction model, the target population, the outcome"),
    ("2", "Abstract: see TRIPOD+AI for Abstracts"),
    ("3a", "Background: the healthcare context, the rationale, existing models"),
    ("3b", "Background: the target population, the purpose in the care pathway, the intended users"),
    ("3c", "Background: known health inequalities between groups"),
    ("4", "Objectives: development or evaluation, or both"),
    ("5a", "Data: sources for development and evaluation, why these, how representative"),
    ("5b", "Data: dates of participation and end of follow-up"),
    ("6a", "Participants: setting, number and location of centres"),
    ("6b", "Participants: eligibility"),
    ("6c", "Participants: treatments and how they were handled"),
    ("7", "Data preparation: cleaning and quality checks, alike across groups"),
    ("8a", "Outcome: definition, time horizon, how and when assessed, alike across groups"),
    ("8b", "Outcome: who assessed it, where that takes judgment"),
    ("8c", "Outcome: blinding of its assessment"),
    ("9a", "Predictors: their choice before modelling"),
    ("9b", "Predictors: definition, how and when measured, blinding"),
    ("9c", "Predictors: who assessed them, where that takes judgment"),
    ("10", "Sample size: how it was arrived at and whether it is enough"),
    ("11", "Missing data: how handled, and why"),
    ("12a", "Analysis: how data were used, partitions"),
    ("12b", "Analysis: handling of predictors"),
    ("12c", "Analysis: type of model, building steps, tuning, internal validation"),
    ("12d", "Analysis: heterogeneity between clusters"),
    ("12e", "Analysis: measures of performance and how models were compared"),
    ("12f", "Analysis: model updating"),
    ("12g", "Analysis: how predictions were calculated"),
    ("13", "Class imbalance: whether and how it was dealt with, and recalibration after it"),
    ("14", "Fairness: what was done about it"),
    ("15", "Model output: what it is, thresholds"),
    ("16", "Differences between development and evaluation data"),
    ("17", "Ethical approval and consent"),
    ("18a", "Open science: funding"),
    ("18b", "Open science: conflicts of interest"),
    ("18c", "Open science: protocol"),
    ("18d", "Open science: registration"),
    ("18e", "Open science: availability of data"),
    ("18f", "Open science: availability of code"),
    ("19", "Patient and public involvement"),
    ("20a", "Flow of participants, events, follow-up"),
    ("20b", "Characteristics of participants, overall and by setting and group, missing data"),
    ("20c", "Comparison with the development data"),
    ("21", "Numbers of participants and events in each analysis"),
    ("22", "Model specification: all that is needed to predict and to share it"),
    ("23a", "Performance with confidence intervals, also in subgroups"),
    ("23b", "Heterogeneity of performance between clusters"),
    ("24", "Model updating: results"),
    ("25", "Interpretation, fairness among it"),
    ("26", "Limitations"),
    ("27a", "Usability: poor or missing input data"),
    ("27b", "Usability: what users must do and know"),
    ("27c", "Usability: next steps for research"),
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
