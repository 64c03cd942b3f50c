use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::config::Imbalance;
use super::examples::Examples;

/// The order of the examples in one epoch.
pub(crate) fn epoch_order(
    examples: &Examples,
    imbalance: Imbalance,
    question_weights: &[f64],
    rng: &mut ChaCha8Rng,
) -> Vec<usize> {
    let n = examples.len();
    if imbalance == Imbalance::Sampling {
        let weights = class_weights(examples);
        // An example is drawn by the mean weight of its labels, each as important as its question.
        let mut cumulative = Vec::with_capacity(n);
        let mut total = 0.0;
        for labels in examples.labels() {
            let known = label_weights(labels, &weights).zip(question_weights);
            let (sum, of_questions) = known.fold((0.0, 0.0), |(sum, all), (weight, of_question)| match weight {
                Some(weight) => (sum + weight * of_question, all + of_question),
                None => (sum, all),
            });
            total += if of_questions > 0.0 { sum / of_questions } else { 0.0 };
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

/// A participant's labels without those of questions that are not drawn: `n` of the labelled ones, drawn without
/// replacement in proportion to the questions' weights.
pub(crate) fn draw_questions(
    labels: &[Option<bool>],
    question_weights: &[f64],
    n: usize,
    rng: &mut ChaCha8Rng,
) -> Vec<Option<bool>> {
    let mut drawn = vec![None; labels.len()];
    let mut weights: Vec<f64> =
        labels.iter().zip(question_weights).map(|(label, weight)| label.map_or(0.0, |_| *weight)).collect();
    for _ in 0..n {
        let total: f64 = weights.iter().sum();
        let Some(last) = weights.iter().rposition(|&weight| weight > 0.0) else { break };
        let mut rest = rng.random_range(0.0..total);
        let question = weights.iter().position(|&weight| {
            rest -= weight;
            rest < 0.0
        });
        // Rounding may leave a trifle after the last one.
        let question = question.unwrap_or(last);
        drawn[question] = labels[question];
        weights[question] = 0.0;
    }
    drawn
}

/// An epoch's order, or a batch, in parts whose sizes differ by one at most.
pub(crate) fn even_parts<T>(all: &[T], n: usize) -> impl Iterator<Item = &[T]> {
    (0..n).map(move |i| &all[i * all.len() / n..(i + 1) * all.len() / n])
}

#[cfg(test)]
mod tests {
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    #[test]
    fn questions_are_drawn_in_proportion_among_those_with_a_label() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let labels = [Some(true), None, Some(false), Some(true)];
        let mut counts = [0usize; 4];
        for _ in 0..6000 {
            let drawn = draw_questions(&labels, &[1.0, 5.0, 2.0, 0.0], 1, &mut rng);
            let at: Vec<usize> = (0..4).filter(|&question| drawn[question].is_some()).collect();
            assert!(at.len() == 1 && drawn[at[0]] == labels[at[0]]);
            counts[at[0]] += 1;
        }
        assert_eq!((counts[1], counts[3]), (0, 0));
        // A third, with a standard error of 0.6 %.
        assert!((counts[0] as f64 / 6000.0 - 1.0 / 3.0).abs() < 0.025, "{counts:?}");
        // Two are drawn without replacement, and no more than there are.
        for n in [2, 7] {
            assert_eq!(
                draw_questions(&labels, &[1.0, 5.0, 2.0, 0.0], n, &mut rng),
                [Some(true), None, Some(false), None]
            );
        }
    }

    #[test]
    fn parts_are_even_and_whole() {
        let all: Vec<usize> = (0..11).collect();
        let parts: Vec<&[usize]> = even_parts(&all, 4).collect();
        assert!(parts.iter().all(|part| (2..=3).contains(&part.len())));
        assert_eq!(parts.concat(), all);
    }
}
