/// The normal distribution's cumulative probability.
///
/// Up to |z| = 3 the series Φ(z) = 1/2 + φ(z)·(z + z³/3 + z⁵/15 + …) (Marsaglia, J. Stat. Softw. 11(4), 2004), further
/// out Laplace's continued fraction of the tail, which keeps its relative precision there.
pub(super) fn cumulative(z: f64) -> f64 {
    let density = libm::exp(-0.5 * z * z) / std::f64::consts::TAU.sqrt();
    if z.abs() <= 3.0 {
        let (mut term, mut sum, mut n) = (z, z, 1.0);
        while term.abs() > 1e-17 {
            n += 2.0;
            term *= z * z / n;
            sum += term;
        }
        return 0.5 + density * sum;
    }
    let fraction = (1..=60).rev().fold(z.abs(), |below, n| z.abs() + f64::from(n) / below);
    let tail = density / fraction;
    if z < 0.0 { tail } else { 1.0 - tail }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// scipy 1.17.1: `scipy.special.ndtr(z)`.
    const SCIPY: [(f64, f64); 8] = [
        (0.0, 0.5),
        (-1.0, 0.158_655_253_931_457_05),
        (1.0, 0.841_344_746_068_542_9),
        (-1.645, 0.049_984_905_539_121_376),
        (2.5, 0.993_790_334_674_223_8),
        (-3.0, 0.001_349_898_031_630_093_3),
        (-4.0, 3.167_124_183_311_986e-5),
        (-8.0, 6.220_960_574_271_74e-16),
    ];

    #[test]
    fn equals_scipy() {
        for (z, expected) in SCIPY {
            approx::assert_relative_eq!(cumulative(z), expected, max_relative = 1e-11);
        }
        assert!((cumulative(3.0) - cumulative(3.0 + 1e-12)).abs() < 1e-13);
        assert_eq!((cumulative(-60.0), cumulative(60.0)), (0.0, 1.0));
    }
}
