//! The US National Health and Nutrition Examination Survey 2011–2012 as a cohort of adults with a spirometry result.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use helm_core::spirometry::{MeasureSettings, MeasuredPoints, Measures, NhanesTest, Spirogram, read_nhanes_curves};
use helm_core::{
    Cohort, Feature, MissingReason, Outcome, ParticipantId, Schema, SignalState, Table, Value, read_csv,
    read_mortality, read_xpt,
};

/// The files that are read, as the survey names them; the last two are the linked mortality file and a table of
/// diagnoses and blood pressures derived from the same survey.
pub const FILES: [&str; 8] = [
    "SPX_G.XPT",
    "DEMO_G.XPT",
    "BMX_G.XPT",
    "SMQ_G.XPT",
    "RDQ_G.XPT",
    "DIQ_G.XPT",
    "NHANES_2011_2012_MORT_2019_PUBLIC.dat",
    "diagnoses_labs.csv",
];

/// The survey's raw curves as CSV, which are used where the folder has them: they are whole breaths, several a person.
pub const RAW_CURVES: &str = "SPXRAW_G.csv";

/// The signal's name.
pub const SPIROGRAM: &str = "spirogram";

/// Samples a second of the interpolated curves.
pub const RATE_HZ: f64 = 100.0;

/// Tabular features, without spirometry.
pub const TABULAR: [&str; 8] = ["age", "sex", "bmi", "height", "ever_smoked", "smokes_now", "systolic", "diastolic"];

/// Spirometry's ten measured numbers, and the ratio of two of them.
pub const SPIROMETRY: [&str; 11] = [
    "fvc",
    "extrapolated_volume",
    "fev0_5",
    "fev0_75",
    "fev1",
    "fev3",
    "fev6",
    "pef",
    "fef25_75",
    "expiratory_time",
    "fev1_fvc",
];

/// What stands beside the curve: single numbers that are no points on it.
pub const BESIDE_THE_CURVE: [&str; 5] = ["pef", "fef25_75", "extrapolated_volume", "expiratory_time", "fev1_fvc"];

/// HeLM's baseline features.
pub const BASELINE: [&str; 3] = ["age", "sex", "bmi"];

/// Those of HeLM's expanded features that the files have.
pub const EXPANDED: [&str; 7] = ["age", "sex", "bmi", "hdl", "cholesterol", "diastolic", "ever_smoked"];

/// Those that they lack.
pub const LACKING: [&str; 7] =
    ["LDL", "triglycerides", "snoring", "insomnia", "daytime napping", "sleep duration", "chronotype"];

/// The features that an outcome may be estimated from: blood pressure defines hypertension, and stays out there.
pub fn tabular_features(outcome: &str) -> Vec<&'static str> {
    TABULAR.into_iter().filter(|feature| !defines(feature, outcome)).collect()
}

/// Whether a feature defines an outcome, which may not be estimated from it.
pub fn defines(feature: &str, outcome: &str) -> bool {
    outcome == "hypertension" && matches!(feature, "systolic" | "diastolic")
}

/// The cohort, and what happened to the curves on the way.
pub struct Nhanes {
    /// Adults of 20 years and over with a forced vital capacity.
    pub cohort: Cohort,
    /// Participants whose measured points made no curve.
    pub unusable_curves: usize,
    /// Participants of whose curve a volume was raised to an earlier one.
    pub levelled_curves: usize,
    /// Participants whose curve is a whole one, of [`RAW_CURVES`].
    pub whole_curves: usize,
}

/// The paths of the files in a folder.
pub fn paths(folder: &Path) -> Vec<PathBuf> {
    let raw = Some(folder.join(RAW_CURVES)).filter(|raw| raw.exists());
    FILES.iter().map(|file| folder.join(file)).chain(raw).collect()
}

