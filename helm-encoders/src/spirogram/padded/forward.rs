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
    /// The weights as the products take them, `[channels_out, kernel, channels_in]`.
    pub(super) weight: Vec<f32>,
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
    let weight = taps_first(weight, shape.channels_in, shape.kernel);
    let per_sequence = shape.pitch_products() * channels;
    let mut products = vec![0.0; shape.batch * per_sequence];
    let columns = shape.columns(x);
    let of_weight = faer::MatRef::from_row_major_slice(&weight, channels, shape.taps()).transpose();
    multiply(rows_mut(&mut products, columns.nrows(), channels, channels), columns, of_weight);

    let (mean, variance) = match norm.running {
        Some((mean, variance)) => (mean.to_vec(), variance.to_vec()),
        None => statistics(shape, &products),
    };
    let mut scale = vec![0.0; channels];
    let mut shift = vec![0.0; channels];
    for c in 0..channels {
        scale[c] = norm.gamma[c] * inverse_deviation(variance[c], norm.epsilon);
        shift[c] = norm.beta[c] - mean[c] * scale[c];
    }
    let of_y = shape.pitch_out() * channels;
    let mut y = vec![0.0; shape.batch * of_y];
    let least = if rectify { 0.0 } else { f32::NEG_INFINITY };
    let values = channels..(shape.length_out() + 1) * channels;
    let items = y.chunks_mut(of_y).zip(products.chunks(per_sequence)).enumerate();
    for_each(items, shape.n() * channels, |(sequence, (y, products))| {
        let rows = y[values.clone()].chunks_exact_mut(channels).zip(products.chunks_exact(channels));
        match shortcut {
            None => rows.for_each(|(y, product)| {
                for (((y, product), scale), shift) in y.iter_mut().zip(product).zip(&scale).zip(&shift) {
                    *y = above(product * scale + shift, least);
                }
            }),
            Some(shortcut) => {
                let shortcut = &shortcut[sequence * of_y..][values.clone()];
                rows.zip(shortcut.chunks_exact(channels)).for_each(|((y, product), shortcut)| {
                    let numbers = y.iter_mut().zip(product).zip(shortcut).zip(&scale).zip(&shift);
                    for ((((y, product), shortcut), scale), shift) in numbers {
                        *y = above(product * scale + shift + shortcut, least);
                    }
                });
            }
        }
    });
    Forward { y, products, weight, mean, variance }
}

/// One over the standard deviation.
pub(super) fn inverse_deviation(variance: f32, epsilon: f64) -> f32 {
    (1.0 / (f64::from(variance) + epsilon).sqrt()) as f32
}

/// The larger number; one that is none stays.
#[inline(always)]
fn above(x: f32, least: f32) -> f32 {
    if x < least { least } else { x }
}

/// `[out, channels, kernel]` as `[out, kernel, channels]`, or the other way round with the two sizes exchanged.
pub(super) fn taps_first(weight: &[f32], channels: usize, kernel: usize) -> Vec<f32> {
    if kernel == 1 || channels == 1 {
        return weight.to_vec();
    }
    let mut turned = vec![0.0; weight.len()];
    let of_out = channels * kernel;
    let items = turned.chunks_mut(of_out).zip(weight.chunks(of_out));
    for_each(items, weight.len(), |(turned, weight)| {
        for (tap, turned) in turned.chunks_exact_mut(channels).enumerate() {
            turned.iter_mut().zip(weight[tap..].iter().step_by(kernel)).for_each(|(turned, &weight)| *turned = weight);
        }
    });
    turned
}

/// Each channel's mean and variance (divided by n) over all values of the batch: of each sequence by itself, then put
/// together (Chan, Golub & LeVeque 1983), so that nothing cancels.
fn statistics(shape: ConvShape, products: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let (channels, length) = (shape.channels_out, shape.length_out());
    let per_sequence = shape.pitch_products() * channels;
    let mut of_sequences = vec![0f32; shape.batch * 2 * channels];
    let items = of_sequences.chunks_mut(2 * channels).zip(products.chunks(per_sequence));
    for_each(items, shape.n() * channels, |(out, products)| {
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
    let n = shape.n() as f64;
    (mean.iter().map(|&mean| mean as f32).collect(), squares.iter().map(|&squares| (squares / n) as f32).collect())
}
