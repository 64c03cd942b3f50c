use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::clusters::Clusters;
use crate::{Error, Predictions, Recalibration, RecalibrationMethod};

/// Rows in two parts: one that a recalibration is fitted on, and one that it is reported on.
///
/// There is no other way to fit a [`Recalibration`], and none to the fitted rows' recalibrated risks: what is reported
/// was held out. Participants are dealt whole, those with a case and those without each in the same share; who goes
/// where depends on the participants and the seed, not on the order of the rows.
///
/// ```
/// use helm_eval::{RecalibrationMethod, RecalibrationSplit};
///
/// // Log-odds that are three times too large.
/// let people: Vec<usize> = (0..400).collect();
/// let log_odds: Vec<f64> = people.iter().map(|i| if i % 2 == 0 { 3.0 } else { -3.0 }).collect();
/// let labels: Vec<bool> = people.iter().map(|i| (i / 2 % 100 < 73) == (i % 2 == 0)).collect();
/// let split = RecalibrationSplit::new(&labels, &log_odds, &people, 0.5, 0)?;
/// let (recalibration, held_out) = split.fit(RecalibrationMethod::Temperature)?;
/// assert_eq!(held_out.len(), 200);
/// assert!((recalibration.risk(3.0) - 0.73).abs() < 0.05);
/// assert!(held_out.calibration(0.95)?.slope_interval.lower < 1.0);
/// # Ok::<(), helm_eval::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct RecalibrationSplit {
    fit: Part,
    report: Part,
    report_rows: Vec<usize>,
}

#[derive(Clone, Debug, PartialEq)]
struct Part {
    labels: Vec<bool>,
    log_odds: Vec<f64>,
}

impl RecalibrationSplit {
    /// Splits rows by their participants; about `fit_share` of them are fitted on.
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::Length`], [`Error::NotFinite`] with the first such row, [`Error::Setting`] if the share
    /// is not between 0 and 1, [`Error::OneClass`] if either part has no cases or no controls.
    pub fn new<P: Ord>(
        labels: &[bool],
        log_odds: &[f64],
        participants: &[P],
        fit_share: f64,
        seed: u64,
    ) -> Result<Self, Error> {
        if labels.is_empty() {
            return Err(Error::Empty);
        }
        for (what, found) in [("log-odds", log_odds.len()), ("participants", participants.len())] {
            if found != labels.len() {
                return Err(Error::Length { what: what.into(), expected: labels.len(), found });
            }
        }
        if let Some(row) = log_odds.iter().position(|log_odds| !log_odds.is_finite()) {
            return Err(Error::NotFinite { row: row + 1 });
        }
        if !(fit_share > 0.0 && fit_share < 1.0) {
            let (expected, found) = ("a number between 0 and 1".into(), fit_share.to_string());
            return Err(Error::Setting { what: "share of participants to fit on", expected, found });
        }
        let clusters = Clusters::new(participants, 0..labels.len() as u32);
        let mut is_fitted = vec![false; labels.len()];
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        for with_case in [true, false] {
            let has_case = |&cluster: &usize| clusters.rows(cluster).iter().any(|&row| labels[row as usize]);
            let mut stratum: Vec<usize> =
                (0..clusters.len()).filter(|cluster| has_case(cluster) == with_case).collect();
            stratum.shuffle(&mut rng);
            let n_fitted = (fit_share * stratum.len() as f64).round() as usize;
            for &cluster in &stratum[..n_fitted] {
                clusters.rows(cluster).iter().for_each(|&row| is_fitted[row as usize] = true);
            }
        }
        let part = |rows: &[usize]| {
            let labels: Vec<bool> = rows.iter().map(|&row| labels[row]).collect();
            let cases = labels.iter().filter(|&&case| case).count();
            if cases == 0 || cases == labels.len() {
                return Err(Error::OneClass { cases, controls: labels.len() - cases });
            }
            Ok(Part { labels, log_odds: rows.iter().map(|&row| log_odds[row]).collect() })
        };
        let (fit_rows, report_rows): (Vec<usize>, Vec<usize>) = (0..labels.len()).partition(|&row| is_fitted[row]);
        Ok(Self { fit: part(&fit_rows)?, report: part(&report_rows)?, report_rows })
    }

    /// Fits on the one part; the recalibrated risks of the other, and the map to score new people with.
    ///
    /// # Errors
    /// [`Error::Fit`] if log-odds are all alike, or fall with the risk; for a temperature also if they are right about
    /// every row.
    pub fn fit(&self, method: RecalibrationMethod) -> Result<(Recalibration, Predictions), Error> {
        let recalibration = Recalibration::fit(method, &self.fit.labels, &self.fit.log_odds)?;
        let risks: Vec<f64> = self.report.log_odds.iter().map(|&log_odds| recalibration.risk(log_odds)).collect();
        Ok((recalibration, Predictions::new(&self.report.labels, &risks)?))
    }

    /// The rows that are reported on, in their order.
    pub fn report_rows(&self) -> &[usize] {
        &self.report_rows
    }
}
