//! Matrix products, by faer, of one thread each. Those with a weight are cut into parts where threads help.
//!
//! Parts change no number: a product is cut between rows or columns of its result, each of whose sums faer's kernels
//! for AVX2 and AVX-512 take in the same order, wherever it stands; its portable ones need not.

pub(super) use faer::Accum;
use faer::linalg::matmul::matmul;
use faer::{MatMut, MatRef, Par};
use half::bf16;

use super::buffers::Buffers;
use super::helpers::Hands;
use super::lanes::{add_scaled, add_widened, widen};
use crate::model::{Weight, WeightNumbers};

/// A matrix `[rows, columns]` in a slice, row after row, at a distance that may be larger than a row is long.
#[derive(Clone, Copy)]
pub(super) struct Matrix<'a> {
    pub(super) numbers: &'a [f32],
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) stride: usize,
}

/// The same, to write to.
pub(super) struct MatrixMut<'a> {
    pub(super) numbers: &'a mut [f32],
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) stride: usize,
}

impl<'a> Matrix<'a> {
    /// All of a slice.
    pub(super) fn new(numbers: &'a [f32], columns: usize) -> Self {
        Self { numbers, rows: numbers.len() / columns, columns, stride: columns }
    }

    /// Some columns of some rows of a slice of rows of `stride` numbers.
    pub(super) fn part(numbers: &'a [f32], stride: usize, rows: Range, columns: Range) -> Self {
        let numbers = if rows.is_empty() { &[] } else { &numbers[span(stride, &rows, &columns)] };
        Self { numbers, rows: rows.len(), columns: columns.len(), stride }
    }

    fn view(self) -> MatRef<'a, f32> {
        MatRef::from_row_major_slice_with_stride(self.numbers, self.rows, self.columns, self.stride)
    }
}

impl<'a> MatrixMut<'a> {
    /// All of a slice.
    pub(super) fn new(numbers: &'a mut [f32], columns: usize) -> Self {
        let rows = numbers.len() / columns;
        Self { numbers, rows, columns, stride: columns }
    }

    /// Some columns of some rows of a slice of rows of `stride` numbers.
    pub(super) fn part(numbers: &'a mut [f32], stride: usize, rows: Range, columns: Range) -> Self {
        let numbers = if rows.is_empty() { &mut [] } else { &mut numbers[span(stride, &rows, &columns)] };
        Self { numbers, rows: rows.len(), columns: columns.len(), stride }
    }

    fn view(self) -> MatMut<'a, f32> {
        // Not by rows: faer 0.24.4 takes the strides of `from_row_major_slice_with_stride_mut` the wrong way round.
        MatMut::from_column_major_slice_with_stride_mut(self.numbers, self.columns, self.rows, self.stride)
            .transpose_mut()
    }

    /// Becomes `a bᵀ`.
    pub(super) fn set_transposed(self, a: Matrix<'_>, b: Matrix<'_>) {
        matmul(self.view(), Accum::Replace, a.view(), b.view().transpose(), 1.0, Par::Seq);
    }

    /// Grows by `a b`.
    pub(super) fn add(self, a: Matrix<'_>, b: Matrix<'_>) {
        matmul(self.view(), Accum::Add, a.view(), b.view(), 1.0, Par::Seq);
    }

    /// Grows by `aᵀ b`.
    pub(super) fn add_product_of_columns(self, a: Matrix<'_>, b: Matrix<'_>) {
        matmul(self.view(), Accum::Add, a.view().transpose(), b.view(), 1.0, Par::Seq);
    }
}

/// A weight as a matrix `[rows, columns]`, row after row.
#[derive(Clone, Copy)]
pub(super) enum WeightMatrix<'a> {
    F32(Matrix<'a>),
    /// Each number widened where it is used, which loses nothing.
    Bf16(NarrowMatrix<'a>),
}

/// A [`Matrix`] of bf16.
#[derive(Clone, Copy)]
pub(super) struct NarrowMatrix<'a> {
    numbers: &'a [bf16],
    rows: usize,
    columns: usize,
    stride: usize,
}

/// Numbers that are widened at once: enough that the product's own passes over its result count little.
pub(super) const WIDENED: usize = if cfg!(test) { 300 } else { 1 << 18 };

impl<'a> WeightMatrix<'a> {
    pub(super) fn rows(&self) -> usize {
        match self {
            Self::F32(matrix) => matrix.rows,
            Self::Bf16(matrix) => matrix.rows,
        }
    }

    pub(super) fn columns(&self) -> usize {
        match self {
            Self::F32(matrix) => matrix.columns,
            Self::Bf16(matrix) => matrix.columns,
        }
    }

    /// Some columns of some rows.
    fn part(self, rows: Range, columns: Range) -> Self {
        match self {
            Self::F32(matrix) => Self::F32(Matrix::part(matrix.numbers, matrix.stride, rows, columns)),
            Self::Bf16(matrix) => {
                let numbers = &matrix.numbers[span(matrix.stride, &rows, &columns)];
                Self::Bf16(NarrowMatrix { numbers, rows: rows.len(), columns: columns.len(), stride: matrix.stride })
            }
        }
    }

