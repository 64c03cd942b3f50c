//! Matrix products on all threads, whose sums don't depend on how many there are.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;

/// Multiplications that are worth a task of their own.
const OF_A_TASK: usize = 1 << 19;
/// The most pieces of a product.
const PIECES: usize = 16;
/// Rows whose products with one another's columns are added up at once: more of them don't stay in the caches.
const ROWS_AT_ONCE: usize = 256;

/// A matrix in a slice, row after row, at a distance that may be larger than a row is long.
pub(super) fn rows_mut(numbers: &mut [f32], rows: usize, columns: usize, distance: usize) -> MatMut<'_, f32> {
    // Not by rows: faer 0.24.4 takes the strides of `from_row_major_slice_with_stride_mut` the wrong way round.
    MatMut::from_column_major_slice_with_stride_mut(numbers, columns, rows, distance).transpose_mut()
}

/// `out = a b`.
pub(super) fn multiply(out: MatMut<'_, f32>, a: MatRef<'_, f32>, b: MatRef<'_, f32>) {
    in_pieces(out, a, b, pieces(a.nrows() * a.ncols() * b.ncols()), a.ncols().max(1));
}

/// `aᵀ b` of matrices with many rows.
pub(super) fn multiply_columns(a: MatRef<'_, f32>, b: MatRef<'_, f32>) -> Vec<f32> {
    let (rows, m, n) = (a.nrows(), a.ncols(), b.ncols());
    let pieces = pieces(rows * m * n);
    // Small results are added up from parts of the rows, large ones cut into tiles.
    let of_rows = if m * n > 1 << 16 { 1 } else { pieces };
    let part = |part: usize| {
        let (from, to) = (part * rows / of_rows, (part + 1) * rows / of_rows);
        let mut out = vec![0.0; m * n];
        let (a, b) = (a.subrows(from, to - from), b.subrows(from, to - from));
        in_pieces(rows_mut(&mut out, m, n, n), a.transpose(), b, pieces / of_rows, ROWS_AT_ONCE);
        out
    };
    if of_rows == 1 {
        return part(0);
    }
    let parts: Vec<Vec<f32>> = (0..of_rows).into_par_iter().map(part).collect();
    let mut parts = parts.into_iter();
    let mut sum = parts.next().unwrap_or_default();
    for part in parts {
        sum.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
    }
    sum
}

/// A power of two.
fn pieces(work: usize) -> usize {
    (work / OF_A_TASK).clamp(1, PIECES).next_power_of_two()
}

/// `out = a b`, where sums are over so many products at once.
fn in_pieces(out: MatMut<'_, f32>, a: MatRef<'_, f32>, b: MatRef<'_, f32>, pieces: usize, at_once: usize) {
    let (rows, columns) = (out.nrows(), out.ncols());
    if pieces == 1 || rows.max(columns) == 1 {
        multiply_here(out, a, b, at_once);
    } else if rows >= columns {
        let (top, bottom) = out.split_at_row_mut(rows / 2);
        let (above, below) = a.split_at_row(rows / 2);
        let half = pieces / 2;
        rayon::join(|| in_pieces(top, above, b, half, at_once), || in_pieces(bottom, below, b, half, at_once));
    } else {
        let (left, right) = out.split_at_col_mut(columns / 2);
        let (before, behind) = b.split_at_col(columns / 2);
        let half = pieces / 2;
        rayon::join(|| in_pieces(left, a, before, half, at_once), || in_pieces(right, a, behind, half, at_once));
    }
}

fn multiply_here(mut out: MatMut<'_, f32>, a: MatRef<'_, f32>, b: MatRef<'_, f32>, at_once: usize) {
    for from in (0..a.ncols()).step_by(at_once) {
        let n = at_once.min(a.ncols() - from);
        let accum = if from == 0 { Accum::Replace } else { Accum::Add };
        matmul(out.as_mut(), accum, a.subcols(from, n), b.subrows(from, n), 1.0, Par::Seq);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(n: usize, seed: usize) -> Vec<f32> {
        (0..n).map(|i| (((i * 7919 + seed * 104_729) % 2003) as f32 / 1001.5) - 1.0).collect()
    }

    fn close(found: impl Fn(usize, usize) -> f32, a: MatRef<'_, f32>, b: MatRef<'_, f32>) {
        for row in (0..a.nrows()).step_by(a.nrows() / 17 + 1) {
            for column in 0..b.ncols() {
                let terms = (0..a.ncols()).map(|k| f64::from(a[(row, k)]) * f64::from(b[(k, column)]));
                let expected: f64 = terms.sum();
                let found = f64::from(found(row, column));
                assert!((found - expected).abs() < 1e-4 * (a.ncols() as f64).sqrt(), "{found} is not {expected}");
            }
        }
    }

    /// Tall, wide, odd and tiny ones; rows that overlap, and results with numbers between their rows.
    #[test]
    fn products_are_sums_of_products() {
        for (m, k, n) in [(4096, 96, 64), (34, 1536, 512), (1, 3, 1), (1001, 33, 7), (5, 300, 301)] {
            let (a, b) = (matrix(m + k, 1), matrix(k * n, 2));
            let a = MatRef::from_row_major_slice_with_stride(&a, m, k, 1);
            let b = MatRef::from_row_major_slice(&b, k, n);
            let distance = n + 3;
            let mut out = vec![7f32; m * distance];
            multiply(rows_mut(&mut out, m, n, distance), a, b);
            close(|row, column| out[row * distance + column], a, b);
            assert!(out.chunks(distance).all(|row| row[n..].iter().all(|&between| between == 7.0)));
        }
    }

    /// Results that are added up from parts of the rows, and those that are cut into tiles.
    #[test]
    fn products_of_columns_are_sums_over_rows() {
        for (rows, m, n) in [(4096, 32, 96), (1090, 512, 400), (3, 1, 1), (777, 13, 5), (300, 256, 257)] {
            let (a, b) = (matrix(rows * m, 3), matrix(rows * n, 4));
            let (a, b) = (MatRef::from_row_major_slice(&a, rows, m), MatRef::from_row_major_slice(&b, rows, n));
            let out = multiply_columns(a, b);
            close(|row, column| out[row * n + column], a.transpose(), b);
        }
    }
}
