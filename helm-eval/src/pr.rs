use crate::scored::{Scored, Tally};

impl Scored {
    /// Average precision, the step-wise area under the precision–recall curve, as scikit-learn's
    /// `average_precision_score`: `Σ (R_k − R_{k−1}) P_k` over the distinct scores from the highest. Rows of equal
    /// score are one step, so that their order can't matter.
    pub fn auprc(&self) -> f64 {
        average_precision(&self.tally(), self.n_cases())
    }

    /// The precision–recall curve: one point for each distinct score, from the highest.
    pub fn pr_curve(&self) -> Vec<PrPoint> {
        let tally = self.tally();
        let (mut cases, mut called) = (0u64, 0u64);
        (0..self.n_groups())
            .rev()
            .map(|group| {
                cases += u64::from(tally.cases[group]);
                called += u64::from(tally.cases[group]) + u64::from(tally.controls[group]);
                PrPoint {
                    threshold: self.score_of_group(group),
                    precision: cases as f64 / called as f64,
                    recall: cases as f64 / self.n_cases() as f64,
                }
            })
            .collect()
    }
}

/// One point of a precision–recall curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PrPoint {
    /// Scores at or above it are called cases.
    pub threshold: f64,
    /// The share of cases among those who are called so.
    pub precision: f64,
    /// The share of cases that are called so.
    pub recall: f64,
}

pub(crate) fn average_precision(tally: &Tally, n_cases: usize) -> f64 {
    let (mut cases, mut called) = (0u64, 0u64);
    let mut sum = 0.0;
    for (&own_cases, &own_controls) in tally.cases.iter().zip(&tally.controls).rev() {
        cases += u64::from(own_cases);
        called += u64::from(own_cases) + u64::from(own_controls);
        if own_cases > 0 {
            sum += f64::from(own_cases) * (cases as f64 / called as f64);
        }
    }
    sum / n_cases as f64
}
