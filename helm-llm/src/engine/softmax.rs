//! Softmax over the parts of a row that a token sees, and over a vocabulary.

use std::ops::Range;

use super::functions::{cap_slope, exp};
use super::lanes::{most, sum_of, wide};

/// The softmax of the numbers of some ranges of a row in their places; the logarithm of the sum of their exponentials.
#[inline(always)]
pub(super) fn softmax(row: &mut [f32], ranges: &[Range<usize>]) -> f32 {
    let largest = ranges.iter().fold(f32::NEG_INFINITY, |largest, range| {
        let own = most(&row[range.clone()]);
        if own > largest { own } else { largest }
    });
    let mut sum = 0.0;
    for range in ranges {
        let numbers = &mut row[range.clone()];
        numbers.iter_mut().for_each(|number| *number = exp(*number - largest));
        sum += sum_of(numbers, numbers, |a, _| a);
    }
    let share = 1.0 / sum;
    for range in ranges {
        row[range.clone()].iter_mut().for_each(|number| *number *= share);
    }
    largest + sum.ln()
}

/// `exp(number - log_sum)` of the numbers of some ranges of a row in their places.
#[inline(always)]
pub(super) fn softmax_again(row: &mut [f32], ranges: &[Range<usize>], log_sum: f32) {
    for range in ranges {
        row[range.clone()].iter_mut().for_each(|number| *number = exp(*number - log_sum));
    }
}

/// The gradient of a softmax' input, in the place of that of its result, in some ranges of a row.
#[inline(always)]
pub(super) fn softmax_vjp(weights: &[f32], gradient: &mut [f32], ranges: &[Range<usize>]) {
    let along: f32 =
        ranges.iter().map(|range| sum_of(&weights[range.clone()], &gradient[range.clone()], |a, b| a * b)).sum();
    for range in ranges {
        for (gradient, &weight) in gradient[range.clone()].iter_mut().zip(&weights[range.clone()]) {
            *gradient = weight * (*gradient - along);
        }
    }
}

/// The largest of a row of logits, and the sum of the exponentials of what they are below it.
pub(super) fn sum_exp(logits: &[f32]) -> (f32, f32) {
    wide(
        #[inline(always)]
        || {
            let largest = most(logits);
            (largest, sum_of(logits, logits, |a, _| exp(a - largest)))
        },
    )
}

/// Logits become probabilities, each times the slope of its cap.
pub(super) fn logits_to_shares(logits: &mut [f32], largest: f32, sum: f32, cap: Option<f32>) {
    let share = 1.0 / sum;
    wide(
        #[inline(always)]
        || match cap {
            None => logits.iter_mut().for_each(|logit| *logit = exp(*logit - largest) * share),
            Some(cap) => {
                logits.iter_mut().for_each(|logit| *logit = exp(*logit - largest) * share * cap_slope(*logit, cap));
            }
        },
    );
}
