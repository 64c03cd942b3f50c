use std::ops::RangeInclusive;

use crate::spirometry::Spirogram;
use crate::{Cells, Error, ParticipantId, Table};

const RATE_HZ: f64 = 100.0;
/// What a point of a curve may be, in millilitres.
const POINTS: RangeInclusive<f64> = -63.0..=192.0;
/// What a correction to body temperature and pressure may be; CDC's files have 1.051 to 1.129.
const FACTORS: RangeInclusive<f64> = 0.9..=1.3;

/// When a curve was blown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NhanesTest {
    /// `Pre`: before a bronchodilator, or without one.
    Baseline,
    /// `Bron`: after a bronchodilator.
    AfterBronchodilator,
}

/// One curve of NHANES' raw spirometry files, as [`read_nhanes_curves`] reads it.
///
/// `Debug` shows none of it.
pub struct NhanesCurve {
    /// Who blew: SEQN.
    pub participant: ParticipantId,
    /// Before or after a bronchodilator: SPATTYPE.
    pub test: NhanesTest,
    /// The number of the curve in its test: SPAMANU.
    pub number: u32,
    /// Whether the person sat; otherwise they stood: SPAPOS.
    pub is_sitting: Option<bool>,
    /// Whether CDC's reviewers saw a plateau: SPAPLAT.
    pub has_plateau: Option<bool>,
    /// Whether they took the manoeuvre for acceptable: SPAACC.
    pub is_acceptable: Option<bool>,
    /// Their rating of the effort, `A` to `F`: SPAQEFF.
    pub effort: Option<char>,
    /// The blow, at body temperature and pressure; or why it can't be used: curves are published unedited, with extra
    /// breaths and false starts.
    pub blow: Result<Spirogram, Error>,
}

impl std::fmt::Debug for NhanesCurve {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NhanesCurve(..)")
    }
}

/// The curves of NHANES' raw spirometry files of 2007–2012 (SPXRAW_E, SPXRAW_F, SPXRAW_G), from a table with CDC's
/// columns SEQN, SPATTYPE, SPAMANU, SPAFACT, SPAPOS, SPAPLAT, SPAACC, SPAQEFF, SPXPTS and SPXRAW.
///
/// SPXRAW is a list with commas of the *changes* of volume in millilitres over 0.01 s each, at ambient temperature and
/// pressure, saturated; their sum times SPAFACT is the volume at body temperature and pressure (CDC, NHANES 2009–2010
/// data documentation of SPXRAW_F, "Analytic Notes": <https://wwwn.cdc.gov/Nchs/Nhanes/2009-2010/SPXRAW_F.htm>). The
/// correction of Hankinson and Viola, which changes during a blow, is not made here either.
///
/// ```
/// use helm_core::spirometry::{NhanesTest, read_nhanes_curves};
///
/// let file = std::env::temp_dir().join("helm-core-doc-spxraw.csv");
/// let header = "SEQN,SPATTYPE,SPAMANU,SPAFACT,SPAPOS,SPAPLAT,SPAACC,SPAQEFF,SPXPTS,SPXRAW";
/// std::fs::write(&file, format!("{header}\n41475,Pre,1,1.1,Standing,Y,Y,A,4,\"0,60,90,50\"\n"))?;
/// let curves = read_nhanes_curves(&helm_core::read_csv(&file)?)?;
/// assert_eq!((curves[0].test, curves[0].is_acceptable), (NhanesTest::Baseline, Some(true)));
/// assert!((curves[0].blow.as_ref().unwrap().fvc_litres() - 0.220).abs() < 1e-6);
/// # std::fs::remove_file(&file)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::Unknown`] if a column is missing; [`Error::Cell`] if a participant, a test, a number or a rating is missing
/// or none of CDC's codes. What is wrong with one curve is that curve's error.
pub fn read_nhanes_curves(table: &Table) -> Result<Vec<NhanesCurve>, Error> {
    let ids = table.numbers("SEQN")?;
    let (tests, positions) = (texts(table, "SPATTYPE")?, texts(table, "SPAPOS")?);
    let (plateaus, acceptable, efforts) = (texts(table, "SPAPLAT")?, texts(table, "SPAACC")?, texts(table, "SPAQEFF")?);
    let (numbers, factors, counts) = (table.numbers("SPAMANU")?, table.numbers("SPAFACT")?, table.numbers("SPXPTS")?);
    let raw = texts(table, "SPXRAW")?;
    (0..table.n_rows())
        .map(|row| {
            let cell = |column: &str, expected: &str| cell_error(table, row, column, expected);
            let yes_or_no = |column: &str, text: Option<&str>| match text {
                None => Ok(None),
                Some("Y") => Ok(Some(true)),
                Some("N") => Ok(Some(false)),
                Some(_) => Err(cell(column, "Y, N or an empty cell")),
            };
            let number =
                numbers[row].as_number().filter(|&number| number.fract() == 0.0 && (1.0..1e4).contains(&number));
            Ok(NhanesCurve {
                participant: ids[row]
                    .as_number()
                    .map(ParticipantId::from_number)
                    .ok_or_else(|| cell("SEQN", "a participant's identifier"))?,
                test: match tests[row] {
                    Some("Pre") => NhanesTest::Baseline,
                    Some("Bron") => NhanesTest::AfterBronchodilator,
                    _ => return Err(cell("SPATTYPE", "Pre or Bron")),
                },
                number: number.ok_or_else(|| cell("SPAMANU", "the number of a curve"))? as u32,
                is_sitting: match positions[row] {
                    None => None,
                    Some("Sitting") => Some(true),
                    Some("Standing") => Some(false),
                    Some(_) => return Err(cell("SPAPOS", "Sitting, Standing or an empty cell")),
                },
                has_plateau: yes_or_no("SPAPLAT", plateaus[row])?,
                is_acceptable: yes_or_no("SPAACC", acceptable[row])?,
                effort: match efforts[row] {
                    None => None,
                    Some(effort @ ("A" | "B" | "C" | "D" | "E" | "F")) => effort.chars().next(),
                    Some(_) => return Err(cell("SPAQEFF", "A to F or an empty cell")),
                },
                blow: blow(raw[row].unwrap_or_default(), counts[row].as_number(), factors[row].as_number()),
            })
        })
        .collect()
}