    /// Writes one row.
    pub(super) fn copy_row(&self, row: usize, out: &mut [f32]) {
        match self {
            Self::F32(matrix) => out.copy_from_slice(&matrix.numbers[row * matrix.stride..][..matrix.columns]),
            Self::Bf16(matrix) => widen(&matrix.numbers[row * matrix.stride..][..matrix.columns], out),
        }
    }

    /// Adds a multiple of one row.
    pub(super) fn add_row(&self, row: usize, by: f32, out: &mut [f32]) {
        match self {
            Self::F32(matrix) => add_scaled(out, &matrix.numbers[row * matrix.stride..][..matrix.columns], by),
            Self::Bf16(matrix) => add_widened(out, &matrix.numbers[row * matrix.stride..][..matrix.columns], by),
        }
    }

    /// `out` becomes `a` times the weight, or grows by it.
    pub(super) fn multiply(self, hands: Hands<'_>, out: MatrixMut<'_>, accum: Accum, a: Matrix<'_>) {
        self.factor(false).multiply(hands, out, accum, a);
    }

    /// `out` becomes `a` times the transposed weight, or grows by it.
    pub(super) fn multiply_transposed(self, hands: Hands<'_>, out: MatrixMut<'_>, accum: Accum, a: Matrix<'_>) {
        self.factor(true).multiply(hands, out, accum, a);
    }

    fn factor(self, is_transposed: bool) -> Factor<'a> {
        let rows_at_once = match self {
            Self::F32(matrix) => matrix.rows,
            Self::Bf16(matrix) => WIDENED / matrix.columns,
        };
        Factor { weight: self, is_transposed, rows_at_once: rows_at_once.max(1) }
    }
}

/// What a product multiplies by: a weight or a part of it.
#[derive(Clone, Copy)]
struct Factor<'a> {
    weight: WeightMatrix<'a>,
    is_transposed: bool,
    /// The most rows of the weight that are in f32 at once: a number of the whole weight's, whose parts make the same
    /// sums.
    rows_at_once: usize,
}

/// A product is cut at multiples of so many rows or columns.
const CUTS: usize = 8;
/// A shorter side is not cut: a single row or column is another kernel's, which rounds in another way.
const SIDE: usize = 4 * CUTS;
/// Multiplications that a part takes at once, about, at least: faer 0.24.4 has another kernel for up to 4096.
const OF_A_PART: usize = 1 << 15;

impl Factor<'_> {
    fn multiply(self, hands: Hands<'_>, out: MatrixMut<'_>, accum: Accum, a: Matrix<'_>) {
        let parts = hands.helpers.threads(a.rows * a.columns * out.columns).min(self.most_parts(a.rows));
        self.multiply_in_parts(hands.buffers, out.view(), accum, a.view(), parts);
    }

    /// The most parts of a product with so many rows.
    fn most_parts(self, rows: usize) -> usize {
        rows * self.rows_at_once.min(self.weight.rows()) * self.weight.columns() / OF_A_PART
    }

    fn multiply_in_parts(
        self,
        buffers: &Buffers,
        out: MatMut<'_, f32>,
        accum: Accum,
        a: MatRef<'_, f32>,
        parts: usize,
    ) {
        let (rows, columns) = (out.nrows(), out.ncols());
        // Cut by rows, each part would widen the whole of a weight in bf16.
        let by_rows = columns < SIDE || rows >= columns && matches!(self.weight, WeightMatrix::F32(_));
        if parts < 2 || rows.max(columns) < SIDE {
            return self.multiply_here(buffers, out, accum, a);
        }
        let (few, more) = (parts / 2, parts - parts / 2);
        let cut = |of: usize| of * few / parts / CUTS * CUTS;
        if by_rows {
            let (top, bottom) = out.split_at_row_mut(cut(rows));
            let (above, below) = a.split_at_row(cut(rows));
            rayon::join(
                || self.multiply_in_parts(buffers, top, accum, above, few),
                || self.multiply_in_parts(buffers, bottom, accum, below, more),
            );
        } else {
            let (left, right) = out.split_at_col_mut(cut(columns));
            let (before, behind) = self.cut(cut(columns), columns);
            rayon::join(
                || before.multiply_in_parts(buffers, left, accum, a, few),
                || behind.multiply_in_parts(buffers, right, accum, a, more),
            );
        }
    }

    /// What makes the first of all columns of the result, and what the rest.
    fn cut(self, first: usize, all: usize) -> (Self, Self) {
        let part = |own: Range| match self.is_transposed {
            true => Self { weight: self.weight.part(own, 0..self.weight.columns()), ..self },
            false => Self { weight: self.weight.part(0..self.weight.rows(), own), ..self },
        };
        (part(0..first), part(first..all))
    }

    fn multiply_here(self, buffers: &Buffers, mut out: MatMut<'_, f32>, accum: Accum, a: MatRef<'_, f32>) {
        self.each_part(buffers, |rows, part| {
            if self.is_transposed {
                let out = out.as_mut().subcols_mut(rows.start, rows.len());
                matmul(out, accum, a, part.view().transpose(), 1.0, Par::Seq);
            } else {
                let accum = if rows.start == 0 { accum } else { Accum::Add };
                matmul(out.as_mut(), accum, a.subcols(rows.start, rows.len()), part.view(), 1.0, Par::Seq);
            }
        });
    }

    /// Calls a function with some rows of the weight after the others, in f32.
    fn each_part(self, buffers: &Buffers, mut call: impl FnMut(Range, Matrix<'_>)) {
        match self.weight {
            WeightMatrix::F32(matrix) => call(0..matrix.rows, matrix),
            WeightMatrix::Bf16(NarrowMatrix { numbers, rows, columns, stride }) => {
                // As many each time, but for one: never a row alone, which another kernel would multiply.
                let times = rows.div_ceil(self.rows_at_once);
                let mut wide = buffers.take(rows.div_ceil(times) * columns);
                for time in 0..times {
                    let some = time * rows / times..(time + 1) * rows / times;
                    let wide = &mut wide[..some.len() * columns];
                    if stride == columns {
                        widen(&numbers[some.start * columns..some.end * columns], wide);
                    } else {
                        for (row, wide) in some.clone().zip(wide.chunks_exact_mut(columns)) {
                            widen(&numbers[row * stride..][..columns], wide);
                        }
                    }
                    call(some, Matrix::new(wide, columns));
                }
            }
        }
    }
}

