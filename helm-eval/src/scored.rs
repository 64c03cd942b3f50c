use rayon::slice::ParallelSliceMut;

use crate::Error;
use crate::clusters::Clusters;
use crate::survey_design::SurveyDesign;
use crate::tally::{Tally, group, is_case, slot};

/// Labels with the scores of one model, checked: as many of each, cases and controls, finite scores.
///
/// Scores are ranked as they are, in f64: log-odds serve as well as probabilities, and are better where probabilities
/// round to 0 or 1. A score that ranks the wrong way has an AUROC below 0.5; nothing is flipped.
///
/// ```
/// use helm_eval::Scored;
///
/// let scored = Scored::new(&[false, false, true, true], &[0.1, 0.4, 0.35, 0.8])?;
/// assert_eq!(scored.auroc(), 0.75);
/// assert!((scored.auprc() - 0.8333333).abs() < 1e-7);
/// assert!(Scored::new(&[true, true], &[0.1, 0.4]).is_err());
/// # Ok::<(), helm_eval::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Scored {
    /// The group of equal scores and the label of each row, groups rising with the score; meaningless for a row of
    /// weight 0.
    slot_of_row: Vec<u32>,
    /// The score of each group.
    score_of_group: Vec<f64>,
    /// Cases and controls in each group.
    tally: Tally<f64>,
    cases: Vec<u32>,
    controls: Vec<u32>,
    /// The weight of each row as a share of the largest one, where they differ: areas under curves don't change with
    /// the unit, and sums stay finite.
    weights: Option<Vec<f64>>,
    clusters: Option<Clusters>,
    design: Option<SurveyDesign>,
}

/// A row's number has 30 bits, that of a person drawn again and again in a bootstrap, too.
const MAX_ROWS: usize = 1 << 30;

impl Scored {
    /// Labels and scores, row by row.
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::Length`], [`Error::NotFinite`] with the first such row, or [`Error::OneClass`] with
    /// the counts.
    pub fn new(labels: &[bool], scores: &[f64]) -> Result<Self, Error> {
        Self::build(labels, scores, None)
    }

    /// Labels given as numbers.
    ///
    /// # Errors
    /// As [`Scored::new`]; [`Error::Label`] with the first row whose label is neither 0 nor 1.
    pub fn from_numbers(labels: &[f64], scores: &[f64]) -> Result<Self, Error> {
        let labels = labels.iter().enumerate().map(|(row, &label)| match label {
            0.0 => Ok(false),
            1.0 => Ok(true),
            _ => Err(Error::Label { row: row + 1 }),
        });
        Self::new(&labels.collect::<Result<Vec<_>, _>>()?, scores)
    }

    /// Rows that count as much as their weight says, as those of a survey do. A row of weight 0 counts as if it were
    /// not there, but its score must be sound.
    ///
    /// ```
    /// use helm_eval::Scored;
    ///
    /// let (labels, scores) = ([false, false, true, true], [0.1, 0.4, 0.35, 0.8]);
    /// let scored = Scored::weighted(&labels, &scores, &[1.0, 2.0, 3.0, 4.0])?;
    /// assert!((scored.auroc() - 0.7142857).abs() < 1e-7);
    /// # Ok::<(), helm_eval::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Scored::new`], [`Error::OneClass`] also where all weight is in one class; [`Error::Weight`] with the first
    /// row whose weight is negative, NaN or infinite.
    pub fn weighted(labels: &[bool], scores: &[f64], weights: &[f64]) -> Result<Self, Error> {
        Self::build(labels, scores, Some(weights))
    }

