use crate::scored::Scored;

impl Scored {
    /// Average precision, the step-wise area under the precision–recall curve, as scikit-learn's
    /// `average_precision_score`: `Σ (R_k − R_{k−1}) P_k` over the distinct scores from the highest. Rows of equal
    /// score are one step, so that their order can't matter.
    pub fn auprc(&self) -> f64 {
        self.tally().average_precision()
    }

    /// The area under the precision–recall curve by the trapezoid rule, from precision 1 at recall 0, as
    /// scikit-learn's `auc(recall, precision)` after `precision_recall_curve`. Straight lines between points of that
    /// curve can't be reached by any threshold and mostly flatter (Davis and Goadrich 2006, ICML): report
    /// [`auprc`](Self::auprc), and this one only beside papers that have it.
    ///
    /// ```
    /// use helm_eval::Scored;
    ///
    /// let scored = Scored::new(&[false, false, true, true], &[0.1, 0.4, 0.35, 0.8])?;
    /// assert!((scored.auprc_trapezoid() - 0.7916667).abs() < 1e-7);
    /// # Ok::<(), helm_eval::Error>(())
    /// ```
    pub fn auprc_trapezoid(&self) -> f64 {
        let (mut precision, mut recall, mut area) = (1.0, 0.0, 0.0);
        for point in self.pr_curve() {
            area += (point.recall - recall) * (point.precision + precision) / 2.0;
            (precision, recall) = (point.precision, point.recall);
        }
        area
    }

    /// The precision–recall curve: one point for each distinct score, from the highest.
    ///
    /// ```
    /// use helm_eval::Scored;
    ///
    /// let curve = Scored::new(&[false, false, true, true], &[0.1, 0.4, 0.35, 0.8])?.pr_curve();
    /// assert_eq!((curve[1].threshold, curve[1].precision, curve[1].recall), (0.4, 0.5, 0.5));
    /// # Ok::<(), helm_eval::Error>(())
    /// ```
    pub fn pr_curve(&self) -> Vec<PrPoint> {
        let tally = self.tally();
        let n_cases: f64 = tally.falling().map(|own| own.0).sum();
        let (mut cases, mut called) = (0.0, 0.0);
        let groups = (0..self.n_groups()).rev().zip(tally.falling());
        groups
            .map(|(group, (own_cases, own_controls))| {
                cases += own_cases;
                called += own_cases + own_controls;
                PrPoint { threshold: self.score_of_group(group), precision: cases / called, recall: cases / n_cases }
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
