use super::draw::logistic;
use super::person::Person;
use crate::spirometry::Sex;

/// How an outcome of the simulated cohort is drawn: a logistic model of what is true of a person.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct OutcomeModel {
    /// The outcome's name.
    pub name: &'static str,
    /// The words by which a question names it.
    pub label: &'static str,
    /// The share of people who have it; the model's intercept follows from it.
    pub prevalence: f64,
    /// What raises or lowers its odds.
    pub effects: &'static [Effect],
}

/// What one thing does to the odds of an outcome.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Effect {
    /// The thing.
    pub of: Term,
    /// By how much one unit of it raises the log-odds.
    pub log_odds: f64,
    /// Where the number comes from: a paper, or "calibrated" to the difficulty that an outcome should have.
    pub source: &'static str,
}

/// What an [`Effect`] is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Term {
    /// Ten years of age.
    AgeDecade,
    /// Being a woman.
    Female,
    /// 5 kg/m² of body mass index.
    Bmi5,
    /// 1 mmol/L of HDL cholesterol.
    Hdl,
    /// 1 mmol/L of LDL cholesterol, before any treatment.
    Ldl,
    /// A doubling of triglycerides.
    TriglyceridesDoubled,
    /// 10 mmHg of diastolic blood pressure.
    Diastolic10,
    /// Having ever smoked.
    EverSmoked,
    /// Snoring.
    Snoring,
    /// Insomnia: sometimes a half, usually one.
    Insomnia,
    /// Daytime napping: sometimes a half, often one.
    Napping,
    /// Each hour of sleep below seven.
    ShortSleep,
    /// Each hour of sleep above eight.
    LongSleep,
    /// From definitely a morning to definitely an evening person.
    Evening,
    /// Diabetes.
    Diabetes,
    /// Hypertension.
    Hypertension,
    /// A standard deviation of the obstruction that nothing tabular explains.
    Obstruction,
    /// A standard deviation of what smoking and age have done to the airways.
    Airways,
}

impl Effect {
    /// The source of an effect that no paper gives.
    pub(super) const CALIBRATED: &'static str = "calibrated";

    pub(super) const fn new(of: Term, log_odds: f64, source: &'static str) -> Self {
        Self { of, log_odds, source }
    }

    /// Whether a paper gives it, and it was not calibrated to the difficulty that an outcome should have.
    pub fn is_published(&self) -> bool {
        self.source != Self::CALIBRATED
    }
}

impl OutcomeModel {
    /// The log-odds of a person, less the intercept; `has` tells of outcomes that were drawn before.
    pub(super) fn log_odds(&self, person: &Person, has: impl Fn(&str) -> bool) -> f64 {
        self.effects.iter().map(|effect| effect.log_odds * effect.of.units(person, &has)).sum()
    }
}

impl Term {
    fn units(self, person: &Person, has: &impl Fn(&str) -> bool) -> f64 {
        let one_if = |condition: bool| f64::from(u8::from(condition));
        match self {
            Self::AgeDecade => (person.age_years - 56.0) / 10.0,
            Self::Female => one_if(person.sex == Sex::Female),
            Self::Bmi5 => (person.bmi - 27.0) / 5.0,
            Self::Hdl => person.hdl - 1.45,
            Self::Ldl => person.ldl - 3.7,
            Self::TriglyceridesDoubled => libm::log2(person.triglycerides / 1.5),
            Self::Diastolic10 => (person.diastolic - 82.0) / 10.0,
            Self::EverSmoked => one_if(person.ever_smoked),
            Self::Snoring => one_if(person.snoring),
            Self::Insomnia => person.insomnia as f64 / 2.0,
            Self::Napping => person.napping as f64 / 2.0,
            Self::ShortSleep => (7.0 - person.sleep_hours).max(0.0),
            Self::LongSleep => (person.sleep_hours - 8.0).max(0.0),
            Self::Evening => person.chronotype as f64 / 3.0,
            Self::Diabetes => one_if(has("diabetes")),
            Self::Hypertension => one_if(has("hypertension")),
            Self::Obstruction => person.obstruction,
            Self::Airways => person.airways,
        }
    }
}

/// The intercept with which the mean probability of some log-odds is the prevalence.
pub(super) fn intercept(log_odds: &[f64], prevalence: f64) -> f64 {
    let (mut low, mut high) = (-30.0, 30.0);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        let mean = log_odds.iter().map(|log_odds| logistic(middle + log_odds)).sum::<f64>() / log_odds.len() as f64;
        if mean < prevalence { low = middle } else { high = middle }
    }
    (low + high) / 2.0
}
