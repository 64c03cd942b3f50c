use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::{Error, ParticipantId};

/// A partition of participants into k folds for cross-validation.
///
/// The fold of a participant depends on the set of identifiers, the strata and the seed, and not on the order of the
/// rows, the machine or the number of threads. Folds are of equal size to within one, also inside every stratum.
///
/// ```
/// use helm_core::{Folds, ParticipantId};
///
/// let ids: Vec<ParticipantId> = (0..10).map(|i| ParticipantId::new(i.to_string())).collect();
/// let folds = Folds::new(&ids, 5, 0)?;
/// for fold in 0..folds.k() {
///     assert_eq!(folds.test_rows(fold).len(), 2);
///     assert_eq!(folds.train_rows(fold).len(), 8);
/// }
/// # Ok::<(), helm_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folds {
    k: usize,
    fold_of_row: Vec<usize>,
}

impl Folds {
    /// k folds of participants, each with one row.
    ///
    /// # Errors
    /// [`Error::Split`] if k is below 2 or above the number of participants, [`Error::DuplicateParticipant`] if a
    /// participant has two rows.
    pub fn new(participants: &[ParticipantId], k: usize, seed: u64) -> Result<Self, Error> {
        Self::stratified(participants, &vec![0; participants.len()], k, seed)
    }

    /// k folds in which every stratum (an outcome's classes, say) has its share.
    ///
    /// # Errors
    /// As [`Folds::new`]; [`Error::Length`] if there is not one stratum a participant.
    pub fn stratified(
        participants: &[ParticipantId],
        stratum_of_row: &[usize],
        k: usize,
        seed: u64,
    ) -> Result<Self, Error> {
        let n = participants.len();
        check_strata(participants, stratum_of_row)?;
        if k < 2 || k > n {
            return Err(Error::Split {
                what: "folds",
                expected: format!("2 to {n} folds for {n} participants"),
                found: k.to_string(),
            });
        }
        let order = Self::dealt(participants, stratum_of_row, seed)?;
        let mut fold_of_row = vec![0; n];
        for (place, &row) in order.iter().enumerate() {
            fold_of_row[row] = place % k;
        }
        Ok(Self { k, fold_of_row })
    }

    /// Folds that were made elsewhere.
    pub(crate) fn given(k: usize, fold_of_row: Vec<usize>) -> Self {
        Self { k, fold_of_row }
    }

    /// The rows in the order in which they are dealt: stratum by stratum, within each shuffled.
    pub(crate) fn dealt(
        participants: &[ParticipantId],
        stratum_of_row: &[usize],
        seed: u64,
    ) -> Result<Vec<usize>, Error> {
        check_strata(participants, stratum_of_row)?;
        ParticipantId::check_unique(participants, "folds")?;
        let mut order: Vec<usize> = (0..participants.len()).collect();
        order.sort_by_key(|&row| (stratum_of_row[row], &participants[row]));
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        // Strata follow one another in the dealing, so that the folds stay even over all of them together.
        for stratum in order.chunk_by_mut(|&a, &b| stratum_of_row[a] == stratum_of_row[b]) {
            stratum.shuffle(&mut rng);
        }
        Ok(order)
    }

    /// How many folds there are.
    pub fn k(&self) -> usize {
        self.k
    }

    /// The fold in which each row is tested.
    pub fn fold_of_row(&self) -> &[usize] {
        &self.fold_of_row
    }

    /// The rows tested in a fold, in their order.
    ///
    /// # Panics
    /// If there is no such fold.
    pub fn test_rows(&self, fold: usize) -> Vec<usize> {
        self.rows(fold, |of_row| of_row == fold)
    }

    /// The rows trained on when a fold is tested, in their order.
    ///
    /// # Panics
    /// If there is no such fold.
    pub fn train_rows(&self, fold: usize) -> Vec<usize> {
        self.rows(fold, |of_row| of_row != fold)
    }

    fn rows(&self, fold: usize, keep: impl Fn(usize) -> bool) -> Vec<usize> {
        assert!(fold < self.k, "fold {fold} of {} folds", self.k);
        (0..self.fold_of_row.len()).filter(|&row| keep(self.fold_of_row[row])).collect()
    }
}

fn check_strata(participants: &[ParticipantId], stratum_of_row: &[usize]) -> Result<(), Error> {
    let (expected, found) = (participants.len(), stratum_of_row.len());
    if expected == found {
        return Ok(());
    }
    Err(Error::Length { what: "strata", name: "folds".into(), expected, found })
}

