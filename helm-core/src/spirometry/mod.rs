//! Spirometry without a deep-learning framework: what a forced breath measures, whether it can be trusted, and what is
//! normal.
//!
//! A [`Spirogram`] is a blow, read from a file ([`UkbBlow`], [`WaveformFile`], [`read_nhanes_curves`],
//! [`read_blow_column`]) or made from samples of volume or flow. [`Measures`] are what it measures, [`Quality`] says
//! whether it is acceptable and why not, a [`Session`] grades several blows. [`ReferenceEquations`] tell what is normal
//! for a [`ReferencePerson`].
//!
//! ```
//! use helm_core::spirometry::{
//!     GradedVolume, MeasureSettings, Measures, Quality, ReferenceEquations, ReferenceMeasure, ReferencePerson, Sex,
//!     Spirogram,
//! };
//!
//! let litres = (0..=700).map(|i| 3.1 * (1.0 - (-f64::from(i) / 70.0).exp()) as f32);
//! let blow = Spirogram::from_volume_litres(litres.collect(), 100.0)?;
//! let measures = Measures::new(&blow, &MeasureSettings::default())?;
//! assert!(Quality::new(&blow, &measures).is_acceptable(GradedVolume::Fev1));
//! let woman = ReferencePerson::new(Sex::Female, 52.5, 168.0)?;
//! let fev1 = ReferenceEquations::GliGlobal.value(ReferenceMeasure::Fev1, &woman)?;
//! assert!(measures.fev1_litres.and_then(|litres| fev1.z_score(litres)).unwrap() < 0.0);
//! # Ok::<(), helm_core::Error>(())
//! ```
//!
//! Not here: leaks, obstructed mouthpieces and wrong zero-flow settings, which no curve shows; inspiratory measures;
//! FEV0.75's own acceptability in children of up to 6 years; diagnoses. This is software for research, not a medical
//! device.

mod curve;
mod fault;
mod measured_points;
mod measures;
mod pchip;
mod quality;
mod read;
mod reference;
mod session;
mod spirogram;

pub use fault::{Fault, GradedVolume, Remark};
pub use measured_points::MeasuredPoints;
pub use measures::{MeasureSettings, Measures, MidFlows};
pub use quality::Quality;
pub use read::{
    CurveUnit, NhanesCurve, NhanesTest, UkbBlow, WaveformFile, read_blow_column, read_nhanes_curves, read_rate_column,
};
pub use reference::{
    Gli2012Group, NhanesIiiGroup, ReferenceEquations, ReferenceMeasure, ReferencePerson, ReferenceValue, Sex,
};
pub use session::{Grade, Session, SessionVolume};
pub use spirogram::Spirogram;
