use serde::{Deserialize, Serialize};

use crate::{DeLong, Error, Interval, ObservedExpected, Predictions, Scored, ZTest};

/// How a score does in one subgroup, and whether it does otherwise in everyone else.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Subgroup {
    /// The subgroup.
    pub name: String,
    /// People in it.
    pub n: usize,
    /// Cases among them.
    pub cases: usize,
    /// AUROC; none without cases or controls.
    pub auroc: Option<f64>,
    /// DeLong's interval of the AUROC, symmetric in the log-odds; none where that is not defined: fewer than 2 cases or
    /// controls, or an AUROC of 0 or 1.
    pub interval: Option<Interval>,
    /// The AUROC less that of all people outside the subgroup, who are others, with DeLong's variances; none where
    /// either has fewer than 2 cases or controls. Where there are many subgroups, adjust p with [`holm`](crate::holm).
    pub difference: Option<ZTest>,
    /// Observed against expected cases; none where scores are no risks (some are outside 0 to 1), or without cases.
    pub observed_expected: Option<ObservedExpected>,
}

impl Subgroup {
    /// Every subgroup in the order of their names. Counts are exact: suppress small ones before they are published.
    ///
    /// ```
    /// use helm_eval::Subgroup;
    ///
    /// let labels = [false, false, true, true, false, false, true, true];
    /// let scores = [0.1, 0.4, 0.35, 0.8, 0.2, 0.3, 0.4, 0.9];
    /// let sex = ["female", "female", "female", "female", "male", "male", "male", "male"];
    /// let subgroups = Subgroup::all(&labels, &scores, &sex, 0.95)?;
    /// assert_eq!((subgroups[0].name.as_str(), subgroups[0].auroc), ("female", Some(0.75)));
    /// assert_eq!(subgroups[1].auroc, Some(1.0));
    /// # Ok::<(), helm_eval::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Scored::new`] for all rows together; [`Error::Length`] if there is not one subgroup a row,
    /// [`Error::Setting`] if the confidence is not between 0 and 1.
    pub fn all<S: AsRef<str>>(
        labels: &[bool],
        scores: &[f64],
        subgroups: &[S],
        confidence: f64,
    ) -> Result<Vec<Self>, Error> {
        Scored::new(labels, scores)?;
        Interval::check_confidence(confidence)?;
        if subgroups.len() != labels.len() {
            let (expected, found) = (labels.len(), subgroups.len());
            return Err(Error::Length { what: "subgroups".into(), expected, found });
        }
        let mut names: Vec<&str> = subgroups.iter().map(AsRef::as_ref).collect();
        names.sort_unstable();
        names.dedup();
        let are_risks = scores.iter().all(|score| (0.0..=1.0).contains(score));
        let subgroup = |name: &&str| {
            let part = |inside: bool| -> (Vec<bool>, Vec<f64>) {
                let rows = (0..labels.len()).filter(|&row| (subgroups[row].as_ref() == *name) == inside);
                rows.map(|row| (labels[row], scores[row])).unzip()
            };
            let (own_labels, own_scores) = part(true);
            let own = Scored::new(&own_labels, &own_scores).ok();
            let delong = |scored: &Scored| scored.delong().ok();
            let own_delong = own.as_ref().and_then(delong);
            let (other_labels, other_scores) = part(false);
            let others: Option<DeLong> = Scored::new(&other_labels, &other_scores).ok().as_ref().and_then(delong);
            let predictions = if are_risks { Predictions::new(&own_labels, &own_scores).ok() } else { None };
            Self {
                name: (*name).into(),
                n: own_labels.len(),
                cases: own_labels.iter().filter(|&&case| case).count(),
                auroc: own.map(|own| own.auroc()),
                interval: own_delong.and_then(|delong| delong.logit(confidence).ok()),
                difference: own_delong.zip(others).map(|(own, others)| own.unpaired_test(&others)),
                observed_expected: predictions.and_then(|own| own.observed_expected(confidence).ok()),
            }
        };
        Ok(names.iter().map(subgroup).collect())
    }
}
