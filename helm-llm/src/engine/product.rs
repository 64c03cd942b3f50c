//! Matrix products of one thread, by faer: the engine's threads each take trees of their own.

pub(super) use faer::Accum;
use faer::linalg::matmul::matmul;
use faer::{MatMut, MatRef, Par};
use half::bf16;

use super::buffers::Buffers;
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

    /// Some columns of it.
    fn columns(&mut self, columns: Range) -> MatrixMut<'_> {
        MatrixMut::part(self.numbers, self.stride, 0..self.rows, columns)
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
    Bf16 {
        numbers: &'a [bf16],
        columns: usize,
    },
}

/// Numbers that are widened at once: enough that the product's own passes over its result count little.
pub(super) const WIDENED: usize = if cfg!(test) { 100 } else { 1 << 18 };

impl WeightMatrix<'_> {
    pub(super) fn rows(&self) -> usize {
        match self {
            Self::F32(matrix) => matrix.rows,
            Self::Bf16 { numbers, columns } => numbers.len() / columns,
        }
    }

    pub(super) fn columns(&self) -> usize {
        match self {
            Self::F32(matrix) => matrix.columns,
            Self::Bf16 { columns, .. } => *columns,
        }
    }

    /// Writes one row.
    pub(super) fn copy_row(&self, row: usize, out: &mut [f32]) {
        match self {
            Self::F32(matrix) => out.copy_from_slice(&matrix.numbers[row * matrix.stride..][..matrix.columns]),
            Self::Bf16 { numbers, columns } => widen(&numbers[row * columns..][..*columns], out),
        }
    }

    /// Adds a multiple of one row.
    pub(super) fn add_row(&self, row: usize, by: f32, out: &mut [f32]) {
        match self {
            Self::F32(matrix) => add_scaled(out, &matrix.numbers[row * matrix.stride..][..matrix.columns], by),
            Self::Bf16 { numbers, columns } => add_widened(out, &numbers[row * columns..][..*columns], by),
        }
    }

    /// `out` becomes `a` times the weight, or grows by it.
    pub(super) fn multiply(self, buffers: &Buffers, mut out: MatrixMut<'_>, accum: Accum, a: Matrix<'_>) {
        self.each_part(buffers, |rows, part| {
            let accum = if rows.start == 0 { accum } else { Accum::Add };
            let a = Matrix::part(a.numbers, a.stride, 0..a.rows, rows);
            let columns = 0..out.columns;
            matmul(out.columns(columns).view(), accum, a.view(), part.view(), 1.0, Par::Seq);
        });
    }

    /// `out` becomes `a` times the transposed weight, or grows by it.
    pub(super) fn multiply_transposed(self, buffers: &Buffers, mut out: MatrixMut<'_>, accum: Accum, a: Matrix<'_>) {
        self.each_part(buffers, |rows, part| {
            matmul(out.columns(rows).view(), accum, a.view(), part.view().transpose(), 1.0, Par::Seq);
        });
    }

    /// Calls a function with some rows after the others, in f32.
    fn each_part(self, buffers: &Buffers, mut call: impl FnMut(Range, Matrix<'_>)) {
        match self {
            Self::F32(matrix) => call(0..matrix.rows, matrix),
            Self::Bf16 { numbers, columns } => {
                let rows = numbers.len() / columns;
                let at_once = rows.div_ceil(numbers.len().div_ceil(WIDENED).max(1)).max(1);
                let mut wide = buffers.take(at_once * columns);
                for first in (0..rows).step_by(at_once) {
                    let some = first..rows.min(first + at_once);
                    let wide = &mut wide[..some.len() * columns];
                    widen(&numbers[some.start * columns..some.end * columns], wide);
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
            WeightNumbers::Bf16(numbers) => WeightMatrix::Bf16 { numbers, columns },
        }
    }
}

type Range = std::ops::Range<usize>;

/// Where a part begins and ends in its slice.
fn span(stride: usize, rows: &Range, columns: &Range) -> Range {
    rows.start * stride + columns.start..(rows.end - 1) * stride + columns.end
}
