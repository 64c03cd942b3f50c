use std::f64::consts::PI;

/// The learning rate of a step: a straight rise from 0 over the warm-up, then a cosine down to 0 (Loshchilov and
/// Hutter 2017, arXiv 1608.03983, without restarts).
///
/// `step` counts from 0; `warmup` is a share of `n_steps`.
pub(crate) fn learning_rate(highest: f64, warmup: f64, step: usize, n_steps: usize) -> f64 {
    let n_warmup = (warmup * n_steps as f64).round();
    let at = step as f64 + 1.0;
    if at <= n_warmup {
        highest * at / n_warmup
    } else {
        let share = (at - n_warmup) / (n_steps as f64 - n_warmup + 1.0);
        highest * 0.5 * (1.0 + (PI * share).cos())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rises_then_falls_and_never_reaches_zero_within_the_run() {
        let rates: Vec<f64> = (0..100).map(|step| learning_rate(1e-3, 0.1, step, 100)).collect();
        assert!(rates[..10].windows(2).all(|pair| pair[0] < pair[1]));
        assert!(rates[9..].windows(2).all(|pair| pair[0] > pair[1]));
        assert!((rates[9] - 1e-3).abs() < 1e-12);
        assert!(rates.iter().all(|&rate| rate > 0.0));
        // Half-way along the cosine the rate is half the highest.
        assert!((learning_rate(1.0, 0.0, 49, 99) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn a_single_step_has_a_rate() {
        assert!(learning_rate(1.0, 0.0, 0, 1) > 0.0);
    }
}
