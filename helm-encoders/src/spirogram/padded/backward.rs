use faer::MatRef;

use super::each::for_each;
use super::forward::{inverse_deviation, last_first};
use super::product::{multiply, multiply_columns, rows_mut};
use super::shape::ConvShape;

/// What [`forward`](super::forward::forward) was given and made.
pub(super) struct Given<'a> {
    pub(super) shape: ConvShape,
    pub(super) x: &'a [f32],
    pub(super) weight: &'a [f32],
    pub(super) gamma: &'a [f32],
    pub(super) epsilon: f64,
    pub(super) products: &'a [f32],
    pub(super) mean: &'a [f32],
    pub(super) variance: &'a [f32],
    /// Whether mean and variance were the batch's own.
    pub(super) is_of_batch: bool,
    /// What came out, where a rectifier stood at the end.
    pub(super) rectified: Option<&'a [f32]>,
}

/// Which gradients are asked for, beside those to γ and β.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    pub(super) x: bool,
    pub(super) weight: bool,
    pub(super) shortcut: bool,
}

/// The gradients to what went in.
pub(super) struct InputGradients {
    pub(super) x: Option<Vec<f32>>,
    pub(super) weight: Option<Vec<f32>>,
    pub(super) gamma: Vec<f32>,
    pub(super) beta: Vec<f32>,
    pub(super) shortcut: Option<Vec<f32>>,
}

/// The gradients to what went in, from the gradient to `y`, `[batch, pitch_out, channels_out]`, whose rows of padding are
/// not read.
pub(super) fn backward(given: &Given<'_>, grad_y: &[f32], wanted: Wanted) -> InputGradients {
    let shape = given.shape;
    let channels = shape.channels_out;
    // Two rows of zeros, and then the gradient to the products, with zeros where nobody read them.
    let mut behind_zeros = vec![0f32; (2 + shape.batch * shape.pitch_products()) * channels];
    let grad_products = &mut behind_zeros[2 * channels..];
    let mut shortcut = wanted.shortcut.then(|| vec![0f32; grad_y.len()]);
    let sums = through_rectifier(given, grad_y, grad_products, shortcut.as_deref_mut());

    // y = γ x̂ + β, x̂ = (x − mean) / σ
    let inverse: Vec<f32> = given.variance.iter().map(|&it| inverse_deviation(it, given.epsilon)).collect();
    let beta: Vec<f32> = sums[..channels].iter().map(|&sum| sum as f32).collect();
    let gamma: Vec<f32> = (0..channels).map(|c| (sums[channels + c] * f64::from(inverse[c])) as f32).collect();
    if wanted.x || wanted.weight {
        through_norm(given, &sums, &inverse, grad_products);
    }
    let weight = wanted.weight.then(|| {
        let columns = shape.columns(given.x);
        let rows = MatRef::from_row_major_slice_with_stride(grad_products, columns.nrows(), channels, channels);
        // [out, kernel, channels] -> [out, channels, kernel]
        last_first(&multiply_columns(rows, columns), shape.kernel, shape.channels_in)
    });
    let x = wanted.x.then(|| to_input(shape, given.weight, &behind_zeros));
    InputGradients { x, weight, gamma, beta, shortcut }
}

/// The gradient g in front of the rectifier, which is also that to the shortcut; and for each channel Σ g and
/// Σ g · (x − mean), where x is what the convolution made.
fn through_rectifier(given: &Given<'_>, grad_y: &[f32], out: &mut [f32], shortcut: Option<&mut [f32]>) -> Vec<f64> {
    let shape = given.shape;
    let channels = shape.channels_out;
    let (y_stride, products_stride) = (shape.pitch_out() * channels, shape.pitch_products() * channels);
    let values = channels..(shape.length_out() + 1) * channels;
    let mut of_sequences = vec![0f32; shape.batch * 2 * channels];
    let mut shortcuts = shortcut.map(|it| it.chunks_mut(y_stride));
    let items = of_sequences.chunks_mut(2 * channels).zip(out.chunks_mut(products_stride)).enumerate();
    let items = items.map(|item| (item, shortcuts.as_mut().and_then(Iterator::next)));
    for_each(items, shape.values_per_channel() * channels, |((sequence, (sums, out)), shortcut)| {
        let grad_y = grad_y[sequence * y_stride..][values.clone()].chunks_exact(channels);
        let products = given.products[sequence * products_stride..].chunks_exact(channels);
        let (sum, weighted) = sums.split_at_mut(channels);
        let rows = out.chunks_exact_mut(channels).zip(grad_y).zip(products);
        let mut add = |(out, product): (&[f32], &[f32])| {
            sum.iter_mut().zip(out).for_each(|(sum, out)| *sum += out);
            for (((weighted, out), product), mean) in weighted.iter_mut().zip(out).zip(product).zip(given.mean) {
                *weighted += out * (product - mean);
            }
        };
        match given.rectified {
            None => rows.for_each(|((out, grad_y), product)| {
                out.copy_from_slice(grad_y);
                add((out, product));
            }),
            Some(y) => {
                let y = y[sequence * y_stride..][values.clone()].chunks_exact(channels);
                rows.zip(y).for_each(|(((out, grad_y), product), y)| {
                    for ((out, &grad_y), &y) in out.iter_mut().zip(grad_y).zip(y) {
                        // NaN has a gradient.
                        *out = if y <= 0.0 { 0.0 } else { grad_y };
                    }
                    add((out, product));
                });
            }
        }
        if let Some(shortcut) = shortcut {
            shortcut[values.clone()].copy_from_slice(&out[..values.len()]);
        }
    });
    let mut sums = vec![0f64; 2 * channels];
    for of_sequence in of_sequences.chunks(2 * channels) {
        sums.iter_mut().zip(of_sequence).for_each(|(sum, &part)| *sum += f64::from(part));
    }
    sums
}

