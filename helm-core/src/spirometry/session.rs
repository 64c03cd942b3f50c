use std::fmt;

use super::Measures;
use super::fault::{Fault, GradedVolume};
use super::quality::{Quality, ROUNDING_LITRES};
use crate::Error;

/// How far a volume of a session can be trusted, by ATS/ERS 2019 (Graham et al., table 10).
///
/// | grade | blows | the two largest differ by at most |
/// | --- | --- | --- |
/// | A | 3 or more acceptable | 0.150 L |
/// | B | 2 acceptable | 0.150 L |
/// | C | 2 or more acceptable | 0.200 L |
/// | D | 2 or more acceptable | 0.250 L |
/// | E | 2 or more acceptable, or 1 | more, or nothing to compare |
/// | U | none acceptable, 1 or more usable | |
/// | F | none acceptable, none usable | |
///
/// Up to the age of 6 years the limits are 0.100, 0.150 and 0.200 L, or 10 % of the largest value where that is more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grade {
    /// Three acceptable blows or more, repeatable.
    A,
    /// Two acceptable blows, repeatable.
    B,
    /// Nearly repeatable.
    C,
    /// Hardly repeatable.
    D,
    /// Not repeatable, or a single acceptable blow.
    E,
    /// Usable blows only.
    U,
    /// Nothing to use.
    F,
}

impl fmt::Display for Grade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// What a session says of FEV1 or of FVC. `Debug` shows no value.
#[derive(Clone, PartialEq)]
pub struct SessionVolume {
    /// The grade.
    pub grade: Grade,
    /// The largest of the acceptable blows, or else of the usable ones, in litres.
    pub largest_litres: Option<f64>,
    /// The difference between the two largest of acceptable blows, in litres.
    pub difference_litres: Option<f64>,
    /// How many blows are acceptable.
    pub n_acceptable: usize,
    /// How many blows are usable, acceptable ones among them.
    pub n_usable: usize,
}

impl fmt::Debug for SessionVolume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionVolume(grade {}, {} acceptable of {} usable)", self.grade, self.n_acceptable, self.n_usable)
    }
}

/// The blows of one person before or after a bronchodilator, together: repeatability, grades, largest values and the
/// best blow, by ATS/ERS 2019 (Graham et al., Am J Respir Crit Care Med 2019;200:e70–e88).
///
/// ```
/// use helm_core::spirometry::{Grade, MeasureSettings, Measures, Quality, Session, Spirogram};
///
/// let mut blows = Vec::new();
/// for fvc in [4.00, 4.05, 3.95] {
///     let litres = (0..=600).map(|i| fvc * (1.0 - (-f64::from(i) / 50.0).exp()) as f32);
///     let blow = Spirogram::from_volume_litres(litres.collect(), 100.0)?;
///     let measures = Measures::new(&blow, &MeasureSettings::default())?;
///     let quality = Quality::new(&blow, &measures);
///     blows.push((measures, quality));
/// }
/// let session = Session::new(&blows, 45.0)?;
/// assert_eq!((session.fev1.grade, session.fvc.grade, session.best), (Grade::A, Grade::A, Some(1)));
/// # Ok::<(), helm_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    /// FEV1.
    pub fev1: SessionVolume,
    /// FVC.
    pub fvc: SessionVolume,
    /// The blow, from 0, with the largest sum of FEV1 and FVC of those acceptable for both, or else usable for both:
    /// all flows are taken from it.
    pub best: Option<usize>,
}

