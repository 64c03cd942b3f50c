use super::chart::{self, Axis, Chart, Curve, Series};
use super::style::Look;
use crate::{BandPoint, Error, Interval, Scored};

/// ROC curves of several models as an SVG drawing, their areas in the legend.
///
/// Curves differ in colour and dashes, so that print without colour and any colour vision tell them apart.
///
/// ```
/// use helm_eval::report::RocPlot;
/// use helm_eval::{Bootstrap, Scored};
///
/// let scored = Scored::new(&[false, false, true, true], &[0.1, 0.4, 0.35, 0.8])?;
/// let auroc = Bootstrap::default().intervals(&scored)?.auroc;
/// let svg = RocPlot::new("wheeze").curve("age, sex", &scored, Some(auroc)).to_svg()?;
/// assert!(svg.starts_with("<svg") && svg.contains("age, sex: AUROC 0.750"));
/// # Ok::<(), helm_eval::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct RocPlot {
    title: String,
    curves: Vec<Curve>,
}

impl RocPlot {
    /// A drawing without curves.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), curves: Vec::new() }
    }

    /// Adds a model's curve; the legend has its AUROC, with an interval where one is given.
    pub fn curve(mut self, name: impl AsRef<str>, scored: &Scored, auroc: Option<Interval>) -> Self {
        let curve = scored.roc_curve();
        let points = chart::thinned(curve.iter().map(|point| (point.false_positive_rate, point.sensitivity)));
        let label = chart::estimate(name.as_ref(), "AUROC", scored.auroc(), auroc);
        self.curves.push(Curve { label, points, band: Vec::new() });
        self
    }

    /// Draws a band about the curve that was added last, from [`Bootstrap::roc_band`](crate::Bootstrap::roc_band).
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
        let mut series = vec![Series::reference(vec![(0.0, 0.0), (1.0, 1.0)])];
        series.extend(self.curves.iter().enumerate().map(|(index, curve)| Series {
            look: Look::of(index),
            label: Some(curve.label.clone()),
            points: curve.points.clone(),
            bars: Vec::new(),
            band: curve.band.clone(),
        }));
        let x = Axis { name: "False positive rate (1 − specificity)", from: 0.0, to: 1.0 };
        let y = Axis { name: "Sensitivity", from: 0.0, to: 1.0 };
        Chart { title: self.title.clone(), x, y, series }.to_svg()
    }
}
