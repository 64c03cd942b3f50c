//! Tails of the normal and chi-squared distributions.

use std::f64::consts::{PI, SQRT_2};

/// The complement of the error function, `2/√π ∫ₓ^∞ exp(−t²) dt` (Abramowitz and Stegun 1964, 7.1.6 and 7.1.14), to
/// about 1e-13 relative.
fn erfc(x: f64) -> f64 {
    if x < 0.0 {
        return 2.0 - erfc(-x);
    }
    let bell = (-x * x).exp() / PI.sqrt();
    if x < 2.0 {
        // erf x = 2/√π exp(−x²) Σ 2ⁿ x²ⁿ⁺¹ / (1·3·…·(2n+1)): all terms positive.
        let (mut term, mut sum, mut n) = (x, x, 0.0);
        while term > sum * 1e-17 {
            n += 1.0;
            term *= 2.0 * x * x / (2.0 * n + 1.0);
            sum += term;
        }
        return 1.0 - 2.0 * bell * sum;
    }
    // √π exp(x²) erfc x = 1/(x + ½/(x + 1/(x + 3⁄2/(x + …)))), from the inside out.
    bell / (1..=120).rev().fold(x, |rest, n| x + f64::from(n) / 2.0 / rest)
}

/// The probability that a standard normal number is at most z.
pub(crate) fn normal_cdf(z: f64) -> f64 {
    0.5 * erfc(-z / SQRT_2)
}

/// The probability that a standard normal number is as far from 0 as z, on either side.
pub(crate) fn two_sided(z: f64) -> f64 {
    erfc(z.abs() / SQRT_2)
}

/// The number below which a standard normal one lies with probability p; infinite at 0 and 1.
pub(crate) fn normal_quantile(p: f64) -> f64 {
    if p.is_nan() || p <= 0.0 {
        return if p.is_nan() { f64::NAN } else { f64::NEG_INFINITY };
    }
    if p > 0.5 {
        return -normal_quantile(1.0 - p);
    }
    // The tail below −39 is smaller than any f64.
    let (mut lower, mut upper) = (-39.0, 0.0);
    loop {
        let middle = 0.5 * (lower + upper);
        if middle <= lower || middle >= upper {
            return middle;
        }
        if normal_cdf(middle) < p { lower = middle } else { upper = middle }
    }
}

/// The number of standard errors on either side of an estimate that hold the true value with this probability: 1.96 for
/// 0.95.
pub(crate) fn two_sided_quantile(confidence: f64) -> f64 {
    -normal_quantile((1.0 - confidence) / 2.0)
}

/// The probability that a chi-squared number of so many degrees of freedom is above x; 1 without any (Abramowitz and
/// Stegun 1964, 26.4.4 and 26.4.5).
pub(crate) fn chi_squared_tail(x: f64, degrees: usize) -> f64 {
    if degrees == 0 || x <= 0.0 {
        return 1.0;
    }
    let half = x / 2.0;
    // Q(a + 1, h) = Q(a, h) + hᵃ exp(−h) / Γ(a + 1), from Q(½, h) = erfc √h or Q(1, h) = exp(−h).
    let (mut a, mut tail, mut term) = if degrees % 2 == 1 {
        (0.5, erfc(half.sqrt()), (half / PI).sqrt() * 2.0 * (-half).exp())
    } else {
        (1.0, (-half).exp(), half * (-half).exp())
    };
    while a + 0.5 < degrees as f64 / 2.0 {
        tail += term;
        a += 1.0;
        term *= half / a;
    }
    tail.min(1.0)
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;

    use super::*;

    /// From scipy 1.17.1: `norm.sf`, `norm.ppf`, `chi2.sf`.
    #[test]
    fn as_scipy() {
        let tails = [
            (0.0, 0.5),
            (0.5, 0.308537538725987),
            (1.959963984540054, 0.025),
            (2.8, 0.002555130330427932),
            (2.9, 0.0018658133003840378),
            (5.0, 2.866515718791939e-07),
            (10.0, 7.61985302416052e-24),
            (37.0, 5.725571222524577e-300),
        ];
        for (z, tail) in tails {
            assert_relative_eq!(normal_cdf(-z), tail, max_relative = 1e-12);
            assert_relative_eq!(normal_cdf(z), 1.0 - tail, max_relative = 1e-14);
            assert_relative_eq!(two_sided(z), 2.0 * tail, max_relative = 1e-12);
        }
        for (p, z) in QUANTILES {
            assert_relative_eq!(normal_quantile(p), z, max_relative = 1e-12);
        }
        for (x, degrees, tail) in CHI_SQUARED {
            assert_relative_eq!(chi_squared_tail(x, degrees), tail, max_relative = 1e-11);
        }
        assert_relative_eq!(two_sided_quantile(0.95), 1.959963984540054, max_relative = 1e-13);
    }

    #[test]
    fn ends() {
        assert_eq!((normal_quantile(0.0), normal_quantile(1.0)), (f64::NEG_INFINITY, f64::INFINITY));
        assert!(normal_quantile(f64::NAN).is_nan());
        assert_eq!((two_sided(0.0), two_sided(f64::INFINITY), two_sided(f64::NEG_INFINITY)), (1.0, 0.0, 0.0));
        assert_eq!((chi_squared_tail(0.0, 3), chi_squared_tail(1.0, 0)), (1.0, 1.0));
        assert_eq!(chi_squared_tail(f64::INFINITY, 1), 0.0);
    }

    const QUANTILES: [(f64, f64); 6] = [
        (1e-300, -37.0470962993612),
        (1e-10, -6.361340902404056),
        (0.001, -3.090232306167813),
        (0.3, -0.5244005127080409),
        (0.975, 1.959963984540054),
        (0.9999, 3.719016485455709),
    ];
    const CHI_SQUARED: [(f64, usize, f64); 10] = [
        (2.533978, 2, 0.28167848009694313),
        (3.84, 1, 0.05004352124870519),
        (0.1, 1, 0.7518296340458492),
        (10.0, 3, 0.01856613546304325),
        (0.5, 3, 0.9188914116546758),
        (7.0, 4, 0.13588822540043327),
        (20.0, 5, 0.0012497305630313773),
        (3.0, 9, 0.9642949726850891),
        (40.0, 12, 7.190884052842894e-05),
        (200.0, 17, 2.8631497588978783e-33),
    ];
}