/// Makes g, the gradient behind a batch norm, that in front of it: γ/σ · (g − mean(g) − x̂ · mean(g x̂)). Where mean and
/// variance were not the batch's own, they don't move with its values, and it is γ/σ · g.
fn through_norm(given: &Given<'_>, sums: &[f64], inverse: &[f32], gradient: &mut [f32]) {
    let shape = given.shape;
    let channels = shape.channels_out;
    let products_stride = shape.pitch_products() * channels;
    let values = shape.length_out() * channels;
    let per_value = if given.is_of_batch { 1.0 / shape.values_per_channel() as f64 } else { 0.0 };
    let scale: Vec<f32> = given.gamma.iter().zip(inverse).map(|(&gamma, &inverse)| gamma * inverse).collect();
    let mean_gradient: Vec<f32> = sums[..channels].iter().map(|&sum| (sum * per_value) as f32).collect();
    // What x − mean is multiplied by: x̂ has one 1/σ, mean(g x̂) the other.
    let slope: Vec<f32> = sums[channels..]
        .iter()
        .zip(inverse)
        .map(|(&sum, &it)| (sum * per_value * f64::from(it).powi(2)) as f32)
        .collect();
    let items = gradient.chunks_mut(products_stride).zip(given.products.chunks(products_stride));
    for_each(items, shape.values_per_channel() * channels, |(gradient, products)| {
        let rows = gradient[..values].chunks_exact_mut(channels).zip(products.chunks_exact(channels));
        rows.for_each(|(gradient, product)| {
            let of_channel = given.mean.iter().zip(&scale).zip(&mean_gradient).zip(&slope);
            for ((gradient, product), (((mean, scale), mean_gradient), slope)) in
                gradient.iter_mut().zip(product).zip(of_channel)
            {
                *gradient = scale * (*gradient - mean_gradient - slope * (product - mean));
            }
        });
    });
}

/// The gradient to the input, `[batch, pitch_in, channels_in]`, from that to the products behind two rows of zeros. In its
/// rows of padding stands something that nobody reads.
///
/// Product p read the input's rows `stride · p + tap`; row r has its gradient from the products (r − tap) / stride, which
/// stand two rows later here. At stride 2, an even row met the taps 0 and 2, an odd one tap 1.
fn to_input(shape: ConvShape, weight: &[f32], behind_zeros: &[f32]) -> Vec<f32> {
    let ConvShape { channels_in, channels_out, kernel, stride, .. } = shape;
    let rows = shape.batch * shape.pitch_in();
    let mut out = vec![0f32; rows * channels_in];
    // Each `distance`th row from `first_row` on, by products from `first_product` on, of which as many in a row as taps.
    let mut set = |first_row: usize, distance: usize, first_product: usize, taps: &[usize]| {
        // [taps, out, channels]
        let mut turned = vec![0f32; taps.len() * channels_out * channels_in];
        let n = turned.len();
        for_each(turned.chunks_mut(channels_in).enumerate(), n, |(row, turned)| {
            let (tap, of_out) = (taps[row / channels_out], &weight[row % channels_out * channels_in * kernel..]);
            turned.iter_mut().zip(of_out[tap..].iter().step_by(kernel)).for_each(|(turned, &weight)| *turned = weight);
        });
        let width = taps.len() * channels_out;
        let products = &behind_zeros[first_product * channels_out..];
        let products = MatRef::from_row_major_slice_with_stride(products, rows / distance, width, channels_out);
        let turned = MatRef::from_row_major_slice(&turned, width, channels_in);
        let out = &mut out[first_row * channels_in..];
        multiply(rows_mut(out, rows / distance, channels_in, distance * channels_in), products, turned);
    };
    match (kernel, stride) {
        (3, 1) => set(0, 1, 0, &[2, 1, 0]),
        (3, 2) => {
            set(0, 2, 1, &[2, 0]);
            set(1, 2, 2, &[1]);
        }
        // The value itself, behind a row of zeros.
        (1, 1) => set(0, 1, 1, &[0]),
        _ => unreachable!("a kernel of {kernel} at stride {stride}"),
    }
    out
}
