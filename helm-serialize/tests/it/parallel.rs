//! All contexts of a cohort, on any number of threads.

use helm_core::Context;
use helm_core::simulate::SimulatedCohort;
use helm_serialize::{FeatureOrder, Serializer};

#[test]
fn contexts_are_those_of_the_rows_on_any_number_of_threads() {
    // More than one piece of rows.
    let cohort = SimulatedCohort::new(1200, 0).unwrap().to_cohort().unwrap();
    let plain = Serializer::new(cohort.schema()).with_signal("spirogram", "breath").unwrap();
    let shuffled = plain.clone().with_order(FeatureOrder::Permuted { seed: 4 }).with_dropout(0.2, 5).unwrap();
    for serializer in [plain, shuffled] {
        let alone: Vec<Context> = cohort.records().map(|record| serializer.context(record).unwrap()).collect();
        for threads in [1, 4] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            // A clone has no pieces yet: several threads make them at once.
            let contexts = pool.install(|| serializer.clone().contexts(&cohort).unwrap());
            assert!(contexts == alone);
        }
    }
}

#[test]
fn an_error_is_that_of_a_single_record() {
    let cohort = SimulatedCohort::new(600, 0).unwrap().to_cohort().unwrap();
    let serializer = Serializer::new(cohort.schema()).with_features(["no such feature"]);
    let error = serializer.contexts(&cohort).unwrap_err().to_string();
    assert_eq!(error, serializer.context(cohort.record(0)).unwrap_err().to_string());
}
