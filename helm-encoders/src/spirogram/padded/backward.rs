use faer::MatRef;

use super::each::for_each;
use super::forward::{inverse_deviation, taps_first};
use super::product::{multiply, multiply_columns, rows_mut};
use super::shape::ConvShape;

/// What [`forward`](super::forward::forward) was given and made.
pub(super) struct Given<'a> {
    pub(super) shape: ConvShape,
    pub(super) x: &'a [f32],
    pub(super) gamma: &'a [f32],
    pub(super) epsilon: f64,
    /// The weights as the products took them.
    pub(super) weight: &'a [f32],
    pub(super) products: &'a [f32],
    pub(super) mean: &'a [f32],
    pub(super) variance: &'a [f32],
    /// Whether mean and variance were the batch's own.
    pub(super) of_batch: bool,
    /// What came out, where a rectifier stood at the end.
    pub(super) rectified: Option<&'a [f32]>,
}

/// What is asked for.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    pub(super) x: bool,
    pub(super) weight: bool,
    pub(super) shortcut: bool,
}

/// Gradients.
pub(super) struct Backward {
    pub(super) x: Option<Vec<f32>>,
    pub(super) weight: Option<Vec<f32>>,
    pub(super) gamma: Vec<f32>,
    pub(super) beta: Vec<f32>,
    pub(super) shortcut: Option<Vec<f32>>,
}

/// The gradients to what went in, from the gradient to `y`, `[batch, pitch_out, channels_out]`, of which the rows that are
/// no values are not read.
pub(super) fn backward(given: &Given<'_>, of_y: &[f32], wanted: Wanted) -> Backward {
    let shape = given.shape;
    let channels = shape.channels_out;
    let per_sequence = shape.pitch_products() * channels;
    // Two rows of zeros, and then the gradient to the products, with zeros where nobody read them.
    let mut of_products = vec![0f32; 2 * channels + shape.batch * per_sequence];
    let mut of_shortcut = wanted.shortcut.then(|| vec![0f32; of_y.len()]);
    let sums = through_rectifier(given, of_y, &mut of_products[2 * channels..], of_shortcut.as_deref_mut());

    let inverse: Vec<f32> = given.variance.iter().map(|&it| inverse_deviation(it, given.epsilon)).collect();
    let beta: Vec<f32> = sums[..channels].iter().map(|&sum| sum as f32).collect();
    let gamma: Vec<f32> = (0..channels).map(|c| (sums[channels + c] * f64::from(inverse[c])) as f32).collect();
    if wanted.x || wanted.weight {
        through_norm(given, &sums, &inverse, &mut of_products[2 * channels..]);
    }
    let weight = wanted.weight.then(|| {
        let columns = shape.columns(given.x);
        let rows =
            MatRef::from_row_major_slice_with_stride(&of_products[2 * channels..], columns.nrows(), channels, channels);
        // [out, kernel, channels] -> [out, channels, kernel]
        taps_first(&multiply_columns(rows, columns), shape.kernel, shape.channels_in)
    });
    let x = wanted.x.then(|| to_input(shape, given.weight, &of_products));
    Backward { x, weight, gamma, beta, shortcut: of_shortcut }
}