/// Reads the cohort from a folder with the files of [`FILES`].
///
/// # Errors
/// As the readers and the cohort have them: a file, a column or a value that is not as it must be.
pub fn load(folder: &Path) -> Result<Nhanes, helm_core::Error> {
    let xpt = |file: &str| Joined::new(read_xpt(&folder.join(file))?);
    let (spx, demo, bmx, smq, rdq, diq) = (
        xpt("SPX_G.XPT")?,
        xpt("DEMO_G.XPT")?,
        xpt("BMX_G.XPT")?,
        xpt("SMQ_G.XPT")?,
        xpt("RDQ_G.XPT")?,
        xpt("DIQ_G.XPT")?,
    );
    let mortality = Joined::new(read_mortality(&folder.join("NHANES_2011_2012_MORT_2019_PUBLIC.dat"))?)?;
    let diagnoses = Joined::new(read_csv(&folder.join("diagnoses_labs.csv"))?)?;

    let everyone = &spx.participants;
    let (ages, fvc) = (demo.values(everyone, "RIDAGEYR")?, spx.values(everyone, "SPXNFVC")?);
    let included = (0..everyone.len())
        .filter(|&i| ages[i].as_number().is_some_and(|age| age >= 20.0) && fvc[i].as_number().is_some());
    let ids: Vec<ParticipantId> = included.map(|i| everyone[i].clone()).collect();

    let litres = |column: &str| Ok::<_, helm_core::Error>(scaled(spx.values(&ids, column)?, 0.001));
    let (fvc, fev1) = (litres("SPXNFVC")?, litres("SPXNFEV1")?);
    let ratio = fvc.iter().zip(&fev1).map(|(&fvc, &fev1)| match (fvc, fev1) {
        (Value::Number(fvc), Value::Number(fev1)) if fvc > 0.0 => Value::Number(fev1 / fvc),
        (Value::Missing(reason), _) | (_, Value::Missing(reason)) => Value::Missing(reason),
        _ => Value::Missing(MissingReason::NotApplicable),
    });
    let ratio = ratio.collect();
    let ever = yes_no(smq.values(&ids, "SMQ020")?);
    let now = smq.values(&ids, "SMQ040")?.into_iter().zip(&ever).map(|(now, ever)| match (ever, now.as_number()) {
        // Never-smokers are not asked.
        (Value::Level(0), _) => Value::Level(0),
        (_, Some(1.0 | 2.0)) => Value::Level(1),
        (_, Some(3.0)) => Value::Level(0),
        (_, Some(7.0)) => Value::Missing(MissingReason::Refused),
        (_, Some(9.0)) => Value::Missing(MissingReason::DontKnow),
        _ => now,
    });
    let now = now.collect();
    // A code that is none of the survey's stays a number, which the cohort refuses.
    let sex = demo.values(&ids, "RIAGENDR")?.into_iter().map(|sex| match sex.as_number() {
        Some(1.0) => Value::Level(0),
        Some(2.0) => Value::Level(1),
        _ => sex,
    });
    let sex = sex.collect();
    let columns = [
        ("age", demo.values(&ids, "RIDAGEYR")?),
        ("sex", sex),
        ("bmi", bmx.values(&ids, "BMXBMI")?),
        ("height", bmx.values(&ids, "BMXHT")?),
        ("ever_smoked", ever),
        ("smokes_now", now),
        ("systolic", diagnoses.values(&ids, "systolic_mmhg")?),
        ("diastolic", diagnoses.values(&ids, "diastolic_mmhg")?),
        ("hdl", diagnoses.values(&ids, "hdl_cholesterol")?),
        ("cholesterol", diagnoses.values(&ids, "total_cholesterol")?),
        ("fvc", fvc),
        ("extrapolated_volume", litres("SPXNEV")?),
        ("fev0_5", litres("SPXNFEV5")?),
        ("fev0_75", litres("SPXNFEV7")?),
        ("fev1", fev1),
        ("fev3", litres("SPXNFEV3")?),
        ("fev6", litres("SPXNFEV6")?),
        ("pef", litres("SPXNPEF")?),
        ("fef25_75", litres("SPXNF257")?),
        ("expiratory_time", spx.values(&ids, "SPXNFET")?),
        ("fev1_fvc", ratio),
    ];
    let column = |name: &str| columns.iter().find(|(other, _)| *other == name).map(|(_, values)| values.as_slice());
    let (mut curves, levelled_curves) = curves(&column);
    let mut whole = whole_curves(folder)?;
    let mut n_whole = 0;
    for (id, curve) in ids.iter().zip(&mut curves) {
        if let Some(blow) = whole.remove(id) {
            *curve = SignalState::Present(blow.into_signal());
            n_whole += 1;
        }
    }
    let unusable_curves = curves.iter().filter(|curve| matches!(curve, SignalState::Unusable(_))).count();

    // 7 and 9 are refused and don't know, DIQ010's 3 is borderline.
    let survey = |table: &Joined, name: &str| table.labels(&ids, name, 1.0, 2.0, &[3.0, 7.0, 9.0]);
    let diagnosed = |name: &str| diagnoses.labels(&ids, name, 1.0, 0.0, &[]);
    let eligible = mortality.values(&ids, "ELIGSTAT")?;
    let died = mortality.labels(&ids, "MORTSTAT", 1.0, 0.0, &[])?.into_iter().zip(eligible);
    let died = died.map(|(died, eligible)| died.filter(|_| eligible.as_number() == Some(1.0))).collect();
    let labels = [
        ("death", died),
        ("wheeze", survey(&rdq, "RDQ070")?),
        ("chronic_cough", survey(&rdq, "RDQ031")?),
        ("diabetes", survey(&diq, "DIQ010")?),
        ("heart_failure", diagnosed("congestive_heart_failure")?),
        ("heart_attack", diagnosed("heart_attack")?),
        ("stroke", diagnosed("stroke")?),
        ("coronary_heart_disease", diagnosed("coronary_heart_disease")?),
        ("hypertension", diagnoses.yes_no_text(&ids, "hypertension_jnc7")?),
        ("arthritis", diagnosed("arthritis")?),
    ];

    let mut builder = Cohort::builder(schema()?, ids.clone())?.signal(SPIROGRAM, curves)?;
    for (name, values) in columns {
        builder = builder.feature(name, values)?;
    }
    for (name, labels) in labels {
        builder = builder.outcome(name, labels)?;
    }
    Ok(Nhanes { cohort: builder.build()?, unusable_curves, levelled_curves, whole_curves: n_whole })
}

