//! A flow–volume loop coloured by what it says of a risk.

use plotters::element::DashedPathElement;
use plotters::prelude::*;

use crate::Failure;

const FONT: &str = "sans-serif";
const TEXT: i32 = 22;
const WIDTH: i32 = 1000;
const PANEL: i32 = 760;
const LINE: i32 = 36;
const LEGEND: i32 = 6 * LINE + 20;

// Orange to blue by way of grey is told apart with any colour vision; in grey print, the strength of the line tells.
const FOR: (f64, f64, f64) = (213.0, 94.0, 0.0);
const NEUTRAL: (f64, f64, f64) = (200.0, 200.0, 200.0);
const AGAINST: (f64, f64, f64) = (0.0, 114.0, 178.0);
const PALE: RGBColor = RGBColor(225, 225, 225);
const BASELINE: RGBColor = RGBColor(120, 120, 120);

/// A mean flow–volume curve of some people, coloured by its mean attribution, beside the curve it is compared with and
/// the vital capacity that would be normal.
pub struct AttributionPlot<'a> {
    /// Above the drawing.
    pub title: &'a str,
    /// The volumes of the curves' points, in litres.
    pub litres: &'a [f64],
    /// The flow of the people, in L/s.
    pub flow: &'a [f64],
    /// The flow of the baseline, in L/s.
    pub baseline: &'a [f64],
    /// What each point adds to the log-odds, on average.
    pub attribution: &'a [f64],
    /// Mean predicted FVC and lower limit of normal, in litres, and whose equations they are.
    pub normal: (f64, f64, &'a str),
}

impl AttributionPlot<'_> {
    /// The drawing as SVG.
    ///
    /// # Errors
    /// If it can't be drawn.
    pub fn to_svg(&self) -> Result<String, Failure> {
        let mut svg = String::new();
        self.draw(&mut svg).map_err(|error| Failure::new(format!("attribution: can't be drawn: {error}")))?;
        Ok(svg)
    }

    fn draw(&self, svg: &mut String) -> Result<(), Box<dyn std::error::Error>> {
        let root = SVGBackend::with_string(svg, (WIDTH as u32, (PANEL + LEGEND) as u32)).into_drawing_area();
        root.fill(&WHITE)?;
        let (upper, legend) = root.split_vertically(PANEL);
        let top = self.flow.iter().chain(self.baseline).fold(0.0f64, |top, &flow| top.max(flow)) * 1.05;
        let right = self.litres.last().copied().unwrap_or(1.0);
        let mut chart = ChartBuilder::on(&upper)
            .caption(self.title, (FONT, TEXT + 6))
            .margin(16)
            .x_label_area_size(80)
            .y_label_area_size(80)
            .build_cartesian_2d(0.0..right, 0.0..top)?;
        chart
            .configure_mesh()
            .bold_line_style(PALE)
            .light_line_style(TRANSPARENT)
            .axis_style(BLACK)
            .x_labels(8)
            .y_labels(8)
            .x_desc("Volume blown out (L)")
            .y_desc("Flow (L/s)")
            .label_style((FONT, TEXT))
            .draw()?;
        let (predicted, limit, equations) = self.normal;
        for (litres, dash) in [(predicted, (16, 8)), (limit, (4, 6))] {
            let line = vec![(litres, 0.0), (litres, top)];
            chart.plotting_area().draw(&DashedPathElement::new(line, dash.0, dash.1, BLACK.stroke_width(2)))?;
        }
        let points = |flow: &[f64]| self.litres.iter().copied().zip(flow.iter().copied()).collect::<Vec<_>>();
        let baseline = DashedPathElement::new(points(self.baseline), 10, 6, BASELINE.stroke_width(3));
        chart.plotting_area().draw(&baseline)?;
        let most = self.attribution.iter().fold(f64::MIN_POSITIVE, |most, value| most.max(value.abs()));
        for (pair, values) in points(self.flow).windows(2).zip(self.attribution.windows(2)) {
            let share = (values[0] + values[1]) / 2.0 / most;
            let width = 3 + (share.abs() * 9.0).round() as u32;
            chart.plotting_area().draw(&PathElement::new(pair.to_vec(), colour(share).stroke_width(width)))?;
        }
        let write = |line: i32, text: String| {
            legend.draw(&Text::new(text, (190, line * LINE + 8), (FONT, TEXT).into_font().color(&BLACK)))
        };
        let middle = |line: i32| line * LINE + 8 + TEXT / 2;
        for (line, share, text) in [
            (0, 1.0, format!("for the outcome, up to {most:.3} in log-odds a point")),
            (1, -1.0, "against it".to_owned()),
            (2, 0.0, "neither".to_owned()),
        ] {
            let width = 3 + (f64::abs(share) * 9.0) as u32;
            let ends = [(90, middle(line)), (170, middle(line))];
            legend.draw(&PathElement::new(ends, colour(share).stroke_width(width)))?;
            write(line, text)?;
        }
        for (line, dash, style, text) in [
            (3, (10, 6), BASELINE.stroke_width(3), "baseline: the training participants' mean".to_owned()),
            (4, (16, 8), BLACK.stroke_width(2), format!("predicted FVC {predicted:.2} L ({equations})")),
            (5, (4, 6), BLACK.stroke_width(2), format!("lower limit of normal {limit:.2} L")),
        ] {
            let ends = vec![(90, middle(line)), (170, middle(line))];
            legend.draw(&DashedPathElement::new(ends, dash.0, dash.1, style))?;
            write(line, text)?;
        }
        root.present()?;
        Ok(())
    }
}

/// From −1, against, to 1, for.
fn colour(share: f64) -> RGBColor {
    let end = if share > 0.0 { FOR } else { AGAINST };
    let mix = |from: f64, to: f64| (from + (to - from) * share.abs().min(1.0)).round() as u8;
    RGBColor(mix(NEUTRAL.0, end.0), mix(NEUTRAL.1, end.1), mix(NEUTRAL.2, end.2))
}
