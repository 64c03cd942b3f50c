//! The simulated cohort: the same everywhere, in its schema's ranges, with breaths that a spirometer could have recorded.

use helm_core::simulate::{OUTCOME_MODELS, SimulatedCohort};
use helm_core::spirometry::{GradedVolume, MeasureSettings, Measures, Quality, Spirogram};
use helm_core::{Cohort, CohortSource, SignalState, Value};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

/// SHA-256 over everything that a cohort holds, bit by bit.
fn hash(cohort: &Cohort) -> String {
    let mut hash = Sha256::new();
    let mut add = |text: String| hash.update(text.as_bytes());
    for id in cohort.participants() {
        add(format!("{};", id.as_str()));
    }
    for feature in cohort.schema().features() {
        for value in cohort.values(&feature.name).unwrap() {
            add(match value {
                Value::Number(number) => format!("{:016x};", number.to_bits()),
                Value::Level(level) => format!("{level};"),
                Value::Missing(reason) => format!("{reason};"),
            });
        }
    }
    for state in cohort.signals(SimulatedCohort::SPIROGRAM).unwrap() {
        match state {
            SignalState::Present(signal) => {
                signal.channel(0).iter().for_each(|sample| add(format!("{:08x}", sample.to_bits())));
            }
            SignalState::Unusable(why) => add(why.clone()),
            SignalState::Absent => add("absent".into()),
        }
    }
    for outcome in cohort.schema().outcomes() {
        add(format!("{:?}", cohort.labels(&outcome.name).unwrap()));
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What this simulator draws: a change of it is a change of everybody's results, and goes into the changelog.
#[test]
fn a_seed_gives_the_same_cohort_on_any_machine() {
    let cohort = SimulatedCohort::new(100, 0).unwrap().to_cohort().unwrap();
    assert_eq!(hash(&cohort), "be786c17e42d6215d4b66c69be4e9fa9211782b168d86db88e93aee1e7775554");
}

#[test]
fn threads_batches_and_the_size_of_the_cohort_change_nobody() {
    let cohort = |n, threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| SimulatedCohort::new(n, 3).unwrap().to_cohort().unwrap())
    };
    let (alone, together) = (cohort(150, 1), cohort(150, 4));
    assert_eq!(hash(&alone), hash(&together));
    let first: Vec<usize> = (0..150).collect();
    assert_eq!(hash(&cohort(200, 2).select(&first)), hash(&alone));
    assert_ne!(hash(&SimulatedCohort::new(150, 4).unwrap().to_cohort().unwrap()), hash(&alone));

    // 4096 people a batch.
    let source = SimulatedCohort::new(4200, 3).unwrap();
    let batches: Vec<Cohort> = source.batches().unwrap().collect::<Result<_, _>>().unwrap();
    assert_eq!(batches.iter().map(Cohort::n_participants).collect::<Vec<_>>(), [4096, 104]);
    assert_eq!(
        batches[1].values("age").unwrap()[3].as_number(),
        source.participant(4099).unwrap().values[0].as_number()
    );
}

#[test]
fn nobody_or_a_row_past_the_last_is_an_error() {
    assert!(SimulatedCohort::new(0, 0).is_err());
    let error = SimulatedCohort::new(5, 0).unwrap().participant(5).err().unwrap();
    assert_eq!(error.to_string(), "simulated cohort: expected a row below 5, found 5");
}

#[test]
fn prevalences_and_missing_shares_are_as_said() {
    let n = 6000;
    let cohort = SimulatedCohort::new(n, 1).unwrap().to_cohort().unwrap();
    for model in OUTCOME_MODELS {
        let cases = cohort.labels(model.name).unwrap().iter().filter(|label| **label == Some(true)).count();
        let share = cases as f64 / n as f64;
        assert!((share - model.prevalence).abs() < 0.02 + 0.05 * model.prevalence, "{} {share}", model.name);
    }
    let missing = |feature: &str| {
        cohort.values(feature).unwrap().iter().filter(|value| matches!(value, Value::Missing(_))).count() as f64
            / n as f64
    };
    assert_eq!((missing("age"), missing("sex"), missing("height")), (0.0, 0.0, 0.0));
    for (feature, low, high) in [("hdl", 0.08, 0.17), ("triglycerides", 0.04, 0.09), ("snoring", 0.05, 0.09)] {
        assert!((low..high).contains(&missing(feature)), "{feature} {}", missing(feature));
    }
    // Lipids are missing together.
    let lacks = |feature: &str| cohort.values(feature).unwrap().iter().map(|value| matches!(value, Value::Missing(_)));
    assert!(lacks("cholesterol").zip(lacks("hdl")).all(|(all, hdl)| hdl || !all));
}

#[test]
fn breaths_look_like_breaths() {
    let cohort = SimulatedCohort::new(1500, 2).unwrap();
    let (mut present, mut acceptable, mut ratios, mut scooped) = (0, [0; 2], Vec::new(), Vec::new());
    for row in 0..1500 {
        let person = cohort.participant(row).unwrap();
        let Some(signal) = person.spirogram.signal() else { continue };
        let blow = Spirogram::from_signal(signal.clone()).unwrap();
        let measures = Measures::new(&blow, &MeasureSettings::default()).unwrap();
        present += 1;
        let quality = Quality::new(&blow, &measures);
        acceptable[0] += usize::from(quality.is_acceptable(GradedVolume::Fev1));
        acceptable[1] += usize::from(quality.is_acceptable(GradedVolume::Fvc));
        assert!(measures.fvc_litres <= person.lung.fvc_litres + 0.02);
        ratios.extend(measures.fev1_fvc());
        // A third in lungs with one time constant, where flow falls with volume: 0.25 of it against 0.75.
        let late = measures.fef75_litres_per_second.zip(measures.fef25_litres_per_second);
        scooped.extend(late.map(|(late, early)| (person.lung.spread, late / early)));
    }
    assert!((1300..1450).contains(&present), "{present}");
    // Breaths that were spoilt early are not handed out for the most part; those that ended early are.
    let [fev1, fvc] = acceptable.map(|n| n as f64 / f64::from(present));
    assert!((0.95..1.0).contains(&fev1) && (0.75..0.97).contains(&fvc), "{fev1} {fvc}");
    let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
    assert!((0.72..0.82).contains(&mean), "{mean}");
    // The wider the time constants, the deeper the scoop.
    scooped.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mean = |part: &[(f64, f64)]| part.iter().map(|(_, ratio)| ratio).sum::<f64>() / part.len() as f64;
    let third = scooped.len() / 3;
    assert!(mean(&scooped[..third]) > mean(&scooped[2 * third..]) + 0.05);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    /// The builder refuses values outside of the schema's ranges: whatever the seed, there are none.
    #[test]
    fn any_seed_makes_a_sound_cohort(seed in any::<u64>()) {
        prop_assert!(SimulatedCohort::new(40, seed).and_then(|cohort| cohort.to_cohort()).is_ok());
    }
}
