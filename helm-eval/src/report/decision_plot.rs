use super::chart::{Axis, Chart, Series};
use super::style::{self, Look};
use crate::{DecisionPoint, Error};

/// Decision curves of several models as an SVG drawing: net benefit against the threshold, beside treating everyone and
/// treating no one.
///
/// ```
/// use helm_eval::Predictions;
/// use helm_eval::report::DecisionPlot;
///
/// let predictions = Predictions::new(&[false, false, true, true], &[0.1, 0.4, 0.35, 0.8])?;
/// let thresholds: Vec<f64> = (1..50).map(|percent| f64::from(percent) / 100.0).collect();
/// let curve = predictions.decision_curve(&thresholds, None)?;
/// let svg = DecisionPlot::new("wheeze").curve("age, sex", &curve).to_svg()?;
/// assert!(svg.starts_with("<svg") && svg.contains("Net benefit"));
/// # Ok::<(), helm_eval::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct DecisionPlot {
    title: String,
    curves: Vec<(String, Vec<DecisionPoint>)>,
}

impl DecisionPlot {
    /// A drawing without curves.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), curves: Vec::new() }
    }

    /// Adds a model's curve, thresholds rising.
    pub fn curve(mut self, name: impl AsRef<str>, points: &[DecisionPoint]) -> Self {
        self.curves.push((style::label(name.as_ref(), 60), points.to_vec()));
        self
    }

    /// The drawing. Treating everyone is that of the first curve; what is far below treating no one is cut off.
    ///
    /// # Errors
    /// [`Error::Report`] if a number is not finite, or if it can't be drawn.
    pub fn to_svg(&self) -> Result<String, Error> {
        let points = || self.curves.iter().flat_map(|(_, points)| points);
        let best = points().flat_map(|point| [point.net_benefit, point.treat_all]).fold(0.0, f64::max);
        let top = if best > 0.0 { best * 1.1 } else { 0.1 };
        let (bottom, to) = (-0.2 * top, points().map(|point| point.threshold).fold(0.0, f64::max));
        let to = if to > 0.0 { to } else { 1.0 };
        let curve = |points: &[DecisionPoint], of: fn(&DecisionPoint) -> f64| {
            cut_below(bottom, points.iter().map(|point| (point.threshold, of(point))))
        };
        let mut none = Series::reference(vec![(0.0, 0.0), (to, 0.0)]);
        none.label = Some("treat no one".into());
        let mut series = vec![none];
        if let Some((_, points)) = self.curves.first() {
            for piece in curve(points, |point| point.treat_all).into_iter().take(1) {
                let label = Some("treat everyone".into());
                series.push(Series {
                    look: Look::SECOND_REFERENCE,
                    label,
                    points: piece,
                    bars: Vec::new(),
                    band: Vec::new(),
                });
            }
        }
        for (index, (name, points)) in self.curves.iter().enumerate() {
            for (place, points) in curve(points, |point| point.net_benefit).into_iter().enumerate() {
                let label = (place == 0).then(|| name.clone());
                series.push(Series { look: Look::of(index), label, points, bars: Vec::new(), band: Vec::new() });
            }
        }
        let x = Axis { name: "Threshold (risk)", from: 0.0, to };
        let y = Axis { name: "Net benefit (true positives a person)", from: bottom, to: top };
        Chart { title: self.title.clone(), x, y, series }.to_svg()
    }
}

/// The pieces of a curve that are not below a level.
fn cut_below(level: f64, points: impl Iterator<Item = (f64, f64)>) -> Vec<Vec<(f64, f64)>> {
    let mut pieces: Vec<Vec<(f64, f64)>> = Vec::new();
    let mut before: Option<(f64, f64)> = None;
    for point in points {
        let crossing = |a: (f64, f64), b: (f64, f64)| (a.0 + (b.0 - a.0) * (level - a.1) / (b.1 - a.1), level);
        let is_in = |point: (f64, f64)| point.1.is_nan() || point.1 >= level;
        match (before.map(|before| (before, is_in(before))), is_in(point)) {
            (Some((before, false)), true) => pieces.push(vec![crossing(before, point), point]),
            (None, true) => pieces.push(vec![point]),
            (Some((_, true)), true) => pieces.last_mut().into_iter().for_each(|piece| piece.push(point)),
            (Some((before, true)), false) => {
                pieces.last_mut().into_iter().for_each(|piece| piece.push(crossing(before, point)));
            }
            (_, false) => {}
        }
        before = Some(point);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_are_cut_where_they_cross() {
        let points = [(0.0, 1.0), (1.0, -1.0), (2.0, -1.0), (3.0, 1.0), (4.0, 2.0)];
        let pieces = cut_below(0.0, points.into_iter());
        assert_eq!(pieces, [vec![(0.0, 1.0), (0.5, 0.0)], vec![(2.5, 0.0), (3.0, 1.0), (4.0, 2.0)]]);
        assert!(cut_below(3.0, points.into_iter()).is_empty());
    }
}
