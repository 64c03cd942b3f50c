use rayon::prelude::*;

/// Numbers that are worth more threads than one.
const MANY: usize = 1 << 15;

/// Does something with each of some items, in loops that are compiled for the processor's widest instructions; on all
/// threads if `numbers`, how many numbers the items hold together, makes that worth its while.
pub(super) fn for_each<T: Send>(items: impl Iterator<Item = T>, numbers: usize, run: impl Fn(T) + Sync) {
    let arch = pulp::Arch::new();
    // The only call: with a second one, the compiler would keep `run` apart from what it knows of the processor here.
    let each = |item| arch.dispatch(|| run(item));
    if numbers < MANY {
        items.for_each(each);
    } else {
        let items: Vec<T> = items.collect();
        let at_once = (MANY / 4 * items.len()).div_ceil(numbers);
        items.into_par_iter().with_min_len(at_once).for_each(each);
    }
}