/// Everyone's best whole breath, if the folder has the raw curves: of those before a bronchodilator that the survey's
/// reviewers accepted, the one with the largest sum of FEV1 and FVC (ATS/ERS 2019).
fn whole_curves(folder: &Path) -> Result<HashMap<ParticipantId, Spirogram>, helm_core::Error> {
    let path = folder.join(RAW_CURVES);
    if !path.exists() {
        return Ok(HashMap::new());
    }
    let mut best: HashMap<ParticipantId, (f64, Spirogram)> = HashMap::new();
    for curve in read_nhanes_curves(&read_csv(&path)?)? {
        let accepted = curve.test == NhanesTest::Baseline && curve.is_acceptable == Some(true);
        let (true, Ok(blow)) = (accepted, curve.blow) else { continue };
        let Ok(measures) = Measures::new(&blow, &MeasureSettings::default()) else { continue };
        let Some(fev1) = measures.fev1_litres else { continue };
        let size = fev1 + measures.fvc_litres;
        if best.get(&curve.participant).is_none_or(|(other, _)| size > *other) {
            best.insert(curve.participant, (size, blow));
        }
    }
    Ok(best.into_iter().map(|(id, (_, blow))| (id, blow)).collect())
}

fn schema() -> Result<Schema, helm_core::Error> {
    let litres = |name: &str, label: &str| Feature::number(name, label, "L", 0.0..=15.0).with_decimals(2);
    let flow = |name: &str, label: &str| Feature::number(name, label, "L/s", 0.0..=25.0).with_decimals(1);
    let features = vec![
        Feature::number("age", "age", "", 0.0..=120.0),
        Feature::category("sex", "sex", ["male", "female"]),
        Feature::number("bmi", "BMI", "", 5.0..=150.0).with_decimals(1),
        Feature::number("height", "height", "cm", 50.0..=250.0),
        Feature::yes_no("ever_smoked", "ever smoked"),
        Feature::yes_no("smokes_now", "smokes now"),
        Feature::number("systolic", "systolic blood pressure", "mmHg", 40.0..=300.0),
        Feature::number("diastolic", "diastolic blood pressure", "mmHg", 0.0..=200.0),
        Feature::number("hdl", "HDL cholesterol", "mg/dL", 0.0..=400.0),
        Feature::number("cholesterol", "total cholesterol", "mg/dL", 0.0..=1000.0),
        litres("fvc", "FVC"),
        litres("extrapolated_volume", "back-extrapolated volume"),
        litres("fev0_5", "FEV0.5"),
        litres("fev0_75", "FEV0.75"),
        litres("fev1", "FEV1"),
        litres("fev3", "FEV3"),
        litres("fev6", "FEV6"),
        flow("pef", "peak expiratory flow"),
        flow("fef25_75", "FEF25-75"),
        Feature::number("expiratory_time", "expiratory time", "s", 0.0..=60.0).with_decimals(1),
        Feature::number("fev1_fvc", "FEV1/FVC", "", 0.0..=1.0).with_decimals(2),
    ];
    let outcomes = vec![
        Outcome::new("death", "death", "MORTSTAT = 1 by 2019 among those with ELIGSTAT = 1"),
        Outcome::new("wheeze", "wheezing", "wheezing or whistling in the chest in the past year: RDQ070 = 1 against 2"),
        Outcome::new(
            "chronic_cough",
            "chronic cough",
            "a cough on most days for three months or more: RDQ031 = 1 against 2",
        ),
        Outcome::new("diabetes", "diabetes", "DIQ010 = 1 against 2"),
        Outcome::new("heart_failure", "heart failure", "told by a doctor"),
        Outcome::new("heart_attack", "heart attack", "told by a doctor"),
        Outcome::new("stroke", "stroke", "told by a doctor"),
        Outcome::new("coronary_heart_disease", "coronary heart disease", "told by a doctor"),
        Outcome::new("hypertension", "high blood pressure", "JNC 7: pressure or medication"),
        Outcome::new("arthritis", "arthritis", "told by a doctor"),
    ];
    Schema::new(features, vec![SPIROGRAM.into()], outcomes)
}

