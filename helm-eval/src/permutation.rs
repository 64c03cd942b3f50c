use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::clusters::Clusters;
use crate::scored::Scored;
use crate::tally::{Tally, slot};

/// Permutation tests of AUROC: how often chance alone does as well.
///
/// p is `(1 + replicates as extreme) / (1 + replicates)`, two-sided (Davison and Hinkley 1997, §4.3), and so never 0.
/// Each replicate has a random stream of its own: the number of threads changes nothing.
///
/// ```
/// use helm_eval::{Permutation, Scored};
///
/// let labels = [false, false, false, false, true, true, true, true];
/// let good = Scored::new(&labels, &[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8])?;
/// let poor = Scored::new(&labels, &[0.7, 0.2, 0.5, 0.4, 0.3, 0.6, 0.1, 0.8])?;
/// let permutation = Permutation::default();
/// // 2 of the 70 ways to choose four cases are as extreme.
/// assert!((permutation.chance_p(&good)? - 2.0 / 70.0).abs() < 0.02);
/// assert!(permutation.paired_p(&good, &poor)? > 0.05);
/// assert_eq!(permutation.paired_p(&good, &good)?, 1.0);
/// # Ok::<(), helm_eval::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permutation {
    /// How often labels or models are exchanged anew.
    pub replicates: usize,
    /// Decides what is exchanged.
    pub seed: u64,
}

impl Default for Permutation {
    fn default() -> Self {
        Self { replicates: 2000, seed: 0 }
    }
}

/// Two statistics closer than this are the same, computed another way.
const ROUNDING: f64 = 1e-12;

impl Permutation {
    /// Whether a score tells cases from controls at all: labels are dealt to the rows anew, and the p is of AUROCs as
    /// far from 0.5.
    ///
    /// # Errors
    /// [`Error::Setting`] without replicates, [`Error::Undefined`] with weights or where participants have several
    /// rows: then labels can't be exchanged.
    pub fn chance_p(&self, scored: &Scored) -> Result<f64, Error> {
        self.check()?;
        scored.check_independent("permutation of labels")?;
        let found = (scored.auroc() - 0.5).abs();
        let rows = || scored.cases().iter().chain(scored.controls());
        let start = || (Tally::<u32>::new(scored.n_groups()), Vec::with_capacity(scored.len()));
        let distance = |(tally, groups): &mut (Tally<u32>, Vec<usize>), mut rng: ChaCha8Rng| {
            tally.clear();
            groups.clear();
            groups.extend(rows().map(|&row| scored.group_of(row)));
            // The first places of a shuffle become the cases.
            for place in 0..scored.n_cases() {
                let other = rng.random_range(place..groups.len());
                groups.swap(place, other);
            }
            let labelled = groups.iter().enumerate();
            labelled.for_each(|(place, &group)| tally.add(slot(group, place < scored.n_cases()), 1));
            (tally.auroc() - 0.5).abs()
        };
        Ok(self.p(found, start, distance))
    }

    /// Whether two scores of the same rows are exchangeable, tested by their difference in AUROC: scores become
    /// midranks, and each row's (each participant's, where they are known) change sides at random (after Venkatraman
    /// and Begg 1996, Biometrika 83:835–848). Like theirs, it asks for more than equal areas: two curves of the same
    /// area and another shape may differ.
    ///
    /// # Errors
    /// [`Error::Setting`] without replicates, or if labels, weights or participants differ;
    /// [`Error::Undefined`] of a survey.
    pub fn paired_p(&self, a: &Scored, b: &Scored) -> Result<f64, Error> {
        self.check()?;
        Scored::check_same_rows(&[a, b])?;
        if a.design().is_some() {
            let (expected, found) = ("independent participants".into(), "those of a survey".into());
            return Err(Error::Undefined { what: "exchange of scores", expected, found });
        }
        let ranks = [a, b].map(twice_midranks);
        let rows: Vec<u32> = a.cases().iter().chain(a.controls()).copied().collect();
        let n_groups = 2 * rows.len() + 1;
        let mass = |row: u32| a.weights().map_or(1.0, |weights| weights[row as usize]);
        let unit_rows = |unit: usize| a.clusters().map_or(&rows[unit..=unit], |clusters| clusters.rows(unit));
        let units = a.clusters().map_or(rows.len(), Clusters::len);
        let add = |tallies: &mut [Tally<f64>; 2], unit: usize, exchanged: bool| {
            for &row in unit_rows(unit) {
                for (side, tally) in tallies.iter_mut().enumerate() {
                    let group = ranks[side ^ usize::from(exchanged)][row as usize];
                    tally.add(slot(group as usize, a.is_case(row)), mass(row));
                }
            }
        };
        let difference = |tallies: &mut [Tally<f64>; 2]| {
            let difference = (tallies[0].auroc() - tallies[1].auroc()).abs();
            tallies.iter_mut().for_each(Tally::clear);
            difference
        };
        let start = || [0; 2].map(|_| Tally::<f64>::new(n_groups));
        let mut whole = start();
        (0..units).for_each(|unit| add(&mut whole, unit, false));
        let found = difference(&mut whole);
        let distance = |tallies: &mut [Tally<f64>; 2], mut rng: ChaCha8Rng| {
            (0..units).for_each(|unit| add(tallies, unit, rng.random_bool(0.5)));
            difference(tallies)
        };
        Ok(self.p(found, start, distance))
    }

    fn check(&self) -> Result<(), Error> {
        if self.replicates > 0 {
            return Ok(());
        }
        let (expected, found) = ("at least 1".into(), "0".into());
        Err(Error::Setting { what: "permutation replicates", expected, found })
    }

    /// The share of replicates whose distance from no difference is as large.
    fn p<T: Send>(
        &self,
        found: f64,
        start: impl Fn() -> T + Sync + Send,
        distance: impl Fn(&mut T, ChaCha8Rng) -> f64 + Sync + Send,
    ) -> f64 {
        let as_far = (0..self.replicates).into_par_iter().map_init(start, |state, index| {
            let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
            rng.set_stream(index as u64);
            usize::from(distance(state, rng) >= found - ROUNDING)
        });
        (1 + as_far.sum::<usize>()) as f64 / (1 + self.replicates) as f64
    }
}

/// Twice the midrank of each row, from 0: a whole number below twice the number of rows.
fn twice_midranks(scored: &Scored) -> Vec<u32> {
    let rows = || scored.cases().iter().chain(scored.controls());
    let mut sizes = vec![0u32; scored.n_groups()];
    rows().for_each(|&row| sizes[scored.group_of(row)] += 1);
    let mut before = 0;
    let of_group: Vec<u32> = sizes
        .iter()
        .map(|size| {
            before += size;
            2 * before - size - 1
        })
        .collect();
    let mut ranks = vec![0; scored.n_rows()];
    rows().for_each(|&row| ranks[row as usize] = of_group[scored.group_of(row)]);
    ranks
}
