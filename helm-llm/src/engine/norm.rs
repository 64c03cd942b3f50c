use super::buffers::{Buffer, Buffers};
use super::lanes::{sum_of, sum_of_three, wide};
use crate::model::{NormKind, NormWeights};

/// What a norm's gradient needs beside its input: by what each row was multiplied, and its mean.
pub(super) struct Normed {
    scales: Buffer,
    means: Option<Buffer>,
}

/// The kind of a model's norms.
#[derive(Clone, Copy)]
pub(super) struct Norms {
    pub(super) kind: NormKind,
    pub(super) epsilon: f32,
}

impl Norms {
    /// The norm of each row.
    pub(super) fn forward(self, buffers: &Buffers, weights: &NormWeights, x: &[f32]) -> (Buffer, Normed) {
        let weight = &*weights.weight.f32();
        let rows = x.len() / weight.len();
        let (mut out, mut scales) = (buffers.take(x.len()), buffers.take(rows));
        match self.kind {
            NormKind::RootMeanSquare => {
                rms_norm(x, weight, self.epsilon, &mut out, &mut scales);
                (out, Normed { scales, means: None })
            }
            NormKind::Layer => {
                let bias = weights.bias.as_ref().map(|bias| bias.f32());
                let mut means = buffers.take(rows);
                layer_norm(x, weight, bias.as_deref(), self.epsilon, &mut out, &mut scales, &mut means);
                (out, Normed { scales, means: Some(means) })
            }
        }
    }

    /// Adds the gradient of the norm's input to `out`.
    pub(super) fn vjp(weights: &NormWeights, x: &[f32], normed: &Normed, gradient: &[f32], out: &mut [f32]) {
        let weight = &*weights.weight.f32();
        match &normed.means {
            None => rms_norm_vjp(x, weight, &normed.scales, gradient, out),
            Some(means) => layer_norm_vjp(x, weight, &normed.scales, means, gradient, out),
        }
    }
}

/// Root-mean-square norm of each row, and by what each was multiplied.
fn rms_norm(x: &[f32], weight: &[f32], epsilon: f32, out: &mut [f32], scales: &mut [f32]) {
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
fn rms_norm_vjp(x: &[f32], weight: &[f32], scales: &[f32], gradient: &[f32], out: &mut [f32]) {
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
fn layer_norm(
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
fn layer_norm_vjp(x: &[f32], weight: &[f32], scales: &[f32], means: &[f32], gradient: &[f32], out: &mut [f32]) {
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
