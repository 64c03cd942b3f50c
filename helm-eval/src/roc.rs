use crate::Error;
use crate::scored::Scored;

impl Scored {
    /// The area under the receiver operating characteristic: the probability that a case scores above a control, ties
    /// counting half (midranks; Bamber 1975, J. Math. Psychol. 12:387–415). With weights, a pair of rows counts as much
    /// as the product of theirs.
    pub fn auroc(&self) -> f64 {
        self.tally().auroc()
    }

    /// The area under the ROC curve up to a false positive rate, standardised so that chance is 0.5 and a perfect score
    /// 1 (McClish 1989, Med. Decis. Making 9:190–195), as scikit-learn's `roc_auc_score(max_fpr=…)`: with A the plain
    /// area up to the limit x, `½ (1 + (A − ½x²) / (x − ½x²))`.
    ///
    /// ```
    /// use helm_eval::Scored;
    ///
    /// let scored = Scored::new(&[false, false, true, true], &[0.1, 0.4, 0.35, 0.8])?;
    /// assert!((scored.partial_auroc(0.25)? - 0.7142857).abs() < 1e-7);
    /// assert_eq!(scored.partial_auroc(1.0)?, scored.auroc());
    /// # Ok::<(), helm_eval::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Setting`] if the limit is not above 0 and at most 1.
    pub fn partial_auroc(&self, max_false_positive_rate: f64) -> Result<f64, Error> {
        let limit = max_false_positive_rate;
        if !(limit > 0.0 && limit <= 1.0) {
            let (expected, found) = ("a number above 0 and at most 1".into(), limit.to_string());
            return Err(Error::Setting { what: "largest false positive rate", expected, found });
        }
        if limit == 1.0 {
            return Ok(self.auroc());
        }
        let mut area = 0.0;
        for pair in self.roc_curve().windows(2) {
            let [(x0, y0), (x1, y1)] = [0, 1].map(|end| (pair[end].false_positive_rate, pair[end].sensitivity));
            if x1 <= limit {
                area += (x1 - x0) * (y0 + y1) / 2.0;
                continue;
            }
            let y = y0 + (y1 - y0) * (limit - x0) / (x1 - x0);
            area += (limit - x0) * (y0 + y) / 2.0;
            break;
        }
        let chance = limit * limit / 2.0;
        Ok(0.5 * (1.0 + (area - chance) / (limit - chance)))
    }

    /// The ROC curve, from (0, 0) at an infinite threshold to (1, 1): one point for each distinct score, at which
    /// everyone who scores as high or higher is called a case.
    ///
    /// ```
    /// use helm_eval::Scored;
    ///
    /// let curve = Scored::new(&[false, false, true, true], &[0.1, 0.4, 0.35, 0.8])?.roc_curve();
    /// assert_eq!((curve[1].threshold, curve[1].sensitivity, curve[1].false_positive_rate), (0.8, 0.5, 0.0));
    /// # Ok::<(), helm_eval::Error>(())
    /// ```
    pub fn roc_curve(&self) -> Vec<RocPoint> {
        let tally = self.tally();
        // Summed from the highest score as below, so that the last point is (1, 1) whatever the rounding.
        let (n_cases, n_controls) = tally.falling().fold((0.0, 0.0), |sum, own| (sum.0 + own.0, sum.1 + own.1));
        let mut curve = vec![RocPoint { threshold: f64::INFINITY, sensitivity: 0.0, false_positive_rate: 0.0 }];
        let (mut cases, mut controls) = (0.0, 0.0);
        for (group, (own_cases, own_controls)) in (0..self.n_groups()).rev().zip(tally.falling()) {
            cases += own_cases;
            controls += own_controls;
            curve.push(RocPoint {
                threshold: self.score_of_group(group),
                sensitivity: cases / n_cases,
                false_positive_rate: controls / n_controls,
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
