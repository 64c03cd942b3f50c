use std::collections::BTreeMap;
use std::path::Path;

use crate::Error;
use crate::read::read_bytes;
use crate::spirometry::Spirogram;

/// Ends a text file of old.
const CTRL_Z: char = '\u{1a}';

/// A `.wf` file of the American Thoracic Society's standard waveforms, with which spirometers are tested: a header with
/// what an exact device measures, and one sample a line.
///
/// ```
/// use helm_core::spirometry::WaveformFile;
///
/// let file = std::env::temp_dir().join("helm-core-doc.wf");
/// let header = "[Header]\r\nGroup=ATS24\r\nName=01\r\nType=VT\r\nFreq=100\r\nExpStart=0\r\n";
/// std::fs::write(&file, format!("{header}[Parameters]\r\nFVC=0.250\r\n[Data]\r\n0.00\r\n0.10\r\n0.25\r\n"))?;
/// let waveform = WaveformFile::read(&file)?;
/// assert_eq!(waveform.parameters["FVC"], 0.250);
/// assert_eq!(waveform.blow.fvc_litres(), 0.25);
/// # std::fs::remove_file(&file)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct WaveformFile {
    /// The set that the waveform belongs to, as `ATS24`.
    pub group: String,
    /// Its name in the set, as `01`.
    pub name: String,
    /// What a device should measure: `FVC` and `FEV1` in L, `PEF` and `FEF2575` in L/s, `FEV1FVC` in percent.
    pub parameters: BTreeMap<String, f64>,
    /// The blow: of volume for the type VT, of flow for FT.
    pub blow: Spirogram,
}

impl WaveformFile {
    /// Reads a file.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Format`] if a section or an entry of the header is missing or no such, a sample is no
    /// finite number, or the samples are no blow.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let bytes = read_bytes(path)?;
        let format = |place: &str, expected: &str, found: &str| Error::Format {
            path: path.into(),
            place: place.into(),
            expected: expected.into(),
            found: found.into(),
        };
        let text = std::str::from_utf8(&bytes).map_err(|_| format("content", "text", "other bytes"))?;
        let text = match text.split_once(CTRL_Z) {
            Some((text, rest)) if rest.trim_matches([CTRL_Z, '\r', '\n', ' ', '\0']).is_empty() => text,
            Some(_) => return Err(format("content", "nothing behind the end mark (Ctrl-Z)", "more text")),
            None => text,
        };
        let mut section = None;
        let mut header = BTreeMap::new();
        let mut parameters = BTreeMap::new();
        let mut samples: Vec<f32> = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let (line, place) = (line.trim(), format!("line {}", index + 1));
            if line.is_empty() {
                continue;
            }
            if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                section = ["Header", "Parameters", "Data"].into_iter().find(|known| known.eq_ignore_ascii_case(name));
                if section.is_none() {
                    return Err(format(&place, "[Header], [Parameters] or [Data]", "another section"));
                }
                continue;
            }
            let number = |text: &str| {
                let number = text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
                number.ok_or_else(|| format(&place, "a finite number", "something else"))
            };
            let entry = || line.split_once('=').ok_or_else(|| format(&place, "NAME=VALUE", "something else"));
            match section {
                Some("Header") => {
                    let (name, value) = entry()?;
                    header.insert(name.trim().to_ascii_lowercase(), value.trim().to_owned());
                }
                Some("Parameters") => {
                    let (name, value) = entry()?;
                    parameters.insert(name.trim().to_owned(), number(value)?);
                }
                Some(_) => samples.push(number(line)? as f32),
                None => return Err(format(&place, "[Header]", "something else")),
            }
        }
        let of = |name: &str| {
            let entry = header.get(&name.to_ascii_lowercase()).cloned();
            entry.ok_or_else(|| format("header", &format!("an entry {name}"), "none"))
        };
        let rate_hz: f64 = of("Freq")?.parse().map_err(|_| format("header, Freq", "a number", "something else"))?;
        if of("ExpStart")?.parse() != Ok(0) {
            return Err(format("header, ExpStart", "0: the samples begin with the blow", "something else"));
        }
        let blow = match of("Type")?.as_str() {
            "VT" => Spirogram::from_volume_litres(samples, rate_hz),
            "FT" => Spirogram::from_flow_litres_per_second(samples, rate_hz),
            _ => return Err(format("header, Type", "VT (volume) or FT (flow)", "something else")),
        };
        let blow = blow.map_err(|error| match error {
            Error::Invalid { expected, found, .. } => format("data", &expected, &found),
            other => other,
        })?;
        Ok(Self { group: of("Group")?, name: of("Name")?, parameters, blow })
    }
}
