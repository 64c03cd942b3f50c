use crate::Error;
use crate::spirometry::Spirogram;

const RATE_HZ: f64 = 100.0;

/// A blow of UK Biobank's field 3066, `blow1,<points>,0,0,0,1,4,…`: its order, how many points it has, then volumes in
/// millilitres at 100 Hz.
///
/// Zeros may stand in front of the declared points, of which one is kept: the processing of Google Health's
/// ml-based-copd.
///
/// ```
/// use helm_core::spirometry::UkbBlow;
///
/// let blow = UkbBlow::parse("blow2,4,0,0,0,40,160,300,410")?;
/// assert_eq!(blow.order, 2);
/// assert_eq!(blow.spirogram.volume_litres(), [0.0, 0.04, 0.16, 0.3, 0.41]);
/// assert!(UkbBlow::parse("blow2,9,0,0,0,40,160,300,410").is_err());
/// # Ok::<(), helm_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct UkbBlow {
    /// Which of the participant's blows it is, from 1.
    pub order: u32,
    /// The blow.
    pub spirogram: Spirogram,
}

impl UkbBlow {
    /// Reads a field's text; blanks and double quotes around it are passed over.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the text does not begin with `blow` and a number, a field is no number, there are fewer
    /// volumes than declared, or more that are not zeros in front of them; and where
    /// [`Spirogram::from_volume_millilitres`] has one.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let invalid = |expected: String, found: String| Error::Invalid { what: "field 3066".into(), expected, found };
        let mut fields = text.trim().trim_matches('"').split(',').map(str::trim);
        let order = fields
            .next()
            .and_then(|name| name.strip_prefix("blow")?.parse().ok())
            .ok_or_else(|| invalid("a first field \"blow1\", \"blow2\" or \"blow3\"".into(), "another".into()))?;
        let declared: usize = fields
            .next()
            .and_then(|count| count.parse().ok())
            .ok_or_else(|| invalid("the number of points in the second field".into(), "no whole number".into()))?;
        let millilitres = fields
            .enumerate()
            .map(|(index, field)| match field.parse::<f32>() {
                Ok(volume) if volume.is_finite() => Ok(volume),
                _ => Err(invalid(format!("a volume in mL as point {}", index + 1), "no finite number".into())),
            })
            .collect::<Result<Vec<f32>, Error>>()?;
        let count = |expected: String| invalid(expected, format!("{} volumes", millilitres.len()));
        let Some(more) = millilitres.len().checked_sub(declared) else {
            return Err(count(format!("{declared} volumes, as declared")));
        };
        if millilitres[..more].iter().any(|&volume| volume != 0.0) {
            return Err(count(format!("{declared} volumes, as declared, with nothing but zeros in front")));
        }
        let kept = millilitres[more.saturating_sub(1)..].to_vec();
        Ok(Self { order, spirogram: Spirogram::from_volume_millilitres(kept, RATE_HZ)? })
    }
}
