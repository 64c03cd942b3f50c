use faer::MatRef;

use super::each::for_each;
use super::product::{multiply, rows_mut};
use super::shape::ConvShape;

/// A batch norm's numbers for a convolution's channels.
#[derive(Clone, Copy)]
pub(super) struct Norm<'a> {
    pub(super) gamma: &'a [f32],
    pub(super) beta: &'a [f32],
    pub(super) epsilon: f64,
    /// The mean and the variance that are used in place of the batch's own.
    pub(super) running: Option<(&'a [f32], &'a [f32])>,
}

/// What a convolution and its batch norm make, and what their backward pass needs again.
pub(super) struct Forward {
    /// `[batch, pitch_out, channels_out]`
    pub(super) y: Vec<f32>,
    /// The convolution alone, `[batch, pitch_products, channels_out]`.
    pub(super) products: Vec<f32>,
    pub(super) mean: Vec<f32>,
    pub(super) variance: Vec<f32>,
}

/// `relu(batch_norm(conv(x)) + shortcut)`, the last two where they are wanted.
///
/// # Shapes
/// - `x`: `[batch, pitch_in, channels_in]`
/// - `weight`: `[channels_out, channels_in, kernel]`
/// - `shortcut`: as the result's `y`
pub(super) fn forward(
    shape: ConvShape,
    x: &[f32],
    weight: &[f32],
    norm: Norm<'_>,
    shortcut: Option<&[f32]>,
    rectify: bool,
) -> Forward {
    let channels = shape.channels_out;
    let products_stride = shape.pitch_products() * channels;
    let mut products = vec![0.0; shape.batch * products_stride];
    let columns = shape.columns(x);
    // [out, channels, kernel] -> [out, kernel, channels]
    let weight = last_first(weight, shape.channels_in, shape.kernel);
    let weight = MatRef::from_row_major_slice(&weight, channels, shape.taps()).transpose();
    multiply(rows_mut(&mut products, columns.nrows(), channels, channels), columns, weight);

    let (mean, variance) = match norm.running {
        Some((mean, variance)) => (mean.to_vec(), variance.to_vec()),
        None => statistics(shape, &products),
    };
    let scale: Vec<f32> =
        norm.gamma.iter().zip(&variance).map(|(gamma, &it)| gamma * inverse_deviation(it, norm.epsilon)).collect();
    let y_stride = shape.pitch_out() * channels;
    let mut y = vec![0.0; shape.batch * y_stride];
    let least = if rectify { 0.0 } else { f32::NEG_INFINITY };
    let values = channels..(shape.length_out() + 1) * channels;
    let items = y.chunks_mut(y_stride).zip(products.chunks(products_stride)).enumerate();
    for_each(items, shape.values_per_channel() * channels, |(sequence, (y, products))| {
        let of_channel = || mean.iter().zip(&scale).zip(norm.beta);
        let rows = y[values.clone()].chunks_exact_mut(channels).zip(products.chunks_exact(channels));
        match shortcut {
            None => rows.for_each(|(y, product)| {
                for ((y, product), ((mean, scale), beta)) in y.iter_mut().zip(product).zip(of_channel()) {
                    *y = at_least((product - mean) * scale + beta, least);
                }
            }),
            Some(shortcut) => {
                let shortcut = &shortcut[sequence * y_stride..][values.clone()];
                rows.zip(shortcut.chunks_exact(channels)).for_each(|((y, product), shortcut)| {
                    let numbers = y.iter_mut().zip(product).zip(shortcut).zip(of_channel());
                    for (((y, product), shortcut), ((mean, scale), beta)) in numbers {
                        *y = at_least((product - mean) * scale + beta + shortcut, least);
                    }
                });
            }
        }
    });
    Forward { y, products, mean, variance }
}

/// One over the standard deviation.
pub(super) fn inverse_deviation(variance: f32, epsilon: f64) -> f32 {
    (1.0 / (f64::from(variance) + epsilon).sqrt()) as f32
}

/// The larger of two numbers; NaN stays.
#[inline(always)]
fn at_least(x: f32, least: f32) -> f32 {
    if x < least { least } else { x }
}

/// `[n, a, b]` as `[n, b, a]`.
pub(super) fn last_first(numbers: &[f32], a: usize, b: usize) -> Vec<f32> {
    if a == 1 || b == 1 {
        return numbers.to_vec();
    }
    let mut turned = vec![0.0; numbers.len()];
    for_each(turned.chunks_mut(a * b).zip(numbers.chunks(a * b)), numbers.len(), |(turned, numbers)| {
        for (first, turned) in turned.chunks_exact_mut(a).enumerate() {
            turned.iter_mut().zip(numbers[first..].iter().step_by(b)).for_each(|(turned, &number)| *turned = number);
        }
    });
    turned
}

/// Each channel's mean and variance (divided by n) over all values of the batch: of each sequence by itself, then put
/// together (Chan, Golub & LeVeque 1983), so that nothing cancels.
fn statistics(shape: ConvShape, products: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let (channels, length) = (shape.channels_out, shape.length_out());
    let products_stride = shape.pitch_products() * channels;
    let mut of_sequences = vec![0f32; shape.batch * 2 * channels];
    let items = of_sequences.chunks_mut(2 * channels).zip(products.chunks(products_stride));
    for_each(items, shape.values_per_channel() * channels, |(out, products)| {
        let values = &products[..length * channels];
        let (mean, squares) = out.split_at_mut(channels);
        for row in values.chunks_exact(channels) {
            mean.iter_mut().zip(row).for_each(|(mean, &x)| *mean += x);
        }
        mean.iter_mut().for_each(|mean| *mean /= length as f32);
        for row in values.chunks_exact(channels) {
            for ((squares, x), mean) in squares.iter_mut().zip(row).zip(&*mean) {
                let distance = x - mean;
                *squares += distance * distance;
            }
        }
    });
    let mut mean = vec![0f64; channels];
    let mut squares = vec![0f64; channels];
    for (sequence, of_sequence) in of_sequences.chunks(2 * channels).enumerate() {
        let share = 1.0 / (sequence + 1) as f64;
        for c in 0..channels {
            let distance = f64::from(of_sequence[c]) - mean[c];
            mean[c] += distance * share;
            squares[c] +=
                f64::from(of_sequence[channels + c]) + distance * distance * length as f64 * sequence as f64 * share;
        }
    }
    let n = shape.values_per_channel() as f64;
    (mean.iter().map(|&mean| mean as f32).collect(), squares.iter().map(|&squares| (squares / n) as f32).collect())
}
