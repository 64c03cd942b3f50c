//! What the engine computes number by number, compiled for the instructions that the processor turns out to have.
//!
//! Sums are taken in sixteen lanes whatever the processor's width is, and nothing is contracted, so that these numbers
//! are the same on all processors; only logarithms are the system's.

use std::f32::consts::{FRAC_1_SQRT_2, LOG2_E};
use std::ops::Range;

use pulp::Arch;

use crate::model::Activation;

/// Runs a loop with the processor's widest instructions.
#[inline]
pub(super) fn wide<R>(run: impl FnOnce() -> R) -> R {
    Arch::new().dispatch(run)
}

const LANES: usize = 16;

/// The sum of what a function makes of pairs of numbers.
#[inline(always)]
fn sum_of(a: &[f32], b: &[f32], each: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [0f32; LANES];
    let (a_whole, a_rest) = a.split_at(a.len() / LANES * LANES);
    let (b_whole, b_rest) = b.split_at(a_whole.len());
    for (a, b) in a_whole.chunks_exact(LANES).zip(b_whole.chunks_exact(LANES)) {
        for lane in 0..LANES {
            lanes[lane] += each(a[lane], b[lane]);
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(&a, &b)| each(a, b)).sum();
    lanes.iter().sum::<f32>() + rest
}

/// The same of triples.
#[inline(always)]
fn sum_of_three(a: &[f32], b: &[f32], c: &[f32], each: impl Fn(f32, f32, f32) -> f32) -> f32 {
    let mut lanes = [0f32; LANES];
    let whole = a.len() / LANES * LANES;
    let chunks = a.chunks_exact(LANES).zip(b.chunks_exact(LANES)).zip(c.chunks_exact(LANES));
    for ((a, b), c) in chunks {
        for lane in 0..LANES {
            lanes[lane] += each(a[lane], b[lane], c[lane]);
        }
    }
    let rest: f32 = a[whole..].iter().zip(&b[whole..]).zip(&c[whole..]).map(|((&a, &b), &c)| each(a, b, c)).sum();
    lanes.iter().sum::<f32>() + rest
}

/// The largest of some numbers.
#[inline(always)]
fn most(numbers: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let whole = numbers.chunks_exact(LANES);
    let rest = whole.remainder().iter().fold(f32::NEG_INFINITY, |most, &x| if x > most { x } else { most });
    for chunk in whole {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane = if x > *lane { x } else { *lane };
        }
    }
    lanes.iter().fold(rest, |most, &x| if x > most { x } else { most })
}

/// The exponential function, within 4e-7 of it relatively; below -87 it stays where it is there.
///
/// Cephes' polynomial (Moshier 1989) on what is left of the nearest multiple of ln 2.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    const MAGIC: f32 = 12_582_912.0;
    let x = if x < -87.0 { -87.0 } else { x };
    let x = if x > 88.0 { 88.0 } else { x };
    // The last bits of this sum are the nearest whole number.
    let shifted = x * LOG2_E + MAGIC;
    let n = shifted - MAGIC;
    let r = x - n * 0.693_359_4 + n * 2.121_944_4e-4;
    let p = 1.987_569_1e-4 * r + 1.398_2e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 0.166_666_65;
    let p = p * r + 0.5;
    let p = p * (r * r) + r + 1.0;
    f32::from_bits(p.to_bits().wrapping_add(shifted.to_bits() << 23))
}

#[inline(always)]
fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

#[inline(always)]
fn tanh(x: f32) -> f32 {
    let small = x * (1.0 - x * x * (1.0 / 3.0));
    let large = 1.0 - 2.0 / (exp(2.0 * x) + 1.0);
    if x * x < 1e-4 { small } else { large }
}

/// The error function, by the rational approximation that Eigen uses.
#[inline(always)]
fn erf(x: f32) -> f32 {
    let x = if x < -4.0 { -4.0 } else { x };
    let x = if x > 4.0 { 4.0 } else { x };
    let z = x * x;
    let p = -2.726_142_3e-10 * z + 2.770_681_4e-8;
    let p = p * z - 2.101_024e-6;
    let p = p * z - 5.692_506_4e-5;
    let p = p * z - 7.349_906_6e-4;
    let p = p * z - 2.954_6e-3;
    let p = p * z - 1.609_603_3e-2;
    let q = -1.456_607_2e-5 * z - 2.133_740_6e-4;
    let q = q * z - 1.682_827e-3;
    let q = q * z - 7.373_329_3e-3;
    let q = q * z - 1.426_473_9e-2;
    x * p / q
}

/// An activation and its derivative.
#[inline(always)]
fn silu(x: f32) -> (f32, f32) {
    let s = sigmoid(x);
    (x * s, s + x * s * (1.0 - s))
}

