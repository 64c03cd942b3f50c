use helm_core::spirometry::Spirogram;
use serde::{Deserialize, Serialize};

/// How a spirogram becomes a flow–volume curve: flow in L/s at evenly spaced volumes, 0 past the end of the blow.
///
/// The defaults are those of the published processing of UK Biobank's spirograms (10 s of 100 Hz, 1000 volumes from
/// 0 to 6.58 L; Google Health's ml-based-copd, used by HeLM). A larger blow is cut there: [`FlowVolume::cuts`] tells,
/// and `max_volume_litres` widens the grid.
///
/// ```
/// use helm_core::spirometry::Spirogram;
/// use helm_encoders::FlowVolume;
///
/// let blow = Spirogram::from_volume_litres(vec![0.0, 0.1, 0.3, 0.4, 0.45], 100.0)?;
/// let curve = FlowVolume::default().curve(&blow);
/// assert_eq!(curve.len(), 1000);
/// assert!(curve.iter().copied().fold(0.0, f32::max) <= 20.0);
/// # Ok::<(), helm_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FlowVolume {
    /// Points of the curve.
    pub n_points: usize,
    /// The volume of the last point, in litres.
    pub max_volume_litres: f64,
    /// What lies later in the blow than this, in seconds, is cut.
    pub max_seconds: f64,
}

impl Default for FlowVolume {
    fn default() -> Self {
        Self { n_points: 1000, max_volume_litres: 6.58, max_seconds: 10.0 }
    }
}

impl FlowVolume {
    /// Whether a blow is larger than the grid, so that its curve would be cut.
    pub fn cuts(&self, blow: &Spirogram) -> bool {
        f64::from(blow.fvc_litres()) > self.max_volume_litres
    }

    /// The flow, in L/s, at `n_points` volumes from 0 to `max_volume_litres`.
    pub fn curve(&self, blow: &Spirogram) -> Vec<f32> {
        let n = blow.volume_litres().len().min((self.max_seconds * blow.rate_hz()).round() as usize);
        let litres = &blow.volume_litres()[..n];
        let mut flow = vec![0.0; n];
        for i in 1..n {
            flow[i] = (f64::from(litres[i]) - f64::from(litres[i - 1])) * blow.rate_hz();
        }
        // A volume that falls again (the spirometer's drift, a cough) stays at its running maximum.
        let mut most = f64::NEG_INFINITY;
        let volume: Vec<f64> = litres
            .iter()
            .map(|&litres| {
                most = most.max(f64::from(litres));
                most
            })
            .collect();
        let step = self.max_volume_litres / (self.n_points.max(2) - 1) as f64;
        (0..self.n_points).map(|i| interpolate(&volume, &flow, i as f64 * step) as f32).collect()
    }
}

/// Linear interpolation of `y` over `x`, which never falls; 0 outside. Where several `x` are equal, the last counts.
fn interpolate(x: &[f64], y: &[f64], at: f64) -> f64 {
    let after = x.partition_point(|&x| x <= at);
    match after {
        0 => 0.0,
        after if after == x.len() => {
            if at == x[after - 1] {
                y[after - 1]
            } else {
                0.0
            }
        }
        after => {
            let t = (at - x[after - 1]) / (x[after] - x[after - 1]);
            y[after - 1] + t * (y[after] - y[after - 1])
        }
    }
}
