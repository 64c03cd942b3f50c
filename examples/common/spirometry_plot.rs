//! A blow as a physician looks at it: the flow–volume loop beside the volume–time curve, with what would be normal.

use helm_core::spirometry::{ReferenceValue, Spirogram};
use helm_examples::Failure;
use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::element::DashedPathElement;
use plotters::prelude::*;

use super::result::BlowResult;

const FONT: &str = "sans-serif";
/// Heights of text, and sizes, in pixels.
const TEXT: i32 = 22;
const PANEL: i32 = 720;
const TITLE: i32 = 50;
const LINE: i32 = 36;
const LEGEND: i32 = 3 * LINE + 20;

// Okabe and Ito's colours, told apart with any colour vision; lines differ in dashes, too, for print in grey.
const MEASURED: RGBColor = RGBColor(0, 114, 178);
const PREDICTED: RGBColor = RGBColor(0, 0, 0);
const LIMIT: RGBColor = RGBColor(213, 94, 0);
const PALE: RGBColor = RGBColor(225, 225, 225);
const PREDICTED_DASH: (i32, i32) = (16, 8);
const LIMIT_DASH: (i32, i32) = (4, 6);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Plane<'a> = DrawingArea<SVGBackend<'a>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// The drawing of a blow.
pub(crate) struct BlowPlot<'a> {
    result: &'a BlowResult,
    /// Seconds from time zero, litres.
    volume_in_time: Vec<(f64, f64)>,
    /// Litres, litres a second.
    flow_at_volume: Vec<(f64, f64)>,
}

impl<'a> BlowPlot<'a> {
    pub(crate) fn new(blow: &Spirogram, result: &'a BlowResult) -> Self {
        let (litres, rate) = (blow.volume_litres(), blow.rate_hz());
        let end_seconds = result.measures.time_zero_seconds + result.measures.fet_seconds;
        let n = ((end_seconds * rate).round() as usize + 1).min(litres.len());
        let volume = |index: usize| f64::from(litres[index]);
        // Flow over 40 ms, as single samples' differences are noise.
        let half = (0.02 * rate).round().max(1.0) as usize;
        let flow = |index: usize| {
            let (from, to) = (index.saturating_sub(half), (index + half).min(n - 1));
            (volume(to) - volume(from)) / (to - from) as f64 * rate
        };
        let recorded = blow.recorded_flow_litres_per_second();
        let flow = |index: usize| recorded.map_or_else(|| flow(index), |flow| f64::from(flow[index]));
        let zero = result.measures.time_zero_seconds;
        Self {
            result,
            volume_in_time: thinned((0..n).map(|i| (i as f64 / rate - zero, volume(i)))),
            flow_at_volume: thinned((0..n).map(|i| (volume(i), flow(i)))),
        }
    }

    /// The drawing as SVG.
    pub(crate) fn to_svg(&self) -> Result<String, Failure> {
        let mut svg = String::new();
        self.draw(&mut svg).map_err(|error| Failure::new(format!("--plot: can't be drawn: {error}")))?;
        Ok(svg)
    }

    fn draw(&self, svg: &mut String) -> Result<(), Box<dyn std::error::Error>> {
        let size = (2 * PANEL as u32, (TITLE + PANEL + LEGEND) as u32);
        let root = SVGBackend::with_string(svg, size).into_drawing_area();
        root.fill(&WHITE)?;
        let (upper, lower) = root.split_vertically(TITLE + PANEL);
        let (left, right) = upper.split_horizontally(PANEL);
        self.draw_loop(&left)?;
        self.draw_curve(&right)?;
        self.draw_legend(&lower)?;
        root.present()?;
        Ok(())
    }

    fn draw_loop(&self, area: &Area<'_>) -> Result<(), Box<dyn std::error::Error>> {
        let normal = &self.result.normal;
        let flows = self.flow_at_volume.iter().map(|point| point.1);
        let (least, most) = flows.fold((0.0f64, 0.0f64), |(least, most), flow| (least.min(flow), most.max(flow)));
        let x = (0.0, ceiling(self.most_litres()));
        let y = (if least < -0.3 { least.floor() } else { 0.0 }, ceiling(most));
        let plane = panel(area, "Flow and volume", ("Volume blown out (L)", x), ("Flow (L/s)", y))?;
        for (line, dash, colour) in normal_lines(normal.fvc) {
            plane.draw(&dashed([(line, y.0), (line, y.1)], dash, colour))?;
        }
        plane.draw(&PathElement::new(self.flow_at_volume.clone(), MEASURED.stroke_width(4)))?;
        Ok(())
    }

    fn draw_curve(&self, area: &Area<'_>) -> Result<(), Box<dyn std::error::Error>> {
        let Self { result, volume_in_time, .. } = self;
        let first = volume_in_time.first().map_or(0.0, |point| point.0);
        // One second and its marks are seen even in a blow that lasts longer than the axis.
        let x = ((first.max(-1.0) * 2.0).floor() / 2.0, ceiling(result.measures.fet_seconds.clamp(1.5, 15.0)));
        let y = (0.0, ceiling(self.most_litres()));
        let plane = panel(area, "Volume in time", ("Time from time zero (s)", x), ("Volume blown out (L)", y))?;
        for (line, dash, colour) in normal_lines(result.normal.fvc) {
            plane.draw(&dashed([(x.0, line), (x.1, line)], dash, colour))?;
        }
        let seen = volume_in_time.iter().copied().filter(|point| (x.0..=x.1).contains(&point.0));
        plane.draw(&PathElement::new(seen.collect::<Vec<_>>(), MEASURED.stroke_width(4)))?;
        // The FEV1: measured as a dot, what is normal as short bars through one second.
        for (line, _, colour) in normal_lines(result.normal.fev1) {
            let half = 0.02 * (x.1 - x.0);
            plane.draw(&PathElement::new([(1.0 - half, line), (1.0 + half, line)], colour.stroke_width(4)))?;
        }
        if let Some(fev1) = result.measures.fev1_litres {
            plane.draw(&Circle::new((1.0, fev1), 7, MEASURED.filled()))?;
        }
        Ok(())
    }

