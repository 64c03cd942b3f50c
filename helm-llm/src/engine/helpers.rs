//! Threads without a task of their own help those that have one.
//!
//! They change no number: what they are handed is computed as it is without them.

use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use super::buffers::Buffers;

/// Multiplications that are worth waking a thread for, which takes some tenth of a millisecond.
const MULTIPLICATIONS: usize = if cfg!(test) { 1 << 13 } else { 1 << 22 };
/// As many of them as an exponential takes the time of.
pub(super) const EXPONENTIAL: usize = 16;

/// How many tasks an engine has, waiting or at work.
#[derive(Default)]
pub(super) struct Helpers {
    tasks: AtomicUsize,
}

/// What a task's work is done with.
#[derive(Clone, Copy)]
pub(super) struct Hands<'a> {
    pub(super) buffers: &'a Buffers,
    pub(super) helpers: &'a Helpers,
}

/// A task, until it is dropped.
pub(super) struct AtWork<'a>(&'a AtomicUsize);

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Helpers {
    /// Counts tasks, each until what stands beside it is dropped. All that are to be done side by side are counted
    /// before the first begins, so that nobody waits for help while there are others to do.
    pub(super) fn begin<T>(&self, tasks: Vec<T>) -> Vec<(T, AtWork<'_>)> {
        let count = |task| {
            self.tasks.fetch_add(1, Ordering::Relaxed);
            (task, AtWork(&self.tasks))
        };
        tasks.into_iter().map(count).collect()
    }

    /// How many threads a task's next step of so many multiplications has, its own counted: more than one only where
    /// there are at most half as many tasks as threads.
    pub(super) fn threads(&self, multiplications: usize) -> usize {
        let of_task = rayon::current_num_threads() / self.tasks.load(Ordering::Relaxed).max(1);
        of_task.min(multiplications / MULTIPLICATIONS).max(1)
    }

    /// Calls a function with each of some things, which need not wait for one another, and take so many multiplications
    /// altogether.
    pub(super) fn each<T: Send>(
        &self,
        multiplications: usize,
        things: impl ExactSizeIterator<Item = T>,
        call: impl Fn(T) + Send + Sync,
    ) {
        if things.len() > 1 && self.threads(multiplications) > 1 {
            things.collect::<Vec<T>>().into_par_iter().with_max_len(1).for_each(call);
        } else {
            things.for_each(call);
        }
    }
}