/// The sparse measured curve of each participant, and how many were levelled.
fn curves<'a>(column: &dyn Fn(&str) -> Option<&'a [Value]>) -> (Vec<SignalState>, usize) {
    let number = |name: &str, row: usize| column(name).and_then(|values| values[row].as_number());
    let points = [("fev0_5", 0.5), ("fev0_75", 0.75), ("fev1", 1.0), ("fev3", 3.0), ("fev6", 6.0)];
    let n = column("fvc").map_or(0, <[Value]>::len);
    let mut levelled = 0;
    let states = (0..n)
        .map(|row| {
            let (Some(fvc_litres), Some(end)) = (number("fvc", row), number("expiratory_time", row)) else {
                return SignalState::Unusable("no vital capacity or expiratory time".into());
            };
            let measured = MeasuredPoints {
                volume_litres_at_seconds: points
                    .iter()
                    .filter_map(|&(name, seconds)| Some((seconds, number(name, row)?)))
                    .collect(),
                expiratory_time_seconds: end,
                fvc_litres,
            };
            match measured.to_spirogram(RATE_HZ) {
                Ok(blow) => {
                    levelled += usize::from(measured.largest_fall_litres() > 0.0);
                    SignalState::Present(blow.into_signal())
                }
                Err(error) => SignalState::Unusable(error.to_string()),
            }
        })
        .collect();
    (states, levelled)
}

