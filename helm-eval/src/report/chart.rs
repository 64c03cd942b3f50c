use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::element::DashedPathElement;
use plotters::prelude::*;

use super::style::{self, FONT, Look, PALE, TEXT};
use crate::Error;

/// Curves in a square with both axes named, a line of the legend for each under it.
pub(super) struct Chart {
    pub(super) title: String,
    pub(super) x: Axis,
    pub(super) y: Axis,
    /// Drawn in this order, those to orient by first.
    pub(super) series: Vec<Series>,
}

pub(super) struct Axis {
    pub(super) name: &'static str,
    pub(super) from: f64,
    pub(super) to: f64,
}

/// A curve.
pub(super) struct Series {
    pub(super) look: Look,
    /// Its line of the legend; none for one that explains itself.
    pub(super) label: Option<String>,
    pub(super) points: Vec<(f64, f64)>,
    /// Intervals about points: x, the lower end and the upper. Points with intervals are marked.
    pub(super) bars: Vec<(f64, f64, f64)>,
    /// A band about the curve: x, its lower edge and the upper.
    pub(super) band: Vec<(f64, f64, f64)>,
}

/// A model's curve, before it has a look.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Curve {
    /// Its line of the legend.
    pub(super) label: String,
    pub(super) points: Vec<(f64, f64)>,
    pub(super) band: Vec<(f64, f64, f64)>,
}

impl Series {
    /// Grey and dotted, without a line of the legend.
    pub(super) fn reference(points: Vec<(f64, f64)>) -> Self {
        Self { look: Look::REFERENCE, label: None, points, bars: Vec::new(), band: Vec::new() }
    }
}

const WIDTH: i32 = 1000;
const TITLE: i32 = 60;
/// Room for numbers and the name of an axis; as much on both sides makes the axes equally long.
const AXIS: i32 = 100;
const MARGIN: i32 = 30;
/// The step between two lines of the legend.
const LINE: i32 = 38;
/// Half the width of an interval's ends, in pixels.
const CAP: i32 = 7;

type Plane = Cartesian2d<RangedCoordf64, RangedCoordf64>;

impl Chart {
    pub(super) fn to_svg(&self) -> Result<String, Error> {
        let points = self.series.iter().flat_map(|series| &series.points).flat_map(|&(x, y)| [x, y]);
        let bars = self
            .series
            .iter()
            .flat_map(|series| series.bars.iter().chain(&series.band))
            .flat_map(|&(x, low, high)| [x, low, high]);
        let ends = [self.x.from, self.x.to, self.y.from, self.y.to];
        if points.chain(bars).chain(ends).any(|number| !number.is_finite()) {
            return Err(Error::Report("plot: expected finite numbers, found NaN or infinity".into()));
        }
        let mut svg = String::new();
        let labels: Vec<(&Look, &String)> =
            self.series.iter().filter_map(|series| Some((&series.look, series.label.as_ref()?))).collect();
        let plot = TITLE + WIDTH;
        let height = plot + LINE * i32::try_from(labels.len()).unwrap_or(0) + MARGIN;
        {
            let root = SVGBackend::with_string(&mut svg, (WIDTH as u32, height as u32)).into_drawing_area();
            root.fill(&WHITE).map_err(style::failed)?;
            let title = Text::new(style::label(&self.title, 60), (AXIS, MARGIN / 2), style::text(TEXT + 6));
            root.draw(&title).map_err(style::failed)?;
            let (upper, lower) = root.split_vertically(plot);
            let (_, lower) = lower.split_vertically(MARGIN / 2);
            let (_, upper) = upper.split_vertically(TITLE);
            self.draw_curves(&upper)?;
            draw_legend(&lower, &labels)?;
            root.present().map_err(style::failed)?;
        }
        Ok(svg)
    }

    fn draw_curves<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> Result<(), Error>
    where
        B::ErrorType: 'static,
    {
        let mut chart = ChartBuilder::on(area)
            .margin_left(MARGIN / 6)
            .margin_right(5 * MARGIN / 6)
            .margin_top(MARGIN)
            .x_label_area_size(AXIS)
            .y_label_area_size(AXIS)
            .build_cartesian_2d(self.x.from..self.x.to, self.y.from..self.y.to)
            .map_err(style::failed)?;
        let digits = |axis: &Axis| match axis.to - axis.from {
            width if width > 5.5 => 0,
            width if width > 0.55 => 1,
            _ => 2,
        };
        let (x_digits, y_digits) = (digits(&self.x), digits(&self.y));
        chart
            .configure_mesh()
            .bold_line_style(PALE)
            .light_line_style(TRANSPARENT)
            .axis_style(BLACK)
            .x_labels(6)
            .y_labels(6)
            .x_label_formatter(&|x| format!("{x:.x_digits$}"))
            .y_label_formatter(&|y| format!("{y:.y_digits$}"))
            .label_style((FONT, TEXT))
            .axis_desc_style((FONT, TEXT + 2))
            .x_desc(self.x.name)
            .y_desc(self.y.name)
            .draw()
            .map_err(style::failed)?;
        self.series.iter().try_for_each(|series| draw_band(chart.plotting_area(), series))?;
        self.series.iter().try_for_each(|series| draw_series(chart.plotting_area(), series))
    }
}

