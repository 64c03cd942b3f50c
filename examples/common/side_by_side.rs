use std::thread;

use crate::Failure;

/// What a function makes of each of some things and its number, in their order: as many side by side as the computer
/// has cores, and then as many again when all of these are done.
///
/// Threads of their own, and not those of the pool in which the work's products run: one that waits for its products
/// must not take up another thing meanwhile.
///
/// # Errors
/// The function's first, in the order of the things.
pub fn side_by_side<T: Send, U: Send>(
    things: impl IntoIterator<Item = T>,
    make: impl Fn(usize, T) -> Result<U, Failure> + Sync,
) -> Result<Vec<U>, Failure> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let mut things = things.into_iter().enumerate().peekable();
    let mut made = Vec::new();
    while things.peek().is_some() {
        let round = thread::scope(|scope| {
            let start = |(index, thing)| {
                let make = &make;
                scope.spawn(move || make(index, thing))
            };
            let running: Vec<_> = things.by_ref().take(threads).map(start).collect();
            let of_thread = |thread: thread::ScopedJoinHandle<'_, _>| {
                thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            running.into_iter().map(of_thread).collect::<Vec<Result<U, Failure>>>()
        });
        for of_thing in round {
            made.push(of_thing?);
        }
    }
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_and_errors_come_in_order() {
        let odd = |index: usize, thing: usize| match thing % 7 {
            6 => Err(Failure::new(index)),
            _ => Ok(index + thing),
        };
        assert_eq!(side_by_side(0..6, odd).expect("six sums"), [0, 2, 4, 6, 8, 10]);
        let failure = side_by_side(0..30, odd).expect_err("the seventh fails");
        assert_eq!(format!("{failure:?}"), format!("{:?}", Failure::new(6)));
    }
}
