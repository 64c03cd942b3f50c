/// A monotone piecewise cubic through points: Fritsch and Butland (SIAM J. Sci. Stat. Comput. 5, 1984, 300–304), with
/// the one-sided three-point slopes at the ends that MATLAB and SciPy (`PchipInterpolator`) use.
///
/// Between two points the curve never leaves the range of their values, so volumes that never fall stay so.
pub(super) struct Pchip {
    x: Vec<f64>,
    y: Vec<f64>,
    slope: Vec<f64>,
}

impl Pchip {
    /// A curve through at least two points; `x` rises strictly.
    pub(super) fn new(x: Vec<f64>, y: Vec<f64>) -> Self {
        let width: Vec<f64> = x.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let secant: Vec<f64> = y.windows(2).zip(&width).map(|(pair, width)| (pair[1] - pair[0]) / width).collect();
        let n = x.len();
        let mut slope = vec![secant[0]; n];
        if n > 2 {
            for i in 1..n - 1 {
                let (before, after) = (secant[i - 1], secant[i]);
                slope[i] = if before * after <= 0.0 {
                    0.0
                } else {
                    // The weighted harmonic mean of the two secants.
                    let (w1, w2) = (2.0 * width[i] + width[i - 1], width[i] + 2.0 * width[i - 1]);
                    (w1 + w2) / (w1 / before + w2 / after)
                };
            }
            slope[0] = end_slope(width[0], width[1], secant[0], secant[1]);
            slope[n - 1] = end_slope(width[n - 2], width[n - 3], secant[n - 2], secant[n - 3]);
        }
        Self { x, y, slope }
    }

    /// The curve at `at`, which lies between the first and the last point.
    pub(super) fn eval(&self, at: f64) -> f64 {
        let last = self.x.len() - 2;
        let i = self.x.partition_point(|&x| x <= at).saturating_sub(1).min(last);
        let width = self.x[i + 1] - self.x[i];
        let t = (at - self.x[i]) / width;
        // Cubic Hermite basis.
        let (t2, t3) = (t * t, t * t * t);
        self.y[i] * (2.0 * t3 - 3.0 * t2 + 1.0)
            + self.y[i + 1] * (3.0 * t2 - 2.0 * t3)
            + width * (self.slope[i] * (t3 - 2.0 * t2 + t) + self.slope[i + 1] * (t3 - t2))
    }
}

fn end_slope(width: f64, next_width: f64, secant: f64, next_secant: f64) -> f64 {
    let slope = ((2.0 * width + next_width) * secant - width * next_secant) / (width + next_width);
    if slope * secant <= 0.0 {
        0.0
    } else if secant * next_secant <= 0.0 && slope.abs() > 3.0 * secant.abs() {
        3.0 * secant
    } else {
        slope
    }
}
