use burn::tensor::{Distribution, Tensor};

use crate::seconds;

/// Operations of a matrix product of 2048³ in f32, in 10⁹ a second, at its best of some rounds: what no product in the
/// same run is much above.
///
/// # Panics
/// Never.
#[allow(clippy::expect_used, reason = "a bench ends by panicking")]
pub fn gflops_at_best(rounds: usize) -> f64 {
    let device = helm_encoders::device("cpu").expect("the CPU");
    let random = || Tensor::<2>::random([2048, 2048], Distribution::Uniform(-1.0, 1.0), &device);
    let (a, b) = (random(), random());
    let best = (0..=rounds).map(|_| seconds(|| a.clone().matmul(b.clone()).into_data())).fold(f64::INFINITY, f64::min);
    2.0 * 2048f64.powi(3) / best / 1e9
}
