use super::Estimate;
use super::chart::{Axis, Chart, Series};
use super::style::{self, Look};
use crate::Error;

/// A number of several models at several values of another, as an SVG drawing: AUROC against the share of features that
/// are missing, or against the number of people learned from.
///
/// ```
/// use helm_eval::report::{Estimate, LinePlot};
///
/// let few = Estimate { value: 0.61, ci: [0.57, 0.65] };
/// let many = Estimate { value: 0.68, ci: [0.65, 0.71] };
/// let points = [(250.0, few), (1000.0, many)];
/// let svg = LinePlot::new("asthma", "People", "AUROC").line("age, sex", &points).to_svg()?;
/// assert!(svg.starts_with("<svg") && svg.contains("People"));
/// # Ok::<(), helm_eval::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct LinePlot {
    title: String,
    axes: [&'static str; 2],
    /// Each line's name, and its points from left to right.
    lines: Vec<(String, Vec<(f64, Estimate)>)>,
}

impl LinePlot {
    /// A drawing without lines; the axes have names.
    pub fn new(title: impl Into<String>, x: &'static str, y: &'static str) -> Self {
        Self { title: title.into(), axes: [x, y], lines: Vec::new() }
    }

    /// Adds a model's points, from left to right: x, and y with its interval.
    pub fn line(mut self, name: impl AsRef<str>, points: &[(f64, Estimate)]) -> Self {
        self.lines.push((style::label(name.as_ref(), 60), points.to_vec()));
        self
    }

    /// The drawing: both axes as far as the points and their intervals reach.
    ///
    /// # Errors
    /// [`Error::Report`] if there is no point, a number is not finite, or it can't be drawn.
    pub fn to_svg(&self) -> Result<String, Error> {
        let points = || self.lines.iter().flat_map(|(_, points)| points);
        if points().next().is_none() {
            return Err(Error::Report("plot: expected at least one point, found none".into()));
        }
        let ends = |numbers: &mut dyn Iterator<Item = f64>| {
            // NaN passes by, for the chart to refuse.
            let (low, high) = numbers
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), number| (low.min(number), high.max(number)));
            let margin = if high > low { 0.04 * (high - low) } else { 0.5 };
            (low - margin, high + margin)
        };
        let x = ends(&mut points().map(|&(x, _)| x));
        let y = ends(&mut points().flat_map(|&(_, Estimate { value, ci: [low, high] })| [value, low, high]));
        let series = self.lines.iter().enumerate().map(|(index, (name, points))| Series {
            look: Look::of(index),
            label: Some(name.clone()),
            points: points.iter().map(|&(x, y)| (x, y.value)).collect(),
            bars: points.iter().map(|&(x, y)| (x, y.ci[0], y.ci[1])).collect(),
            band: Vec::new(),
        });
        let axis = |name, (from, to)| Axis { name, from, to };
        let [x_name, y_name] = self.axes;
        Chart { title: self.title.clone(), x: axis(x_name, x), y: axis(y_name, y), series: series.collect() }.to_svg()
    }
}
