use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind};
use plotters::prelude::{Circle, DrawingBackend, Polygon, RGBColor, Rectangle, TextStyle};
use plotters::style::{BLACK, Color, IntoFont};

use crate::Error;

/// Of print and screen alike; a reader's own sans-serif font.
pub(super) const FONT: &str = "sans-serif";
/// Height of ordinary text in pixels.
pub(super) const TEXT: i32 = 26;
/// Lines for orientation, behind the data.
pub(super) const GREY: RGBColor = RGBColor(120, 120, 120);
/// Lines of the grid.
pub(super) const PALE: RGBColor = RGBColor(225, 225, 225);

/// Okabe and Ito's colours, told apart with any colour vision (2008, Color Universal Design), without the yellow that
/// vanishes on white paper.
const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(0, 0, 0),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
];

/// A dash and the gap after it in pixels; none for a solid line.
const DASHES: [Option<(i32, i32)>; 4] = [None, Some((16, 8)), Some((4, 7)), Some((30, 10))];

/// Half the width of a marker in pixels.
pub(super) const MARKER: i32 = 8;

/// The shape of a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marker {
    Circle,
    Square,
    Triangle,
    Diamond,
}

const MARKERS: [Marker; 4] = [Marker::Circle, Marker::Square, Marker::Triangle, Marker::Diamond];

/// How the series of an index looks. Seven colours with four dashes and shapes: 28 series that differ, neighbours in
/// both.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Look {
    pub(super) colour: RGBColor,
    pub(super) dash: Option<(i32, i32)>,
    pub(super) marker: Marker,
    /// Of the line, in pixels.
    pub(super) width: u32,
}

impl Look {
    /// A line to orient by.
    pub(super) const REFERENCE: Self = Self { colour: GREY, dash: Some((4, 8)), marker: Marker::Circle, width: 2 };
    /// Another one.
    pub(super) const SECOND_REFERENCE: Self = Self { dash: None, ..Self::REFERENCE };

    pub(super) fn of(index: usize) -> Self {
        Self {
            colour: COLOURS[index % COLOURS.len()],
            dash: DASHES[index % DASHES.len()],
            marker: MARKERS[index % MARKERS.len()],
            width: 4,
        }
    }
}

pub(super) fn text(height: i32) -> TextStyle<'static> {
    (FONT, height).into_font().color(&BLACK.to_rgba())
}

/// A name as it stands in a plot: no control characters, which XML does not have, and not longer than the room.
pub(super) fn label(name: &str, longest: usize) -> String {
    let clean = name.chars().map(|letter| if letter.is_control() { ' ' } else { letter });
    if name.chars().count() <= longest {
        clean.collect()
    } else {
        clean.take(longest.saturating_sub(1)).chain(['…']).collect()
    }
}

pub(super) fn failed<E: std::error::Error + Send + Sync>(error: DrawingAreaErrorKind<E>) -> Error {
    Error::Report(error.to_string())
}

/// A point of a series.
pub(super) fn draw_marker<B: DrawingBackend>(
    root: &DrawingArea<B, Shift>,
    (x, y): (i32, i32),
    look: Look,
) -> Result<(), Error>
where
    B::ErrorType: 'static,
{
    let filled = look.colour.filled();
    match look.marker {
        Marker::Circle => root.draw(&Circle::new((x, y), MARKER, filled)),
        Marker::Square => root.draw(&Rectangle::new([(x - MARKER, y - MARKER), (x + MARKER, y + MARKER)], filled)),
        Marker::Triangle => root.draw(&Polygon::new(
            [(x, y - MARKER - 2), (x + MARKER + 2, y + MARKER), (x - MARKER - 2, y + MARKER)],
            filled,
        )),
        Marker::Diamond => root.draw(&Polygon::new(
            [(x, y - MARKER - 3), (x + MARKER + 3, y), (x, y + MARKER + 3), (x - MARKER - 3, y)],
            filled,
        )),
    }
    .map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_repeat_only_after_28() {
        for a in 0..28 {
            for b in 0..a {
                assert_ne!(Look::of(a), Look::of(b));
            }
            assert_ne!(Look::of(a).colour, Look::of(a + 1).colour);
            assert_ne!(Look::of(a).dash, Look::of(a + 1).dash);
        }
        assert_eq!(Look::of(0), Look::of(28));
    }

    #[test]
    fn labels_fit() {
        assert_eq!(label("äge\n\0", 5), "äge  ");
        assert_eq!(label("äge and sex", 5), "äge …");
    }
}