    fn most_litres(&self) -> f64 {
        let normal = &self.result.normal;
        let predicted = [normal.fvc, normal.fev1].into_iter().flatten().map(|value| value.predicted());
        predicted.fold(self.result.measures.fvc_litres, f64::max)
    }

    /// A column for the lines, another for the bars at one second.
    fn draw_legend(&self, area: &Area<'_>) -> Result<(), Box<dyn std::error::Error>> {
        let BlowResult { measures, normal, .. } = self.result;
        let equations = normal.equations;
        let litres = |litres: Option<f64>| litres.map_or_else(|| "not defined".into(), |it| format!("{it:.2} L"));
        let predicted = |value: Option<ReferenceValue>| value.map(|value| value.predicted());
        let limit = |value: Option<ReferenceValue>| value.map(|value| value.lower_limit());
        let fvc = Some(measures.fvc_litres);
        let z = |value: Option<f64>, normal: Option<ReferenceValue>| {
            let z = normal.and_then(|normal| normal.z_score(value?));
            z.map_or_else(String::new, |z| format!(", z = {z:.2}"))
        };
        let columns = [("FVC", fvc, normal.fvc), ("FEV1", measures.fev1_litres, normal.fev1)];
        for (column, (name, value, normal)) in columns.into_iter().enumerate() {
            let x = 90 + column as i32 * PANEL;
            let mut lines = vec![(format!("measured {name} {}{}", litres(value), z(value, normal)), None, MEASURED)];
            if normal.is_some() {
                let text = format!("predicted {name} {} ({equations})", litres(predicted(normal)));
                lines.push((text, Some(PREDICTED_DASH), PREDICTED));
                let text = format!("lower limit of normal {name} {}", litres(limit(normal)));
                lines.push((text, Some(LIMIT_DASH), LIMIT));
            }
            for (index, (text, dash, colour)) in lines.into_iter().enumerate() {
                let y = LINE / 2 + LINE * index as i32;
                match (column, dash) {
                    (0, Some(dash)) => area.draw(&dashed([(x, y), (x + 80, y)], dash, colour))?,
                    (0, None) => area.draw(&PathElement::new([(x, y), (x + 80, y)], colour.stroke_width(4)))?,
                    (_, None) => area.draw(&Circle::new((x + 40, y), 7, colour.filled()))?,
                    (_, Some(_)) => area.draw(&PathElement::new([(x + 26, y), (x + 54, y)], colour.stroke_width(4)))?,
                }
                area.draw(&Text::new(text, (x + 96, y - TEXT / 2 + 2), (FONT, TEXT).into_font().color(&BLACK)))?;
            }
        }
        Ok(())
    }
}

/// Predicted value and lower limit with their looks.
fn normal_lines(value: Option<ReferenceValue>) -> impl Iterator<Item = (f64, (i32, i32), RGBColor)> {
    value
        .into_iter()
        .flat_map(|value| [(value.predicted(), PREDICTED_DASH, PREDICTED), (value.lower_limit(), LIMIT_DASH, LIMIT)])
}

fn dashed<C: Clone>(
    ends: [C; 2],
    (dash, gap): (i32, i32),
    colour: RGBColor,
) -> DashedPathElement<std::vec::IntoIter<C>, i32> {
    DashedPathElement::new(Vec::from(ends), dash, gap, colour.stroke_width(3))
}

/// An empty panel with named axes.
fn panel<'a>(
    area: &Area<'a>,
    title: &str,
    x: (&str, (f64, f64)),
    y: (&str, (f64, f64)),
) -> Result<Plane<'a>, Box<dyn std::error::Error>> {
    let mut chart = ChartBuilder::on(area)
        .caption(title, (FONT, TEXT + 6))
        .margin(16)
        .margin_right(30)
        .x_label_area_size(80)
        .y_label_area_size(80)
        .build_cartesian_2d(x.1.0..x.1.1, y.1.0..y.1.1)?;
    chart
        .configure_mesh()
        .bold_line_style(PALE)
        .light_line_style(TRANSPARENT)
        .axis_style(BLACK)
        .x_labels(8)
        .y_labels(8)
        .x_label_formatter(&axis_number)
        .y_label_formatter(&axis_number)
        .label_style((FONT, TEXT))
        .axis_desc_style((FONT, TEXT))
        .x_desc(x.0)
        .y_desc(y.0)
        .draw()?;
    Ok(chart.plotting_area().clone())
}

fn axis_number(number: &f64) -> String {
    if (number - number.round()).abs() < 1e-9 { format!("{number:.0}") } else { format!("{number:.1}") }
}

/// The end of an axis that holds a number with a little room.
fn ceiling(most: f64) -> f64 {
    (most * 1.04 * 2.0).ceil() / 2.0
}

/// Points without those that no eye tells from the one before.
fn thinned(points: impl Iterator<Item = (f64, f64)>) -> Vec<(f64, f64)> {
    const NEAR: f64 = 2e-3;
    let mut kept: Vec<(f64, f64)> = Vec::new();
    let mut last = None;
    for point in points {
        if kept.last().is_none_or(|kept| (kept.0 - point.0).abs() >= NEAR || (kept.1 - point.1).abs() >= NEAR) {
            kept.push(point);
        }
        last = Some(point);
    }
    kept.extend(last);
    kept
}
