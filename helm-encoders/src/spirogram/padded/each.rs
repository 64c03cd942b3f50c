use rayon::prelude::*;

/// Numbers that are worth more threads than one.
const MANY: usize = 1 << 15;

/// Does something with each of some items that hold so many numbers together, in loops that are compiled for the
/// processor's widest instructions; on all threads if that pays.
pub(super) fn for_each<T: Send>(items: impl Iterator<Item = T>, numbers: usize, run: impl Fn(T) + Sync) {
    let arch = pulp::Arch::new();
    // The only call: a second one would keep the compiler from making `run` a part of what the processor is known for.
    let each = |item| arch.dispatch(|| run(item));
    if numbers < MANY {
        items.for_each(each);
    } else {
        let items: Vec<T> = items.collect();
        let at_once = (MANY / 4 * items.len()).div_ceil(numbers);
        items.into_par_iter().with_min_len(at_once).for_each(each);
    }
}
