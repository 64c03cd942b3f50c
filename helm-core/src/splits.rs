use std::collections::HashMap;

use crate::{Error, Folds, Part, ParticipantId};

/// Train, validation and test parts of a cohort.
///
/// As with [`Folds`], the part of a participant depends on the set of identifiers, the strata and the seed, and not on
/// the order of the rows.
///
/// ```
/// use helm_core::{Part, ParticipantId, Splits};
///
/// let ids: Vec<ParticipantId> = (0..100).map(|i| ParticipantId::new(i.to_string())).collect();
/// let strata: Vec<usize> = (0..100).map(|i| usize::from(i % 5 == 0)).collect();
/// let splits = Splits::stratified(&ids, &strata, [0.7, 0.1, 0.2], 0)?;
/// assert_eq!(splits.rows(Part::Test).len(), 20);
/// assert_eq!(splits.rows(Part::Test).iter().filter(|&&row| strata[row] == 1).count(), 4);
/// # Ok::<(), helm_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Splits {
    part_of_row: Vec<Part>,
}

const PARTS: [Part; 3] = [Part::Train, Part::Validation, Part::Test];

impl Splits {
    /// Parts with these shares of the participants, each with one row.
    ///
    /// # Errors
    /// As [`Splits::stratified`].
    pub fn new(participants: &[ParticipantId], shares: [f64; 3], seed: u64) -> Result<Self, Error> {
        Self::stratified(participants, &vec![0; participants.len()], shares, seed)
    }

    /// Parts of train, validation and test with these shares, in each stratum (an outcome's classes, say) to within one
    /// participant.
    ///
    /// # Errors
    /// [`Error::Split`] if a share is negative or they don't sum to 1; [`Error::Length`] if there is not one stratum a
    /// participant; [`Error::DuplicateParticipant`] if a participant has two rows.
    pub fn stratified(
        participants: &[ParticipantId],
        stratum_of_row: &[usize],
        shares: [f64; 3],
        seed: u64,
    ) -> Result<Self, Error> {
        let sum: f64 = shares.iter().sum();
        if !((sum - 1.0).abs() < 1e-9 && shares.iter().all(|&share| share >= 0.0)) {
            let (expected, found) = ("shares from 0 that sum to 1".into(), format!("{shares:?}"));
            return Err(Error::Split { what: "splits", expected, found });
        }
        let order = Folds::dealt(participants, stratum_of_row, seed)?;
        let mut part_of_row = vec![Part::Train; participants.len()];
        for stratum in order.chunk_by(|&a, &b| stratum_of_row[a] == stratum_of_row[b]) {
            let bound = |share: f64| (share * stratum.len() as f64).round() as usize;
            let (train, validation) = (bound(shares[0]), bound(shares[0] + shares[1]));
            for (place, &row) in stratum.iter().enumerate() {
                part_of_row[row] = PARTS[usize::from(place >= train) + usize::from(place >= validation)];
            }
        }
        Ok(Self { part_of_row })
    }

    /// Parts as a column of the data has them.
    pub fn given(part_of_row: Vec<Part>) -> Self {
        Self { part_of_row }
    }

    /// The part of each row.
    pub fn part_of_row(&self) -> &[Part] {
        &self.part_of_row
    }

    /// The rows of a part, in their order.
    pub fn rows(&self, part: Part) -> Vec<usize> {
        (0..self.part_of_row.len()).filter(|&row| self.part_of_row[row] == part).collect()
    }

    /// Checks that nobody is on two sides: no two rows of one unit (a participant, a household, a twin pair) stand in
    /// different parts.
    ///
    /// # Errors
    /// [`Error::Split`] with the first two rows, from 1; [`Error::Length`] if there is not one unit a row.
    pub fn check_leakage(&self, unit_of_row: &[ParticipantId]) -> Result<(), Error> {
        check_leakage("splits", &self.part_of_row, unit_of_row)
    }
}