/// A band is pale, so that curves on it and bands under it are seen.
fn draw_band<B: DrawingBackend>(area: &DrawingArea<B, Plane>, series: &Series) -> Result<(), Error>
where
    B::ErrorType: 'static,
{
    if series.band.is_empty() {
        return Ok(());
    }
    let lower = series.band.iter().map(|&(x, lower, _)| (x, lower));
    let upper = series.band.iter().rev().map(|&(x, _, upper)| (x, upper));
    let edge: Vec<(f64, f64)> = lower.chain(upper).collect();
    area.draw(&Polygon::new(edge, series.look.colour.mix(0.18).filled())).map_err(style::failed)
}

fn draw_series<B: DrawingBackend>(area: &DrawingArea<B, Plane>, series: &Series) -> Result<(), Error>
where
    B::ErrorType: 'static,
{
    let look = series.look;
    let line = look.colour.stroke_width(look.width);
    match look.dash {
        None => area.draw(&PathElement::new(series.points.clone(), line)),
        Some((dash, gap)) => area.draw(&DashedPathElement::new(series.points.clone(), dash, gap, line)),
    }
    .map_err(style::failed)?;
    // The intervals' caps and the points' markers have a size in pixels.
    let pixels = area.strip_coord_spec();
    let (left, top) = area.get_base_pixel();
    let at = |x: f64, y: f64| {
        let (x, y) = area.map_coordinate(&(x, y));
        (x - left, y - top)
    };
    for &(x, lower, upper) in &series.bars {
        let ((x, low), (_, high)) = (at(x, lower), at(x, upper));
        for ends in [[(x, low), (x, high)], [(x - CAP, low), (x + CAP, low)], [(x - CAP, high), (x + CAP, high)]] {
            pixels.draw(&PathElement::new(ends, look.colour.stroke_width(2))).map_err(style::failed)?;
        }
    }
    if !series.bars.is_empty() {
        for &(x, y) in &series.points {
            style::draw_marker(&pixels, at(x, y), look)?;
        }
    }
    Ok(())
}

fn draw_legend<B: DrawingBackend>(area: &DrawingArea<B, Shift>, labels: &[(&Look, &String)]) -> Result<(), Error>
where
    B::ErrorType: 'static,
{
    for (index, (look, label)) in labels.iter().enumerate() {
        let y = LINE / 2 + LINE * index as i32;
        let sample = [(AXIS, y), (AXIS + 90, y)];
        let line = look.colour.stroke_width(look.width);
        match look.dash {
            None => area.draw(&PathElement::new(sample, line)),
            Some((dash, gap)) => area.draw(&DashedPathElement::new(sample, dash, gap, line)),
        }
        .map_err(style::failed)?;
        let place = (AXIS + 110, y - TEXT / 2 + 3);
        area.draw(&Text::new((*label).clone(), place, style::text(TEXT))).map_err(style::failed)?;
    }
    Ok(())
}

/// A curve without the points that no eye tells apart: those nearer to the one before than 1/2000 on both axes.
pub(super) fn thinned(points: impl Iterator<Item = (f64, f64)>) -> Vec<(f64, f64)> {
    const NEAR: f64 = 1.0 / 2000.0;
    let mut kept: Vec<(f64, f64)> = Vec::new();
    let mut end = None;
    for (x, y) in points {
        if kept.last().is_none_or(|last| (x - last.0).abs() >= NEAR || (y - last.1).abs() >= NEAR) {
            kept.push((x, y));
        }
        end = Some((x, y));
    }
    if let Some(end) = end.filter(|end| kept.last() != Some(end)) {
        kept.push(end);
    }
    kept
}

/// An estimate with its interval, as a legend has it.
pub(super) fn estimate(name: &str, what: &str, value: f64, interval: Option<crate::Interval>) -> String {
    let interval = interval.map_or_else(String::new, |it| format!(" ({:.3} to {:.3})", it.lower, it.upper));
    format!("{}: {what} {value:.3}{interval}", style::label(name, 40))
}
