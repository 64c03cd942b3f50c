use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};

/// Memory that passes hand on to one another: a step takes no fresh pages where the one before it left enough.
///
/// It holds about as much as passes ever used at once, up to the rounding of sizes, while the model lives.
#[derive(Clone, Default)]
pub(super) struct Buffers(Arc<Mutex<Free>>);

/// What nobody uses, by its size.
#[derive(Default)]
struct Free {
    by_size: BTreeMap<usize, Vec<Vec<f32>>>,
    /// Numbers in use, without what sizes are rounded up by, and the most that ever were.
    #[cfg(test)]
    used: (usize, usize),
}

/// Some of it; goes back when it is dropped.
pub(super) struct Buffer {
    /// At least as many as are in use.
    numbers: Vec<f32>,
    len: usize,
    free: Buffers,
}

impl Buffers {
    /// So many numbers, whatever they are: who takes them writes each before reading it.
    pub(super) fn take(&self, len: usize) -> Buffer {
        let size = size_for(len);
        let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        #[cfg(test)]
        {
            free.used.0 += len;
            free.used.1 = free.used.1.max(free.used.0);
        }
        let found = free.take(size);
        drop(free);
        let mut numbers = found.unwrap_or_else(|| vec![0.0; size]);
        if cfg!(test) {
            numbers.fill(f32::NAN);
        }
        Buffer { numbers, len, free: self.clone() }
    }

    /// The most numbers that were in use at once since it was asked last.
    #[cfg(test)]
    pub(super) fn most_numbers(&self) -> usize {
        let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let most = free.used.1;
        free.used.1 = free.used.0;
        most
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

impl Free {
    /// One of a size; if there is none, as much as it will take is given back from other sizes, the largest first.
    fn take(&mut self, size: usize) -> Option<Vec<f32>> {
        if let Some(numbers) = self.by_size.get_mut(&size).and_then(Vec::pop) {
            return Some(numbers);
        }
        let mut given = 0;
        for (&other, free) in self.by_size.iter_mut().rev() {
            while given < size && free.pop().is_some() {
                given += other;
            }
        }
        None
    }
}

/// The size that is kept for a length: a power of two, or three quarters of one.
fn size_for(len: usize) -> usize {
    let power = len.next_power_of_two();
    if len <= power / 4 * 3 { power / 4 * 3 } else { power }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.numbers[..self.len]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.numbers[..self.len]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let numbers = std::mem::take(&mut self.numbers);
        let mut free = self.free.0.lock().unwrap_or_else(PoisonError::into_inner);
        #[cfg(test)]
        {
            free.used.0 -= self.len;
        }
        free.by_size.entry(numbers.len()).or_default().push(numbers);
    }
}
