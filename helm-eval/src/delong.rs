use serde::{Deserialize, Serialize};

use crate::distribution::two_sided_quantile;
use crate::placement::Placements;
use crate::{Error, Interval, Scored, ZTest};

/// An AUROC with the variance of DeLong, DeLong and Clarke-Pearson (1988, Biometrics 44:837–845).
///
/// Computed from midranks in O(n log n) (Sun and Xu 2014, IEEE Signal Process. Lett. 21:1389–1393). Rows are taken as
/// independent.
///
/// ```
/// use helm_eval::Scored;
///
/// let delong = Scored::new(&[false, false, true, true], &[0.1, 0.4, 0.35, 0.8])?.delong()?;
/// assert_eq!((delong.auroc, delong.variance), (0.75, 0.125));
/// // So few rows say little: the Wald interval is cut at 1.
/// let wald = delong.wald(0.95)?;
/// assert_eq!(wald.upper, 1.0);
/// let logit = delong.logit(0.95)?;
/// assert!(wald.lower < logit.lower && logit.upper < 1.0);
/// # Ok::<(), helm_eval::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeLong {
    /// The area.
    pub auroc: f64,
    /// The variance of the area. It is 0 where cases and controls don't overlap (an area of 0 or 1), which says that
    /// the method fails there and not that the area is certain.
    pub variance: f64,
}

impl Scored {
    /// The AUROC with DeLong's variance.
    ///
    /// # Errors
    /// [`Error::Undefined`] with fewer than 2 cases or 2 controls, with weights, or where participants have
    /// several rows.
    pub fn delong(&self) -> Result<DeLong, Error> {
        let placements = Placements::new(self)?;
        let (mut of_cases, mut of_controls) = (0.0, 0.0);
        let places = placements.case_of_group.iter().zip(&placements.control_of_group);
        for ((cases, controls), (of_case, of_control)) in self.tally().rising().zip(places) {
            of_cases += cases * (of_case - placements.auroc).powi(2);
            of_controls += controls * (of_control - placements.auroc).powi(2);
        }
        let (m, n) = (self.n_cases() as f64, self.n_controls() as f64);
        let variance = of_cases / (m - 1.0) / m + of_controls / (n - 1.0) / n;
        Ok(DeLong { auroc: placements.auroc, variance })
    }

    /// Whether two scores of the same rows have the same AUROC: the z test of their difference, `self − other`.
    ///
    /// Scores that rank the rows alike have z = 0 and p = 1.
    ///
    /// ```
    /// use helm_eval::Scored;
    ///
    /// let labels = [false, false, false, true, true, true];
    /// let a = Scored::new(&labels, &[0.1, 0.2, 0.3, 0.25, 0.4, 0.5])?;
    /// let b = Scored::new(&labels, &[0.1, 0.6, 0.3, 0.25, 0.4, 0.5])?;
    /// let test = a.delong_test(&b)?;
    /// assert!(test.difference > 0.2 && test.p > 0.05);
    /// assert_eq!(a.delong_test(&a)?.p, 1.0);
    /// # Ok::<(), helm_eval::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Setting`] if the labels differ, or as [`Scored::delong`].
    pub fn delong_test(&self, other: &Self) -> Result<ZTest, Error> {
        Self::check_same_rows(&[self, other])?;
        let (a, b) = (Placements::new(self)?, Placements::new(other)?);
        let difference = a.auroc - b.auroc;
        // Of differences row by row, and not of three sums that nearly cancel.
        let spread = |rows: &[u32], of_a: &[f64], of_b: &[f64]| -> f64 {
            let squares =
                rows.iter().map(|&row| (of_a[self.group_of(row)] - of_b[other.group_of(row)] - difference).powi(2));
            squares.sum::<f64>() / (rows.len() - 1) as f64 / rows.len() as f64
        };
        let variance = spread(self.cases(), &a.case_of_group, &b.case_of_group)
            + spread(self.controls(), &a.control_of_group, &b.control_of_group);
        Ok(ZTest::new(difference, variance))
    }
}

impl DeLong {
    /// The square root of the variance.
    pub fn standard_error(&self) -> f64 {
        self.variance.sqrt()
    }

    /// The interval `AUROC ± z × standard error`, cut at 0 and 1. It has no width at an area of 0 or 1.
    ///
    /// # Errors
    /// [`Error::Setting`] if the confidence is not between 0 and 1.
    pub fn wald(&self, confidence: f64) -> Result<Interval, Error> {
        Interval::check_confidence(confidence)?;
        let half = two_sided_quantile(confidence) * self.standard_error();
        Ok(Interval { lower: (self.auroc - half).max(0.0), upper: (self.auroc + half).min(1.0) })
    }

    /// The interval that is symmetric in the area's log-odds, and so never passes 0 or 1 (Pepe 2003, The Statistical
    /// Evaluation of Medical Tests, §5.2).
    ///
    /// # Errors
    /// [`Error::Setting`] if the confidence is not between 0 and 1, [`Error::Undefined`] at an area of 0 or 1.
    pub fn logit(&self, confidence: f64) -> Result<Interval, Error> {
        Interval::check_confidence(confidence)?;
        let area = self.auroc;
        if area <= 0.0 || area >= 1.0 {
            let (expected, found) = ("an AUROC above 0 and below 1".into(), area.to_string());
            return Err(Error::Undefined { what: "logit interval", expected, found });
        }
        let half = two_sided_quantile(confidence) * self.standard_error() / (area * (1.0 - area));
        let centre = (area / (1.0 - area)).ln();
        let area_of = |log_odds: f64| 1.0 / (1.0 + (-log_odds).exp());
        Ok(Interval { lower: area_of(centre - half), upper: area_of(centre + half) })
    }

    /// Whether two areas of different people are the same: the z test of their difference, `self − other`.
    pub fn unpaired_test(&self, other: &Self) -> ZTest {
        ZTest::new(self.auroc - other.auroc, self.variance + other.variance)
    }
}
