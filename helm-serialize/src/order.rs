use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::{Deserialize, Serialize};

/// The order in which features are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum FeatureOrder {
    /// That of the serializer's features.
    #[default]
    Fixed,
    /// One other order for all participants, drawn by a seed.
    Shuffled {
        /// The seed.
        seed: u64,
    },
    /// An order of its own for each participant, drawn by a seed and the participant's identifier; another seed in every
    /// epoch of training augments the data.
    Permuted {
        /// The seed.
        seed: u64,
    },
}

/// Features that are left out by chance, for training that copes with missing ones.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Dropout {
    pub(crate) rate: f64,
    pub(crate) seed: u64,
}

/// The places of n features in the order in which they are written, without those that are dropped.
pub(crate) fn places(n: usize, order: FeatureOrder, dropout: Option<Dropout>, id: &str) -> Vec<usize> {
    let mut places: Vec<usize> = (0..n).collect();
    match order {
        FeatureOrder::Fixed => {}
        FeatureOrder::Shuffled { seed } => places.shuffle(&mut ChaCha8Rng::seed_from_u64(seed)),
        FeatureOrder::Permuted { seed } => places.shuffle(&mut participant_rng(seed, id)),
    }
    if let Some(Dropout { rate, seed }) = dropout {
        // Drawn feature by feature, so that the order does not change who is dropped.
        let mut rng = participant_rng(seed ^ 0x9e37_79b9_7f4a_7c15, id);
        let dropped: Vec<bool> = (0..n).map(|_| rng.random::<f64>() < rate).collect();
        places.retain(|&place| !dropped[place]);
    }
    places
}

/// The same numbers for the same participant on every machine, whatever the row.
fn participant_rng(seed: u64, id: &str) -> ChaCha8Rng {
    // FNV-1a.
    let hash = id
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    ChaCha8Rng::seed_from_u64(seed.rotate_left(32) ^ hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_follow_seed_and_participant() {
        let order = |order, id| places(12, order, None, id);
        assert_eq!(order(FeatureOrder::Fixed, "a"), (0..12).collect::<Vec<_>>());
        let shuffled = |seed| FeatureOrder::Shuffled { seed };
        assert_eq!(order(shuffled(1), "a"), order(shuffled(1), "b"));
        assert_ne!(order(shuffled(1), "a"), order(shuffled(2), "a"));
        let permuted = |seed| FeatureOrder::Permuted { seed };
        assert_eq!(order(permuted(1), "a"), order(permuted(1), "a"));
        assert_ne!(order(permuted(1), "a"), order(permuted(1), "b"));
        assert_ne!(order(permuted(1), "a"), order(permuted(2), "a"));
        // A new version of a random number library must not change anybody's text.
        assert_eq!(places(6, permuted(7), None, "62161"), GOLDEN);
    }

    const GOLDEN: [usize; 6] = [4, 0, 3, 2, 1, 5];

    #[test]
    fn dropout_takes_its_share() {
        let dropout = Some(Dropout { rate: 0.25, seed: 3 });
        let kept: usize = (0..2000).map(|i| places(10, FeatureOrder::Fixed, dropout, &i.to_string()).len()).sum();
        assert!((14_600..15_400).contains(&kept), "{kept}");
        let permuted = places(10, FeatureOrder::Permuted { seed: 5 }, dropout, "a");
        let mut sorted = permuted.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, places(10, FeatureOrder::Fixed, dropout, "a"));
    }
}
