use std::hint::black_box;
use std::time::Instant;

/// One run of a task, in seconds.
pub fn seconds<T>(task: impl FnOnce() -> T) -> f64 {
    let begin = Instant::now();
    black_box(task());
    begin.elapsed().as_secs_f64()
}

/// The median of some numbers, and the least and the largest.
pub fn spread(mut numbers: Vec<f64>) -> (f64, f64, f64) {
    numbers.sort_by(f64::total_cmp);
    let n = numbers.len();
    (0.5 * (numbers[(n - 1) / 2] + numbers[n / 2]), numbers[0], numbers[n - 1])
}