/// A table whose rows are found by participant.
struct Joined {
    table: Table,
    participants: Vec<ParticipantId>,
    row_of: HashMap<ParticipantId, usize>,
}

impl Joined {
    fn new(table: Table) -> Result<Self, helm_core::Error> {
        let participants = table.participants("SEQN")?;
        let row_of = participants.iter().cloned().enumerate().map(|(row, id)| (id, row)).collect();
        Ok(Self { table, participants, row_of })
    }

    /// A column's values for participants; one who is not in the table has none.
    fn values(&self, ids: &[ParticipantId], column: &str) -> Result<Vec<Value>, helm_core::Error> {
        let values = self.table.numbers(column)?;
        Ok(ids
            .iter()
            .map(|id| self.row_of.get(id).map_or(Value::Missing(MissingReason::NoRow), |&row| values[row]))
            .collect())
    }

    /// A column of codes as labels: one code for cases, one for controls, others that are neither.
    fn labels(
        &self,
        ids: &[ParticipantId],
        column: &str,
        case: f64,
        control: f64,
        neither: &[f64],
    ) -> Result<Vec<Option<bool>>, helm_core::Error> {
        let values = self.table.numbers(column)?;
        let label = |row: usize| match values[row].as_number() {
            None => Ok(None),
            Some(code) if code == case => Ok(Some(true)),
            Some(code) if code == control => Ok(Some(false)),
            Some(code) if neither.contains(&code) => Ok(None),
            Some(_) => Err(helm_core::Error::Cell {
                file: self.table.name().into(),
                row: row + 1,
                column: column.into(),
                expected: format!("{case} (case), {control} (control) or a missing code"),
                found: "another code".into(),
            }),
        };
        ids.iter().map(|id| self.row_of.get(id).map_or(Ok(None), |&row| label(row))).collect()
    }

    /// A column of "Yes" and "No".
    fn yes_no_text(&self, ids: &[ParticipantId], column: &str) -> Result<Vec<Option<bool>>, helm_core::Error> {
        let column = self.table.column(column)?;
        let text = |row: usize| match &column.cells {
            helm_core::Cells::Text(texts) => texts[row].as_deref(),
            _ => Some("no text"),
        };
        ids.iter()
            .map(|id| match self.row_of.get(id).and_then(|&row| Some((row, text(row)?))) {
                None => Ok(None),
                Some((_, "Yes")) => Ok(Some(true)),
                Some((_, "No")) => Ok(Some(false)),
                Some((row, _)) => Err(helm_core::Error::Cell {
                    file: self.table.name().into(),
                    row: row + 1,
                    column: column.name.clone(),
                    expected: "Yes, No or an empty cell".into(),
                    found: "something else".into(),
                }),
            })
            .collect()
    }
}

fn scaled(values: Vec<Value>, factor: f64) -> Vec<Value> {
    let scale = |value| if let Value::Number(number) = value { Value::Number(number * factor) } else { value };
    values.into_iter().map(scale).collect()
}

/// The survey's answers 1 yes, 2 no, 7 refused, 9 don't know.
fn yes_no(values: Vec<Value>) -> Vec<Value> {
    let answer = |value: Value| match value.as_number() {
        Some(1.0) => Value::Level(1),
        Some(2.0) => Value::Level(0),
        Some(7.0) => Value::Missing(MissingReason::Refused),
        Some(9.0) => Value::Missing(MissingReason::DontKnow),
        _ => value,
    };
    values.into_iter().map(answer).collect()
}
