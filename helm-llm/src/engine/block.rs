use super::attention::{Heads, TreeAttention};
use super::buffers::{Buffer, Buffers};
use super::forest::Forest;
use super::functions::{activate, activate_vjp};
use super::helpers::{EXPONENTIAL, Hands};
use super::lanes::{add, add_row};
use super::norm::{Normed, Norms};
use super::product::{Accum, Matrix, MatrixMut};
use super::turns::Table;
use crate::model::{Activation, BlockWeights, LinearWeights, NormWeights, Residual};

/// One block of the model and what it is computed with.
pub(super) struct Block<'a> {
    pub(super) weights: &'a BlockWeights,
    pub(super) heads: Heads,
    pub(super) norms: Norms,
    pub(super) residual: Residual,
    pub(super) activation: Activation,
    /// `None` where positions don't turn queries and keys.
    pub(super) turns: Option<&'a Table>,
    pub(super) windowed: bool,
    pub(super) layer: usize,
    pub(super) n_layers: usize,
    pub(super) hands: Hands<'a>,
}

/// What a block's gradient needs of its forward pass.
pub(super) struct Saved {
    /// The block's input, `[rows, d_model]`.
    pub(super) x: Buffer,
    attention_norm: Normed,
    /// Turned, `[asking, n_heads * d_head]`.
    queries: Buffer,
    queries_norm: Option<HeadsNormed>,
    /// Turned keys and behind them values, `[rows, 2 * n_kv_heads * d_head]`.
    pub(super) keys_values: Buffer,
    keys_norm: Option<HeadsNormed>,
    log_sums: Buffer,
    attended: Option<(Buffer, Normed)>,
    /// What the perceptron's norm was taken of, `[asking, d_model]`.
    middle: Buffer,
    perceptron_norm: Normed,
    /// `[asking, d_hidden]`
    gate: Option<Buffer>,
    up: Buffer,
    perceived: Option<(Buffer, Normed)>,
}

/// Queries or keys in front of their norm.
struct HeadsNormed {
    before: Buffer,
    normed: Normed,
}

