//! What `spirometry` says of a blow: as a table and as JSON.

use std::fmt::Write as _;

use helm_core::Error;
use helm_core::spirometry::{
    Gli2012Group, GradedVolume, MeasureSettings, Measures, NhanesIiiGroup, Quality, ReferenceEquations,
    ReferenceMeasure, ReferencePerson, ReferenceValue, Sex,
};
use helm_examples::{BlowInput, Failure};
use serde_json::{Value, json};

use super::{Args, Ethnicity, Reference};

/// What is normal for a person; nothing where the person is not known.
#[derive(Default)]
pub(crate) struct Normal {
    /// The name of the equations.
    pub(crate) equations: &'static str,
    pub(crate) fev1: Option<ReferenceValue>,
    pub(crate) fvc: Option<ReferenceValue>,
    pub(crate) fev1_fvc: Option<ReferenceValue>,
}

impl Normal {
    /// Reads the person and the equations from the command line.
    ///
    /// # Errors
    /// If the equations don't have the group, or the person lies outside of their ages and heights.
    pub(crate) fn new(args: &Args) -> Result<Self, Failure> {
        let (Some(sex), Some(age), Some(height)) = (args.sex, args.age_years, args.height_cm) else {
            return Ok(Self::default());
        };
        let sex = match sex {
            super::Sex::Female => Sex::Female,
            super::Sex::Male => Sex::Male,
        };
        let person = ReferencePerson::new(sex, age, height)?;
        let equations = equations(args.reference, args.ethnicity)?;
        let value = |measure| equations.value(measure, &person).map(Some);
        Ok(Self {
            equations: match args.reference {
                Reference::Gli2012 => "GLI-2012",
                Reference::GliGlobal => "GLI Global",
                Reference::NhanesIii => "NHANES III",
            },
            fev1: value(ReferenceMeasure::Fev1)?,
            fvc: value(ReferenceMeasure::Fvc)?,
            fev1_fvc: value(ReferenceMeasure::Fev1Fvc)?,
        })
    }
}

fn equations(reference: Reference, ethnicity: Option<Ethnicity>) -> Result<ReferenceEquations, Failure> {
    let (groups, equations) = match (reference, ethnicity) {
        (Reference::GliGlobal, _) => return Ok(ReferenceEquations::GliGlobal),
        (Reference::Gli2012, ethnicity) => {
            let group = ethnicity.and_then(|ethnicity| {
                Some(match ethnicity {
                    Ethnicity::Caucasian => Gli2012Group::Caucasian,
                    Ethnicity::AfricanAmerican => Gli2012Group::AfricanAmerican,
                    Ethnicity::NorthEastAsian => Gli2012Group::NorthEastAsian,
                    Ethnicity::SouthEastAsian => Gli2012Group::SouthEastAsian,
                    Ethnicity::Other => Gli2012Group::Other,
                    Ethnicity::MexicanAmerican => return None,
                })
            });
            let groups = "caucasian, african-american, north-east-asian, south-east-asian or other for gli2012";
            (groups, group.map(ReferenceEquations::Gli2012))
        }
        (Reference::NhanesIii, ethnicity) => {
            let group = ethnicity.and_then(|ethnicity| {
                Some(match ethnicity {
                    Ethnicity::Caucasian => NhanesIiiGroup::Caucasian,
                    Ethnicity::AfricanAmerican => NhanesIiiGroup::AfricanAmerican,
                    Ethnicity::MexicanAmerican => NhanesIiiGroup::MexicanAmerican,
                    _ => return None,
                })
            });
            let groups = "caucasian, african-american or mexican-american for nhanes-iii";
            (groups, group.map(ReferenceEquations::NhanesIii))
        }
    };
    let found = if ethnicity.is_some() { "another" } else { "none" };
    equations.ok_or_else(|| Failure::new(format!("--ethnicity: expected {groups}, found {found}")))
}

/// A blow's measures, its quality and what would be normal.
pub(crate) struct BlowResult {
    pub(crate) measures: Measures,
    pub(crate) quality: Quality,
    pub(crate) normal: Normal,
}

impl BlowResult {
    /// Measures and judges a blow.
    ///
    /// # Errors
    /// If it can't be measured.
    pub(crate) fn new(input: &BlowInput, normal: Normal) -> Result<Self, Error> {
        let measures = Measures::new(&input.blow, &MeasureSettings::default())?;
        let quality = Quality::new(&input.blow, &measures);
        Ok(Self { measures, quality, normal })
    }