impl Folds {
    /// k folds in which all rows of a unit (a participant with several rows, a household) stand together. Units are
    /// dealt as participants are in [`Folds::new`]; of units of several sizes, folds differ in rows by chance.
    ///
    /// ```
    /// use helm_core::{Folds, ParticipantId};
    ///
    /// let households: Vec<ParticipantId> = ["a", "a", "b", "c", "c", "d"].iter().map(ParticipantId::new).collect();
    /// let folds = Folds::grouped(&households, 2, 0)?;
    /// assert_eq!(folds.fold_of_row()[0], folds.fold_of_row()[1]);
    /// folds.check_leakage(&households)?;
    /// # Ok::<(), helm_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Split`] if k is below 2 or above the number of units.
    pub fn grouped(unit_of_row: &[ParticipantId], k: usize, seed: u64) -> Result<Self, Error> {
        let mut units = unit_of_row.to_vec();
        units.sort();
        units.dedup();
        let folds = Self::new(&units, k, seed)?;
        let fold_of: HashMap<&ParticipantId, usize> = units.iter().zip(folds.fold_of_row().iter().copied()).collect();
        Ok(Self::given(k, unit_of_row.iter().map(|unit| fold_of[unit]).collect()))
    }

    /// Checks that no two rows of one unit stand in different folds.
    ///
    /// # Errors
    /// As [`Splits::check_leakage`].
    pub fn check_leakage(&self, unit_of_row: &[ParticipantId]) -> Result<(), Error> {
        check_leakage("folds", self.fold_of_row(), unit_of_row)
    }
}

fn check_leakage<T: PartialEq>(what: &'static str, side: &[T], unit_of_row: &[ParticipantId]) -> Result<(), Error> {
    if side.len() != unit_of_row.len() {
        let (expected, found) = (side.len(), unit_of_row.len());
        return Err(Error::Length { what: "units", name: what.into(), expected, found });
    }
    let mut first_row = HashMap::with_capacity(side.len());
    for (row, unit) in unit_of_row.iter().enumerate() {
        let first = *first_row.entry(unit).or_insert(row);
        if side[first] != side[row] {
            let expected = "all rows of a participant or cluster on one side".into();
            let found = format!("rows {} and {} of one on two (leakage)", first + 1, row + 1);
            return Err(Error::Split { what, expected, found });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ids(n: usize) -> Vec<ParticipantId> {
        (0..n).map(|i| ParticipantId::new(format!("p{i}"))).collect()
    }

    proptest! {
        #[test]
        fn shares_are_kept_in_every_stratum(n in 1usize..300, seed: u64, train in 0.0f64..1.0, turn in 0usize..300) {
            let shares = [train, (1.0 - train) * 0.5, (1.0 - train) * 0.5];
            let (mut participants, mut strata) = (ids(n), (0..n).map(|i| usize::from(i % 3 == 0)).collect::<Vec<_>>());
            let splits = Splits::stratified(&participants, &strata, shares, seed).expect("splits");
            for stratum in 0..2 {
                let rows: Vec<usize> = (0..n).filter(|&row| strata[row] == stratum).collect();
                for (part, share) in PARTS.into_iter().zip(shares) {
                    let found = rows.iter().filter(|&&row| splits.part_of_row[row] == part).count() as f64;
                    prop_assert!((found - share * rows.len() as f64).abs() <= 1.0 + 1e-9);
                }
            }
            participants.rotate_left(turn % n);
            strata.rotate_left(turn % n);
            let mut turned = Splits::stratified(&participants, &strata, shares, seed).expect("splits").part_of_row;
            turned.rotate_right(turn % n);
            prop_assert_eq!(turned, splits.part_of_row);
        }

        #[test]
        fn grouped_folds_do_not_leak(units in proptest::collection::vec(0usize..30, 40..120), k in 2usize..5, seed: u64) {
            let units: Vec<ParticipantId> = units.iter().map(|unit| ParticipantId::new(unit.to_string())).collect();
            let folds = Folds::grouped(&units, k, seed).expect("folds");
            prop_assert!(folds.check_leakage(&units).is_ok());
        }
    }

    #[test]
    fn leakage_names_rows_and_nobody() {
        let units: Vec<ParticipantId> = ["98765", "b", "98765"].iter().map(ParticipantId::new).collect();
        let splits = Splits::given(vec![Part::Train, Part::Train, Part::Test]);
        let message = splits.check_leakage(&units).expect_err("leakage").to_string();
        let expected = "splits: expected all rows of a participant or cluster on one side, found rows 1 and 3 of one on two \
                        (leakage)";
        assert_eq!(message, expected);
        assert!(matches!(splits.check_leakage(&units[..2]), Err(Error::Length { .. })));
        for shares in [[0.5, 0.5, 0.5], [1.5, -0.5, 0.0], [f64::NAN, 0.5, 0.5]] {
            assert!(matches!(Splits::new(&ids(5), shares, 0), Err(Error::Split { .. })));
        }
    }
}