/// A blow from its changes of volume.
fn blow(changes: &str, declared: Option<f64>, factor: Option<f64>) -> Result<Spirogram, Error> {
    let invalid =
        |expected: String, found: &str| Error::Invalid { what: "SPXRAW".into(), expected, found: found.into() };
    let factor = factor
        .filter(|factor| FACTORS.contains(factor))
        .ok_or_else(|| invalid("a factor SPAFACT near 1.1".into(), "another or none"))?;
    let (mut millilitres, mut litres) = (0.0, vec![0.0]);
    for change in changes.split(',').map(str::trim).filter(|_| !changes.is_empty()) {
        let change = change.parse::<f64>().ok().filter(|change| POINTS.contains(change)).ok_or_else(|| {
            let expected = format!("a change of −63 to 192 mL as point {}", litres.len());
            invalid(expected, "something else")
        })?;
        millilitres += change;
        litres.push((millilitres * factor / 1000.0) as f32);
    }
    let n = litres.len() - 1;
    if declared != Some(n as f64) {
        return Err(invalid("as many points as SPXPTS declares".into(), &format!("{n} points")));
    }
    Spirogram::from_volume_litres(litres, RATE_HZ)
}

/// A column of texts without the blanks around them; `None` for an empty cell.
fn texts<'a>(table: &'a Table, name: &str) -> Result<Vec<Option<&'a str>>, Error> {
    match &table.column(name)?.cells {
        Cells::Text(cells) => {
            Ok(cells.iter().map(|cell| cell.as_deref().map(str::trim).filter(|cell| !cell.is_empty())).collect())
        }
        Cells::Numbers(_) | Cells::Lists(_) => Err(cell_error(table, 0, name, "text")),
    }
}

fn cell_error(table: &Table, row: usize, column: &str, expected: &str) -> Error {
    Error::Cell {
        file: table.name().into(),
        row: row + 1,
        column: column.into(),
        expected: expected.into(),
        found: "something else".into(),
    }
}
