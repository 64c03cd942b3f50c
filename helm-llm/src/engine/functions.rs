//! The exponential and what is made of it: activations and caps, with their derivatives.

use std::f32::consts::{FRAC_1_SQRT_2, LOG2_E};

use super::lanes::wide;
use crate::model::Activation;

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