    fn build(labels: &[bool], scores: &[f64], weights: Option<&[f64]>) -> Result<Self, Error> {
        let expected = labels.len();
        if expected == 0 {
            return Err(Error::Empty);
        }
        for (what, found) in [("scores", scores.len()), ("weights", weights.map_or(expected, <[f64]>::len))] {
            if found != expected {
                return Err(Error::Length { what: what.into(), expected, found });
            }
        }
        if expected > MAX_ROWS {
            let (expected, found) = (format!("at most {MAX_ROWS}"), expected.to_string());
            return Err(Error::Setting { what: "rows", expected, found });
        }
        if let Some(row) = scores.iter().position(|score| !score.is_finite()) {
            return Err(Error::NotFinite { row: row + 1 });
        }
        let weights = weights.map(relative).transpose()?;
        let counts = |row: usize| weights.as_ref().is_none_or(|weights| weights[row] > 0.0);
        let rows = |case| (0..labels.len()).filter(move |&row| labels[row] == case);
        let rows_of = |case| rows(case).filter(|&row| counts(row)).map(|row| row as u32).collect::<Vec<u32>>();
        let (cases, controls) = (rows_of(true), rows_of(false));
        if cases.is_empty() || controls.is_empty() {
            return Err(Error::OneClass { cases: cases.len(), controls: controls.len() });
        }
        // The row and its label in one number: what follows never looks a row up out of order.
        let of = |rows: &[u32], case: u32| -> Vec<(i64, u32)> {
            rows.iter().map(|&row| (order_key(scores[row as usize]), row << 1 | case)).collect()
        };
        let mut order = [of(&cases, 1), of(&controls, 0)].concat();
        order.par_sort_unstable_by_key(|&(key, _)| key);
        if let Some(weights) = &weights {
            // By weight within a group, so that sums don't depend on the order of the rows.
            let weight = |labelled: u32| weights[(labelled >> 1) as usize];
            for group in order.chunk_by_mut(|a, b| a.0 == b.0) {
                group.sort_unstable_by(|a, b| weight(a.1).total_cmp(&weight(b.1)));
            }
        }
        let mut slot_of_row = vec![0; labels.len()];
        let mut score_of_group = Vec::new();
        let mut tally = Tally::with_capacity(order.len());
        let mut last = None;
        for &(key, labelled) in &order {
            if last != Some(key) {
                last = Some(key);
                score_of_group.push(score_of(key));
                tally.push_group();
            }
            let (row, slot) = ((labelled >> 1) as usize, slot(score_of_group.len() - 1, labelled & 1 == 1));
            slot_of_row[row] = slot;
            tally.add(slot, weights.as_ref().map_or(1.0, |weights| weights[row]));
        }
        Ok(Self { slot_of_row, score_of_group, tally, cases, controls, weights, clusters: None, design: None })
    }

    /// Says which rows belong to the same participant, so that resampling keeps them together; rows are otherwise taken
    /// as independent. It takes many participants: few are drawn in few ways, a single one always.
    ///
    /// ```
    /// use helm_eval::{Bootstrap, Scored};
    ///
    /// // Two visits each.
    /// let (labels, people) = ([false, false, false, false, true, true, true, true], [1, 1, 2, 2, 3, 3, 4, 4]);
    /// let scored = Scored::new(&labels, &[0.1, 0.4, 0.3, 0.2, 0.35, 0.8, 0.3, 0.5])?.clustered(&people)?;
    /// let intervals = Bootstrap::default().intervals(&scored)?;
    /// assert!(intervals.auroc.lower < intervals.auroc.upper);
    /// # Ok::<(), helm_eval::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Length`] if there is not one participant a row.
    pub fn clustered<P: Ord>(mut self, participants: &[P]) -> Result<Self, Error> {
        let (expected, found) = (self.n_rows(), participants.len());
        if found != expected {
            return Err(Error::Length { what: "participants".into(), expected, found });
        }
        let rows = self.cases.iter().chain(&self.controls).copied();
        self.clusters = Some(Clusters::new(participants, rows));
        Ok(self)
    }

    /// Says how a survey drew the rows: the stratum of each, and the primary sampling unit within it (units of other
    /// strata may have the same names). Resampling then draws units within strata, and [`Scored::survey`] has the
    /// variance. With weights of 0 for everyone else, it is the estimate of a subpopulation, whose strata and units are
    /// still those of the whole survey.
    ///
    /// Participants of [`clustered`](Self::clustered) rows are forgotten: they are in one unit each.
    ///
    /// ```
    /// use helm_eval::Scored;
    ///
    /// let (labels, scores) = ([false, false, false, false, true, true, true, true], [1., 4., 3., 2., 3., 8., 3., 5.]);
    /// let weights = [1.0, 2.0, 1.0, 1.0, 2.0, 1.0, 1.0, 2.0];
    /// let scored = Scored::weighted(&labels, &scores, &weights)?;
    /// let surveyed = scored.surveyed(&[1, 1, 2, 2, 1, 1, 2, 2], &[1, 2, 1, 2, 1, 2, 1, 2])?;
    /// assert!(surveyed.survey()?.variance > 0.0);
    /// # Ok::<(), helm_eval::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Length`] if there is not one stratum and one unit a row, [`Error::Undefined`] if a stratum has only one
    /// unit: merge it with another.
    pub fn surveyed<S: Ord, U: Ord>(mut self, strata: &[S], units: &[U]) -> Result<Self, Error> {
        let expected = self.n_rows();
        for (what, found) in [("strata", strata.len()), ("sampling units", units.len())] {
            if found != expected {
                return Err(Error::Length { what: what.into(), expected, found });
            }
        }
        self.design = Some(SurveyDesign::new(strata, units)?);
        self.clusters = None;
        Ok(self)
    }

    /// How many rows there are, without those of weight 0.
    #[expect(clippy::len_without_is_empty, reason = "there is at least a case and a control")]
    pub fn len(&self) -> usize {
        self.cases.len() + self.controls.len()
    }

