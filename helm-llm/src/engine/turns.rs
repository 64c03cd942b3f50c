use std::sync::{Arc, Mutex, PoisonError};

use super::lanes::wide;
use crate::model::Rope;

/// Cosines and sines of rotary positions, as far as they were asked for.
pub(super) struct Turns {
    rope: Rope,
    table: Mutex<Arc<Table>>,
}

/// Of the positions from 0 on, `[positions, pairs]` each.
#[derive(Default)]
pub(super) struct Table {
    cos: Vec<f32>,
    sin: Vec<f32>,
    pairs: usize,
}

impl Turns {
    pub(super) fn new(rope: Rope) -> Self {
        Self { rope, table: Mutex::default() }
    }

    /// A table of at least so many positions.
    pub(super) fn table(&self, positions: usize) -> Arc<Table> {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let pairs = self.rope.pairs();
        if table.cos.len() < positions * pairs {
            let (cos, sin) = self.rope.cosines_sines(positions.next_power_of_two()).into_iter().unzip();
            *table = Arc::new(Table { cos, sin, pairs });
        }
        table.clone()
    }
}

impl Table {
    /// Turns the heads in the first `width` numbers of each row of `stride` numbers by the row's position, or `back`.
    pub(super) fn turn(
        &self,
        rows: &mut [f32],
        (stride, width, d_head): (usize, usize, usize),
        positions: impl Iterator<Item = usize>,
        back: bool,
    ) {
        let pairs = self.pairs;
        wide(
            #[inline(always)]
            || {
                for (row, position) in rows.chunks_exact_mut(stride).zip(positions) {
                    let (cos, sin) = (&self.cos[position * pairs..][..pairs], &self.sin[position * pairs..][..pairs]);
                    for head in row[..width].chunks_exact_mut(d_head) {
                        turn(head, cos, sin, back);
                    }
                }
            },
        );
    }
}

/// Turns pairs of coordinates, those of the first half of `2 * cos.len()` numbers with those of the second; by the
/// opposite angle where `back`.
#[inline(always)]
fn turn(head: &mut [f32], cos: &[f32], sin: &[f32], back: bool) {
    let half = cos.len();
    let (first, rest) = head.split_at_mut(half);
    let sign = if back { -1.0 } else { 1.0 };
    for (((a, b), &cos), &sin) in first.iter_mut().zip(&mut rest[..half]).zip(cos).zip(sin) {
        let (x, y, sin) = (*a, *b, sin * sign);
        *a = x * cos - y * sin;
        *b = y * cos + x * sin;
    }
}
