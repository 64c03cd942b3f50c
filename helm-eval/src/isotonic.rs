use serde::{Deserialize, Serialize};

/// The rising function of scores that is nearest to the labels, by pooling adjacent violators (Ayer et al. 1955, Ann.
/// Math. Stat. 26:641–647), straight between its knots and level beyond them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Isotonic {
    /// Score and risk, both rising.
    knots: Vec<(f64, f64)>,
}

/// Rows that share a risk: their lowest and highest score, cases and rows.
#[derive(Clone, Copy, Debug)]
struct Block {
    first: f64,
    last: f64,
    cases: u64,
    rows: u64,
}

impl Isotonic {
    /// Fits to finite scores, of which there is at least one.
    pub(crate) fn fit(labels: &[bool], scores: &[f64]) -> Self {
        let mut order: Vec<usize> = (0..scores.len()).collect();
        order.sort_unstable_by(|&a, &b| scores[a].total_cmp(&scores[b]));
        let mut blocks: Vec<Block> = Vec::new();
        for equal in order.chunk_by(|&a, &b| scores[a] == scores[b]) {
            let cases = equal.iter().filter(|&&row| labels[row]).count() as u64;
            let score = scores[equal[0]];
            let mut block = Block { first: score, last: score, cases, rows: equal.len() as u64 };
            // Shares compared as whole numbers: a/b ≥ c/d is a d ≥ c b.
            while let Some(&before) = blocks.last()
                && u128::from(before.cases) * u128::from(block.rows)
                    >= u128::from(block.cases) * u128::from(before.rows)
            {
                block = Block {
                    first: before.first,
                    cases: before.cases + block.cases,
                    rows: before.rows + block.rows,
                    ..block
                };
                blocks.pop();
            }
            blocks.push(block);
        }
        let mut knots = Vec::new();
        for block in blocks {
            let risk = block.cases as f64 / block.rows as f64;
            knots.push((block.first, risk));
            if block.last > block.first {
                knots.push((block.last, risk));
            }
        }
        Self { knots }
    }

    pub(crate) fn apply(&self, score: f64) -> f64 {
        let above = self.knots.partition_point(|knot| knot.0 < score);
        match (above.checked_sub(1).map(|below| self.knots[below]), self.knots.get(above)) {
            (Some(below), Some(above)) => below.1 + (above.1 - below.1) * ((score - below.0) / (above.0 - below.0)),
            (Some(end), None) | (None, Some(&end)) => end.1,
            (None, None) => f64::NAN,
        }
    }
}
