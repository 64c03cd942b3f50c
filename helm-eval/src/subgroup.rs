use helm_core::SmallCells;
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
    /// Every subgroup in the order of their names. Counts are exact: [`suppress`](Self::suppress) small ones before they
    /// are published.
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
        Self::of(labels, scores, subgroups, confidence, |rows| {
            let (labels, scores): (Vec<bool>, Vec<f64>) = rows.iter().map(|&row| (labels[row], scores[row])).unzip();
            Scored::new(&labels, &scores)
        })
    }

    /// As [`all`](Self::all), of rows that have weights or are several of a participant: `scored` makes the scores of
    /// some rows, by their indices. Where rows don't count alike or aren't independent, variances are those of
    /// [`Scored::survey`], and observed against expected cases are left out.
    ///
    /// ```
    /// use helm_eval::{Scored, Subgroup};
    ///
    /// let labels = [false, false, true, true, false, false, true, true];
    /// let (scores, weights) = ([0.1, 0.4, 0.35, 0.8, 0.2, 0.3, 0.4, 0.9], [1., 2., 1., 1., 2., 1., 3., 1.]);
    /// let sex = ["female", "female", "female", "female", "male", "male", "male", "male"];
    /// let subgroups = Subgroup::of(&labels, &scores, &sex, 0.95, |rows| {
    ///     let labels: Vec<bool> = rows.iter().map(|&row| labels[row]).collect();
    ///     let column = |column: &[f64]| rows.iter().map(|&row| column[row]).collect::<Vec<f64>>();
    ///     Scored::weighted(&labels, &column(&scores), &column(&weights))
    /// })?;
    /// assert_eq!(subgroups[0].auroc, Some(2.0 / 3.0));
    /// # Ok::<(), helm_eval::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`all`](Self::all), and as `scored` for all rows together.
    pub fn of<S: AsRef<str>>(
        labels: &[bool],
        scores: &[f64],
        subgroups: &[S],
        confidence: f64,
        scored: impl Fn(&[usize]) -> Result<Scored, Error>,
    ) -> Result<Vec<Self>, Error> {
        Scored::new(labels, scores)?;
        Interval::check_confidence(confidence)?;
        if subgroups.len() != labels.len() {
            let (expected, found) = (labels.len(), subgroups.len());
            return Err(Error::Length { what: "subgroups".into(), expected, found });
        }
        let is_plain = scored(&(0..labels.len()).collect::<Vec<_>>())?.check_independent("subgroups").is_ok();
        let mut names: Vec<&str> = subgroups.iter().map(AsRef::as_ref).collect();
        names.sort_unstable();
        names.dedup();
        let are_risks = is_plain && scores.iter().all(|score| (0.0..=1.0).contains(score));
        let delong = |scored: &Scored| {
            if scored.n_cases() < 2 || scored.n_controls() < 2 {
                return None;
            }
            if is_plain { scored.delong() } else { scored.survey() }.ok()
        };
        let subgroup = |name: &&str| {
            let part = |inside: bool| -> Vec<usize> {
                (0..labels.len()).filter(|&row| (subgroups[row].as_ref() == *name) == inside).collect()
            };
            let rows = part(true);
            let own = scored(&rows).ok();
            let own_delong = own.as_ref().and_then(delong);
            let others: Option<DeLong> = scored(&part(false)).ok().as_ref().and_then(delong);
            let (own_labels, own_scores): (Vec<bool>, Vec<f64>) =
                rows.iter().map(|&row| (labels[row], scores[row])).unzip();
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

    /// Parts subgroups that may be published from the names of those that may not: with a small number of cases or of
    /// controls, or from which such a number could be derived by whoever knows the numbers of all people together.
    ///
    /// ```
    /// use helm_core::SmallCells;
    /// use helm_eval::Subgroup;
    ///
    /// let labels: Vec<bool> = (0..120).map(|row| row % 2 == 0).collect();
    /// let scores: Vec<f64> = (0..120).map(|row| f64::from(row % 7)).collect();
    /// let smokes: Vec<&str> = (0..120).map(|row| if row < 6 { "pipe" } else if row < 60 { "yes" } else { "no" }).collect();
    /// let subgroups = Subgroup::all(&labels, &scores, &smokes, 0.95)?;
    /// let (shown, hidden) = Subgroup::suppress(subgroups, &SmallCells::default());
    /// assert_eq!(shown[0].name, "no");
    /// assert_eq!(hidden, ["pipe", "yes"]);
    /// # Ok::<(), helm_eval::Error>(())
    /// ```
    pub fn suppress(subgroups: Vec<Self>, small: &SmallCells) -> (Vec<Self>, Vec<String>) {
        let counts: Vec<[usize; 2]> =
            subgroups.iter().map(|subgroup| [subgroup.cases, subgroup.n - subgroup.cases]).collect();
        let (mut shown, mut names) = (Vec::new(), Vec::new());
        for (subgroup, hidden) in subgroups.into_iter().zip(small.hidden(&counts)) {
            if hidden { names.push(subgroup.name) } else { shown.push(subgroup) }
        }
        (shown, names)
    }
}
