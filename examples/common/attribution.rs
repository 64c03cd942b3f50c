use helm_core::spirometry::{ReferenceEquations, ReferenceMeasure, ReferencePerson, Sex, Spirogram};
use helm_core::{Cohort, SlotId};
use helm_encoders::FlowVolume;
use helm_llm::{Helm, Prompt};

use crate::{AttributionPlot, Failure, nhanes};

/// At most so many people are attributed to; a minute's work is enough for a mean.
const MOST_PEOPLE: usize = 64;
/// Fewer are not drawn: a mean of few is nearly a person.
const LEAST_PEOPLE: usize = 20;
const STEPS: usize = 20;

/// What in the breaths of the cases among some test participants speaks for the outcome: their mean curve coloured by its
/// mean attribution, against the training participants' mean curve. `None` with fewer than 20 cases that have a curve.
///
/// # Errors
/// Where attributions can't be made.
pub fn breath_attribution(
    cohort: &Cohort,
    grid: &FlowVolume,
    helm: &Helm,
    (outcome, question): (&str, usize),
    train: &[usize],
    test: &[(usize, &Prompt)],
) -> Result<Option<String>, Failure> {
    let labels = cohort.labels(outcome)?;
    let curve = |row: usize| -> Result<Option<Vec<f32>>, Failure> {
        let signal = cohort.record(row).signal(nhanes::SPIROGRAM)?.signal();
        let blow = signal.map(|signal| Spirogram::from_signal(signal.clone())).transpose()?;
        Ok(blow.map(|blow| grid.curve(&blow)))
    };
    let mut baseline = Mean::new(grid.n_points);
    for &row in train {
        if let Some(curve) = curve(row)? {
            baseline.add(curve.iter().map(|&flow| f64::from(flow)));
        }
    }
    let baseline: Vec<f64> = baseline.mean();
    let against: Vec<f32> = baseline.iter().map(|&flow| flow as f32).collect();
    let (mut flow, mut attribution, mut normal) = (Mean::new(grid.n_points), Mean::new(grid.n_points), Mean::new(2));
    let slot = SlotId::new(nhanes::SPIROGRAM);
    let cases = test.iter().filter(|(row, _)| labels[*row] == Some(true));
    for &(row, prompt) in cases {
        if flow.n == MOST_PEOPLE {
            break;
        }
        let Some(curve) = curve(row)? else { continue };
        let own = helm.attribute_samples(prompt, question, &slot, &against, STEPS)?;
        flow.add(curve.iter().map(|&flow| f64::from(flow)));
        attribution.add(own.values.iter().copied());
        if let Some((predicted, limit)) = normal_fvc(cohort, row)? {
            normal.add([predicted, limit].into_iter());
        }
    }
    if flow.n < LEAST_PEOPLE || normal.n < LEAST_PEOPLE {
        return Ok(None);
    }
    let title = format!("{outcome}: mean breath of {} cases", flow.n);
    let step = grid.max_volume_litres / (grid.n_points - 1) as f64;
    let litres: Vec<f64> = (0..grid.n_points).map(|index| index as f64 * step).collect();
    let normal = normal.mean();
    let plot = AttributionPlot {
        title: &title,
        litres: &litres,
        flow: &flow.mean(),
        baseline: &baseline,
        attribution: &attribution.mean(),
        normal: (normal[0], normal[1], "GLI Global"),
    };
    plot.to_svg().map(Some)
}

/// Predicted FVC and its lower limit by GLI Global; `None` without a height or past its ages.
fn normal_fvc(cohort: &Cohort, row: usize) -> Result<Option<(f64, f64)>, Failure> {
    let record = cohort.record(row);
    let number = |name: &str| record.value(name).map(|value| value.as_number());
    let (Some(age_years), Some(height_cm)) = (number("age")?, number("height")?) else { return Ok(None) };
    let inputs = record.model_inputs(&["sex"])?;
    // The levels of sex are male and female.
    let sex = if inputs[0] == Some(1.0) { Sex::Female } else { Sex::Male };
    let person = ReferencePerson::new(sex, age_years, height_cm);
    let value = person.and_then(|person| ReferenceEquations::GliGlobal.value(ReferenceMeasure::Fvc, &person));
    Ok(value.ok().map(|value| (value.predicted(), value.lower_limit())))
}

/// A mean of lists.
struct Mean {
    sums: Vec<f64>,
    n: usize,
}

impl Mean {
    fn new(len: usize) -> Self {
        Self { sums: vec![0.0; len], n: 0 }
    }

    fn add(&mut self, values: impl Iterator<Item = f64>) {
        self.sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
        self.n += 1;
    }

    fn mean(&self) -> Vec<f64> {
        self.sums.iter().map(|sum| sum / self.n.max(1) as f64).collect()
    }
}
