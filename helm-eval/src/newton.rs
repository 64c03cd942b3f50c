use rayon::prelude::*;

use crate::Error;

/// Which parts of `log-odds = intercept + slope × x` are fitted; the others are 0 and 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Free {
    Intercept,
    Slope,
    Both,
}

/// A logistic regression on one number, by maximum likelihood.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Line {
    pub(crate) intercept: f64,
    pub(crate) slope: f64,
    pub(crate) intercept_standard_error: f64,
    pub(crate) slope_standard_error: f64,
}

/// Rows that are summed one by one; such sums are then added up, which costs less precision than one long sum, in the
/// same order on any number of threads.
const ROWS: usize = 4096;
/// Far more than Newton's method takes from anywhere.
const ITERATIONS: usize = 200;

impl Line {
    /// Fits to targets from 0 to 1 by Newton's method, each step halved until the likelihood does not fall.
    ///
    /// # Errors
    /// [`Error::Fit`] if no finite line is best.
    pub(crate) fn fit(x: &[f64], targets: &[f64], free: Free) -> Result<Self, Error> {
        let problem = |problem: &str| Error::Fit { model: "logistic recalibration", problem: problem.into() };
        let (intercept_is_free, slope_is_free) = (free != Free::Slope, free != Free::Intercept);
        // −log-likelihood, without overflow: ln(1 + eʰ) − t h.
        let loss = |a: f64, b: f64| -> f64 {
            let [loss] = sums(x, targets, |x, target| {
                let h = a + b * x;
                [h.max(0.0) + (-h.abs()).exp().ln_1p() - target * h]
            });
            loss
        };
        // A free slope starts from no effect, where no row is so sure that it has no weight.
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let (mut a, mut b) = match free {
            Free::Intercept => {
                let share = mean(targets);
                ((share / (1.0 - share)).ln() - mean(x), 1.0)
            }
            Free::Slope | Free::Both => (0.0, 0.0),
        };
        let mut current = loss(a, b);
        for _ in 0..ITERATIONS {
            let [g0, g1, h00, h01, h11] = sums(x, targets, |x, target| {
                let p = 1.0 / (1.0 + (-(a + b * x)).exp());
                let weight = p * (1.0 - p);
                [p - target, (p - target) * x, weight, weight * x, weight * x * x]
            });
            let (mut gradient, mut hessian) = ([g0, g1], [h00, h01, h11]);
            if !intercept_is_free {
                (gradient[0], hessian[0], hessian[1]) = (0.0, 1.0, 0.0);
            }
            if !slope_is_free {
                (gradient[1], hessian[2], hessian[1]) = (0.0, 1.0, 0.0);
            }
            let determinant = hessian[0] * hessian[2] - hessian[1] * hessian[1];
            if determinant.is_nan() || determinant <= 1e-12 * hessian[0] * hessian[2] {
                return Err(problem("scores that are all alike, or that separate cases from controls"));
            }
            let mut step = [
                (hessian[2] * gradient[0] - hessian[1] * gradient[1]) / determinant,
                (hessian[0] * gradient[1] - hessian[1] * gradient[0]) / determinant,
            ];
            let is_small = |step: [f64; 2], part: f64| {
                step[0].abs() <= part * (1.0 + a.abs()) && step[1].abs() <= part * (1.0 + b.abs())
            };
            let worse = |next: f64| next.is_nan() || next > current * (1.0 + 1e-14);
            let mut next = loss(a - step[0], b - step[1]);
            // The likelihood of very many rows is too coarse for a last step to raise it.
            if is_small(step, 1e-11) || is_small(step, 1e-7) && worse(next) {
                let error = |is_free: bool, variance: f64| if is_free { variance.sqrt() } else { 0.0 };
                return Ok(Self {
                    intercept: a - step[0],
                    slope: b - step[1],
                    intercept_standard_error: error(intercept_is_free, hessian[2] / determinant),
                    slope_standard_error: error(slope_is_free, hessian[0] / determinant),
                });
            }
            let mut halvings = 0;
            while worse(next) && halvings < 60 {
                step = step.map(|part| part / 2.0);
                next = loss(a - step[0], b - step[1]);
                halvings += 1;
            }
            (a, b, current) = (a - step[0], b - step[1], next);
        }
        Err(problem("no line that is best; cases and controls may be separated"))
    }
}

/// Sums of some terms over all rows.
fn sums<const N: usize>(x: &[f64], targets: &[f64], terms: impl Fn(f64, f64) -> [f64; N] + Sync) -> [f64; N] {
    let add = |sum: [f64; N], terms: [f64; N]| std::array::from_fn(|term| sum[term] + terms[term]);
    let of_chunk = |(x, targets): (&[f64], &[f64])| {
        x.iter().zip(targets).map(|(&x, &target)| terms(x, target)).fold([0.0; N], add)
    };
    let chunks: Vec<[f64; N]> = x.par_chunks(ROWS).zip(targets.par_chunks(ROWS)).map(of_chunk).collect();
    chunks.into_iter().fold([0.0; N], add)
}
