use crate::{Cells, Value};

/// The smallest and the largest number of a column: a schema that allows both allows all.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Extent {
    smallest: f64,
    largest: f64,
}

impl Extent {
    const NONE: Self = Self { smallest: f64::INFINITY, largest: f64::NEG_INFINITY };

    /// The extent of some cells; what is no number has none.
    pub(crate) fn of(cells: &Cells) -> Self {
        let Cells::Numbers(cells) = cells else { return Self::NONE };
        // Two at a time: each comparison waits for the one before it.
        let (pairs, rest) = cells.as_chunks::<2>();
        let (mut even, mut odd) = (Self::NONE, Self::NONE);
        for &[first, second] in pairs {
            (even, odd) = (even.with(first), odd.with(second));
        }
        rest.iter().fold(even.and(odd), |extent, &cell| extent.with(cell))
    }

    fn with(self, cell: Value) -> Self {
        // Without a branch: where a cell is missing can't be foretold, and NaN compares with nothing.
        let number = cell.as_number().unwrap_or(f64::NAN);
        self.and(Self { smallest: number, largest: number })
    }

    /// The extent of both.
    fn and(self, other: Self) -> Self {
        Self {
            smallest: if other.smallest < self.smallest { other.smallest } else { self.smallest },
            largest: if other.largest > self.largest { other.largest } else { self.largest },
        }
    }

    /// Whether all numbers are allowed, if a number is where a smaller and a larger one are.
    #[cfg(feature = "schema-file")]
    pub(crate) fn all(self, is_allowed: impl Fn(f64) -> bool) -> bool {
        self.smallest > self.largest || (is_allowed(self.smallest) && is_allowed(self.largest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MissingReason;

    #[test]
    fn the_extent_of_numbers_leaves_out_what_is_missing() {
        let missing = Value::Missing(MissingReason::NotRecorded);
        let numbers: [f64; 7] = [3.5, -2.0, 0.5, 9.0, 1.0, 8.0, -7.0];
        for n in 1..=numbers.len() {
            let (low, high) = numbers[..n].iter().fold((9.0, -9.0), |(low, high), &x| (x.min(low), x.max(high)));
            let cells = numbers[..n].iter().flat_map(|&number| [missing, Value::Number(number), missing]);
            let extent = Extent::of(&Cells::Numbers(cells.collect()));
            assert_eq!(extent, Extent { smallest: low, largest: high });
        }
    }

    #[cfg(feature = "schema-file")]
    #[test]
    fn the_ends_decide_and_nothing_is_always_allowed() {
        let extent = Extent::of(&Cells::Numbers(vec![Value::Number(1.0), Value::Number(9.0)]));
        assert!(extent.all(|number| (1.0..=9.0).contains(&number)));
        assert!(!extent.all(|number| number < 9.0) && !extent.all(|number| number > 1.0));
        let missing = Cells::Numbers(vec![Value::Missing(MissingReason::NotRecorded)]);
        assert!(Extent::of(&missing).all(|_| false) && Extent::of(&Cells::Text(vec![])).all(|_| false));
    }
}
