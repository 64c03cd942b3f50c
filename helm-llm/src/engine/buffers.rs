use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};

/// Memory that passes hand on to one another: a step takes no fresh pages where the one before it left enough.
///
/// It holds as much as passes ever used at once, and gives nothing back while the model lives.
#[derive(Clone, Default)]
pub(super) struct Buffers(Arc<Mutex<Vec<Vec<f32>>>>);

/// Some of it; goes back when it is dropped.
pub(super) struct Buffer {
    numbers: Vec<f32>,
    free: Buffers,
}

impl Buffers {
    /// So many numbers, whatever they are: who takes them writes each before reading it.
    pub(super) fn take(&self, len: usize) -> Buffer {
        let numbers = {
            let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let fits = |numbers: &Vec<f32>| numbers.capacity() >= len;
            let fitting = (0..free.len()).filter(|&i| fits(&free[i])).min_by_key(|&i| free[i].capacity());
            // One that is too small makes room for what it grows to.
            let any = fitting.or_else(|| (0..free.len()).max_by_key(|&i| free[i].capacity()));
            any.map(|i| free.swap_remove(i))
        };
        let numbers = match numbers {
            Some(mut numbers) if numbers.capacity() >= len => {
                numbers.resize(len, 0.0);
                numbers
            }
            small => {
                drop(small);
                vec![0.0; len]
            }
        };
        Buffer { numbers, free: self.clone() }
    }

    /// So many zeros.
    pub(super) fn zeros(&self, len: usize) -> Buffer {
        let mut buffer = self.take(len);
        buffer.fill(0.0);
        buffer
    }

    /// A copy of some numbers.
    pub(super) fn copy(&self, of: &[f32]) -> Buffer {
        let mut buffer = self.take(of.len());
        buffer.copy_from_slice(of);
        buffer
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.numbers
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.numbers
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let numbers = std::mem::take(&mut self.numbers);
        self.free.0.lock().unwrap_or_else(PoisonError::into_inner).push(numbers);
    }
}