    /// The measures that have a reference: name, value, what is normal.
    fn compared(&self) -> [(&'static str, Option<f64>, Option<ReferenceValue>); 3] {
        let Self { measures, normal, .. } = self;
        [
            ("fev1", measures.fev1_litres, normal.fev1),
            ("fvc", Some(measures.fvc_litres), normal.fvc),
            ("fev1_fvc", measures.fev1_fvc(), normal.fev1_fvc),
        ]
    }

    fn is_acceptable(&self) -> bool {
        [GradedVolume::Fev1, GradedVolume::Fvc].into_iter().all(|volume| self.quality.is_acceptable(volume))
    }

    /// The result for machines; a measure that is not defined is null.
    pub(crate) fn to_json(&self) -> Value {
        let measures = &self.measures;
        let each = |get: &dyn Fn(Option<f64>, ReferenceValue) -> Option<f64>| -> Value {
            let values = self
                .compared()
                .map(|(name, value, normal)| (name.to_owned(), json!(normal.and_then(|normal| get(value, normal)))));
            Value::Object(values.into_iter().collect())
        };
        let verdict = |volume| json!({ "acceptable": self.quality.is_acceptable(volume), "usable": self.quality.is_usable(volume) });
        json!({
            "fvc_litres": measures.fvc_litres,
            "fev0_5_litres": measures.fev0_5_litres,
            "fev0_75_litres": measures.fev0_75_litres,
            "fev1_litres": measures.fev1_litres,
            "fev3_litres": measures.fev3_litres,
            "fev6_litres": measures.fev6_litres,
            "fev1_fvc": measures.fev1_fvc(),
            "pef_litres_per_second": measures.pef_litres_per_second,
            "fef25_litres_per_second": measures.fef25_litres_per_second,
            "fef50_litres_per_second": measures.fef50_litres_per_second,
            "fef75_litres_per_second": measures.fef75_litres_per_second,
            "fef2575_litres_per_second": measures.fef25_75_litres_per_second,
            "bev_litres": measures.bev_litres,
            "fet_seconds": measures.fet_seconds,
            "time_zero_seconds": measures.time_zero_seconds,
            "acceptable": self.is_acceptable(),
            "reasons": self.quality.faults().iter().map(|fault| fault.code()).collect::<Vec<_>>(),
            "remarks": self.quality.remarks().iter().map(|remark| remark.code()).collect::<Vec<_>>(),
            "fev1": verdict(GradedVolume::Fev1),
            "fvc": verdict(GradedVolume::Fvc),
            "z": each(&|value, normal| normal.z_score(value?)),
            "percentile": each(&|value, normal| normal.percentile(value?)),
            "predicted": each(&|_, normal| Some(normal.predicted())),
            "lln": each(&|_, normal| Some(normal.lower_limit())),
        })
    }

    /// The result for people, as a Markdown table.
    pub(crate) fn to_table(&self) -> String {
        let mut text = String::from("| measure | value | predicted | lower limit | z | percentile |\n");
        text += "| --- | --- | --- | --- | --- | --- |\n";
        let number = |value: Option<f64>, decimals: usize| {
            value.map_or_else(|| "–".into(), |value| format!("{value:.decimals$}"))
        };
        let Self { measures, normal, .. } = self;
        for (name, value, normal, decimals) in [
            ("FEV1 (L)", measures.fev1_litres, normal.fev1, 3),
            ("FVC (L)", Some(measures.fvc_litres), normal.fvc, 3),
            ("FEV1/FVC", measures.fev1_fvc(), normal.fev1_fvc, 3),
            ("FEV6 (L)", measures.fev6_litres, None, 3),
            ("PEF (L/s)", Some(measures.pef_litres_per_second), None, 2),
            ("FEF25–75 (L/s)", measures.fef25_75_litres_per_second, None, 2),
            ("Back-extrapolated volume (L)", Some(measures.bev_litres), None, 3),
            ("Expiratory time (s)", Some(measures.fet_seconds), None, 2),
        ] {
            let (predicted, limit) = (normal.map(|it| it.predicted()), normal.map(|it| it.lower_limit()));
            let z = normal.and_then(|it| it.z_score(value?));
            let percentile = normal.and_then(|it| it.percentile(value?));
            let cells = [number(value, decimals), number(predicted, decimals), number(limit, decimals)];
            let cells = cells.into_iter().chain([number(z, 2), number(percentile, 1)]);
            let _ = writeln!(text, "| {name} | {} |", cells.collect::<Vec<_>>().join(" | "));
        }
        for (volume, name) in [(GradedVolume::Fev1, "FEV1"), (GradedVolume::Fvc, "FVC")] {
            let verdict = match (self.quality.is_acceptable(volume), self.quality.is_usable(volume)) {
                (true, _) => "acceptable",
                (false, true) => "usable, not acceptable",
                (false, false) => "not usable",
            };
            let faults = self.quality.faults().iter().filter(|fault| fault.prevents_acceptance(volume));
            let faults = faults.map(ToString::to_string).collect::<Vec<_>>().join("; ");
            let reasons = if faults.is_empty() { String::new() } else { format!(" ({faults})") };
            let _ = writeln!(text, "\n{name} is {verdict} by ATS/ERS 2019{reasons}.");
        }
        for remark in self.quality.remarks() {
            let _ = writeln!(text, "\nRemark: {remark}.");
        }
        text
    }
}
