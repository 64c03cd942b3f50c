use std::io;
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{Builder, JoinHandle};

/// An iterator that runs on a thread of its own, so that its next items come about while the last one is made use of.
///
/// Items come in their order. Two at most are ahead: one that waits, and one in the making. The thread ends with its
/// iterator, or when this is dropped, which waits for it.
pub(super) struct ReadAhead<T> {
    /// `None` when there is nothing more to come.
    running: Option<(Receiver<T>, JoinHandle<()>)>,
}

impl<T: Send + 'static> ReadAhead<T> {
    /// Starts the thread.
    ///
    /// # Errors
    /// What the system has against another thread.
    pub(super) fn new(items: impl Iterator<Item = T> + Send + 'static) -> io::Result<Self> {
        let (sender, receiver) = sync_channel(1);
        let send_all = move || {
            for item in items {
                if sender.send(item).is_err() {
                    break;
                }
            }
        };
        let thread = Builder::new().name("read-ahead".into()).spawn(send_all)?;
        Ok(Self { running: Some((receiver, thread)) })
    }
}

impl<T> Iterator for ReadAhead<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        let (receiver, _) = self.running.as_ref()?;
        if let Ok(item) = receiver.recv() {
            return Some(item);
        }
        // A panic is no end: what was read so far must not pass for the whole.
        let (_, thread) = self.running.take()?;
        thread.join().unwrap_or_else(|panic| resume_unwind(panic));
        None
    }
}

impl<T> Drop for ReadAhead<T> {
    fn drop(&mut self) {
        if let Some((receiver, thread)) = self.running.take() {
            drop(receiver);
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn items_come_in_their_order_and_few_are_ahead() {
        let made = Arc::new(AtomicUsize::new(0));
        let counter = made.clone();
        let items = (0..100).inspect(move |_| {
            counter.fetch_add(1, Ordering::SeqCst);
        });
        let mut ahead = ReadAhead::new(items).expect("a thread");
        for expected in 0..50 {
            assert_eq!(ahead.next(), Some(expected));
            assert!(made.load(Ordering::SeqCst) <= expected + 3);
        }
        // The thread is stopped in the middle.
        drop(ahead);
        assert!(made.load(Ordering::SeqCst) <= 52 && Arc::strong_count(&made) == 1);
    }

    #[test]
    fn the_end_stays_the_end() {
        let mut ahead = ReadAhead::new(0..3).expect("a thread");
        assert_eq!(ahead.by_ref().collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!((ahead.next(), ahead.next()), (None, None));
    }

    #[test]
    #[should_panic(expected = "a fault")]
    fn a_panic_is_no_end() {
        let items = (0..3).inspect(|&item| assert!(item < 2, "a fault"));
        ReadAhead::new(items).expect("a thread").for_each(drop);
    }
}
