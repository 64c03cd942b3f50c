use approx::assert_relative_eq;
use helm_eval::{Bootstrap, BootstrapMethod, Error, Scored};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::data::two_normals;

/// Rows of a survey: labels, scores, weights, strata, units. People of a unit are alike.
struct Survey {
    labels: Vec<bool>,
    scores: Vec<f64>,
    weights: Vec<f64>,
    strata: Vec<usize>,
    units: Vec<usize>,
}

impl Survey {
    fn draw(n_strata: usize, n_units: usize, n_people: usize, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut normal = || (0..12).map(|_| rng.random_range(0.0..1.0)).sum::<f64>() - 6.0;
        let mut survey = Self { labels: vec![], scores: vec![], weights: vec![], strata: vec![], units: vec![] };
        for stratum in 0..n_strata {
            for unit in 0..n_units {
                let shared = normal();
                for _ in 0..n_people {
                    let ill = 0.7 * shared + normal() > 0.6;
                    survey.labels.push(ill);
                    survey.scores.push(shared + normal() + f64::from(u8::from(ill)));
                    survey.weights.push(1.0 + stratum as f64 + normal().abs());
                    survey.strata.push(stratum);
                    survey.units.push(unit);
                }
            }
        }
        survey
    }

    fn scored(&self, weights: &[f64]) -> Scored {
        Scored::weighted(&self.labels, &self.scores, weights).unwrap()
    }

    fn surveyed(&self) -> Scored {
        self.scored(&self.weights).surveyed(&self.strata, &self.units).unwrap()
    }
}

/// The same formula from derivatives taken by moving each weight a little.
#[test]
fn linearisation_is_what_moving_weights_does() {
    let survey = Survey::draw(5, 3, 6, 1);
    let step = 1e-6;
    let influence = |row: usize| {
        let moved = |by: f64| {
            let mut weights = survey.weights.clone();
            weights[row] *= 1.0 + by;
            survey.scored(&weights).auroc()
        };
        (moved(step) - moved(-step)) / (2.0 * step)
    };
    let influences: Vec<f64> = (0..survey.labels.len()).map(influence).collect();
    let mut variance = 0.0;
    for stratum in 0..5 {
        let sum = |unit: usize| -> f64 {
            let rows = (0..influences.len()).filter(|&row| survey.strata[row] == stratum && survey.units[row] == unit);
            rows.map(|row| influences[row]).sum()
        };
        let sums = [sum(0), sum(1), sum(2)];
        let mean = sums.iter().sum::<f64>() / 3.0;
        variance += 3.0 / 2.0 * sums.iter().map(|sum| (sum - mean).powi(2)).sum::<f64>();
    }
    let surveyed = survey.surveyed();
    let found = surveyed.survey().unwrap();
    assert_relative_eq!(found.variance, variance, max_relative = 1e-6);
    assert_eq!((found.auroc, surveyed.survey_degrees_of_freedom()), (surveyed.auroc(), 10));
}

#[test]
fn independent_rows_have_delongs_variance() {
    let (labels, a) = two_normals(3000, 0.8, 1);
    let (_, b) = two_normals(3000, 0.5, 2);
    let (a, b) = (Scored::new(&labels, &a).unwrap(), Scored::new(&labels, &b).unwrap());
    let near = 2e-3;
    assert_relative_eq!(a.survey().unwrap().variance, a.delong().unwrap().variance, max_relative = near);
    let (survey, delong) = (a.survey_test(&b).unwrap(), a.delong_test(&b).unwrap());
    assert_relative_eq!(survey.z, delong.z, max_relative = near);
    assert_eq!(a.survey_test(&a).unwrap().p, 1.0);
    // The unit of weights does not matter.
    let weighted = Scored::weighted(&labels, &two_normals(3000, 0.8, 1).1, &vec![7.0; 3000]).unwrap();
    assert_relative_eq!(weighted.survey().unwrap().variance, a.survey().unwrap().variance, max_relative = 1e-12);
}

