use super::each::for_each;
use super::shape::pitch;

/// A pooling of pairs of positions on padded sequences, `[batch, pitch(length), channels]` to
/// `[batch, pitch(length / 2), channels]`, the division rounded up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pool {
    /// The largest of three values at every second.
    Largest,
    /// The mean of each pair; a last value without another stays.
    Mean,
}

/// The sizes of a pooling.
#[derive(Clone, Copy, Debug)]
pub(super) struct PoolShape {
    pub(super) length: usize,
    pub(super) channels: usize,
}

impl PoolShape {
    /// Numbers of a sequence that comes in, and of one that comes out.
    fn of_sequence(&self) -> (usize, usize) {
        (pitch(self.length) * self.channels, pitch(self.length.div_ceil(2)) * self.channels)
    }

    /// The positions that are pooled into one: the one in the middle or the first, and those beside it.
    fn pooled(&self, pool: Pool, at: usize) -> std::ops::Range<usize> {
        let first = if pool == Pool::Largest { (2 * at).saturating_sub(1) } else { 2 * at };
        first..(2 * at + 2).min(self.length)
    }
}

/// The pooled sequences.
pub(super) fn forward(pool: Pool, shape: PoolShape, x: &[f32]) -> Vec<f32> {
    let channels = shape.channels;
    let (of_x, of_y) = shape.of_sequence();
    let mut y = vec![0f32; x.len() / of_x * of_y];
    for_each(y.chunks_mut(of_y).zip(x.chunks(of_x)), x.len(), |(y, x)| {
        let (x, y) = (&x[channels..], &mut y[channels..]);
        for (at, y) in y.chunks_exact_mut(channels).take(shape.length.div_ceil(2)).enumerate() {
            let pooled = shape.pooled(pool, at);
            y.copy_from_slice(&x[pooled.start * channels..][..channels]);
            let n = pooled.len();
            for other in pooled.skip(1) {
                let x = &x[other * channels..][..channels];
                match pool {
                    Pool::Largest => y.iter_mut().zip(x).for_each(|(y, &x)| *y = if x > *y { x } else { *y }),
                    Pool::Mean => y.iter_mut().zip(x).for_each(|(y, &x)| *y += x),
                }
            }
            if pool == Pool::Mean {
                y.iter_mut().for_each(|y| *y /= n as f32);
            }
        }
    });
    y
}

/// The gradient to what was pooled. Of equal values, the first was the largest.
pub(super) fn backward(pool: Pool, shape: PoolShape, x: &[f32], of_y: &[f32]) -> Vec<f32> {
    let channels = shape.channels;
    let (in_x, in_y) = shape.of_sequence();
    let mut out = vec![0f32; x.len()];
    for_each(out.chunks_mut(in_x).zip(x.chunks(in_x)).zip(of_y.chunks(in_y)), x.len(), |((out, x), of_y)| {
        let (out, x, of_y) = (&mut out[channels..], &x[channels..], &of_y[channels..]);
        for (at, of_y) in of_y.chunks_exact(channels).take(shape.length.div_ceil(2)).enumerate() {
            let pooled = shape.pooled(pool, at);
            match pool {
                Pool::Mean => {
                    let n = pooled.len() as f32;
                    for position in pooled {
                        let out = &mut out[position * channels..][..channels];
                        out.iter_mut().zip(of_y).for_each(|(out, &of_y)| *out += of_y / n);
                    }
                }
                Pool::Largest => {
                    for c in 0..channels {
                        let value = |position: usize| x[position * channels + c];
                        let first = pooled.start;
                        let largest = pooled.clone().fold(first, |a, b| if value(b) > value(a) { b } else { a });
                        out[largest * channels + c] += of_y[c];
                    }
                }
            }
        }
    });
    out
}
