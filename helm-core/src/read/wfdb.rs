use std::path::Path;

use super::{file_name, read_bytes};
use crate::{Error, Signal};

/// Samples of one record may be this many, all channels together: a day of twelve channels at 250 Hz is 260 million.
const MOST_SAMPLES: usize = 1 << 29;

/// Reads a record of PhysioNet's WFDB format, named by its header (`.hea`), as one signal in physical units.
///
/// The header's text lines say where the samples are and what they mean; they are read as PhysioNet's `header(5)` and
/// `signal(5)` describe them: storage formats 16, 61, 80 and 212, gains (200 units where none is said), baselines, byte
/// offsets (a MATLAB file is such a record) and checksums, which must agree with the samples. All
/// channels stand in one file, at one rate and in one unit. Records in several segments, other formats and several
/// samples a frame are refused.
///
/// ```
/// let folder = std::env::temp_dir().join("helm-core-doc-wfdb");
/// std::fs::create_dir_all(&folder)?;
/// std::fs::write(folder.join("a.hea"), "a 1 300 3\na.dat 16 1000/mV 16 0 500 0 0 ECG\n")?;
/// std::fs::write(folder.join("a.dat"), [500i16, 250, -1000].map(i16::to_le_bytes).concat())?;
/// let ecg = helm_core::read_wfdb(&folder.join("a.hea"))?;
/// assert_eq!((ecg.channel(0), ecg.rate_hz(), ecg.unit()), ([0.5, 0.25, -1.0].as_slice(), 300.0, "mV"));
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::Io`] if the header or the samples' file can't be read; [`Error::Format`] if the header is not one, asks for
/// what is not supported, or disagrees with the samples; [`Error::Truncated`] if there are fewer samples than it says.
pub fn read_wfdb(header: &Path) -> Result<Signal, Error> {
    let bytes = read_bytes(header)?;
    let lines = Header { path: header };
    let text = std::str::from_utf8(&bytes).map_err(|_| lines.error(1, "a text of lines", "other bytes"))?;
    let mut content = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim_end()));
    let mut content = content.by_ref().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let (line, text) = content.next().ok_or_else(|| lines.error(1, "a line for the record", "none"))?;
    let record = lines.record(line, text)?;
    let mut channels = Vec::new();
    for _ in 0..record.n_channels {
        let (line, text) = content.next().ok_or_else(|| {
            let expected = format!("a line for each of {} signals", record.n_channels);
            lines.error(line, &expected, &channels.len().to_string())
        })?;
        channels.push((line, lines.channel(line, text)?));
    }
    let (_, first) = &channels[0];
    for (line, channel) in &channels[1..] {
        if (&channel.file, channel.format, channel.offset, &channel.unit)
            != (&first.file, first.format, first.offset, &first.unit)
        {
            return Err(lines.error(*line, "the first signal's file, format, offset and unit", "others"));
        }
    }
    let path = header.with_file_name(&first.file);
    let bytes = read_bytes(&path)?;
    let stored = bytes.get(first.offset..).unwrap_or_default();
    let per_channel = match record.n_samples {
        Some(samples) => samples,
        None => first.format.whole_samples(stored.len()) / channels.len(),
    };
    let n_samples = per_channel.checked_mul(channels.len()).filter(|&samples| samples <= MOST_SAMPLES);
    let n_samples =
        n_samples.ok_or_else(|| lines.error(record.line, &format!("at most {MOST_SAMPLES} samples"), "more"))?;
    if n_samples == 0 {
        return Err(lines.error(record.line, "at least one sample", "none"));
    }
    let n_bytes = first.format.bytes(n_samples);
    if stored.len() < n_bytes {
        return Err(Error::Truncated {
            path,
            place: format!("{n_samples} samples from byte {}", first.offset + 1),
            expected_bytes: n_bytes as u64,
            found_bytes: stored.len() as u64,
        });
    }
    if stored.len() > n_bytes && record.n_samples.is_some() {
        let found = format!("{} more bytes in {}", stored.len() - n_bytes, file_name(&path));
        return Err(lines.error(record.line, &format!("{n_samples} samples"), &found));
    }
    let samples = first.format.decode(&stored[..n_bytes], n_samples);
    physical(&lines, &channels, &samples, record.rate_hz)
}

/// Interleaved whole numbers as channels in physical units, checked against what the header says of them.
fn physical(lines: &Header, channels: &[(usize, Channel)], samples: &[i32], rate_hz: f64) -> Result<Signal, Error> {
    let n = channels.len();
    let mut values = Vec::with_capacity(samples.len());
    for (index, (line, channel)) in channels.iter().enumerate() {
        let own = || samples.iter().skip(index).step_by(n).copied();
        // Writers that compute none say 0.
        if let Some(expected) = channel.checksum.filter(|&checksum| checksum != 0) {
            let sum = own().fold(0_i64, |sum, sample| sum + i64::from(sample));
            if sum.wrapping_sub(expected) % 65536 != 0 {
                return Err(lines.error(*line, "samples of the checksum it says", "another sum"));
            }
        }
        if let Some(sample) = own().position(|sample| Some(sample) == channel.format.invalid()) {
            let found = format!("sample {} marked as invalid", sample + 1);
            return Err(lines.error(*line, "valid samples", &found));
        }
        values.extend(own().map(|sample| ((f64::from(sample) - channel.baseline) / channel.gain) as f32));
    }
    Signal::new(values, n, rate_hz, channels[0].1.unit.clone())
}

/// How samples are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Storage {
    /// Format 16: two's complement, low byte first.
    I16,
    /// Format 61: the same, high byte first.
    I16BigEndian,
    /// Format 80: a byte, 128 for zero.
    U8,
    /// Format 212: two samples of 12 bits in three bytes.
    I12,
}

impl Storage {
    fn bytes(self, samples: usize) -> usize {
        match self {
            Self::I16 | Self::I16BigEndian => samples * 2,
            Self::U8 => samples,
            Self::I12 => samples / 2 * 3 + samples % 2 * 2,
        }
    }

    fn whole_samples(self, bytes: usize) -> usize {
        match self {
            Self::I16 | Self::I16BigEndian => bytes / 2,
            Self::U8 => bytes,
            Self::I12 => bytes / 3 * 2 + bytes % 3 / 2,
        }
    }

    /// The number that stands for no sample.
    fn invalid(self) -> Option<i32> {
        match self {
            Self::I16 | Self::I16BigEndian => Some(-32768),
            Self::U8 => Some(-128),
            Self::I12 => Some(-2048),
        }
    }

    fn decode(self, bytes: &[u8], samples: usize) -> Vec<i32> {
        match self {
            Self::I16 => bytes.chunks_exact(2).map(|two| i16::from_le_bytes([two[0], two[1]]).into()).collect(),
            Self::I16BigEndian => {
                bytes.chunks_exact(2).map(|two| i16::from_be_bytes([two[0], two[1]]).into()).collect()
            }
            Self::U8 => bytes.iter().map(|&byte| i32::from(byte) - 128).collect(),
            Self::I12 => {
                // The middle byte has the high four bits of the first sample below, of the second above.
                let twelve = |low: u8, high: u8| (i32::from(high) << 28 | i32::from(low) << 20) >> 20;
                let pairs = bytes.chunks(3).flat_map(|three| {
                    let second = three.get(2).map(|&low| twelve(low, three[1] >> 4));
                    [Some(twelve(three[0], three[1] & 15)), second]
                });
                pairs.flatten().take(samples).collect()
            }
        }
    }
}

/// What the record's line says.
struct RecordLine {
    line: usize,
    n_channels: usize,
    rate_hz: f64,
    n_samples: Option<usize>,
}

/// What a signal's line says.
struct Channel {
    file: String,
    format: Storage,
    offset: usize,
    gain: f64,
    baseline: f64,
    unit: String,
    checksum: Option<i64>,
}

/// A header, whose lines errors name.
struct Header<'a> {
    path: &'a Path,
}

impl Header<'_> {
    fn error(&self, line: usize, expected: &str, found: &str) -> Error {
        let (expected, found) = (expected.into(), found.into());
        Error::Format { path: self.path.into(), place: format!("line {line}"), expected, found }
    }

    fn number<T: std::str::FromStr>(&self, line: usize, what: &str, text: &str) -> Result<T, Error> {
        text.parse().map_err(|_| self.error(line, what, "something else"))
    }

    /// `name number_of_signals [rate[/counter[(base)]] [samples [time [date]]]]`.
    fn record(&self, line: usize, text: &str) -> Result<RecordLine, Error> {
        let mut fields = text.split_whitespace();
        let name = fields.next().unwrap_or_default();
        if name.contains('/') {
            return Err(self.error(line, "a record in one segment", "several segments"));
        }
        let signals = fields.next().ok_or_else(|| self.error(line, "a number of signals", "none"))?;
        let n_channels: usize = self.number(line, "a number of signals", signals)?;
        if !(1..=4096).contains(&n_channels) {
            return Err(self.error(line, "1 to 4096 signals", &n_channels.to_string()));
        }
        // The counter's frequency is another clock's.
        let rate = fields.next().map_or("250", |field| field.split('/').next().unwrap_or(field));
        let rate_hz: f64 = self.number(line, "a sampling rate in Hz", rate)?;
        if !(rate_hz.is_finite() && rate_hz > 0.0) {
            return Err(self.error(line, "a sampling rate above 0 Hz", "another"));
        }
        let n_samples = fields.next().map(|field| self.number(line, "a number of samples", field)).transpose()?;
        Ok(RecordLine { line, n_channels, rate_hz, n_samples: n_samples.filter(|&samples| samples > 0) })
    }

    /// `file format[xframe][:skew][+offset] [gain[(baseline)][/unit] [bits [zero [initial [checksum [block [name]]]]]]]`.
    fn channel(&self, line: usize, text: &str) -> Result<Channel, Error> {
        let mut fields = text.split_whitespace();
        let file = fields.next().unwrap_or_default().to_owned();
        if file == "-" || file.contains(['/', '\\']) || file == ".." {
            return Err(self.error(line, "the name of a file in the header's folder", "another"));
        }
        let storage = fields.next().ok_or_else(|| self.error(line, "a storage format", "none"))?;
        let (storage, offset) = storage.split_once('+').unwrap_or((storage, "0"));
        let format = match storage {
            "16" => Storage::I16,
            "61" => Storage::I16BigEndian,
            "80" => Storage::U8,
            "212" => Storage::I12,
            other => return Err(self.error(line, "storage format 16, 61, 80 or 212", other)),
        };
        let offset = self.number(line, "an offset in bytes", offset)?;
        let (scale, unit) = match fields.next() {
            Some(field) => field.split_once('/').unwrap_or((field, "mV")),
            None => ("0", "mV"),
        };
        let (gain, baseline) = match scale.split_once('(') {
            Some((gain, baseline)) => (gain, Some(baseline.trim_end_matches(')'))),
            None => (scale, None),
        };
        let gain: f64 = self.number(line, "a gain", gain)?;
        if !gain.is_finite() {
            return Err(self.error(line, "a finite gain", "another"));
        }
        let mut integer = |what: &str| fields.next().map(|field| self.number::<i64>(line, what, field)).transpose();
        integer("a resolution in bits")?;
        let zero = integer("a zero of the converter")?;
        // PhysioNet's own cut records keep the whole record's first sample here.
        integer("an initial value")?;
        let checksum = integer("a checksum")?;
        let baseline = match baseline {
            Some(text) => self.number::<i64>(line, "a baseline", text)?,
            None => zero.unwrap_or(0),
        };
        // A gain of 0 says that the signal is not calibrated; the format's default is 200 units per millivolt.
        let gain = if gain == 0.0 { 200.0 } else { gain };
        let baseline = baseline as f64;
        Ok(Channel { file, format, offset, gain, baseline, unit: unit.into(), checksum })
    }
}
