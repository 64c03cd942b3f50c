use std::ops::Range;

use super::buffers::Buffer;
use super::functions::{cap_all, cap_slope};
use super::helpers::Hands;
use super::lanes::add_scaled;
use super::norm::{Normed, Norms};
use super::product::{Accum, Matrix, MatrixMut, WeightMatrix};
use super::softmax::{logits_to_shares, sum_exp};
use crate::frozen::TargetScore;
use crate::model::{DecoderWeights, NormWeights};

/// The output layer: hidden states become logits of all tokens.
pub(super) struct Answers<'a> {
    norms: Norms,
    norm: &'a NormWeights,
    /// `[n_vocab, d_model]`
    tokens: WeightMatrix<'a>,
    logit_cap: Option<f32>,
    hands: Hands<'a>,
}

/// A token whose probability counts: the row after which it stands, of those after which answers stand.
#[derive(Clone, Copy)]
pub(super) struct RowTarget {
    pub(super) row: usize,
    pub(super) id: u32,
}

/// What the gradient needs. Logits are not kept: it is linear in the targets' gradients.
pub(super) struct SavedAnswers {
    /// `[answers, d_model]`
    hidden: Buffer,
    normed: Normed,
    /// The mean of the tokens' rows of the output layer by their probabilities, `[answers, d_model]`.
    means: Buffer,
    /// Of each target, by how much its logit changes with what it was before the cap.
    slopes: Vec<f32>,
}

/// Rows whose logits are there at once.
pub(super) const ROWS: usize = 64;

impl<'a> Answers<'a> {
    pub(super) fn new(weights: &'a DecoderWeights, norms: Norms, logit_cap: Option<f64>, hands: Hands<'a>) -> Self {
        let tokens = weights.head.as_ref().unwrap_or(&weights.embedding);
        Self { norms, norm: &weights.norm, tokens: tokens.matrix(), logit_cap: logit_cap.map(|cap| cap as f32), hands }
    }

    /// The scores of targets from the hidden states where they stand, `[answers, d_model]`.
    pub(super) fn forward(&self, hidden: &[f32], targets: &[RowTarget]) -> Vec<TargetScore> {
        let (input, _) = self.norms.forward(self.hands.buffers, self.norm, hidden);
        let mut scores = vec![None; targets.len()];
        self.each_part(&input, |rows, logits| drop(self.score(&rows, &logits, targets, &mut scores)));
        whole(scores)
    }

    /// The same, and what the gradient needs.
    pub(super) fn forward_to_differentiate(
        &self,
        hidden: Buffer,
        targets: &[RowTarget],
    ) -> (Vec<TargetScore>, SavedAnswers) {
        let (d, n_vocab) = (self.tokens.columns(), self.tokens.rows());
        let (input, normed) = self.norms.forward(self.hands.buffers, self.norm, &hidden);
        let mut scores = vec![None; targets.len()];
        let mut slopes = vec![1.0; targets.len()];
        let mut means = self.hands.buffers.take(hidden.len());
        self.each_part(&input, |rows, mut logits| {
            let sums = self.score(&rows, &logits, targets, &mut scores);
            if let Some(cap) = self.logit_cap {
                for (index, target) in within(targets, &rows) {
                    slopes[index] = cap_slope(logits[self.at(&rows, target)], cap);
                }
            }
            for (logits, (largest, sum)) in logits.chunks_exact_mut(n_vocab).zip(sums) {
                logits_to_shares(logits, largest, sum, self.logit_cap);
            }
            let means = MatrixMut::new(&mut means[rows.start * d..rows.end * d], d);
            self.tokens.multiply(self.hands, means, Accum::Replace, Matrix::new(&logits, n_vocab));
        });
        (whole(scores), SavedAnswers { hidden, normed, means, slopes })
    }

    /// The gradient of the hidden states from that of the targets' log-probabilities.
    pub(super) fn vjp(&self, saved: &SavedAnswers, targets: &[RowTarget], gradient: &[f64]) -> Buffer {
        let d = self.tokens.columns();
        let mut of_input = self.hands.buffers.zeros(saved.hidden.len());
        for ((target, &slope), &gradient) in targets.iter().zip(&saved.slopes).zip(gradient) {
            let row = target.row * d..(target.row + 1) * d;
            let out = &mut of_input[row.clone()];
            let gradient = gradient as f32;
            self.tokens.add_row(target.id as usize, gradient * slope, out);
            add_scaled(out, &saved.means[row], -gradient);
        }
        let mut out = self.hands.buffers.zeros(saved.hidden.len());
        Norms::vjp(self.norm, &saved.hidden, &saved.normed, &of_input, &mut out);
        out
    }

    /// The logits of all tokens, from the hidden states `[answers, d_model]`.
    pub(super) fn logits(&self, hidden: &[f32]) -> Vec<Vec<f32>> {
        let (input, _) = self.norms.forward(self.hands.buffers, self.norm, hidden);
        let mut rows = Vec::with_capacity(hidden.len() / self.tokens.columns());
        self.each_part(&input, |_, logits| {
            rows.extend(logits.chunks_exact(self.tokens.rows()).map(<[f32]>::to_vec));
        });
        rows
    }

    /// Calls a function with the logits of some rows after the others.
    fn each_part(&self, input: &[f32], mut call: impl FnMut(Range<usize>, Buffer)) {
        let (d, n_vocab) = (self.tokens.columns(), self.tokens.rows());
        let n_rows = input.len() / d;
        for first in (0..n_rows).step_by(ROWS) {
            let rows = first..n_rows.min(first + ROWS);
            let mut logits = self.hands.buffers.take(rows.len() * n_vocab);
            let part = Matrix::new(&input[rows.start * d..rows.end * d], d);
            let own = MatrixMut::new(&mut logits, n_vocab);
            self.tokens.multiply_transposed(self.hands, own, Accum::Replace, part);
            if let Some(cap) = self.logit_cap {
                cap_all(&mut logits, cap);
            }
            call(rows, logits);
        }
    }

    /// Scores the targets of some rows; each row's largest logit, and the sum of the exponentials of what logits are
    /// below it.
    fn score(
        &self,
        rows: &Range<usize>,
        logits: &[f32],
        targets: &[RowTarget],
        scores: &mut [Option<TargetScore>],
    ) -> Vec<(f32, f32)> {
        let sums: Vec<(f32, f32)> = logits.chunks_exact(self.tokens.rows()).map(sum_exp).collect();
        for (index, target) in within(targets, rows) {
            let logit = logits[self.at(rows, target)];
            let (largest, sum) = sums[target.row - rows.start];
            // In f64: an f32 of the size of a logit has too few digits for a small difference.
            let log_prob = f64::from(logit) - f64::from(largest) - f64::from(sum).ln();
            scores[index] = Some(TargetScore { log_prob, is_most_likely: logit >= largest });
        }
        sums
    }

    /// Where a target's logit stands among those of some rows.
    fn at(&self, rows: &Range<usize>, target: &RowTarget) -> usize {
        (target.row - rows.start) * self.tokens.rows() + target.id as usize
    }
}

/// The targets of some rows.
fn within<'t>(targets: &'t [RowTarget], rows: &Range<usize>) -> impl Iterator<Item = (usize, &'t RowTarget)> {
    let rows = rows.clone();
    targets.iter().enumerate().filter(move |(_, target)| rows.contains(&target.row))
}

fn whole(scores: Vec<Option<TargetScore>>) -> Vec<TargetScore> {
    scores.into_iter().map(|score| score.expect("every target has a row")).collect()
}
