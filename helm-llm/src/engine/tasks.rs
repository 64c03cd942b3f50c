//! A batch's trees in tasks, one thread's work each.

use super::Engine;
use super::answers::RowTarget;
use super::forest::TreeParts;
use super::tree_rows::TreeRows;
use crate::packed::PackedTrees;

/// Rows that a task takes, about, if there are so many: with fewer, reading the weights costs more than the products.
pub(super) const TASK_ROWS: usize = 192;

/// Some of a batch's trees.
#[derive(Default)]
pub(super) struct Task {
    pub(super) trees: Vec<TreeParts>,
    pub(super) targets: Vec<RowTarget>,
    /// Where each row stands in the batch.
    pub(super) places: Vec<usize>,
    n_answers: usize,
}

impl Engine {
    /// A batch's trees in tasks, in their order.
    pub(super) fn tasks(&self, batch: &PackedTrees) -> Vec<Task> {
        let n_vocab = self.config.n_vocab;
        assert!(batch.targets.iter().all(|&(_, id)| (id as usize) < n_vocab), "targets are of the vocabulary");
        let prefixes = self.prefixes.get_or_compute(&batch.prefixes, |stretches| self.compute_prefixes(stretches));
        let trees: Vec<TreeRows> = (0..batch.batch()).map(|row| TreeRows::new(batch, row)).collect();
        let sizes: Vec<usize> = trees.iter().map(TreeRows::len).collect();
        let mut all_targets = batch.targets.iter().peekable();
        let mut tasks: Vec<Task> = Vec::new();
        for (row, ((rows, prefix), begins)) in trees.into_iter().zip(prefixes).zip(task_begins(&sizes)).enumerate() {
            if begins {
                tasks.push(Task::default());
            }
            let task = tasks.last_mut().expect("the first tree begins a task");
            let first = row * batch.length;
            let mut row_of_place = vec![0; batch.length];
            for (own, &place) in rows.places.iter().enumerate() {
                row_of_place[place - first] = own;
            }
            let mut own = Vec::new();
            while let Some((place, id)) = all_targets.next_if(|(place, _)| *place < first + batch.length) {
                own.push((row_of_place[place - first], *id));
            }
            // Several answers may follow one row: its logits are computed once.
            let mut answers: Vec<usize> = own.iter().map(|&(row, _)| row).collect();
            answers.sort_unstable();
            answers.dedup();
            let among = |row| task.n_answers + answers.partition_point(|&other| other < row);
            task.targets.extend(own.into_iter().map(|(row, id)| RowTarget { row: among(row), id }));
            task.n_answers += answers.len();
            task.places.extend_from_slice(&rows.places);
            task.trees.push((rows, answers, prefix));
        }
        tasks
    }
}

/// Which of some trees of these rows begin a task: tasks are about as large as one another, and not smaller than
/// [`TASK_ROWS`] where there are so many rows.
pub(super) fn task_begins(sizes: &[usize]) -> Vec<bool> {
    let total: usize = sizes.iter().sum();
    let aim = total.div_ceil((total / TASK_ROWS).max(1));
    let mut rows = aim;
    let begins = sizes.iter().map(|size| {
        let begins = rows >= aim;
        rows = if begins { *size } else { rows + size };
        begins
    });
    begins.collect()
}
