use super::chart::{self, Axis, Chart, Curve, Series};
use super::style::Look;
use crate::{BandPoint, Error, Interval, Scored};

/// Precision–recall curves of several models as an SVG drawing, their average precision in the legend. A curve is drawn
/// in steps, as average precision counts it; chance, a line at the share of cases, is dotted.
///
/// ```
/// use helm_eval::Scored;
/// use helm_eval::report::PrPlot;
///
/// let scored = Scored::new(&[false, false, true, true], &[0.1, 0.4, 0.35, 0.8])?;
/// let svg = PrPlot::new("wheeze").curve("age, sex", &scored, None).to_svg()?;
/// assert!(svg.starts_with("<svg") && svg.contains("age, sex: AUPRC 0.833"));
/// # Ok::<(), helm_eval::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct PrPlot {
    title: String,
    /// The share of cases of the first curve.
    chance: Option<f64>,
    curves: Vec<Curve>,
}

impl PrPlot {
    /// A drawing without curves.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), chance: None, curves: Vec::new() }
    }

    /// Adds a model's curve; the legend has its average precision, with an interval where one is given.
    pub fn curve(mut self, name: impl AsRef<str>, scored: &Scored, auprc: Option<Interval>) -> Self {
        let curve = scored.pr_curve();
        let mut recall = 0.0;
        let steps = curve.iter().flat_map(|point| {
            let step = [(recall, point.precision), (point.recall, point.precision)];
            recall = point.recall;
            step
        });
        let points = chart::thinned(steps);
        // Everyone is called a case at the last point.
        self.chance = self.chance.or(curve.last().map(|point| point.precision));
        let label = chart::estimate(name.as_ref(), "AUPRC", scored.auprc(), auprc);
        self.curves.push(Curve { label, points, band: Vec::new() });
        self
    }

    /// Draws a band about the curve that was added last, from [`Bootstrap::pr_band`](crate::Bootstrap::pr_band).
    pub fn band(mut self, band: &[BandPoint]) -> Self {
        if let Some(curve) = self.curves.last_mut() {
            curve.band = band.iter().map(|point| (point.x, point.interval.lower, point.interval.upper)).collect();
        }
        self
    }

    /// The drawing.
    ///
    /// # Errors
    /// [`Error::Report`] if it can't be drawn.
    pub fn to_svg(&self) -> Result<String, Error> {
        let mut series = Vec::new();
        if let Some(chance) = self.chance {
            series.push(Series::reference(vec![(0.0, chance), (1.0, chance)]));
        }
        series.extend(self.curves.iter().enumerate().map(|(index, curve)| Series {
            look: Look::of(index),
            label: Some(curve.label.clone()),
            points: curve.points.clone(),
            bars: Vec::new(),
            band: curve.band.clone(),
        }));
        let x = Axis { name: "Recall (sensitivity)", from: 0.0, to: 1.0 };
        let y = Axis { name: "Precision (positive predictive value)", from: 0.0, to: 1.0 };
        Chart { title: self.title.clone(), x, y, series }.to_svg()
    }
}