/// What a participant's data are used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// To learn from.
    Train,
    /// To stop and to choose by.
    Validation,
    /// To report on, once.
    Test,
}

impl Part {
    /// The part of a name: train (or training), validation (or valid, val), test, in any case of letters.
    pub fn from_name(name: &str) -> Option<Self> {
        match name.trim().to_ascii_lowercase().as_str() {
            "train" | "training" => Some(Self::Train),
            "validation" | "valid" | "val" => Some(Self::Validation),
            "test" => Some(Self::Test),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ids(n: usize) -> Vec<ParticipantId> {
        (0..n).map(|i| ParticipantId::new(format!("p{}", i * 7919 % 1000))).collect()
    }

    proptest! {
        #[test]
        fn row_order_does_not_matter(n in 10usize..200, k in 2usize..8, seed: u64, turn in 0usize..200) {
            let participants = ids(n);
            let strata: Vec<usize> = (0..n).map(|i| usize::from(i % 3 == 0)).collect();
            let mut turned = participants.clone();
            let mut turned_strata = strata.clone();
            turned.rotate_left(turn % n);
            turned_strata.rotate_left(turn % n);
            let folds = Folds::stratified(&participants, &strata, k, seed).expect("folds");
            let mut again = Folds::stratified(&turned, &turned_strata, k, seed).expect("folds").fold_of_row;
            again.rotate_right(turn % n);
            prop_assert_eq!(folds.fold_of_row, again);
        }

        #[test]
        fn every_row_is_tested_once_and_trained_on_else(n in 2usize..150, k in 2usize..8, seed: u64) {
            prop_assume!(k <= n);
            let folds = Folds::new(&ids(n), k, seed).expect("folds");
            let mut tested = vec![0; n];
            for fold in 0..folds.k() {
                let (test, train) = (folds.test_rows(fold), folds.train_rows(fold));
                prop_assert!(test.len() == n / k || test.len() == n.div_ceil(k));
                let mut all: Vec<usize> = test.iter().chain(&train).copied().collect();
                all.sort_unstable();
                prop_assert_eq!(all, (0..n).collect::<Vec<_>>());
                for row in test {
                    prop_assert_eq!(folds.fold_of_row()[row], fold);
                    tested[row] += 1;
                }
            }
            prop_assert!(tested.iter().all(|&times| times == 1));
        }

        #[test]
        fn folds_are_even_within_strata(n in 10usize..200, k in 2usize..8, seed: u64) {
            let strata: Vec<usize> = (0..n).map(|i| usize::from(i % 5 == 0)).collect();
            let folds = Folds::stratified(&ids(n), &strata, k, seed).expect("folds");
            for stratum in 0..2 {
                let mut counts = vec![0; k];
                for row in (0..n).filter(|&row| strata[row] == stratum) {
                    counts[folds.fold_of_row[row]] += 1;
                }
                let (min, max) = (counts.iter().min(), counts.iter().max());
                prop_assert!(max.expect("k > 0") - min.expect("k > 0") <= 1);
            }
        }
    }

    /// A new version of a random number library must not move anybody.
    #[test]
    fn folds_of_a_seed_stay() {
        let ids: Vec<ParticipantId> = (0..12).map(|i| ParticipantId::new(i.to_string())).collect();
        let folds = Folds::new(&ids, 3, 7).expect("folds");
        assert_eq!(folds.fold_of_row(), [0, 2, 0, 2, 0, 2, 1, 1, 1, 1, 0, 2]);
        assert_ne!(Folds::new(&ids, 3, 8).expect("folds").fold_of_row(), folds.fold_of_row());
    }

    #[test]
    #[should_panic(expected = "fold 2 of 2 folds")]
    fn folds_past_the_last_panic() {
        Folds::new(&ids(4), 2, 0).expect("folds").test_rows(2);
    }

    #[test]
    fn strata_need_a_row_each() {
        let error = Folds::stratified(&ids(4), &[0, 1], 2, 0).expect_err("two strata short").to_string();
        assert_eq!(error, "strata \"folds\": expected 4 rows, one for each participant, found 2");
    }

    #[test]
    fn impossible_numbers_of_folds_are_errors() {
        for k in [0, 1, 11] {
            let error = Folds::new(&ids(10), k, 0).expect_err("no folds");
            assert!(error.to_string().contains("expected 2 to 10 folds"), "{error}");
        }
        let twice = vec![ParticipantId::new("a"), ParticipantId::new("a")];
        assert!(matches!(Folds::new(&twice, 2, 0), Err(Error::DuplicateParticipant { first: 1, second: 2, .. })));
    }
}
