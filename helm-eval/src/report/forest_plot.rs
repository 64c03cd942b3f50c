use plotters::coord::types::RangedCoordf64;
use plotters::element::DashedPathElement;
use plotters::prelude::*;

use super::OutcomeResult;
use super::style::{self, FONT, GREY, Look, MARKER, PALE, TEXT};
use super::table::percent;
use crate::{Error, Subgroup};

/// AUROC with its interval of every outcome and model as an SVG drawing, one line each, the number of cases beside the
/// outcome.
///
/// ```
/// use helm_eval::Bootstrap;
/// use helm_eval::report::{ForestPlot, OutcomeResult};
///
/// let labels = [false, false, true, true];
/// let models: [(&str, &[f64]); 1] = [("age, sex", &[0.1, 0.4, 0.35, 0.8])];
/// let result = OutcomeResult::evaluate("wheeze", &labels, &models, &[], &Bootstrap::default())?;
/// let svg = ForestPlot::new(&[result]).to_svg()?;
/// assert!(svg.starts_with("<svg") && svg.contains("0.750"));
/// # Ok::<(), helm_eval::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ForestPlot {
    lines: Vec<Line>,
    axis: String,
    /// Where there is no difference, or no better than chance.
    reference: f64,
    /// Whether numbers have a sign.
    signed: bool,
}

#[derive(Clone, Debug, PartialEq)]
enum Line {
    Heading {
        outcome: String,
        counts: String,
    },
    /// No interval where none is defined: then nothing is drawn.
    Model {
        index: usize,
        name: String,
        value: f64,
        ci: Option<[f64; 2]>,
    },
}

/// The width of intervals.
const PLOT: i32 = 510;
const MARGIN: i32 = 24;
/// Room for names on the left: the least, and for each letter of the longest.
const NAMES: i32 = 440;
const LETTER: i32 = 12;
/// Room for numbers on the right.
const NUMBERS: i32 = 350;
/// Room for the axis below.
const AXIS: i32 = 84;
/// The height of a line.
const LINE: i32 = 42;

type Plane = Cartesian2d<RangedCoordf64, RangedCoordf64>;

impl ForestPlot {
    /// A drawing of results: a heading for each outcome, and its models under it. The axis is named after the
    /// confidence of the first.
    pub fn new(outcomes: &[OutcomeResult]) -> Self {
        let mut lines = Vec::new();
        for result in outcomes {
            let counts = format!("{} cases / {}", result.cases, result.n);
            lines.push(Line::Heading { outcome: style::label(&result.outcome, 34), counts });
            for (index, model) in result.models.iter().enumerate() {
                let (name, value) = (style::label(&model.name, 30), model.auroc.value);
                lines.push(Line::Model { index, name, value, ci: Some(model.auroc.ci) });
            }
        }
        let confidence = outcomes.first().map_or(0.95, |result| result.confidence);
        Self { lines, axis: axis("AUROC", confidence), reference: 0.5, signed: false }
    }

    /// A drawing of subgroups: a heading for each model, and its subgroups under it, AUROC with DeLong's interval; none
    /// is drawn of a subgroup where that is not defined.
    ///
    /// ```
    /// use helm_eval::Subgroup;
    /// use helm_eval::report::ForestPlot;
    ///
    /// let labels = [false, false, true, true, false, false, true, true];
    /// let scores = [0.1, 0.4, 0.35, 0.8, 0.2, 0.5, 0.4, 0.9];
    /// let sex = ["female", "female", "female", "female", "male", "male", "male", "male"];
    /// let subgroups = Subgroup::all(&labels, &scores, &sex, 0.95)?;
    /// let svg = ForestPlot::of_subgroups(&[("helm", &subgroups)], 0.95).to_svg()?;
    /// assert!(svg.contains("female: 2 cases / 4"));
    /// # Ok::<(), helm_eval::Error>(())
    /// ```
    pub fn of_subgroups(models: &[(&str, &[Subgroup])], confidence: f64) -> Self {
        let mut lines = Vec::new();
        for (model, subgroups) in models {
            lines.push(Line::Heading { outcome: style::label(model, 34), counts: String::new() });
            for (index, subgroup) in subgroups.iter().enumerate() {
                let name = format!("{}: {} cases / {}", style::label(&subgroup.name, 20), subgroup.cases, subgroup.n);
                let ci = subgroup.interval.map(|interval| [interval.lower, interval.upper]);
                let value = subgroup.auroc.unwrap_or(f64::NAN);
                lines.push(Line::Model { index, name, value, ci });
            }
        }
        Self { lines, axis: axis("AUROC", confidence), reference: 0.5, signed: false }
    }

    /// A drawing of paired differences in AUROC, with their bootstrap intervals: a heading for each outcome, and its
    /// comparisons under it.
    pub fn of_differences(outcomes: &[OutcomeResult]) -> Self {
        let mut lines = Vec::new();
        for result in outcomes {
            let counts = format!("{} cases / {}", result.cases, result.n);
            lines.push(Line::Heading { outcome: style::label(&result.outcome, 34), counts });
            for (index, pair) in result.paired.iter().enumerate() {
                let name = format!("{} − {}", style::label(&pair.a, 30), style::label(&pair.b, 30));
                lines.push(Line::Model { index, name, value: pair.auroc_difference, ci: Some(pair.ci) });
            }
        }
        let confidence = outcomes.first().map_or(0.95, |result| result.confidence);
        Self { lines, axis: axis("Difference in AUROC", confidence), reference: 0.0, signed: true }
    }

