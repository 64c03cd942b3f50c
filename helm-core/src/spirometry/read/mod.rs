//! Readers of blows: each knows its format's unit and rate.

mod columns;
mod nhanes_curves;
mod ukb_3066;
mod waveform_file;

pub use columns::{CurveUnit, read_blow_column, read_rate_column};
pub use nhanes_curves::{NhanesCurve, NhanesTest, read_nhanes_curves};
pub use ukb_3066::UkbBlow;
pub use waveform_file::WaveformFile;