#[inline(always)]
fn gelu(x: f32) -> (f32, f32) {
    const FRAC_1_SQRT_TAU: f32 = 0.398_942_3;
    let below = 0.5 * (1.0 + erf(x * FRAC_1_SQRT_2));
    (x * below, below + x * FRAC_1_SQRT_TAU * exp(-0.5 * x * x))
}

#[inline(always)]
fn gelu_tanh(x: f32) -> (f32, f32) {
    const SQRT_2_OVER_PI: f32 = 0.797_884_6;
    const CUBE: f32 = 0.044_715;
    let t = tanh(SQRT_2_OVER_PI * (x + CUBE * x * x * x));
    let slope = SQRT_2_OVER_PI * (1.0 + 3.0 * CUBE * x * x);
    (0.5 * x * (1.0 + t), 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * slope)
}

/// `out = activation(gate) * up`, or `activation(up)` where there is no gate.
pub(super) fn activate(activation: Activation, gate: Option<&[f32]>, up: &[f32], out: &mut [f32]) {
    #[inline(always)]
    fn run(of: impl Fn(f32) -> (f32, f32), gate: Option<&[f32]>, up: &[f32], out: &mut [f32]) {
        match gate {
            Some(gate) => out.iter_mut().zip(gate).zip(up).for_each(|((out, &gate), &up)| *out = of(gate).0 * up),
            None => out.iter_mut().zip(up).for_each(|(out, &up)| *out = of(up).0),
        }
    }
    wide(
        #[inline(always)]
        || match activation {
            Activation::Silu => run(silu, gate, up, out),
            Activation::Gelu => run(gelu, gate, up, out),
            Activation::GeluTanh => run(gelu_tanh, gate, up, out),
        },
    );
}

/// The gradients of gate and up, in their places, from that of [`activate`]'s result.
pub(super) fn activate_vjp(activation: Activation, gate: Option<&mut [f32]>, up: &mut [f32], gradient: &[f32]) {
    #[inline(always)]
    fn run(of: impl Fn(f32) -> (f32, f32), gate: Option<&mut [f32]>, up: &mut [f32], gradient: &[f32]) {
        match gate {
            Some(gate) => gate.iter_mut().zip(up).zip(gradient).for_each(|((gate, up), &gradient)| {
                let (value, slope) = of(*gate);
                *gate = gradient * *up * slope;
                *up = gradient * value;
            }),
            None => up.iter_mut().zip(gradient).for_each(|(up, &gradient)| *up = gradient * of(*up).1),
        }
    }
    wide(
        #[inline(always)]
        || match activation {
            Activation::Silu => run(silu, gate, up, gradient),
            Activation::Gelu => run(gelu, gate, up, gradient),
            Activation::GeluTanh => run(gelu_tanh, gate, up, gradient),
        },
    );
}

/// `out += other`.
pub(super) fn add(out: &mut [f32], other: &[f32]) {
    wide(
        #[inline(always)]
        || out.iter_mut().zip(other).for_each(|(out, &other)| *out += other),
    );
}

/// `out += other * by`.
pub(super) fn add_scaled(out: &mut [f32], other: &[f32], by: f32) {
    wide(
        #[inline(always)]
        || out.iter_mut().zip(other).for_each(|(out, &other)| *out += other * by),
    );
}

/// Adds a row to each row.
pub(super) fn add_row(out: &mut [f32], row: &[f32]) {
    wide(
        #[inline(always)]
        || {
            for out in out.chunks_exact_mut(row.len()) {
                out.iter_mut().zip(row).for_each(|(out, &other)| *out += other);
            }
        },
    );
}

/// `out = x * by`.
pub(super) fn scale(x: &[f32], by: f32, out: &mut [f32]) {
    wide(
        #[inline(always)]
        || out.iter_mut().zip(x).for_each(|(out, &x)| *out = x * by),
    );
}

/// Root-mean-square norm of each row, and by what each was multiplied.
pub(super) fn rms_norm(x: &[f32], weight: &[f32], epsilon: f32, out: &mut [f32], scales: &mut [f32]) {
    let d = weight.len();
    wide(
        #[inline(always)]
        || {
            for ((x, out), scale) in x.chunks_exact(d).zip(out.chunks_exact_mut(d)).zip(scales) {
                *scale = 1.0 / (sum_of(x, x, |a, b| a * b) / d as f32 + epsilon).sqrt();
                for ((out, &x), &weight) in out.iter_mut().zip(x).zip(weight) {
                    *out = x * *scale * weight;
                }
            }
        },
    );
}

/// Adds the gradient of [`rms_norm`]'s input to `out`.
pub(super) fn rms_norm_vjp(x: &[f32], weight: &[f32], scales: &[f32], gradient: &[f32], out: &mut [f32]) {
    let d = weight.len();
    wide(
        #[inline(always)]
        || {
            let rows = x.chunks_exact(d).zip(gradient.chunks_exact(d)).zip(out.chunks_exact_mut(d)).zip(scales);
            for (((x, gradient), out), &scale) in rows {
                let sum = sum_of_three(x, gradient, weight, |x, gradient, weight| x * gradient * weight);
                let along = sum * scale * scale * scale / d as f32;
                for (((out, &x), &gradient), &weight) in out.iter_mut().zip(x).zip(gradient).zip(weight) {
                    *out += gradient * weight * scale - x * along;
                }
            }
        },
    );
}

