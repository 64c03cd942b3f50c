use crate::spirometry::Spirogram;
use crate::{Error, Table, Value};

/// What a column of samples holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CurveUnit {
    /// Volumes in litres.
    Litres,
    /// Volumes in millilitres.
    Millilitres,
    /// Flow in litres a second.
    LitresPerSecond,
}

/// The blow of a column with a sample in each row, at `rate_hz` samples a second. Empty cells at its end are no
/// samples, so that blows of different lengths can stand side by side.
///
/// ```
/// use helm_core::spirometry::{CurveUnit, read_blow_column, read_rate_column};
///
/// let file = std::env::temp_dir().join("helm-core-doc-blow.csv");
/// std::fs::write(&file, "seconds,volume\n0,0\n0.02,0.1\n0.04,0.25\n")?;
/// let table = helm_core::read_csv(&file)?;
/// let blow = read_blow_column(&table, "volume", CurveUnit::Litres, read_rate_column(&table, "seconds")?)?;
/// assert_eq!((blow.rate_hz(), blow.fvc_litres()), (50.0, 0.25));
/// # std::fs::remove_file(&file)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::Unknown`] without such a column, [`Error::Cell`] if a cell between others is empty or no finite number, and
/// where [`Spirogram`]'s constructors have one.
pub fn read_blow_column(table: &Table, column: &str, unit: CurveUnit, rate_hz: f64) -> Result<Spirogram, Error> {
    let samples = samples(table, column)?.into_iter().map(|sample| sample as f32).collect();
    match unit {
        CurveUnit::Litres => Spirogram::from_volume_litres(samples, rate_hz),
        CurveUnit::Millilitres => Spirogram::from_volume_millilitres(samples, rate_hz),
        CurveUnit::LitresPerSecond => Spirogram::from_flow_litres_per_second(samples, rate_hz),
    }
}

/// The samples a second of a column of times in seconds, which must be evenly spaced.
///
/// # Errors
/// As [`read_blow_column`], and [`Error::Invalid`] if there are fewer than two times, they don't rise, or one is off by
/// more than a quarter of the step.
pub fn read_rate_column(table: &Table, column: &str) -> Result<f64, Error> {
    let seconds = samples(table, column)?;
    let invalid = |expected: &str, found: String| {
        let what = format!("{}: column {column:?}", table.name());
        Err(Error::Invalid { what, expected: expected.into(), found })
    };
    let [first, .., last] = seconds[..] else {
        return invalid("two times in seconds or more", seconds.len().to_string());
    };
    let step = (last - first) / (seconds.len() - 1) as f64;
    // Not `step <= 0.0`: a difference can overflow.
    if !(step.is_finite() && step > 0.0) {
        return invalid("times in seconds that rise", "others".into());
    }
    let is_off = |(index, time): (usize, &f64)| (time - first - index as f64 * step).abs() > 0.25 * step;
    if let Some(index) = seconds.iter().enumerate().position(is_off) {
        return invalid("evenly spaced times", format!("one that is off in row {}", index + 1));
    }
    // The rate that was meant, where the times' digits allow it.
    let rate = 1.0 / step;
    Ok(if (rate - rate.round()).abs() < 1e-6 * rate { rate.round() } else { rate })
}

fn samples(table: &Table, column: &str) -> Result<Vec<f64>, Error> {
    let cells = table.numbers(column)?;
    let n = cells.iter().rposition(|cell| !cell.is_missing()).map_or(0, |last| last + 1);
    let number = |(row, cell): (usize, &Value)| {
        cell.as_number().ok_or_else(|| Error::Cell {
            file: table.name().into(),
            row: row + 1,
            column: column.into(),
            expected: "a number".into(),
            found: "an empty cell before the column's end".into(),
        })
    };
    cells[..n].iter().enumerate().map(number).collect()
}
