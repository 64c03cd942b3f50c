use serde::{Deserialize, Serialize};

use crate::distribution::chi_squared_tail;
use crate::placement::Placements;
use crate::{Error, Scored};

/// AUROCs of several scores of the same rows with their covariance after DeLong, DeLong and Clarke-Pearson (1988), and
/// the joint test of contrasts among them.
///
/// ```
/// use helm_eval::{JointDeLong, Scored};
///
/// let labels = [false, false, false, true, true, true];
/// let a = Scored::new(&labels, &[0.1, 0.2, 0.3, 0.25, 0.4, 0.5])?;
/// let b = Scored::new(&labels, &[0.1, 0.6, 0.3, 0.25, 0.4, 0.5])?;
/// let c = Scored::new(&labels, &[0.7, 0.2, 0.3, 0.25, 0.4, 0.5])?;
/// let joint = JointDeLong::new(&[&a, &b, &c])?;
/// // Do b and c differ from a?
/// let test = joint.against(0)?;
/// assert_eq!(test.degrees, 2);
/// assert!(test.p > 0.05);
/// # Ok::<(), helm_eval::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JointDeLong {
    aurocs: Vec<f64>,
    covariance: Vec<Vec<f64>>,
}

/// A test whose statistic is chi-squared in large samples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChiSquaredTest {
    /// The statistic; infinite for a difference without spread.
    pub statistic: f64,
    /// Degrees of freedom: the independent contrasts that can be tested.
    pub degrees: usize,
    /// The probability of a statistic as large where there is no difference.
    pub p: f64,
}

/// A variance smaller than this share of what it was is rounding.
const ROUNDING: f64 = 1e-10;

impl JointDeLong {
    /// Areas and their covariance.
    ///
    /// # Errors
    /// [`Error::Empty`] without scores, [`Error::Setting`] if their labels differ, or as [`Scored::delong`].
    pub fn new(columns: &[&Scored]) -> Result<Self, Error> {
        Scored::check_same_rows(columns)?;
        let placements = columns.iter().map(|column| Placements::new(column)).collect::<Result<Vec<_>, _>>()?;
        let entry = |a: usize, b: usize| {
            let share = |rows: &[u32], of_a: &[f64], of_b: &[f64]| -> f64 {
                let deviation = |column: usize, of_group: &[f64], row| {
                    of_group[columns[column].group_of(row)] - placements[column].auroc
                };
                let products = rows.iter().map(|&row| deviation(a, of_a, row) * deviation(b, of_b, row));
                products.sum::<f64>() / (rows.len() - 1) as f64 / rows.len() as f64
            };
            let (pa, pb) = (&placements[a], &placements[b]);
            share(columns[a].cases(), &pa.case_of_group, &pb.case_of_group)
                + share(columns[a].controls(), &pa.control_of_group, &pb.control_of_group)
        };
        let k = columns.len();
        // One half and its mirror image, so that the matrix is exactly symmetric.
        let half: Vec<Vec<f64>> = (0..k).map(|a| (0..=a).map(|b| entry(a, b)).collect()).collect();
        let covariance = (0..k).map(|a| (0..k).map(|b| half[a.max(b)][a.min(b)]).collect()).collect();
        Ok(Self { aurocs: placements.iter().map(|each| each.auroc).collect(), covariance })
    }

    /// The areas, in the order of the scores.
    pub fn aurocs(&self) -> &[f64] {
        &self.aurocs
    }

    /// The covariance of the areas: as many rows and columns as scores.
    pub fn covariance(&self) -> &[Vec<f64>] {
        &self.covariance
    }

    /// Whether any area differs from that of one of them.
    ///
    /// # Errors
    /// [`Error::Setting`] if there is no score of that index.
    pub fn against(&self, reference: usize) -> Result<ChiSquaredTest, Error> {
        let k = self.aurocs.len();
        if reference >= k {
            let (expected, found) = (format!("an index below {k}"), reference.to_string());
            return Err(Error::Setting { what: "reference", expected, found });
        }
        let contrast = |other: usize| {
            let mut row = vec![0.0; k];
            (row[other], row[reference]) = (1.0, -1.0);
            row
        };
        self.contrast(&(0..k).filter(|&other| other != reference).map(contrast).collect::<Vec<_>>())
    }

    /// Whether any contrast differs from 0: with L the contrasts, θ the areas and S their covariance,
    /// `(Lθ)ᵀ (L S Lᵀ)⁻¹ Lθ` against chi-squared. A contrast that follows from those before it, or one of scores that
    /// rank the rows alike, adds no degree of freedom.
    ///
    /// # Errors
    /// [`Error::Setting`] if a contrast has not one finite coefficient a score.
    pub fn contrast(&self, contrasts: &[Vec<f64>]) -> Result<ChiSquaredTest, Error> {
        let k = self.aurocs.len();
        let wrong = |expected: String, found: String| Err(Error::Setting { what: "contrast", expected, found });
        for contrast in contrasts {
            if contrast.len() != k {
                return wrong(format!("{k} coefficients"), contrast.len().to_string());
            }
            if contrast.iter().any(|coefficient| !coefficient.is_finite()) {
                return wrong("finite coefficients".into(), "NaN or infinity".into());
            }
        }
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let mut effect: Vec<f64> = contrasts.iter().map(|contrast| dot(contrast, &self.aurocs)).collect();
        let mut spread: Vec<Vec<f64>> = contrasts
            .iter()
            .map(|a| {
                let of_a: Vec<f64> = self.covariance.iter().map(|row| dot(row, a)).collect();
                contrasts.iter().map(|b| dot(&of_a, b)).collect()
            })
            .collect();
        // Each contrast's variance before cancellation: what rounding is measured by.
        let scale: Vec<f64> = contrasts
            .iter()
            .map(|contrast| (0..k).map(|score| contrast[score].powi(2) * self.covariance[score][score]).sum())
            .collect();
        let (mut statistic, mut degrees) = (0.0, 0);
        // One contrast after another: what is left of it once those before it are taken out is independent of them.
        for pivot in 0..contrasts.len() {
            if spread[pivot][pivot] <= ROUNDING * scale[pivot] {
                let size = dot(&contrasts[pivot], &contrasts[pivot]).sqrt();
                if effect[pivot].abs() > ROUNDING * size {
                    statistic = f64::INFINITY;
                    degrees += 1;
                }
                continue;
            }
            degrees += 1;
            statistic += effect[pivot].powi(2) / spread[pivot][pivot];
            let of_pivot = spread[pivot].clone();
            for other in pivot + 1..contrasts.len() {
                let share = spread[other][pivot] / of_pivot[pivot];
                effect[other] -= share * effect[pivot];
                spread[other].iter_mut().zip(&of_pivot).for_each(|(own, of_pivot)| *own -= share * of_pivot);
            }
        }
        Ok(ChiSquaredTest { statistic, degrees, p: chi_squared_tail(statistic, degrees) })
    }
}
