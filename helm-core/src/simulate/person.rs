use super::draw::{Draw, logistic, rounded};
use crate::spirometry::Sex;

/// What is true of a person, before anything is missing or measured with noise; also what nobody measures.
#[derive(Clone)]
pub(super) struct Person {
    pub(super) sex: Sex,
    pub(super) age_years: f64,
    pub(super) height_cm: f64,
    pub(super) bmi: f64,
    pub(super) ever_smoked: bool,
    pub(super) hdl: f64,
    /// Before any treatment.
    pub(super) ldl: f64,
    pub(super) triglycerides: f64,
    pub(super) diastolic: f64,
    pub(super) snoring: bool,
    /// 0 never or rarely, 1 sometimes, 2 usually.
    pub(super) insomnia: usize,
    /// 0 never or rarely, 1 sometimes, 2 often.
    pub(super) napping: usize,
    pub(super) sleep_hours: f64,
    /// 0 definitely a morning person, to 3 definitely an evening person.
    pub(super) chronotype: usize,
    /// The spread of the lungs' time constants that nothing else explains, standard normal: what asthma depends on.
    pub(super) obstruction: f64,
    /// What smoking and age have done to the airways, about standard normal: what COPD depends on.
    pub(super) airways: f64,
}

impl Person {
    /// Draws a person. Means and spreads are near those that UK Biobank's showcase reports; correlations are calibrated.
    pub(super) fn draw(draw: &mut Draw) -> Self {
        let sex = if draw.happens(0.54) { Sex::Female } else { Sex::Male };
        let female = sex == Sex::Female;
        let by_sex = |women: f64, men: f64| if female { women } else { men };
        // Older people volunteered more: mean 56.7, standard deviation 8.3.
        let age_years = (40.0 + 30.0 * libm::pow(draw.uniform(), 0.8)).floor();
        let age = (age_years - 56.0) / 10.0;
        let height_cm = by_sex(162.5, 175.6) + by_sex(6.2, 6.8) * draw.normal() - age;
        let adiposity = draw.normal();
        let bmi = by_sex(26.4, 27.4) * libm::exp(by_sex(0.18, 0.145) * adiposity + 0.01 * age);
        let ever_smoked = draw.happens(by_sex(0.55, 0.65));
        let smoked = f64::from(u8::from(ever_smoked));
        // Fat and blood lipids share a cause.
        let metabolism = 0.4 * adiposity + 0.917 * draw.normal();
        let hdl = by_sex(1.6, 1.28) * libm::exp(-0.12 * metabolism + 0.18 * draw.normal() - 0.02 * smoked);
        let triglycerides = by_sex(1.35, 1.75) * libm::exp(0.3 * metabolism + 0.35 * draw.normal() + 0.03 * age);
        let ldl = 3.7 + by_sex(0.1, 0.0) + 0.15 * metabolism + 0.78 * draw.normal() + by_sex(0.15, -0.1) * age;
        let diastolic = by_sex(80.7, 84.2) + 2.8 * adiposity + 9.6 * draw.normal();
        let snoring = draw.happens(logistic(by_sex(-1.05, -0.25) + 0.45 * adiposity + 0.15 * smoked + 0.1 * age));
        let restless = draw.normal() + by_sex(0.25, 0.0) + 0.1 * age;
        let insomnia = usize::from(restless > -0.55) + usize::from(restless > 0.72);
        let drowsy = draw.normal() + by_sex(-0.2, 0.1) + 0.25 * age + 0.1 * adiposity;
        let napping = usize::from(drowsy > 0.2) + usize::from(drowsy > 1.75);
        let sleep_hours = (7.35 - 0.35 * restless + 0.95 * draw.normal() + 0.1 * age).round();
        let evening = draw.normal() - 0.1 * age;
        let chronotype = [-0.65, 0.25, 1.35].into_iter().filter(|&limit| evening > limit).count();
        Self {
            sex,
            age_years,
            height_cm: height_cm.clamp(130.0, 210.0).round(),
            bmi: bmi.clamp(14.0, 65.0),
            ever_smoked,
            hdl: hdl.clamp(0.4, 4.0),
            ldl: ldl.clamp(1.0, 9.0),
            triglycerides: triglycerides.clamp(0.3, 11.0),
            diastolic: diastolic.clamp(45.0, 140.0),
            snoring,
            insomnia,
            napping,
            sleep_hours: sleep_hours.clamp(3.0, 12.0),
            chronotype,
            obstruction: draw.normal(),
            airways: 0.5 * (smoked - 0.6) + 0.2 * age + 0.95 * draw.normal(),
        }
    }

    /// What a scale and a stadiometer show.
    pub(super) fn measured_bmi(&self) -> f64 {
        rounded(self.bmi, 1)
    }
}
