use crate::Failure;

/// Outcomes that share their features, and so a context, a model and a training run.
pub struct OutcomeGroup {
    /// The features, in the order of the prompt.
    pub features: Vec<String>,
    /// The outcomes.
    pub outcomes: Vec<String>,
}

impl OutcomeGroup {
    /// The groups of some outcomes, of which a function gives the features.
    ///
    /// # Errors
    /// If an outcome stands twice or has no feature; the function's.
    pub fn of<S: Into<String>>(
        outcomes: &[String],
        features: impl Fn(&str) -> Result<Vec<S>, Failure>,
    ) -> Result<Vec<Self>, Failure> {
        let mut groups: Vec<Self> = Vec::new();
        for (index, outcome) in outcomes.iter().enumerate() {
            if outcomes[..index].contains(outcome) {
                return Err(Failure::new(format!("--outcome: expected every outcome once, found {outcome:?} twice")));
            }
            let features: Vec<String> = features(outcome)?.into_iter().map(Into::into).collect();
            if features.is_empty() {
                return Err(Failure::new(format!("outcome {outcome}: expected at least one feature, found none")));
            }
            match groups.iter_mut().find(|group| group.features == features) {
                Some(group) => group.outcomes.push(outcome.clone()),
                None => groups.push(Self { features, outcomes: vec![outcome.clone()] }),
            }
        }
        Ok(groups)
    }

    /// That there is one group only: a bundle has one context for all of its outcomes.
    ///
    /// # Errors
    /// With an outcome of each of two groups.
    pub fn check_one(groups: &[Self]) -> Result<(), Failure> {
        let [first, second, ..] = groups else { return Ok(()) };
        let found = format!("{} and {}", first.outcomes[0], second.outcomes[0]);
        Err(Failure::new(format!("--save: expected outcomes with the same features, found {found}")))
    }
}