    /// The drawing.
    ///
    /// # Errors
    /// [`Error::Report`] if a number is not finite, or if it can't be drawn.
    pub fn to_svg(&self) -> Result<String, Error> {
        let range = self.range()?;
        let mut svg = String::new();
        let names = self.names();
        let width = names + PLOT + NUMBERS;
        let height = MARGIN + LINE * i32::try_from(self.lines.len()).unwrap_or(0) + AXIS;
        {
            let root = SVGBackend::with_string(&mut svg, (width as u32, height as u32)).into_drawing_area();
            root.fill(&WHITE).map_err(style::failed)?;
            let mut chart = ChartBuilder::on(&root)
                .margin_top(MARGIN)
                .margin_right(NUMBERS)
                .x_label_area_size(AXIS)
                .y_label_area_size(names)
                .build_cartesian_2d(range.0..range.1, self.lines.len().max(1) as f64..0.0)
                .map_err(style::failed)?;
            chart
                .configure_mesh()
                .disable_y_mesh()
                .disable_y_axis()
                .bold_line_style(PALE)
                .light_line_style(TRANSPARENT)
                .axis_style(BLACK)
                .x_labels(6)
                .x_label_formatter(&|x| format!("{x:.2}"))
                .label_style((FONT, TEXT))
                .axis_desc_style((FONT, TEXT))
                .x_desc(&self.axis)
                .draw()
                .map_err(style::failed)?;
            let area = chart.plotting_area();
            let ends = [(self.reference, 0.0), (self.reference, self.lines.len() as f64)];
            let reference = DashedPathElement::new(ends, 4, 8, GREY.stroke_width(2));
            area.draw(&reference).map_err(style::failed)?;
            for (place, line) in self.lines.iter().enumerate() {
                draw(&root, area, (place, line), self.signed, names + PLOT + MARGIN)?;
            }
            root.present().map_err(style::failed)?;
        }
        Ok(svg)
    }

    /// Room for names on the left.
    fn names(&self) -> i32 {
        let letters = self.lines.iter().map(|line| match line {
            Line::Heading { outcome, .. } => outcome.chars().count(),
            Line::Model { name, .. } => name.chars().count(),
        });
        NAMES.max(3 * MARGIN + LETTER * letters.max().unwrap_or(0) as i32)
    }

    /// The ends of the axis: twentieths that hold every interval and the reference.
    fn range(&self) -> Result<(f64, f64), Error> {
        let (mut lower, mut upper) = (self.reference, self.reference);
        for line in &self.lines {
            let Line::Model { value, ci: Some(ci), .. } = line else { continue };
            for value in [*value, ci[0], ci[1]] {
                if !value.is_finite() {
                    let problem = "forest plot: expected finite estimates and intervals, found NaN or infinity";
                    return Err(Error::Report(problem.into()));
                }
                lower = lower.min(value);
                upper = upper.max(value);
            }
        }
        Ok((((lower - 0.01) * 20.0).floor() / 20.0, ((upper + 0.01) * 20.0).ceil() / 20.0))
    }
}

fn axis(name: &str, confidence: f64) -> String {
    format!("{name} ({} % CI)", percent(confidence))
}

fn draw<B: DrawingBackend>(
    root: &DrawingArea<B, plotters::coord::Shift>,
    area: &DrawingArea<B, Plane>,
    (place, line): (usize, &Line),
    signed: bool,
    numbers_at: i32,
) -> Result<(), Error>
where
    B::ErrorType: 'static,
{
    let at = |x: f64| area.map_coordinate(&(x, place as f64 + 0.5));
    let y = at(0.5).1;
    let write = |text: String, x: i32, style: TextStyle<'static>| {
        root.draw(&Text::new(text, (x, y - TEXT / 2 + 3), style)).map_err(style::failed)
    };
    match line {
        Line::Heading { outcome, counts } => {
            let bold = (FONT, TEXT, FontStyle::Bold).into_font().color(&BLACK.to_rgba());
            write(outcome.clone(), MARGIN, bold)?;
            write(counts.clone(), numbers_at, style::text(TEXT))
        }
        Line::Model { name, ci: None, .. } => {
            write(name.clone(), 2 * MARGIN, style::text(TEXT))?;
            write("no interval".into(), numbers_at, style::text(TEXT))
        }
        Line::Model { index, name, value, ci: Some(ci) } => {
            let look = Look::of(*index);
            write(name.clone(), 2 * MARGIN, style::text(TEXT))?;
            let numbers = match signed {
                true => format!("{value:+.3} ({:+.3} to {:+.3})", ci[0], ci[1]),
                false => format!("{value:.3} ({:.3} to {:.3})", ci[0], ci[1]),
            };
            write(numbers, numbers_at, style::text(TEXT))?;
            let (left, right) = (at(ci[0]).0, at(ci[1]).0);
            for [from, to] in [
                [(left, y), (right, y)],
                [(left, y - MARKER), (left, y + MARKER)],
                [(right, y - MARKER), (right, y + MARKER)],
            ] {
                root.draw(&PathElement::new([from, to], look.colour.stroke_width(3))).map_err(style::failed)?;
            }
            style::draw_marker(root, at(*value), look)
        }
    }
}
