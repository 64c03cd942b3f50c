use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::config::Imbalance;
use super::examples::Examples;

/// The order of the examples in one epoch.
pub(crate) fn epoch_order(examples: &Examples, imbalance: Imbalance, rng: &mut ChaCha8Rng) -> Vec<usize> {
    let n = examples.len();
    if imbalance == Imbalance::Sampling {
        let weights = class_weights(examples);
        // An example is drawn by the mean weight of its labels.
        let mut cumulative = Vec::with_capacity(n);
        let mut total = 0.0;
        for labels in examples.labels() {
            let known: Vec<f64> = label_weights(labels, &weights).flatten().collect();
            total += known.iter().sum::<f64>() / known.len().max(1) as f64;
            cumulative.push(total);
        }
        return (0..n)
            .map(|_| {
                let at = rng.random_range(0.0..total);
                cumulative.partition_point(|&end| end <= at).min(n - 1)
            })
            .collect();
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.shuffle(rng);
    order
}

/// The weights of a control and of a case of each question that make both classes weigh the same, 1 on average.
pub(crate) fn class_weights(examples: &Examples) -> Vec<[f64; 2]> {
    (0..examples.n_questions())
        .map(|question| {
            let counts = examples.counts(question);
            let total = (counts[0] + counts[1]) as f64;
            counts.map(|count| if count == 0 { 0.0 } else { total / (2.0 * count as f64) })
        })
        .collect()
}

/// The weights of one example's labels.
pub(crate) fn label_weights<'a>(
    labels: &'a [Option<bool>],
    weights: &'a [[f64; 2]],
) -> impl Iterator<Item = Option<f64>> + 'a {
    labels.iter().zip(weights).map(|(label, weights)| label.map(|case| weights[usize::from(case)]))
}