/// Over many surveys, the standard error is the spread of the areas, and Rao and Wu's replicates have it, too; that of
/// rows taken as independent is too small. 15 % is what 400 surveys and few units leave.
#[test]
fn standard_errors_are_those_of_repeated_surveys() {
    let (mut areas, mut linear, mut naive, mut widths) = (vec![], 0.0, 0.0, 0.0);
    let surveys = 400;
    for seed in 0..surveys {
        let survey = Survey::draw(10, 3, 12, 1000 + seed);
        let surveyed = survey.surveyed();
        areas.push(surveyed.auroc());
        linear += surveyed.survey().unwrap().variance;
        naive += survey.scored(&survey.weights).survey().unwrap().variance;
        if seed < 60 {
            let bootstrap = Bootstrap { replicates: 200, confidence: 0.6826894921, ..Bootstrap::default() };
            let interval = bootstrap.intervals(&surveyed).unwrap().auroc;
            widths += (interval.upper - interval.lower) / 2.0 / 60.0;
        }
    }
    let n = surveys as f64;
    let mean = areas.iter().sum::<f64>() / n;
    let spread = (areas.iter().map(|area| (area - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
    assert_relative_eq!((linear / n).sqrt(), spread, max_relative = 0.15);
    assert_relative_eq!(widths, spread, max_relative = 0.15);
    assert!((naive / n).sqrt() < 0.8 * spread, "{} {spread}", (naive / n).sqrt());
}

#[test]
fn a_subpopulation_keeps_the_design() {
    let mut survey = Survey::draw(4, 2, 20, 7);
    let (labels, scores) = (survey.labels.clone(), survey.scores.clone());
    // No member in one unit, which is a unit of the survey all the same.
    for row in 0..20 {
        survey.weights[row] = 0.0;
    }
    let surveyed = survey.surveyed();
    assert_eq!(surveyed.survey_degrees_of_freedom(), 4);
    assert!(surveyed.survey().unwrap().variance > 0.0);
    let dropped = Scored::weighted(&labels[20..], &scores[20..], &survey.weights[20..]).unwrap();
    let error = dropped.surveyed(&survey.strata[20..], &survey.units[20..]).unwrap_err().to_string();
    assert_eq!(error, "survey variance: expected at least 2 sampling units in every stratum, found a single one");
    let intervals = Bootstrap { replicates: 200, ..Bootstrap::default() }.intervals(&surveyed).unwrap();
    assert!(intervals.auroc.lower < surveyed.auroc() && surveyed.auroc() < intervals.auroc.upper);
}

#[test]
fn what_does_not_go_with_a_survey() {
    let survey = Survey::draw(2, 2, 10, 3);
    let surveyed = survey.surveyed();
    assert!(matches!(surveyed.delong(), Err(Error::Undefined { .. })));
    assert!(matches!(surveyed.operating_point(0.5, 0.95), Err(Error::Undefined { .. })));
    let bca = Bootstrap { method: BootstrapMethod::Bca, ..Bootstrap::default() };
    let error = bca.intervals(&surveyed).unwrap_err().to_string();
    assert_eq!(error, "bootstrap method: expected percentile intervals of a survey, found BCa");
    let other = survey.scored(&survey.weights);
    let error = surveyed.survey_test(&other).unwrap_err().to_string();
    assert_eq!(error, "survey: expected the same strata and units for all scores, found others");
    for (strata, units, message) in [
        (&survey.strata[1..], &survey.units[..], "strata: expected 40 rows, found 39"),
        (&survey.strata[..], &survey.units[1..], "sampling units: expected 40 rows, found 39"),
    ] {
        let error = survey.scored(&survey.weights).surveyed(strata, units).unwrap_err().to_string();
        assert_eq!(error, message);
    }
    // One participant is one unit.
    let alone = Scored::new(&[true, false], &[0.1, 0.2]).unwrap().clustered(&[1, 1]).unwrap();
    assert_eq!(alone.survey().unwrap_err().to_string(), "survey variance: expected at least 2 sampling units, found 1");
}
