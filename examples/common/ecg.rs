//! Single-lead ECGs, of normal rhythm and of atrial fibrillation: the PhysioNet/CinC Challenge 2017's, or simulated.

use std::path::{Path, PathBuf};

use helm_core::{Cohort, Outcome, ParticipantId, Schema, Signal, SignalState, read_wfdb};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::Failure;

/// The signal's name.
pub const ECG: &str = "ecg";
/// The outcome's name.
pub const ATRIAL_FIBRILLATION: &str = "atrial_fibrillation";

/// The challenge's list of records and labels.
pub fn reference(folder: &Path) -> PathBuf {
    folder.join("REFERENCE.csv")
}

/// The records of normal rhythm (N) and atrial fibrillation (A) of a folder of the challenge: REFERENCE.csv, a line
/// `record,label` each, and WFDB records. Other labels are left out.
///
/// # Errors
/// If a file is missing or not what it should be.
pub fn load(folder: &Path) -> Result<Cohort, Failure> {
    let path = reference(folder);
    let named = |error: csv::Error| Failure::new(format!("{}: {error}", path.display()));
    let mut lines = csv::ReaderBuilder::new().has_headers(false).from_path(&path).map_err(named)?;
    let (mut ecgs, mut cases) = (Vec::new(), Vec::new());
    for line in lines.deserialize() {
        let (name, label): (String, String) = line.map_err(named)?;
        let case = match label.as_str() {
            "A" => true,
            "N" => false,
            _ => continue,
        };
        ecgs.push(read_wfdb(&folder.join(format!("{name}.hea")))?);
        cases.push(case);
    }
    if cases.is_empty() {
        return Err(Failure::new(format!("{}: expected records labelled A or N, found none", path.display())));
    }
    cohort(ecgs, cases)
}

/// Simulated ECGs of 30 s at 300 Hz, a quarter of them of atrial fibrillation: beats at irregular distances, without P
/// waves. They show how the example works and say nothing of hearts.
///
/// # Errors
/// Never, as long as a cohort can hold them.
pub fn simulate(n: usize, seed: u64) -> Result<Cohort, Failure> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let cases: Vec<bool> = (0..n).map(|row| row % 4 == 0).collect();
    let ecgs = cases.iter().map(|&case| simulated(case, &mut rng)).collect::<Result<_, _>>()?;
    cohort(ecgs, cases)
}

fn simulated(fibrillates: bool, rng: &mut ChaCha8Rng) -> Result<Signal, Failure> {
    const RATE_HZ: f64 = 300.0;
    // Four uniform numbers make a bell well enough; their standard deviation is 1.
    let bell = |rng: &mut ChaCha8Rng| (0..4).map(|_| rng.random_range(-0.866..0.866)).sum::<f64>();
    let interval = rng.random_range(0.6..1.0);
    // A sound heart's beats vary by some per cent, too, and a few sound ones by much.
    let spread = if fibrillates { rng.random_range(0.08..0.25) } else { rng.random_range(0.01..0.08) };
    let (noise, sign) = (rng.random_range(0.02..0.12), if rng.random_bool(0.1) { -1.0 } else { 1.0 });
    let mut millivolts: Vec<f64> = (0..9000).map(|_| noise * bell(rng)).collect();
    let mut beat = rng.random_range(0.0..interval);
    while beat < 30.0 {
        let waves = [(-0.17, 0.12, 0.025), (0.0, 1.0, 0.012), (0.03, -0.25, 0.012), (0.28, 0.25, 0.045)];
        for (delay, height, width) in waves.into_iter().skip(usize::from(fibrillates)) {
            let centre = beat + delay;
            let [first, last] = [-4.0, 4.0].map(|sd| ((centre + sd * width) * RATE_HZ).clamp(0.0, 9000.0) as usize);
            for (index, value) in millivolts.iter_mut().enumerate().take(last).skip(first) {
                let z = (index as f64 / RATE_HZ - centre) / width;
                *value += sign * height * (-0.5 * z * z).exp();
            }
        }
        beat += interval * (1.0 + spread * bell(rng)).max(0.4);
    }
    Ok(Signal::new(millivolts.into_iter().map(|value| value as f32).collect(), 1, RATE_HZ, "mV")?)
}

fn cohort(ecgs: Vec<Signal>, cases: Vec<bool>) -> Result<Cohort, Failure> {
    let outcome = Outcome::new(ATRIAL_FIBRILLATION, "atrial fibrillation", "the record's label");
    let schema = Schema::new(vec![], vec![ECG.into()], vec![outcome])?;
    // A record is a person here; the challenge doesn't say who is whose.
    let ids = (0..ecgs.len()).map(|row| ParticipantId::new(row.to_string())).collect();
    let cohort = Cohort::builder(schema, ids)?
        .signal(ECG, ecgs.into_iter().map(SignalState::Present).collect())?
        .outcome(ATRIAL_FIBRILLATION, cases.into_iter().map(Some).collect())?;
    Ok(cohort.build()?)
}