impl Session {
    /// Judges the blows of a session, in the order in which they were made.
    ///
    /// A blow without a plateau that is shorter than 15 s is acceptable all the same, as far as its end goes, if its
    /// vital capacity is larger than that of every blow before it, or repeats their largest.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the age, in years, is not a number of at least 0.
    pub fn new(blows: &[(Measures, Quality)], age_years: f64) -> Result<Self, Error> {
        if !(age_years.is_finite() && age_years >= 0.0) {
            return Err(Error::Invalid {
                what: "spirometry session".into(),
                expected: "an age of 0 years or more".into(),
                found: "another".into(),
            });
        }
        let mut before: Option<f64> = None;
        let judged: Vec<Judged> = blows
            .iter()
            .map(|(measures, quality)| {
                let fvc = measures.fvc_litres;
                let ends = before.is_some_and(|before| fvc >= before - limit(age_years, 0, before) - ROUNDING_LITRES);
                before = Some(before.map_or(fvc, |before| before.max(fvc)));
                Judged::new(measures, quality, ends)
            })
            .collect();
        let best_of = |is_in: fn(&Verdict) -> bool| {
            let both = judged.iter().enumerate().filter(|(_, blow)| is_in(&blow.fev1) && is_in(&blow.fvc));
            let sums = both.map(|(index, blow)| (index, blow.fev1.litres + blow.fvc.litres));
            // Of equal blows the first.
            sums.reduce(|best, next| if next.1 > best.1 { next } else { best }).map(|(index, _)| index)
        };
        Ok(Self {
            fev1: grade(judged.iter().map(|blow| blow.fev1), age_years),
            fvc: grade(judged.iter().map(|blow| blow.fvc), age_years),
            best: best_of(|verdict| verdict.is_acceptable).or_else(|| best_of(|verdict| verdict.is_usable)),
        })
    }

    /// The largest FEV1 over the largest FVC, which may be of different blows.
    pub fn fev1_fvc(&self) -> Option<f64> {
        Some(self.fev1.largest_litres? / self.fvc.largest_litres?)
    }
}

/// What one blow gives for one volume.
#[derive(Clone, Copy)]
struct Verdict {
    litres: f64,
    is_acceptable: bool,
    is_usable: bool,
}

struct Judged {
    fev1: Verdict,
    fvc: Verdict,
}

impl Judged {
    /// `ends` waives the end of expiration.
    fn new(measures: &Measures, quality: &Quality, ends: bool) -> Self {
        let is_acceptable = |volume| {
            let counts = |fault: &&Fault| !(ends && **fault == Fault::NoEndOfExpiration);
            !quality.faults().iter().filter(counts).any(|fault| fault.prevents_acceptance(volume))
        };
        let fev1 = measures.fev1_litres;
        Self {
            fev1: Verdict {
                litres: fev1.unwrap_or(0.0),
                is_acceptable: fev1.is_some() && is_acceptable(GradedVolume::Fev1),
                is_usable: fev1.is_some() && quality.is_usable(GradedVolume::Fev1),
            },
            fvc: Verdict {
                litres: measures.fvc_litres,
                is_acceptable: is_acceptable(GradedVolume::Fvc),
                is_usable: quality.is_usable(GradedVolume::Fvc),
            },
        }
    }
}

/// How far the two largest values may differ, in litres, `steps` steps down from full repeatability.
fn limit(age_years: f64, steps: usize, largest_litres: f64) -> f64 {
    let step = 0.050 * steps as f64;
    if age_years > 6.0 { 0.150 + step } else { (0.100 + step).max(0.1 * largest_litres) }
}

