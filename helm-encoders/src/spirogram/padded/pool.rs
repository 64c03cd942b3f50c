use super::each::for_each;
use super::shape::pitch;

/// A pooling at every second position of padded sequences, `[batch, pitch(length), channels]` to
/// `[batch, pitch(length / 2), channels]`, the division rounded up.
#[derive(Clone, Copy, Debug)]
pub(super) struct PoolShape {
    pub(super) pool: Pool,
    pub(super) batch: usize,
    pub(super) length: usize,
    pub(super) channels: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pool {
    /// The largest of a value and its two neighbours.
    Largest,
    /// The mean of a pair; a last value without another stays.
    Mean,
}

impl PoolShape {
    /// Positions of a sequence that comes out.
    pub(super) fn length_out(&self) -> usize {
        self.length.div_ceil(2)
    }

    /// Numbers of a sequence that comes in, and of one that comes out.
    fn strides(&self) -> (usize, usize) {
        (pitch(self.length) * self.channels, pitch(self.length_out()) * self.channels)
    }

    /// The positions that are pooled into one.
    fn pooled(&self, at: usize) -> std::ops::Range<usize> {
        let first = if self.pool == Pool::Largest { (2 * at).saturating_sub(1) } else { 2 * at };
        first..(2 * at + 2).min(self.length)
    }

    /// The pooled sequences.
    pub(super) fn forward(&self, x: &[f32]) -> Vec<f32> {
        let channels = self.channels;
        let (x_stride, y_stride) = self.strides();
        let mut y = vec![0f32; self.batch * y_stride];
        for_each(y.chunks_mut(y_stride).zip(x.chunks(x_stride)), x.len(), |(y, x)| {
            let (x, y) = (&x[channels..], &mut y[channels..]);
            for (at, y) in y.chunks_exact_mut(channels).take(self.length_out()).enumerate() {
                let pooled = self.pooled(at);
                let n = pooled.len() as f32;
                y.copy_from_slice(&x[pooled.start * channels..][..channels]);
                for other in pooled.skip(1) {
                    let both = y.iter_mut().zip(&x[other * channels..][..channels]);
                    match self.pool {
                        Pool::Largest => both.for_each(|(y, &x)| *y = if x > *y { x } else { *y }),
                        Pool::Mean => both.for_each(|(y, &x)| *y += x),
                    }
                }
                if self.pool == Pool::Mean {
                    y.iter_mut().for_each(|y| *y /= n);
                }
            }
        });
        y
    }

    /// The gradient to what was pooled, `x`, which a mean doesn't ask for. Of equal values, the first was the largest.
    pub(super) fn backward(&self, x: Option<&[f32]>, grad_y: &[f32]) -> Vec<f32> {
        let channels = self.channels;
        let (x_stride, y_stride) = self.strides();
        let mut out = vec![0f32; self.batch * x_stride];
        let n = out.len();
        for_each(out.chunks_mut(x_stride).zip(grad_y.chunks(y_stride)).enumerate(), n, |(sequence, (out, grad_y))| {
            let (out, grad_y) = (&mut out[channels..], &grad_y[channels..]);
            let x = x.map(|x| &x[sequence * x_stride + channels..]);
            for (at, grad_y) in grad_y.chunks_exact(channels).take(self.length_out()).enumerate() {
                let pooled = self.pooled(at);
                match x {
                    None => {
                        let n = pooled.len() as f32;
                        for position in pooled {
                            let out = &mut out[position * channels..][..channels];
                            out.iter_mut().zip(grad_y).for_each(|(out, &grad_y)| *out += grad_y / n);
                        }
                    }
                    Some(x) => {
                        for c in 0..channels {
                            let value = |position: usize| x[position * channels + c];
                            let first = pooled.start;
                            let largest = pooled.clone().fold(first, |a, b| if value(b) > value(a) { b } else { a });
                            out[largest * channels + c] += grad_y[c];
                        }
                    }
                }
            }
        });
        out
    }
}