/// The gradient in front of the rectifier, which is also that to the shortcut; and for each channel its sum, and its sum
/// weighted by the distance of the convolution's value from its mean.
fn through_rectifier(given: &Given<'_>, of_y: &[f32], out: &mut [f32], shortcut: Option<&mut [f32]>) -> Vec<f64> {
    let shape = given.shape;
    let channels = shape.channels_out;
    let (in_y, in_products) = (shape.pitch_out() * channels, shape.pitch_products() * channels);
    let values = channels..(shape.length_out() + 1) * channels;
    let mut of_sequences = vec![0f32; shape.batch * 2 * channels];
    let mut shortcuts = shortcut.map(|it| it.chunks_mut(in_y));
    let items = of_sequences.chunks_mut(2 * channels).zip(out.chunks_mut(in_products)).enumerate();
    let items = items.map(|item| (item, shortcuts.as_mut().and_then(Iterator::next)));
    for_each(items, shape.n() * channels, |((sequence, (sums, out)), shortcut)| {
        let of_y = of_y[sequence * in_y..][values.clone()].chunks_exact(channels);
        let products = given.products[sequence * in_products..].chunks_exact(channels);
        let (sum, weighted) = sums.split_at_mut(channels);
        let rows = out.chunks_exact_mut(channels).zip(of_y).zip(products);
        let mut add = |(out, product): (&[f32], &[f32])| {
            sum.iter_mut().zip(out).for_each(|(sum, out)| *sum += out);
            for (((weighted, out), product), mean) in weighted.iter_mut().zip(out).zip(product).zip(given.mean) {
                *weighted += out * (product - mean);
            }
        };
        match given.rectified {
            None => rows.for_each(|((out, of_y), product)| {
                out.copy_from_slice(of_y);
                add((out, product));
            }),
            Some(y) => {
                let y = y[sequence * in_y..][values.clone()].chunks_exact(channels);
                rows.zip(y).for_each(|(((out, of_y), product), y)| {
                    for ((out, &of_y), &y) in out.iter_mut().zip(of_y).zip(y) {
                        *out = if y > 0.0 { of_y } else { 0.0 };
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

/// Makes the gradient behind a batch norm that in front of it.
fn through_norm(given: &Given<'_>, sums: &[f64], inverse: &[f32], gradient: &mut [f32]) {
    let shape = given.shape;
    let channels = shape.channels_out;
    let in_products = shape.pitch_products() * channels;
    let values = shape.length_out() * channels;
    let n = shape.n() as f64;
    // The batch's own mean and variance move with every value.
    let of_batch = if given.of_batch { 1.0 / n } else { 0.0 };
    let scale: Vec<f32> = given.gamma.iter().zip(inverse).map(|(&gamma, &inverse)| gamma * inverse).collect();
    let mean: Vec<f32> = sums[..channels].iter().map(|&sum| (sum * of_batch) as f32).collect();
    let slope: Vec<f32> = (0..channels)
        .map(|c| (sums[channels + c] * of_batch * f64::from(inverse[c]) * f64::from(inverse[c])) as f32)
        .collect();
    let items = gradient.chunks_mut(in_products).zip(given.products.chunks(in_products));
    for_each(items, shape.n() * channels, |(gradient, products)| {
        let rows = gradient[..values].chunks_exact_mut(channels).zip(products.chunks_exact(channels));
        rows.for_each(|(gradient, product)| {
            let of_channel = given.mean.iter().zip(&scale).zip(&mean).zip(&slope);
            for ((gradient, product), (((center, scale), mean), slope)) in
                gradient.iter_mut().zip(product).zip(of_channel)
            {
                *gradient = scale * (*gradient - mean - slope * (product - center));
            }
        });
    });
}

/// The gradient to the input, `[batch, pitch_in, channels_in]`, from that to the products behind two rows of zeros. In rows
/// that are no values stands something that nobody reads.
fn to_input(shape: ConvShape, weight: &[f32], of_products: &[f32]) -> Vec<f32> {
    let ConvShape { channels_in, channels_out, kernel, stride, .. } = shape;
    let rows = shape.batch * shape.pitch_in();
    let mut out = vec![0f32; rows * channels_in];
    // A row of the input went into the products before it: by the last tap into the first of them.
    let mut add = |first_row: usize, distance: usize, first_product: usize, taps: &[usize]| {
        let mut turned = Vec::with_capacity(taps.len() * channels_out * channels_in);
        for &tap in taps {
            for of_out in weight.chunks_exact(kernel * channels_in) {
                turned.extend_from_slice(&of_out[tap * channels_in..][..channels_in]);
            }
        }
        let width = taps.len() * channels_out;
        let products = &of_products[first_product * channels_out..];
        let products = MatRef::from_row_major_slice_with_stride(products, rows / distance, width, channels_out);
        let turned = MatRef::from_row_major_slice(&turned, width, channels_in);
        let out = &mut out[first_row * channels_in..];
        multiply(rows_mut(out, rows / distance, channels_in, distance * channels_in), products, turned);
    };
    match (kernel, stride) {
        (3, 1) => add(0, 1, 0, &[2, 1, 0]),
        (3, _) => {
            add(0, 2, 1, &[2, 0]);
            add(1, 2, 2, &[1]);
        }
        _ => add(0, 1, 1, &[0]),
    }
    out
}
