use std::ops::Range;

use crate::Error;

/// How a survey drew its rows: primary sampling units within strata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SurveyDesign {
    /// Units of a stratum follow one another.
    unit_of_row: Vec<u32>,
    /// Units of each stratum.
    strata: Vec<Range<usize>>,
}

impl SurveyDesign {
    pub(crate) fn new<S: Ord, U: Ord>(strata: &[S], units: &[U]) -> Result<Self, Error> {
        let key = |&row: &u32| (&strata[row as usize], &units[row as usize]);
        let mut rows: Vec<u32> = (0..strata.len() as u32).collect();
        rows.sort_unstable_by(|a, b| key(a).cmp(&key(b)).then(a.cmp(b)));
        let mut design = Self { unit_of_row: vec![0; rows.len()], strata: Vec::new() };
        let mut n_units = 0;
        for stratum in rows.chunk_by(|a, b| key(a).0 == key(b).0) {
            let start = n_units;
            for unit in stratum.chunk_by(|a, b| key(a).1 == key(b).1) {
                unit.iter().for_each(|&row| design.unit_of_row[row as usize] = n_units as u32);
                n_units += 1;
            }
            if n_units - start < 2 {
                let (expected, found) = ("at least 2 sampling units in every stratum".into(), "a single one".into());
                return Err(Error::Undefined { what: "survey variance", expected, found });
            }
            design.strata.push(start..n_units);
        }
        Ok(design)
    }

    pub(crate) fn unit_of_row(&self) -> &[u32] {
        &self.unit_of_row
    }

    pub(crate) fn n_units(&self) -> usize {
        self.strata.last().map_or(0, |stratum| stratum.end)
    }

    pub(crate) fn strata(&self) -> &[Range<usize>] {
        &self.strata
    }

    /// What each unit counts when one fewer than there are is drawn: n / (n − 1).
    pub(crate) fn scale_of_unit(&self) -> Vec<f64> {
        let scale = |stratum: &Range<usize>| {
            let n = stratum.len();
            std::iter::repeat_n(n as f64 / (n - 1) as f64, n)
        };
        self.strata.iter().flat_map(scale).collect()
    }
}
