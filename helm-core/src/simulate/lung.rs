use super::draw::{Draw, rounded};
use super::person::Person;
use crate::Error;
use crate::spirometry::{ReferenceEquations, ReferenceMeasure, ReferencePerson, Spirogram};

/// A simulated pair of lungs: compartments of equal size, each of which empties exponentially with a time constant of its
/// own. The constants' logarithms stand at the normal distribution's deciles, `spread` apart.
///
/// In healthy lungs the constants lie close together and flow falls nearly straight with volume; obstruction spreads them,
/// a few compartments empty slowly, and the descending limb is scooped out (Otis et al. 1956, J Appl Physiol 8:427, on
/// parallel compartments with unequal time constants).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SimulatedLung {
    /// What leaves the lungs if the blow is long enough.
    pub fvc_litres: f64,
    /// Its z-score by the GLI Global equations.
    pub fvc_z: f64,
    /// The geometric mean of the compartments' time constants.
    pub time_constant_seconds: f64,
    /// The standard deviation of the logarithms of the time constants; about 0.45 in health.
    pub spread: f64,
}

/// How a person blows.
pub(super) struct Effort {
    /// The time over which the push rises.
    rise_seconds: f64,
    /// How long the blow lasts.
    seconds: f64,
    /// When coughs begin, and how long each shuts the airways.
    coughs: Vec<(f64, f64)>,
}

/// Standard normal quantiles of 0.1, 0.3, 0.5, 0.7, 0.9.
const QUANTILES: [f64; 5] = [-1.281_551_565_5, -0.524_400_512_7, 0.0, 0.524_400_512_7, 1.281_551_565_5];
/// The spread of time constants in health.
const HEALTHY_SPREAD: f64 = 0.45;
/// Samples a second, as UK Biobank's spirometer kept them.
const RATE_HZ: f64 = 100.0;
/// What is recorded before the blow.
const LEAD_SECONDS: f64 = 0.2;

impl SimulatedLung {
    /// Draws a person's lungs: the vital capacity and, in health, FEV1/FVC by the GLI Global equations of 2022; then
    /// obstruction spreads the time constants and worn airways do so, too, and trap some air.
    pub(super) fn draw(person: &Person, draw: &mut Draw) -> Result<Self, Error> {
        let reference = ReferencePerson::new(person.sex, person.age_years, person.height_cm)?;
        let of = |measure| ReferenceEquations::GliGlobal.value(measure, &reference);
        let (fvc, ratio) = (of(ReferenceMeasure::Fvc)?, of(ReferenceMeasure::Fev1Fvc)?);
        let worn = person.airways.max(0.0);
        let fvc_z = (0.93 * draw.normal() - 0.12 * worn - 0.04 * (person.bmi - 27.0)).clamp(-4.0, 4.0);
        let fvc_litres = fvc.at_z(fvc_z).max(0.6);
        let healthy_ratio = ratio.at_z((0.55 * draw.normal() + 0.35).clamp(-3.0, 2.0)).clamp(0.5, 0.93);
        let spread = HEALTHY_SPREAD * libm::exp(0.36 * person.obstruction + 0.3 * worn + 0.14 * draw.normal());
        let time_constant_seconds = time_constant(healthy_ratio, HEALTHY_SPREAD);
        Ok(Self { fvc_litres, fvc_z, time_constant_seconds, spread: spread.clamp(0.1, 2.0) })
    }

    /// A forced breath of these lungs, with noise, as volume in litres.
    pub(super) fn blow(&self, effort: &Effort, draw: &mut Draw) -> Result<Spirogram, Error> {
        let constants = time_constants(self.time_constant_seconds, self.spread);
        let n = ((LEAD_SECONDS + effort.seconds) * RATE_HZ) as usize;
        let mut volume_litres = Vec::with_capacity(n);
        // Seconds of a full push that the push so far is worth.
        let (mut pushed, mut wander) = (0.0, 0.0);
        for sample in 0..n {
            let seconds = sample as f64 / RATE_HZ - LEAD_SECONDS;
            if seconds > 0.0 {
                let shut = effort.coughs.iter().any(|&(begin, length)| seconds >= begin && seconds < begin + length);
                let rising = 1.0 - libm::exp(-seconds / effort.rise_seconds);
                pushed += if shut { 0.02 } else { rising } / RATE_HZ;
            }
            let left: f64 = constants.iter().map(|constant| libm::exp(-pushed / constant)).sum();
            let true_litres = self.fvc_litres * (1.0 - left / constants.len() as f64);
            // The turbine drifts by a millilitre or two.
            wander = 0.9 * wander + 0.0006 * draw.normal();
            volume_litres.push(rounded((true_litres + wander).max(0.0), 3) as f32);
        }
        Spirogram::from_volume_litres(volume_litres, RATE_HZ)
    }
}

impl Effort {
    /// Draws an effort. One in ten stops early, one in twenty-five coughs, and some hesitate.
    pub(super) fn draw(draw: &mut Draw) -> Self {
        let hesitates = draw.happens(0.05);
        let rise_seconds = if hesitates { 0.25 } else { 0.05 } * libm::exp(0.35 * draw.normal());
        let early = draw.happens(0.1);
        let seconds = if early { 1.5 + 3.0 * draw.uniform() } else { 7.0 + 1.6 * draw.normal() };
        let mut coughs = Vec::new();
        if draw.happens(0.04) {
            let begin = 0.15 + 2.0 * draw.uniform();
            coughs.extend((0..2).map(|cough| (begin + 0.25 * f64::from(cough), 0.06 + 0.08 * draw.uniform())));
        }
        Self { rise_seconds: rise_seconds.clamp(0.015, 0.6), seconds: seconds.clamp(1.5, 12.0), coughs }
    }

    /// Why a blow can't be used, if the first second is spoilt.
    pub(super) fn spoilt(&self) -> Option<&'static str> {
        if self.coughs.iter().any(|&(begin, _)| begin < 1.0) {
            return Some("cough in the first second");
        }
        (self.rise_seconds > 0.3).then_some("hesitant start")
    }
}

/// The compartments' time constants, in seconds.
fn time_constants(mean_seconds: f64, spread: f64) -> [f64; 5] {
    QUANTILES.map(|quantile| mean_seconds * libm::exp(spread * quantile))
}

/// The mean time constant with which lungs of a spread blow out this share of their volume in a second.
fn time_constant(fev1_fvc: f64, spread: f64) -> f64 {
    let (mut low, mut high) = (0.05, 5.0);
    for _ in 0..40 {
        let middle = (low + high) / 2.0;
        let left: f64 = time_constants(middle, spread).iter().map(|constant| libm::exp(-1.0 / constant)).sum();
        if 1.0 - left / 5.0 > fev1_fvc { low = middle } else { high = middle }
    }
    (low + high) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_constant_blows_out_its_share() {
        for ratio in [0.6, 0.78, 0.9] {
            let constants = time_constants(time_constant(ratio, 0.45), 0.45);
            let out = 1.0 - constants.iter().map(|constant| (-1.0 / constant).exp()).sum::<f64>() / 5.0;
            assert!((out - ratio).abs() < 1e-9);
        }
        // One compartment: 1 - exp(-1 / τ).
        assert!((time_constant(1.0 - (-2.0f64).exp(), 0.0) - 0.5).abs() < 1e-9);
    }
}