/// Layer norm of each row; also by what each was multiplied, and in front of that, its mean.
pub(super) fn layer_norm(
    x: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    epsilon: f32,
    out: &mut [f32],
    scales: &mut [f32],
    means: &mut [f32],
) {
    let d = weight.len();
    wide(
        #[inline(always)]
        || {
            let rows = x.chunks_exact(d).zip(out.chunks_exact_mut(d)).zip(scales.iter_mut().zip(means));
            for ((x, out), (scale, mean)) in rows {
                *mean = sum_of(x, x, |a, _| a) / d as f32;
                let centre = *mean;
                let variance = sum_of(x, x, |a, _| (a - centre) * (a - centre)) / d as f32;
                *scale = 1.0 / (variance + epsilon).sqrt();
                for ((out, &x), &weight) in out.iter_mut().zip(x).zip(weight) {
                    *out = (x - centre) * *scale * weight;
                }
                if let Some(bias) = bias {
                    out.iter_mut().zip(bias).for_each(|(out, &bias)| *out += bias);
                }
            }
        },
    );
}

/// Adds the gradient of [`layer_norm`]'s input to `out`.
pub(super) fn layer_norm_vjp(
    x: &[f32],
    weight: &[f32],
    scales: &[f32],
    means: &[f32],
    gradient: &[f32],
    out: &mut [f32],
) {
    let d = weight.len();
    wide(
        #[inline(always)]
        || {
            let rows = x.chunks_exact(d).zip(gradient.chunks_exact(d)).zip(out.chunks_exact_mut(d));
            for ((((x, gradient), out), &scale), &mean) in rows.zip(scales).zip(means) {
                let all = sum_of(gradient, weight, |gradient, weight| gradient * weight) / d as f32;
                let sum = sum_of_three(x, gradient, weight, |x, gradient, weight| gradient * weight * (x - mean));
                let along = sum * scale / d as f32;
                for (((out, &x), &gradient), &weight) in out.iter_mut().zip(x).zip(gradient).zip(weight) {
                    *out += scale * (gradient * weight - all - (x - mean) * scale * along);
                }
            }
        },
    );
}

/// Turns pairs of coordinates, those of the first half of `2 * cos.len()` numbers with those of the second; by the
/// opposite angle where `back`.
#[inline(always)]
pub(super) fn turn(head: &mut [f32], cos: &[f32], sin: &[f32], back: bool) {
    let half = cos.len();
    let (first, rest) = head.split_at_mut(half);
    let sign = if back { -1.0 } else { 1.0 };
    for (((a, b), &cos), &sin) in first.iter_mut().zip(&mut rest[..half]).zip(cos).zip(sin) {
        let (x, y, sin) = (*a, *b, sin * sign);
        *a = x * cos - y * sin;
        *b = y * cos + x * sin;
    }
}

/// Squashes numbers to `cap * tanh(number / cap)`.
#[inline(always)]
pub(super) fn cap(numbers: &mut [f32], cap: f32) {
    numbers.iter_mut().for_each(|number| *number = cap * tanh(*number / cap));
}

/// The same of many.
pub(super) fn cap_all(numbers: &mut [f32], most: f32) {
    wide(
        #[inline(always)]
        || cap(numbers, most),
    );
}

/// The derivative of [`cap`] where it gave this number.
#[inline(always)]
pub(super) fn cap_slope(capped: f32, cap: f32) -> f32 {
    let share = capped / cap;
    1.0 - share * share
}

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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn functions_equal_those_of_f64(x in -30f32..30.0) {
            let exact = f64::from(x);
            let near = |found: f32, expected: f64| (f64::from(found) - expected).abs() < 4e-7 * expected.abs().max(1.0);
            prop_assert!((f64::from(exp(x)) / exact.exp() - 1.0).abs() < 4e-7);
            prop_assert!(near(tanh(x), exact.tanh()));
            prop_assert!(near(erf(x), libm::erf(exact)));
            let normal = 0.5 * (1.0 + libm::erf(exact / std::f64::consts::SQRT_2));
            prop_assert!((f64::from(gelu(x).0) - exact * normal).abs() < 2e-6);
        }

        #[test]
        fn slopes_equal_differences(x in -6f32..6.0) {
            for of in [silu, gelu, gelu_tanh] {
                let h = 1e-2;
                let numeric = (of(x + h).0 - of(x - h).0) / (2.0 * h);
                prop_assert!((numeric - of(x).1).abs() < 2e-4);
            }
        }
    }
}
