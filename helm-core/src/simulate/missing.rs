use super::draw::Draw;
use super::person::Person;
use crate::MissingReason;

/// Which of a person's data are missing, and why.
pub(super) struct Missing {
    /// All lipids: no blood sample.
    pub(super) blood: bool,
    /// HDL and LDL alone: the sample did not suffice.
    pub(super) cholesterol: bool,
    pub(super) bmi: bool,
    pub(super) diastolic: bool,
    pub(super) ever_smoked: bool,
    pub(super) snoring: Option<MissingReason>,
    pub(super) insomnia: bool,
    pub(super) napping: bool,
    pub(super) sleep: Option<MissingReason>,
    pub(super) chronotype: Option<MissingReason>,
    /// No breath at all.
    pub(super) breath: bool,
    /// A spoilt breath was thrown away.
    pub(super) spoilt_breath: bool,
}

impl Missing {
    /// Draws what is missing. Shares are near those of UK Biobank's showcase; people older or more ill miss more.
    pub(super) fn draw(person: &Person, ill: bool, draw: &mut Draw) -> Self {
        // From about 0.8 at 40 to 1.3 at 70, and half as much again for the ill.
        let burden = (1.0 + 0.02 * (person.age_years - 56.0)) * if ill { 1.5 } else { 1.0 };
        let mut misses = |share: f64| draw.happens(share * burden);
        let (blood, cholesterol, bmi, diastolic, ever_smoked) =
            (misses(0.06), misses(0.06), misses(0.006), misses(0.05), misses(0.006));
        let (snoring, insomnia, napping) = (misses(0.065), misses(0.002), misses(0.003));
        let (sleep, chronotype, breath) = (misses(0.007), misses(0.11), misses(0.07));
        let refused = draw.happens(0.1);
        let reason =
            |missing: bool| missing.then_some(if refused { MissingReason::Refused } else { MissingReason::DontKnow });
        Self {
            blood,
            cholesterol,
            bmi,
            diastolic,
            ever_smoked,
            snoring: reason(snoring),
            insomnia,
            napping,
            sleep: reason(sleep),
            chronotype: reason(chronotype),
            breath,
            spoilt_breath: draw.happens(0.7),
        }
    }
}
