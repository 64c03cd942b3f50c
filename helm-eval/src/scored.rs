use crate::Error;

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
#[derive(Clone)]
pub struct Scored {
    /// The group of equal scores of each row, groups rising with the score.
    group_of_row: Vec<u32>,
    n_groups: usize,
    /// The score of each group.
    score_of_group: Vec<f64>,
    cases: Vec<u32>,
    controls: Vec<u32>,
}

impl Scored {
    /// Labels and scores, row by row.
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::Length`], [`Error::NotFinite`] with the first such row, or [`Error::OneClass`] with
    /// the counts.
    pub fn new(labels: &[bool], scores: &[f64]) -> Result<Self, Error> {
        if labels.is_empty() {
            return Err(Error::Empty);
        }
        if labels.len() != scores.len() {
            return Err(Error::Length { what: "scores".into(), expected: labels.len(), found: scores.len() });
        }
        if labels.len() > u32::MAX as usize {
            let (expected, found) = ("at most 2^32 − 1".into(), labels.len().to_string());
            return Err(Error::Setting { what: "rows", expected, found });
        }
        if let Some(row) = scores.iter().position(|score| !score.is_finite()) {
            return Err(Error::NotFinite { row: row + 1 });
        }
        let rows_of = |case| (0..labels.len()).filter(move |&row| labels[row] == case).map(|row| row as u32);
        let (cases, controls): (Vec<u32>, Vec<u32>) = (rows_of(true).collect(), rows_of(false).collect());
        if cases.is_empty() || controls.is_empty() {
            return Err(Error::OneClass { cases: cases.len(), controls: controls.len() });
        }
        let mut order: Vec<u32> = (0..labels.len() as u32).collect();
        let score = |row: u32| scores[row as usize];
        order.sort_unstable_by(|&a, &b| score(a).total_cmp(&score(b)));
        let mut group_of_row = vec![0; labels.len()];
        let mut score_of_group: Vec<f64> = Vec::new();
        for &row in &order {
            // `!=` and not the order's: −0 and +0 are the same score.
            if score_of_group.last().is_none_or(|&last| last != score(row)) {
                score_of_group.push(score(row));
            }
            group_of_row[row as usize] = (score_of_group.len() - 1) as u32;
        }
        Ok(Self { group_of_row, n_groups: score_of_group.len(), score_of_group, cases, controls })
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

    /// How many rows there are.
    #[expect(clippy::len_without_is_empty, reason = "there is at least a case and a control")]
    pub fn len(&self) -> usize {
        self.group_of_row.len()
    }

    /// How many rows are cases.
    pub fn n_cases(&self) -> usize {
        self.cases.len()
    }

    /// How many rows are controls.
    pub fn n_controls(&self) -> usize {
        self.controls.len()
    }

    /// Rows of cases.
    pub(crate) fn cases(&self) -> &[u32] {
        &self.cases
    }

    /// Rows of controls.
    pub(crate) fn controls(&self) -> &[u32] {
        &self.controls
    }

    pub(crate) fn group_of(&self, row: u32) -> usize {
        self.group_of_row[row as usize] as usize
    }

    pub(crate) fn score_of_group(&self, group: usize) -> f64 {
        self.score_of_group[group]
    }

    /// Cases and controls in each group of equal scores, groups rising with the score.
    pub(crate) fn tally(&self) -> Tally {
        let mut tally = Tally::new(self.n_groups);
        self.cases.iter().for_each(|&row| tally.cases[self.group_of(row)] += 1);
        self.controls.iter().for_each(|&row| tally.controls[self.group_of(row)] += 1);
        tally
    }

    pub(crate) fn n_groups(&self) -> usize {
        self.n_groups
    }
}

/// Cases and controls in each group of equal scores: all that AUROC and average precision need.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
    pub(crate) cases: Vec<u32>,
    pub(crate) controls: Vec<u32>,
}

impl Tally {
    pub(crate) fn new(n_groups: usize) -> Self {
        Self { cases: vec![0; n_groups], controls: vec![0; n_groups] }
    }

    pub(crate) fn clear(&mut self) {
        self.cases.fill(0);
        self.controls.fill(0);
    }
}
