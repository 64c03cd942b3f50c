use super::buffers::{Buffer, Buffers};
use super::elementwise::{cap, log_sum_exp, minus_softmax};
use super::norm::{Normed, Norms};
use super::product::{Matrix, MatrixMut};
use crate::frozen::TargetScore;
use crate::model::{DecoderWeights, NormWeights};

/// The output layer: hidden states become logits of all tokens.
pub(super) struct Answers<'a> {
    pub(super) norms: Norms,
    pub(super) norm: &'a NormWeights,
    /// `[n_vocab, d_model]`
    pub(super) tokens: Matrix<'a>,
    pub(super) logit_cap: Option<f32>,
    pub(super) buffers: &'a Buffers,
}

/// A token whose probability counts: the row after which it stands, of those after which answers stand.
#[derive(Clone, Copy)]
pub(super) struct RowTarget {
    pub(super) row: usize,
    pub(super) id: u32,
}

/// What the gradient needs.
pub(super) struct SavedAnswers {
    /// `[answers, d_model]`
    hidden: Buffer,
    normed: Normed,
    /// `[answers, n_vocab]`
    logits: Buffer,
    /// The logarithms of the sums of their exponentials.
    log_sums: Vec<f32>,
}

impl<'a> Answers<'a> {
    pub(super) fn new(weights: &'a DecoderWeights, norms: Norms, logit_cap: Option<f64>, buffers: &'a Buffers) -> Self {
        let tokens = weights.head.as_ref().unwrap_or(&weights.embedding);
        let width = weights.norm.weight.f32().len();
        Self {
            norms,
            norm: &weights.norm,
            tokens: Matrix::new(tokens.f32(), width),
            logit_cap: logit_cap.map(|cap| cap as f32),
            buffers,
        }
    }

    /// The scores of targets from the hidden states where they stand, `[answers, d_model]`.
    pub(super) fn forward(&self, hidden: Buffer, targets: &[RowTarget]) -> (Vec<TargetScore>, SavedAnswers) {
        let n_vocab = self.tokens.rows;
        let (input, normed) = self.norms.forward(self.buffers, self.norm, &hidden);
        let mut logits = self.buffers.take(input.len() / self.tokens.columns * n_vocab);
        MatrixMut::new(&mut logits, n_vocab).set_transposed(Matrix::new(&input, self.tokens.columns), self.tokens);
        if let Some(most) = self.logit_cap {
            cap(&mut logits, most);
        }
        let (largest, log_sums): (Vec<f32>, Vec<f32>) = logits.chunks_exact(n_vocab).map(log_sum_exp).unzip();
        let score = |target: &RowTarget| {
            let logit = logits[target.row * n_vocab + target.id as usize];
            let log_prob = f64::from(logit - log_sums[target.row]);
            TargetScore { log_prob, is_most_likely: logit >= largest[target.row] }
        };
        let scores = targets.iter().map(score).collect();
        (scores, SavedAnswers { hidden, normed, logits, log_sums })
    }

    /// The gradient of the hidden states from that of the targets' log-probabilities.
    pub(super) fn vjp(&self, saved: SavedAnswers, targets: &[RowTarget], gradient: &[f64]) -> Buffer {
        let SavedAnswers { hidden, normed, mut logits, log_sums } = saved;
        let n_vocab = self.tokens.rows;
        let slopes = self.logit_cap.map(|cap| {
            let mut slopes = self.buffers.copy(&logits);
            slopes.iter_mut().for_each(|logit| *logit = 1.0 - (*logit / cap) * (*logit / cap));
            slopes
        });
        let mut of_rows = vec![0f32; log_sums.len()];
        for (target, &gradient) in targets.iter().zip(gradient) {
            of_rows[target.row] += gradient as f32;
        }
        for ((logits, &log_sum), &of_row) in logits.chunks_exact_mut(n_vocab).zip(&log_sums).zip(&of_rows) {
            minus_softmax(logits, log_sum, of_row);
        }
        for (target, &gradient) in targets.iter().zip(gradient) {
            logits[target.row * n_vocab + target.id as usize] += gradient as f32;
        }
        if let Some(slopes) = slopes {
            logits.iter_mut().zip(slopes.iter()).for_each(|(own, &slope)| *own *= slope);
        }
        let mut of_input = self.buffers.take(hidden.len());
        MatrixMut::new(&mut of_input, self.tokens.columns).set(Matrix::new(&logits, n_vocab), self.tokens);
        let mut out = self.buffers.zeros(hidden.len());
        Norms::vjp(self.norm, &hidden, &normed, &of_input, &mut out);
        out
    }
}