impl Block<'_> {
    /// Whether it is the last block: only rows after which answers stand ask anything there.
    pub(super) fn answers_only(&self) -> bool {
        self.layer + 1 == self.n_layers
    }

    /// The block's output, `[asking, d_model]`, from its input `[rows, d_model]`.
    pub(super) fn forward(&self, forest: &Forest, x: Buffer) -> (Buffer, Saved) {
        let (weights, buffers) = (self.weights, self.hands.buffers);
        let asking = forest.n_asking(self.answers_only());
        let (normed, attention_norm) = self.norms.forward(buffers, &weights.attention_norm, &x);
        let (keys_values, keys_norm) = self.keys_values(forest, &normed);
        let normed = if self.answers_only() { self.of_answers(forest, &normed) } else { normed };
        let (queries, queries_norm) = self.queries(forest, &normed);
        drop(normed);
        let mut mixed = buffers.take(asking * self.heads.d_queries());
        let mut log_sums = buffers.take(asking * self.heads.n_heads);
        self.each_tree(forest, &queries, &keys_values, |attention, rows, _| {
            let (width, heads) = (self.heads.d_queries(), self.heads.n_heads);
            let out = &mut mixed[rows.start * width..rows.end * width];
            attention.mix(self.hands, out, &mut log_sums[rows.start * heads..rows.end * heads]);
        });
        let of_asking = || if self.answers_only() { self.of_answers(forest, &x) } else { buffers.copy(&x) };
        let mut out = of_asking();
        let attended = self.add_part(&weights.out, weights.attention_out_norm.as_ref(), &mixed, &mut out);
        drop(mixed);
        let middle = match self.residual {
            Residual::Parallel => of_asking(),
            Residual::Sequential | Residual::NormedTwice => buffers.copy(&out),
        };
        let (normed, perceptron_norm) = self.norms.forward(buffers, &weights.perceptron_norm, &middle);
        let gate = weights.gate.as_ref().map(|gate| self.linear(gate, &normed));
        let up = self.linear(&weights.up, &normed);
        drop(normed);
        let mut hidden = buffers.take(up.len());
        self.activate(gate.as_deref(), &up, &mut hidden);
        let perceived = self.add_part(&weights.down, weights.perceptron_out_norm.as_ref(), &hidden, &mut out);
        let saved = Saved {
            x,
            attention_norm,
            queries,
            queries_norm,
            keys_values,
            keys_norm,
            log_sums,
            attended,
            middle,
            perceptron_norm,
            gate,
            up,
            perceived,
        };
        (out, saved)
    }

    /// The gradient of the block's input, `[rows, d_model]`, from that of its output, `[asking, d_model]`.
    pub(super) fn vjp(&self, forest: &Forest, saved: Saved, mut gradient: Buffer) -> Buffer {
        let (weights, buffers) = (self.weights, self.hands.buffers);
        let d_model = weights.q.inputs();
        // The perceptron.
        let mut of_hidden = buffers.take(saved.up.len());
        self.part_vjp(&weights.down, weights.perceptron_out_norm.as_ref(), &saved.perceived, &gradient, &mut of_hidden);
        let (mut gate, mut up) = (saved.gate, saved.up);
        self.activate_vjp(gate.as_deref_mut(), &mut up, &of_hidden);
        drop(of_hidden);
        let mut of_normed = buffers.take(saved.middle.len());
        self.linear_vjp(&weights.up, &up, &mut of_normed, Accum::Replace);
        if let (Some(of_gate), Some(gate)) = (&gate, &weights.gate) {
            self.linear_vjp(gate, of_gate, &mut of_normed, Accum::Add);
        }
        let mut of_middle = match self.residual {
            Residual::Parallel => Some(buffers.zeros(saved.middle.len())),
            Residual::Sequential | Residual::NormedTwice => None,
        };
        let out = of_middle.as_deref_mut().unwrap_or(&mut gradient);
        Norms::vjp(&weights.perceptron_norm, &saved.middle, &saved.perceptron_norm, &of_normed, out);
        drop(of_normed);
        // Attention.
        let mut of_mixed = buffers.take(saved.queries.len());
        self.part_vjp(&weights.out, weights.attention_out_norm.as_ref(), &saved.attended, &gradient, &mut of_mixed);
        if let Some(of_middle) = of_middle {
            add(&mut gradient, &of_middle);
        }
        let mut of_queries = buffers.take(saved.queries.len());
        let mut of_keys_values = buffers.take(saved.keys_values.len());
        let (width, heads, of_row) = (self.heads.d_queries(), self.heads.n_heads, self.heads.d_keys_values());
        self.each_tree(forest, &saved.queries, &saved.keys_values, |attention, asking, rows| {
            attention.vjp(
                self.hands,
                &saved.log_sums[asking.start * heads..asking.end * heads],
                &of_mixed[asking.start * width..asking.end * width],
                &mut of_queries[asking.start * width..asking.end * width],
                &mut of_keys_values[rows.start * of_row..rows.end * of_row],
            );
        });
        drop(of_mixed);
        self.turn_queries(forest, &mut of_queries, true);
        self.turn_keys(forest, &mut of_keys_values, true);
        if let (Some(normed), Some(norm)) = (&saved.queries_norm, &weights.q_norm) {
            let mut before = buffers.zeros(of_queries.len());
            Norms::vjp(norm, &normed.before, &normed.normed, &of_queries, &mut before);
            of_queries = before;
        }
        if let (Some(normed), Some(norm)) = (&saved.keys_norm, &weights.k_norm) {
            let of_keys = self.copy_keys(&of_keys_values);
            let mut before = buffers.zeros(of_keys.len());
            Norms::vjp(norm, &normed.before, &normed.normed, &of_keys, &mut before);
            self.put_keys(&before, &mut of_keys_values);
        }
        let (mut of_normed, mut of_x) = if self.answers_only() {
            let mut of_asking = buffers.take(gradient.len());
            self.linear_vjp(&weights.q, &of_queries, &mut of_asking, Accum::Replace);
            (scattered(buffers, forest, &of_asking, d_model), scattered(buffers, forest, &gradient, d_model))
        } else {
            let mut of_normed = buffers.take(saved.x.len());
            self.linear_vjp(&weights.q, &of_queries, &mut of_normed, Accum::Replace);
            (of_normed, gradient)
        };
        let keys = of_row / 2;
        for (weights, columns) in [(&weights.k, 0..keys), (&weights.v, keys..of_row)] {
            let part = Matrix::part(&of_keys_values, of_row, 0..forest.n_rows, columns);
            let out = MatrixMut::new(&mut of_normed, d_model);
            weights.weight.matrix().multiply_transposed(self.hands, out, Accum::Add, part);
        }
        Norms::vjp(&weights.attention_norm, &saved.x, &saved.attention_norm, &of_normed, &mut of_x);
        of_x
    }

    /// The perceptron's hidden layer from gate and up, by as many threads as help.
    fn activate(&self, gate: Option<&[f32]>, up: &[f32], hidden: &mut [f32]) {
        let (helpers, work) = (self.hands.helpers, hidden.len() * EXPONENTIAL);
        let share = hidden.len().div_ceil(helpers.threads(work)).max(1);
        helpers.each(work, hidden.chunks_mut(share).enumerate(), |(index, hidden)| {
            let own = index * share..index * share + hidden.len();
            activate(self.activation, gate.map(|gate| &gate[own.clone()]), &up[own.clone()], hidden);
        });
    }

    /// Gate and up become their gradients from that of the hidden layer.
    fn activate_vjp(&self, gate: Option<&mut [f32]>, up: &mut [f32], of_hidden: &[f32]) {
        let (helpers, work) = (self.hands.helpers, up.len() * EXPONENTIAL);
        let share = up.len().div_ceil(helpers.threads(work)).max(1);
        let parts = up.chunks_mut(share).zip(of_hidden.chunks(share));
        match gate {
            None => helpers.each(work, parts, |(up, of_hidden)| activate_vjp(self.activation, None, up, of_hidden)),
            Some(gate) => helpers.each(work, gate.chunks_mut(share).zip(parts), |(gate, (up, of_hidden))| {
                activate_vjp(self.activation, Some(gate), up, of_hidden);
            }),
        }
    }

    /// Calls a function with each tree's attention, its asking rows among all asking ones and its rows among all.
    fn each_tree(
        &self,
        forest: &Forest,
        queries: &[f32],
        keys_values: &[f32],
        mut call: impl FnMut(TreeAttention<'_>, std::ops::Range<usize>, std::ops::Range<usize>),
    ) {
        let (width, of_row) = (self.heads.d_queries(), self.heads.d_keys_values());
        for tree in &forest.trees {
            let (asking, first) = tree.asking(self.answers_only());
            let among = first..first + asking.len();
            let rows = tree.first_row..tree.first_row + tree.rows.len();
            let prefix = tree.layer_prefix(self.layer, self.n_layers);
            let attention = TreeAttention {
                heads: self.heads,
                sight: tree.sight(self.windowed),
                blocks: &tree.blocks,
                asking,
                queries: &queries[among.start * width..among.end * width],
                keys_values: &keys_values[rows.start * of_row..rows.end * of_row],
                prefix: &prefix,
            };
            call(attention, among, rows);
        }
    }

    /// The rows after which answers stand, of all rows, `[rows, d_model]`.
    fn of_answers(&self, forest: &Forest, rows: &[f32]) -> Buffer {
        let width = self.weights.q.inputs();
        let mut answers = self.hands.buffers.take(forest.n_answers * width);
        for (out, row) in answers.chunks_exact_mut(width).zip(forest.answer_rows()) {
            out.copy_from_slice(&rows[row * width..(row + 1) * width]);
        }
        answers
    }

    fn linear(&self, weights: &LinearWeights, x: &[f32]) -> Buffer {
        let mut out = self.hands.buffers.take(x.len() / weights.inputs() * weights.outputs());
        let (own, x) = (MatrixMut::new(&mut out, weights.outputs()), Matrix::new(x, weights.inputs()));
        weights.weight.matrix().multiply(self.hands, own, Accum::Replace, x);
        if let Some(bias) = &weights.bias {
            add_row(&mut out, &bias.f32());
        }
        out
    }

    /// Adds a part's output to the residual stream, behind a norm if it has one; what that norm's gradient needs.
    fn add_part(
        &self,
        weights: &LinearWeights,
        norm: Option<&NormWeights>,
        x: &[f32],
        out: &mut [f32],
    ) -> Option<(Buffer, Normed)> {
        match norm {
            None => {
                let (own, x) = (MatrixMut::new(out, weights.outputs()), Matrix::new(x, weights.inputs()));
                weights.weight.matrix().multiply(self.hands, own, Accum::Add, x);
                if let Some(bias) = &weights.bias {
                    add_row(out, &bias.f32());
                }
                None
            }
            Some(norm) => {
                let own = self.linear(weights, x);
                let (added, normed) = self.norms.forward(self.hands.buffers, norm, &own);
                add(out, &added);
                Some((own, normed))
            }
        }
    }

    /// The gradient of [`add_part`](Self::add_part)'s input.
    fn part_vjp(
        &self,
        weights: &LinearWeights,
        norm: Option<&NormWeights>,
        saved: &Option<(Buffer, Normed)>,
        gradient: &[f32],
        out: &mut [f32],
    ) {
        match (norm, saved) {
            (Some(norm), Some((own, normed))) => {
                let mut of_own = self.hands.buffers.zeros(own.len());
                Norms::vjp(norm, own, normed, gradient, &mut of_own);
                self.linear_vjp(weights, &of_own, out, Accum::Replace);
            }
            _ => self.linear_vjp(weights, gradient, out, Accum::Replace),
        }
    }

    /// The gradient of a linear part's input, written or added to `out`.
    fn linear_vjp(&self, weights: &LinearWeights, gradient: &[f32], out: &mut [f32], accum: Accum) {
        let (out, gradient) = (MatrixMut::new(out, weights.inputs()), Matrix::new(gradient, weights.outputs()));
        weights.weight.matrix().multiply_transposed(self.hands, out, accum, gradient);
    }

    /// Queries of the asking rows' normed input, turned to their positions.
    fn queries(&self, forest: &Forest, normed: &[f32]) -> (Buffer, Option<HeadsNormed>) {
        let mut queries = self.linear(&self.weights.q, normed);
        let norm = self.weights.q_norm.as_ref().map(|norm| {
            let (out, normed) = self.norms.forward(self.hands.buffers, norm, &queries);
            HeadsNormed { before: std::mem::replace(&mut queries, out), normed }
        });
        self.turn_queries(forest, &mut queries, false);
        (queries, norm)
    }

    /// Keys, turned to their positions, and behind them values of all rows' normed input.
    fn keys_values(&self, forest: &Forest, normed: &[f32]) -> (Buffer, Option<HeadsNormed>) {
        let width = self.heads.d_keys_values();
        let mut out = self.hands.buffers.take(forest.n_rows * width);
        for (weights, columns) in [(&self.weights.k, 0..width / 2), (&self.weights.v, width / 2..width)] {
            let own = MatrixMut::part(&mut out, width, 0..forest.n_rows, columns.clone());
            let normed = Matrix::new(normed, weights.inputs());
            weights.weight.matrix().multiply(self.hands, own, Accum::Replace, normed);
            if let Some(bias) = &weights.bias {
                let bias = bias.f32();
                out.chunks_exact_mut(width).for_each(|row| add(&mut row[columns.clone()], &bias));
            }
        }
        let norm = self.weights.k_norm.as_ref().map(|norm| {
            let before = self.copy_keys(&out);
            let (keys, normed) = self.norms.forward(self.hands.buffers, norm, &before);
            self.put_keys(&keys, &mut out);
            HeadsNormed { before, normed }
        });
        self.turn_keys(forest, &mut out, false);
        (out, norm)
    }

    fn turn_queries(&self, forest: &Forest, queries: &mut [f32], back: bool) {
        if let Some(turns) = self.turns {
            let shape = (self.heads.d_queries(), self.heads.d_queries(), self.heads.d_head);
            if self.answers_only() {
                turns.turn(queries, shape, forest.answer_positions(), back);
            } else {
                turns.turn(queries, shape, forest.positions(), back);
            }
        }
    }

    fn turn_keys(&self, forest: &Forest, keys_values: &mut [f32], back: bool) {
        if let Some(turns) = self.turns {
            let width = self.heads.d_keys_values();
            turns.turn(keys_values, (width, width / 2, self.heads.d_head), forest.positions(), back);
        }
    }

    /// The keys of rows of keys and values.
    fn copy_keys(&self, keys_values: &[f32]) -> Buffer {
        let width = self.heads.d_keys_values();
        let mut keys = self.hands.buffers.take(keys_values.len() / 2);
        for (keys, row) in keys.chunks_exact_mut(width / 2).zip(keys_values.chunks_exact(width)) {
            keys.copy_from_slice(&row[..width / 2]);
        }
        keys
    }

    fn put_keys(&self, keys: &[f32], keys_values: &mut [f32]) {
        let width = self.heads.d_keys_values();
        for (keys, row) in keys.chunks_exact(width / 2).zip(keys_values.chunks_exact_mut(width)) {
            row[..width / 2].copy_from_slice(keys);
        }
    }
}

/// Rows of answers in their places among all rows, zeros elsewhere.
fn scattered(buffers: &Buffers, forest: &Forest, answers: &[f32], width: usize) -> Buffer {
    let mut out = buffers.zeros(forest.n_rows * width);
    for (own, row) in answers.chunks_exact(width).zip(forest.answer_rows()) {
        out[row * width..(row + 1) * width].copy_from_slice(own);
    }
    out
}