impl Weight {
    /// Its numbers as a matrix.
    pub(super) fn matrix(&self) -> WeightMatrix<'_> {
        let columns = self.width();
        match self.numbers() {
            WeightNumbers::F32(numbers) => WeightMatrix::F32(Matrix::new(numbers, columns)),
            WeightNumbers::Bf16(numbers) => {
                let rows = numbers.len() / columns;
                WeightMatrix::Bf16(NarrowMatrix { numbers, rows, columns, stride: columns })
            }
        }
    }
}

type Range = std::ops::Range<usize>;

/// Where a part begins and ends in its slice.
fn span(stride: usize, rows: &Range, columns: &Range) -> Range {
    rows.start * stride + columns.start..(rows.end - 1) * stride + columns.end
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn numbers(n: usize, seed: usize) -> Vec<f32> {
        (0..n).map(|i| (((i * 7919 + seed * 104_729) % 2003) as f32 / 1001.5) - 1.0).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        /// Products of each kind are sums of products, and equal to the last bit in however many parts.
        #[test]
        fn parts_change_no_number(
            rows in 2..400usize,
            depth in prop_oneof![2..40usize, 500..600usize],
            columns in 2..400usize,
            parts in 2..9usize,
            is_narrow in any::<bool>(),
            is_transposed in any::<bool>(),
            rows_at_once in 8..100usize,
        ) {
            let (a, b) = (numbers(rows * depth, 1), numbers(depth * columns, 2));
            let narrow: Vec<bf16> = b.iter().map(|&x| bf16::from_f32(x)).collect();
            let own: Vec<f32> = if is_narrow { narrow.iter().map(|x| x.to_f32()).collect() } else { b };
            let of_row = if is_transposed { depth } else { columns };
            let weight = match is_narrow {
                true => WeightMatrix::Bf16(NarrowMatrix {
                    numbers: &narrow,
                    rows: narrow.len() / of_row,
                    columns: of_row,
                    stride: of_row,
                }),
                false => WeightMatrix::F32(Matrix::new(&own, of_row)),
            };
            let factor = match weight {
                WeightMatrix::F32(_) => weight.factor(is_transposed),
                WeightMatrix::Bf16(_) => Factor { weight, is_transposed, rows_at_once },
            };
            let product = |parts| {
                let mut out = vec![0.5; rows * columns];
                let own = MatrixMut::new(&mut out, columns).view();
                factor.multiply_in_parts(&Buffers::default(), own, Accum::Add, Matrix::new(&a, depth).view(), parts);
                out
            };
            let whole = product(1);
            for (index, &found) in whole.iter().enumerate() {
                let (row, column) = (index / columns, index % columns);
                let at = |k: usize| if is_transposed { column * depth + k } else { k * columns + column };
                let terms = (0..depth).map(|k| f64::from(a[row * depth + k]) * f64::from(own[at(k)]));
                prop_assert!((f64::from(found) - 0.5 - terms.sum::<f64>()).abs() < 1e-4 * (depth as f64).sqrt());
            }
            prop_assert!(whole == product(parts.min(factor.most_parts(rows))));
        }
    }
}
