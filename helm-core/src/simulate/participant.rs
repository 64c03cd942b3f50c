use super::draw::{Draw, logistic, rounded};
use super::effects::OUTCOME_MODELS;
use super::lung::{Effort, SimulatedLung};
use super::missing::Missing;
use super::outcome_model::intercept;
use super::person::Person;
use crate::spirometry::Sex;
use crate::{Error, MissingReason, SignalState, Value};

/// A simulated person: what a study would know of them, and the lungs that it wouldn't.
#[derive(Clone)]
#[non_exhaustive]
pub struct SimulatedParticipant {
    /// One value for each feature of the cohort's schema.
    pub values: Vec<Value>,
    /// The forced breath: volume in litres at 100 Hz.
    pub spirogram: SignalState,
    /// One label for each outcome of the cohort's schema, which are those of [`OUTCOME_MODELS`].
    pub labels: Vec<bool>,
    /// The true lungs, whether a breath was recorded or not.
    pub lung: SimulatedLung,
}

/// How many people the intercepts of outcomes are computed from.
const REFERENCE_PEOPLE: u64 = 4000;
/// The stream of those people: none of any cohort, whose seeds are all others.
const REFERENCE_SEED: u64 = u64::MAX;

/// The models' intercepts, from which their prevalences follow.
pub(super) fn intercepts() -> Vec<f64> {
    let mut people: Vec<(Person, Draw, Vec<bool>)> = (0..REFERENCE_PEOPLE)
        .map(|index| {
            let mut draw = Draw::of(REFERENCE_SEED, index);
            let person = Person::draw(&mut draw);
            (person, draw, Vec::new())
        })
        .collect();
    OUTCOME_MODELS
        .iter()
        .map(|model| {
            let of = |(person, _, labels): &(Person, Draw, Vec<bool>)| model.log_odds(person, |name| has(labels, name));
            let log_odds: Vec<f64> = people.iter().map(of).collect();
            let intercept = intercept(&log_odds, model.prevalence);
            for ((_, draw, labels), log_odds) in people.iter_mut().zip(log_odds) {
                labels.push(draw.happens(logistic(intercept + log_odds)));
            }
            intercept
        })
        .collect()
}

/// Whether a person has an outcome that was drawn before.
fn has(labels: &[bool], name: &str) -> bool {
    OUTCOME_MODELS.iter().position(|model| model.name == name).and_then(|at| labels.get(at)).copied().unwrap_or(false)
}

impl SimulatedParticipant {
    /// Draws the person of a place in a cohort.
    pub(super) fn draw(seed: u64, index: u64, intercepts: &[f64]) -> Result<Self, Error> {
        let mut draw = Draw::of(seed, index);
        let person = Person::draw(&mut draw);
        let mut labels = Vec::with_capacity(OUTCOME_MODELS.len());
        for (model, intercept) in OUTCOME_MODELS.iter().zip(intercepts) {
            let log_odds = intercept + model.log_odds(&person, |name| has(&labels, name));
            labels.push(draw.happens(logistic(log_odds)));
        }
        let treated = ["diabetes", "myocardial_infarction", "stroke"].into_iter().any(|name| has(&labels, name));
        let ill = treated || has(&labels, "copd");
        // Who is treated for one of these has a statin more often, and with it less LDL than before.
        let statin = draw.happens(if treated { 0.65 } else { logistic(-3.0 + 0.08 * (person.age_years - 56.0)) });
        let lung = SimulatedLung::draw(&person, &mut draw)?;
        let effort = Effort::draw(&mut draw);
        let missing = Missing::draw(&person, ill, &mut draw);
        let spirogram = match effort.spoilt() {
            _ if missing.breath => SignalState::Absent,
            Some(why) if missing.spoilt_breath => SignalState::Unusable(why.into()),
            _ => SignalState::Present(lung.blow(&effort, &mut draw)?.into_signal()),
        };
        Ok(Self { values: values(&person, statin, &missing, &mut draw), spirogram, labels, lung })
    }
}

/// The features in the order of the schema.
fn values(person: &Person, statin: bool, missing: &Missing, draw: &mut Draw) -> Vec<Value> {
    let ldl = if statin { 0.68 * person.ldl } else { person.ldl };
    let cholesterol = person.hdl + ldl / 0.95 + person.triglycerides / 2.5 + 0.15 * draw.normal();
    let not_recorded = |missing: bool| missing.then_some(MissingReason::NotRecorded);
    let number = |value: f64, decimals: i32, missing: Option<MissingReason>| {
        missing.map_or(Value::Number(rounded(value, decimals)), Value::Missing)
    };
    let level = |level: usize, missing: Option<MissingReason>| missing.map_or(Value::Level(level), Value::Missing);
    let (blood, fractions) = (not_recorded(missing.blood), not_recorded(missing.blood || missing.cholesterol));
    let refused = |missing: bool| missing.then_some(MissingReason::Refused);
    vec![
        Value::Number(person.age_years),
        Value::Level(usize::from(person.sex == Sex::Male)),
        Value::Number(person.height_cm),
        number(person.measured_bmi(), 1, not_recorded(missing.bmi)),
        number(person.hdl, 2, fractions),
        number(ldl, 2, fractions),
        number(cholesterol.clamp(1.5, 15.0), 2, blood),
        number(person.triglycerides, 2, blood),
        number(person.diastolic, 0, not_recorded(missing.diastolic)),
        level(usize::from(person.ever_smoked), refused(missing.ever_smoked)),
        level(usize::from(person.snoring), missing.snoring),
        level(person.insomnia, refused(missing.insomnia)),
        level(person.napping, refused(missing.napping)),
        number(person.sleep_hours, 0, missing.sleep),
        level(person.chronotype, missing.chronotype),
    ]
}