fn grade(verdicts: impl Iterator<Item = Verdict> + Clone, age_years: f64) -> SessionVolume {
    let sorted = |is_in: fn(&Verdict) -> bool| {
        let mut litres: Vec<f64> = verdicts.clone().filter(is_in).map(|verdict| verdict.litres).collect();
        litres.sort_by(|a, b| b.total_cmp(a));
        litres
    };
    let (acceptable, usable) = (sorted(|verdict| verdict.is_acceptable), sorted(|verdict| verdict.is_usable));
    let (grade, difference) = match acceptable[..] {
        [largest, second, ..] => {
            let difference = largest - second;
            let repeats = |steps| difference <= limit(age_years, steps, largest) + ROUNDING_LITRES;
            let grade = match (0..3).find(|&steps| repeats(steps)) {
                Some(0) if acceptable.len() > 2 => Grade::A,
                Some(0) => Grade::B,
                Some(1) => Grade::C,
                Some(_) => Grade::D,
                None => Grade::E,
            };
            (grade, Some(difference))
        }
        [_] => (Grade::E, None),
        [] if usable.is_empty() => (Grade::F, None),
        [] => (Grade::U, None),
    };
    SessionVolume {
        grade,
        largest_litres: acceptable.first().or(usable.first()).copied(),
        difference_litres: difference,
        n_acceptable: acceptable.len(),
        n_usable: usable.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spirometry::{MeasureSettings, Spirogram};

    /// A blow of a vital capacity; one that `ends` is 6 s long, another 2 s.
    fn blow(fvc: f64, ends: bool) -> (Measures, Quality) {
        let n = if ends { 600 } else { 200 };
        let litres = (0..=n).map(|i| (fvc * (1.0 - (-f64::from(i) / 60.0).exp())) as f32).collect();
        let blow = Spirogram::from_volume_litres(litres, 100.0).expect("a blow");
        let measures = Measures::new(&blow, &MeasureSettings::default()).expect("measures");
        let quality = Quality::new(&blow, &measures);
        (measures, quality)
    }

    fn fvc_of(litres: &[f64], age_years: f64) -> SessionVolume {
        let blows: Vec<_> = litres.iter().map(|&litres| blow(litres, true)).collect();
        Session::new(&blows, age_years).expect("a session").fvc
    }

    #[test]
    fn grades_follow_the_table() {
        for (litres, age, grade) in [
            (&[4.0, 4.1, 4.14][..], 40.0, Grade::A),
            (&[3.0, 4.1, 4.0], 40.0, Grade::A),
            (&[4.0, 4.14], 40.0, Grade::B),
            (&[4.0, 4.19, 3.0], 40.0, Grade::C),
            (&[4.0, 4.24], 40.0, Grade::D),
            (&[4.0, 4.3, 3.0], 40.0, Grade::E),
            (&[4.0], 40.0, Grade::E),
            (&[], 40.0, Grade::F),
            (&[0.8, 0.89], 5.0, Grade::B),
            (&[0.8, 0.89], 6.0, Grade::B),
            (&[0.8, 0.94], 6.0, Grade::C),
            (&[0.8, 0.94], 6.1, Grade::B),
            (&[1.9, 2.1, 2.1], 5.0, Grade::A),
        ] {
            assert_eq!(fvc_of(litres, age).grade, grade, "{litres:?} at {age}");
        }
        let volume = fvc_of(&[4.0, 4.1, 3.0], 40.0);
        assert!((volume.difference_litres.expect("two") - 0.1).abs() < 1e-3);
        assert_eq!((volume.n_acceptable, volume.n_usable), (3, 3));
        assert_eq!(format!("{volume:?}"), "SessionVolume(grade A, 3 acceptable of 3 usable)");
    }

    #[test]
    fn a_blow_that_repeats_an_earlier_one_has_an_end() {
        let graded = |blows: &[(Measures, Quality)]| Session::new(blows, 40.0).expect("a session").fvc;
        let short = |fvc| blow(fvc, false);
        assert_eq!(graded(&[short(4.0)]).grade, Grade::U);
        // The first has nothing to repeat.
        assert_eq!(graded(&[short(4.0), short(4.05), short(4.0)]).n_acceptable, 2);
        assert_eq!(graded(&[short(4.0), short(3.5)]).n_acceptable, 0);
    }

    #[test]
    fn the_best_blow_has_the_largest_sum_and_the_largest_values_may_be_others() {
        let mut blows = vec![blow(4.0, true), blow(4.2, true), blow(4.1, true)];
        assert_eq!(Session::new(&blows, 40.0).expect("a session").best, Some(1));
        blows[1].1.add(Fault::CoughInFirstSecond);
        let session = Session::new(&blows, 40.0).expect("a session");
        assert_eq!((session.best, session.fev1.n_acceptable, session.fvc.n_acceptable), (Some(2), 2, 3));
        assert_eq!(session.fvc.largest_litres, Some(blows[1].0.fvc_litres));
        assert_eq!(session.fev1.largest_litres, blows[2].0.fev1_litres);
        blows.iter_mut().for_each(|blow| blow.1.add(Fault::Leak));
        let session = Session::new(&blows, 40.0).expect("a session");
        assert_eq!((session.best, session.fev1.grade), (Some(2), Grade::U));
        blows.iter_mut().for_each(|blow| blow.1.add(Fault::FaultyZeroFlow));
        let session = Session::new(&blows, 40.0).expect("a session");
        assert_eq!((session.best, session.fvc.grade, session.fev1_fvc()), (None, Grade::F, None));
        for age in [-1.0, f64::NAN, f64::INFINITY] {
            assert!(Session::new(&blows, age).is_err());
        }
    }
}
