use super::chart::{Axis, Chart, Series};
use super::style::{self, Look};
use crate::{Error, ReliabilityBin};

/// Observed against predicted risk of several models as an SVG drawing, with an interval about each bin; perfect
/// calibration is the dotted diagonal.
///
/// ```
/// use helm_eval::report::ReliabilityPlot;
/// use helm_eval::{Bins, Predictions};
///
/// let predictions = Predictions::new(&[false, true, true, false], &[0.1, 0.9, 0.8, 0.3])?;
/// let curve = predictions.reliability_curve(Bins::EqualMass(2), 0.95)?;
/// let svg = ReliabilityPlot::new("wheeze").curve("age, sex", &curve).to_svg()?;
/// assert!(svg.starts_with("<svg") && svg.contains("Predicted risk"));
/// # Ok::<(), helm_eval::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ReliabilityPlot {
    title: String,
    curves: Vec<(String, Vec<ReliabilityBin>)>,
}

impl ReliabilityPlot {
    /// A drawing without curves.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), curves: Vec::new() }
    }

    /// Adds a model's curve.
    pub fn curve(mut self, name: impl AsRef<str>, bins: &[ReliabilityBin]) -> Self {
        self.curves.push((style::label(name.as_ref(), 60), bins.to_vec()));
        self
    }

    /// The drawing. Where all risks and intervals are small, so is the square.
    ///
    /// # Errors
    /// [`Error::Report`] if a number is not finite, or if it can't be drawn.
    pub fn to_svg(&self) -> Result<String, Error> {
        let bins = self.curves.iter().flat_map(|(_, bins)| bins);
        let ends = bins.flat_map(|bin| [bin.mean_risk, bin.observed, bin.interval.upper]);
        let largest = ends.fold(0.0, f64::max);
        let to = if largest > 0.0 { ((largest * 20.0).ceil() / 20.0).min(1.0) } else { 1.0 };
        let mut series = vec![Series::reference(vec![(0.0, 0.0), (to, to)])];
        series.extend(self.curves.iter().enumerate().map(|(index, (name, bins))| Series {
            look: Look::of(index),
            label: Some(name.clone()),
            points: bins.iter().map(|bin| (bin.mean_risk, bin.observed)).collect(),
            bars: bins.iter().map(|bin| (bin.mean_risk, bin.interval.lower, bin.interval.upper)).collect(),
            band: Vec::new(),
        }));
        let x = Axis { name: "Predicted risk", from: 0.0, to };
        let y = Axis { name: "Observed share of cases", from: 0.0, to };
        Chart { title: self.title.clone(), x, y, series }.to_svg()
    }
}
