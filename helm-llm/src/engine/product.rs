//! Matrix products of one thread, by faer: the engine's threads each take trees of their own.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};

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

    /// Becomes `a b`.
    pub(super) fn set(self, a: Matrix<'_>, b: Matrix<'_>) {
        matmul(self.view(), Accum::Replace, a.view(), b.view(), 1.0, Par::Seq);
    }

    /// Becomes `a bᵀ`.
    pub(super) fn set_transposed(self, a: Matrix<'_>, b: Matrix<'_>) {
        matmul(self.view(), Accum::Replace, a.view(), b.view().transpose(), 1.0, Par::Seq);
    }

    /// Grows by `a b`.
    pub(super) fn add(self, a: Matrix<'_>, b: Matrix<'_>) {
        matmul(self.view(), Accum::Add, a.view(), b.view(), 1.0, Par::Seq);
    }

    /// Grows by `a bᵀ`.
    pub(super) fn add_transposed(self, a: Matrix<'_>, b: Matrix<'_>) {
        matmul(self.view(), Accum::Add, a.view(), b.view().transpose(), 1.0, Par::Seq);
    }

    /// Grows by `aᵀ b`.
    pub(super) fn add_product_of_columns(self, a: Matrix<'_>, b: Matrix<'_>) {
        matmul(self.view(), Accum::Add, a.view().transpose(), b.view(), 1.0, Par::Seq);
    }
}

type Range = std::ops::Range<usize>;

/// Where a part begins and ends in its slice.
fn span(stride: usize, rows: &Range, columns: &Range) -> Range {
    rows.start * stride + columns.start..(rows.end - 1) * stride + columns.end
}
