use crate::scored::{Scored, Tally};

impl Scored {
    /// The area under the receiver operating characteristic: the probability that a case scores above a control, ties
    /// counting half (midranks; Bamber 1975, J. Math. Psychol. 12:387–415).
    pub fn auroc(&self) -> f64 {
        auroc(&self.tally(), self.n_cases(), self.n_controls())
    }

    /// The ROC curve, from (0, 0) at an infinite threshold to (1, 1): one point for each distinct score, at which
    /// everyone who scores as high or higher is called a case.
    pub fn roc_curve(&self) -> Vec<RocPoint> {
        let tally = self.tally();
        let (n_cases, n_controls) = (self.n_cases() as f64, self.n_controls() as f64);
        let mut curve = vec![RocPoint { threshold: f64::INFINITY, sensitivity: 0.0, false_positive_rate: 0.0 }];
        let (mut cases, mut controls) = (0u64, 0u64);
        for group in (0..self.n_groups()).rev() {
            cases += u64::from(tally.cases[group]);
            controls += u64::from(tally.controls[group]);
            curve.push(RocPoint {
                threshold: self.score_of_group(group),
                sensitivity: cases as f64 / n_cases,
                false_positive_rate: controls as f64 / n_controls,
            });
        }
        curve
    }
}

/// One point of a ROC curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RocPoint {
    /// Scores at or above it are called cases.
    pub threshold: f64,
    /// The share of cases that are called so.
    pub sensitivity: f64,
    /// The share of controls that are called cases.
    pub false_positive_rate: f64,
}

pub(crate) fn auroc(tally: &Tally, n_cases: usize, n_controls: usize) -> f64 {
    // Twice the number of (case, control) pairs in the right order, a tie counting one: exact in u128.
    let mut twice_pairs = 0u128;
    let mut controls_below = 0u64;
    for (&cases, &controls) in tally.cases.iter().zip(&tally.controls) {
        twice_pairs += u128::from(cases) * u128::from(2 * controls_below + u64::from(controls));
        controls_below += u64::from(controls);
    }
    twice_pairs as f64 / (2.0 * n_cases as f64 * n_controls as f64)
}