    /// How many rows are cases, without those of weight 0.
    pub fn n_cases(&self) -> usize {
        self.cases.len()
    }

    /// How many rows are controls, without those of weight 0.
    pub fn n_controls(&self) -> usize {
        self.controls.len()
    }

    /// Whether rows have weights of their own.
    pub fn is_weighted(&self) -> bool {
        self.weights.is_some()
    }

    /// Rows of cases.
    pub(crate) fn cases(&self) -> &[u32] {
        &self.cases
    }

    /// Rows of controls.
    pub(crate) fn controls(&self) -> &[u32] {
        &self.controls
    }

    /// Rows in all, those of weight 0 among them.
    pub(crate) fn n_rows(&self) -> usize {
        self.slot_of_row.len()
    }

    pub(crate) fn group_of(&self, row: u32) -> usize {
        group(self.slot_of_row[row as usize])
    }

    pub(crate) fn is_case(&self, row: u32) -> bool {
        is_case(self.slot_of_row[row as usize])
    }

    pub(crate) fn score_of_group(&self, group: usize) -> f64 {
        self.score_of_group[group]
    }

    pub(crate) fn n_groups(&self) -> usize {
        self.score_of_group.len()
    }

    /// The weight of each row in units of the largest, where they differ.
    pub(crate) fn weights(&self) -> Option<&[f64]> {
        self.weights.as_deref()
    }

    /// Rows of the same participant, where that is known.
    pub(crate) fn clusters(&self) -> Option<&Clusters> {
        self.clusters.as_ref()
    }

    /// How a survey drew the rows, where that is known.
    pub(crate) fn design(&self) -> Option<&SurveyDesign> {
        self.design.as_ref()
    }

    /// That rows are independent and count alike, as a statistic takes them.
    pub(crate) fn check_independent(&self, what: &'static str) -> Result<(), Error> {
        let undefined = |expected: &str, found: &str| {
            let (expected, found) = (expected.into(), found.into());
            Err(Error::Undefined { what, expected, found })
        };
        if self.is_weighted() {
            return undefined("rows that count alike", "weights");
        }
        if self.clusters().is_some_and(Clusters::any_several) {
            return undefined("one row a participant", "several");
        }
        if self.design().is_some() {
            return undefined("independent rows", "those of a survey");
        }
        Ok(())
    }

    /// Cases and controls in each group of equal scores.
    pub(crate) fn tally(&self) -> &Tally<f64> {
        &self.tally
    }

    /// That columns are scores of the same rows.
    pub(crate) fn check_same_rows(columns: &[&Self]) -> Result<(), Error> {
        let first = columns.first().ok_or(Error::Empty)?;
        for other in columns {
            if other.cases != first.cases || other.controls != first.controls || other.n_rows() != first.n_rows() {
                let (expected, found) = ("the same labels for all scores".into(), "others".into());
                return Err(Error::Setting { what: "labels", expected, found });
            }
            if other.weights() != first.weights() {
                let (expected, found) = ("the same weights for all scores".into(), "others".into());
                return Err(Error::Setting { what: "weights", expected, found });
            }
            if other.clusters != first.clusters {
                let (expected, found) = ("the same participants for all scores".into(), "others".into());
                return Err(Error::Setting { what: "participants", expected, found });
            }
            if other.design != first.design {
                let (expected, found) = ("the same strata and units for all scores".into(), "others".into());
                return Err(Error::Setting { what: "survey", expected, found });
            }
        }
        Ok(())
    }
}

/// An integer that is ordered as finite scores are; −0 and +0 are the same score.
fn order_key(score: f64) -> i64 {
    let bits = (score + 0.0).to_bits() as i64;
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}

/// The score of a key.
fn score_of(key: i64) -> f64 {
    f64::from_bits((key ^ (((key >> 63) as u64) >> 1) as i64) as u64)
}

/// Weights as a share of the largest.
fn relative(weights: &[f64]) -> Result<Vec<f64>, Error> {
    if let Some(row) = weights.iter().position(|weight| !(weight.is_finite() && *weight >= 0.0)) {
        return Err(Error::Weight { row: row + 1 });
    }
    let largest = weights.iter().fold(0.0_f64, |largest, &weight| largest.max(weight));
    Ok(weights.iter().map(|weight| if largest > 0.0 { weight / largest } else { 0.0 }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_ordered_as_scores() {
        let scores = [f64::MIN, -1.5, -1.0, -1e-300, -f64::from_bits(1), 0.0, f64::from_bits(1), 1e-300, 2.0, f64::MAX];
        assert!(scores.map(order_key).is_sorted_by(|a, b| a < b));
        assert_eq!(order_key(-0.0), order_key(0.0));
        assert_eq!(scores.map(|score| score_of(order_key(score))), scores);
    }
}
