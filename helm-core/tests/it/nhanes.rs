//! The real files: NHANES 2011-2012 against pandas, and the counts that the survey's files give together.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use helm_core::{Cells, ParticipantId, Table, TableColumn, Value, read_csv, read_mortality, read_xpt};
use sha2::{Digest, Sha256};

use crate::xpt;

/// Made by scripts/golden_xpt.py; no tolerance, every bit counts.
const GOLDEN: &str = include_str!("golden/nhanes_xpt.json");
const XPT: [&str; 9] = [
    "ALQ_G.XPT",
    "BMX_G.XPT",
    "DEMO_G.XPT",
    "DIQ_G.XPT",
    "HUQ_G.XPT",
    "PAQ_G.XPT",
    "RDQ_G.XPT",
    "SMQ_G.XPT",
    "SPX_G.XPT",
];
const MORTALITY: &str = "NHANES_2011_2012_MORT_2019_PUBLIC.dat";

/// The folder of the NHANES 2011-2012 files, if there is one: `data/nhanes_2011_2012` in the folder that the environment
/// variable HELM_TEST_DATA names. A test without it says so and passes.
fn folder() -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("HELM_TEST_DATA").filter(|data| !data.is_empty()) else {
        // Not eprintln, which a passing test swallows.
        let _ = writeln!(std::io::stderr(), "skipped: HELM_TEST_DATA names no folder with data/nhanes_2011_2012");
        return None;
    };
    Some(Path::new(&folder).join("data/nhanes_2011_2012"))
}

/// A table as the golden file has it: a line with name and rows, then a line a column.
fn golden_lines(table: &Table) -> Vec<String> {
    let mut lines = vec![format!("\"{}\": {{\"rows\": {}, \"columns\": [", table.name(), table.n_rows())];
    lines.extend(table.columns().iter().map(|column| {
        let (kind, hash) = hash(column);
        format!("[\"{}\", \"{kind}\", \"{hash}\"]", column.name)
    }));
    lines.push("]}".into());
    lines
}

/// The canonical bytes of scripts/golden_xpt.py and their SHA-256.
fn hash(column: &TableColumn) -> (char, String) {
    let (kind, bytes): (char, Vec<u8>) = match &column.cells {
        Cells::Numbers(cells) => {
            let bytes = cells.iter().flat_map(|cell| cell.as_number().map_or([0xff; 8], f64::to_le_bytes));
            ('n', bytes.collect())
        }
        Cells::Text(cells) => {
            let texts = cells.iter().map(|cell| cell.as_deref().unwrap_or_default());
            ('t', texts.flat_map(|text| text.trim_end_matches(' ').bytes().chain([0])).collect())
        }
        _ => panic!("{} holds lists", column.name),
    };
    let mut hash = String::new();
    for byte in Sha256::digest(bytes) {
        write!(hash, "{byte:02x}").unwrap();
    }
    (kind, hash)
}

#[test]
fn equals_pandas_bit_for_bit() {
    let Some(folder) = folder() else { return };
    let tables = XPT.map(|name| read_xpt(&folder.join(name)).unwrap());
    let mortality = read_mortality(&folder.join(MORTALITY)).unwrap();
    let found: Vec<String> = tables.iter().chain([&mortality]).flat_map(golden_lines).collect();
    let expected: Vec<&str> =
        GOLDEN.lines().skip(3).map(|line| line.trim_end_matches(',')).take_while(|&line| line != "}").collect();
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.len(), expected.len());
}

#[test]
fn another_reader_agrees_on_every_cell() {
    let Some(folder) = folder() else { return };
    let mut n_cells = 0;
    for name in XPT {
        let path = folder.join(name);
        let table = read_xpt(&path).unwrap();
        xpt::agrees_with_sas_xport(&std::fs::read(&path).unwrap(), &table);
        n_cells += table.n_rows() * table.columns().len();
        assert!(table.columns().iter().all(|column| column.label.is_some()));
    }
    assert!(n_cells > 2_000_000, "{n_cells}");
}

/// A column of a table by participant.
fn by_participant(table: &Table, column: &str) -> HashMap<ParticipantId, Value> {
    let ids = table.participants("SEQN").unwrap();
    ids.into_iter().zip(table.numbers(column).unwrap().iter().copied()).collect()
}

fn is(column: &HashMap<ParticipantId, Value>, id: &ParticipantId, code: f64) -> bool {
    column.get(id).and_then(|value| value.as_number()) == Some(code)
}

/// The counts of cases that scikit-learn and pandas gave for adults of 20 and over with a spirometry result.
#[test]
fn files_join_to_the_published_counts() {
    let Some(folder) = folder() else { return };
    let xpt = |name: &str| read_xpt(&folder.join(name)).unwrap();
    let ages = by_participant(&xpt("DEMO_G.XPT"), "RIDAGEYR");
    let spirometry = xpt("SPX_G.XPT");
    let fvc = by_participant(&spirometry, "SPXNFVC");
    let ids = spirometry.participants("SEQN").unwrap();
    let is_adult = |id: &&ParticipantId| ages[*id].as_number().is_some_and(|age| age >= 20.0);
    let adults: Vec<&ParticipantId> = ids.iter().filter(is_adult).filter(|id| !fvc[*id].is_missing()).collect();
    assert_eq!(adults.len(), 4340);

    let mortality = read_mortality(&folder.join(MORTALITY)).unwrap();
    assert_eq!(mortality.n_rows(), 9756);
    let (eligible, died) = (by_participant(&mortality, "ELIGSTAT"), by_participant(&mortality, "MORTSTAT"));
    assert_eq!(eligible.keys().filter(|id| is(&eligible, id, 1.0)).count(), 5849);
    assert_eq!(died.keys().filter(|id| is(&died, id, 1.0)).count(), 628);
    let followed: Vec<_> = adults.iter().filter(|id| is(&eligible, id, 1.0)).collect();
    assert_eq!((followed.iter().filter(|id| is(&died, id, 1.0)).count(), followed.len()), (264, 4329));

    let cases = |file: &str, column: &str, case: f64, control: f64| {
        let path = Path::new(&folder).join(file);
        let table = if file.ends_with(".csv") { read_csv(&path) } else { read_xpt(&path) };
        let column = by_participant(&table.unwrap(), column);
        let count = |code| adults.iter().filter(|id| is(&column, id, code)).count();
        (count(case), count(case) + count(control))
    };
    assert_eq!(cases("RDQ_G.XPT", "RDQ070", 1.0, 2.0), (557, 4340));
    assert_eq!(cases("RDQ_G.XPT", "RDQ031", 1.0, 2.0), (248, 2639));
    assert_eq!(cases("DIQ_G.XPT", "DIQ010", 1.0, 2.0), (482, 4244));
    assert_eq!(cases("diagnoses_labs.csv", "congestive_heart_failure", 1.0, 0.0), (89, 4333));
    assert_eq!(cases("diagnoses_labs.csv", "heart_attack", 1.0, 0.0), (99, 4339));
    assert_eq!(cases("diagnoses_labs.csv", "stroke", 1.0, 0.0), (104, 4339));
    assert_eq!(cases("diagnoses_labs.csv", "arthritis", 1.0, 0.0), (900, 4335));
}
