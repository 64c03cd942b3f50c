//! Loops compiled for the instructions that the processor turns out to have.
//!
//! Sums are taken in sixteen lanes whatever the processor's width is, and nothing is contracted, so that these numbers
//! are the same on all processors; only logarithms are the system's.

use half::bf16;
use pulp::Arch;

/// Runs a loop with the processor's widest instructions.
#[inline]
pub(super) fn wide<R>(run: impl FnOnce() -> R) -> R {
    Arch::new().dispatch(run)
}

const LANES: usize = 16;

/// The sum of what a function makes of pairs of numbers.
#[inline(always)]
pub(super) fn sum_of(a: &[f32], b: &[f32], each: impl Fn(f32, f32) -> f32) -> f32 {
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
pub(super) fn sum_of_three(a: &[f32], b: &[f32], c: &[f32], each: impl Fn(f32, f32, f32) -> f32) -> f32 {
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
pub(super) fn most(numbers: &[f32]) -> f32 {
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

/// `out += other * by`, `other` being bf16.
pub(super) fn add_widened(out: &mut [f32], other: &[bf16], by: f32) {
    wide(
        #[inline(always)]
        || out.iter_mut().zip(other).for_each(|(out, &other)| *out += widened(other) * by),
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

/// A number of bf16 as it is in f32: the same bits, and zeros behind them.
#[inline(always)]
fn widened(number: bf16) -> f32 {
    f32::from_bits(u32::from(number.to_bits()) << 16)
}

/// Numbers of bf16 as they are in f32.
pub(super) fn widen(numbers: &[bf16], out: &mut [f32]) {
    wide(
        #[inline(always)]
        || out.iter_mut().zip(numbers).for_each(|(out, x)| *out = widened(*x)),
    );
}
