use serde::{Deserialize, Serialize};

use crate::Error;
use crate::isotonic::Isotonic;
use crate::newton::{Free, Line};

/// How scores are mapped to risks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RecalibrationMethod {
    /// Log-odds are divided by one number (Guo et al. 2017, ICML): a risk of 0.5 stays.
    Temperature,
    /// Log-odds are stretched and shifted, targets drawn in from 0 and 1 (Platt 1999, Advances in Large Margin
    /// Classifiers).
    Platt,
    /// Any rising function, a step where it must be (Zadrozny and Elkan 2002, KDD). Takes a thousand rows or more, and
    /// may give risks of exactly 0 and 1.
    Isotonic,
}

/// A fitted map from log-odds to risks, which keeps their order (isotonic: makes ties). It comes from a
/// [`RecalibrationSplit`](crate::RecalibrationSplit), and is kept to score new people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recalibration {
    map: Map,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Map {
    Line { intercept: f64, slope: f64 },
    Isotonic(Isotonic),
}

impl Recalibration {
    /// Fits to rows with cases, controls and finite log-odds.
    pub(crate) fn fit(method: RecalibrationMethod, labels: &[bool], log_odds: &[f64]) -> Result<Self, Error> {
        let failed = |model, problem: &str| Error::Fit { model, problem: problem.into() };
        let line = |line: Line| Map::Line { intercept: line.intercept, slope: line.slope };
        let map = match method {
            RecalibrationMethod::Temperature => {
                if labels.iter().zip(log_odds).all(|(&case, &log_odds)| log_odds == 0.0 || case == (log_odds > 0.0)) {
                    return Err(failed("temperature", "log-odds that are right about every row"));
                }
                let targets: Vec<f64> = labels.iter().map(|&case| f64::from(u8::from(case))).collect();
                let fit = Line::fit(log_odds, &targets, Free::Slope)?;
                if fit.slope <= 0.0 {
                    return Err(failed("temperature", "log-odds that fall with the risk"));
                }
                line(fit)
            }
            RecalibrationMethod::Platt => {
                let cases = labels.iter().filter(|&&case| case).count() as f64;
                let controls = labels.len() as f64 - cases;
                let (of_case, of_control) = ((cases + 1.0) / (cases + 2.0), 1.0 / (controls + 2.0));
                let targets: Vec<f64> = labels.iter().map(|&case| if case { of_case } else { of_control }).collect();
                let fit = Line::fit(log_odds, &targets, Free::Both)?;
                if fit.slope <= 0.0 {
                    return Err(failed("Platt scaling", "log-odds that fall with the risk"));
                }
                line(fit)
            }
            RecalibrationMethod::Isotonic => Map::Isotonic(Isotonic::fit(labels, log_odds)),
        };
        Ok(Self { map })
    }

    /// The risk that goes with log-odds.
    pub fn risk(&self, log_odds: f64) -> f64 {
        match &self.map {
            Map::Line { intercept, slope } => 1.0 / (1.0 + (-(intercept + slope * log_odds)).exp()),
            Map::Isotonic(isotonic) => isotonic.apply(log_odds),
        }
    }

    /// What log-odds are multiplied by and what is added to them; none for an isotonic map. A temperature is the
    /// inverse of the slope.
    pub fn slope_and_intercept(&self) -> Option<(f64, f64)> {
        match &self.map {
            Map::Line { intercept, slope } => Some((*slope, *intercept)),
            Map::Isotonic(_) => None,
        }
    }
}
