//! 500,000 records of eight features as text and as contexts, beside a Python loop of zip and f-strings over pandas columns, in one run.
//!
//! `HELM_BENCH_PYTHON` names a Python with the packages of scripts/bench_serializing.py; without it, that side is left
//! out.
#![allow(clippy::print_stdout, clippy::expect_used, reason = "a bench prints its table")]

use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use helm_benches::is_only_built;
use helm_core::{Cohort, Feature, ParticipantId, Schema, Value};
use helm_serialize::Serializer;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde_json::Value as Json;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PEOPLE: usize = 500_000;

fn cohort() -> Result<Cohort, helm_core::Error> {
    let schema = Schema::new(
        vec![
            Feature::number("age", "age", "", 0.0..=120.0),
            Feature::category("sex", "sex", ["male", "female"]),
            Feature::number("bmi", "BMI", "", 5.0..=150.0).with_decimals(1),
            Feature::number("height", "height", "cm", 50.0..=250.0),
            Feature::yes_no("ever_smoked", "ever smoked"),
            Feature::yes_no("smokes_now", "smokes now"),
            Feature::number("systolic", "systolic blood pressure", "mmHg", 40.0..=300.0),
            Feature::number("diastolic", "diastolic blood pressure", "mmHg", 0.0..=200.0),
        ],
        vec![],
        vec![],
    )?;
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let mut numbers = |low, high| (0..PEOPLE).map(|_| Value::Number(rng.random_range(low..high))).collect::<Vec<_>>();
    let (age, bmi, height) = (numbers(20.0, 80.0), numbers(15.0, 45.0), numbers(140.0, 200.0));
    let (systolic, diastolic) = (numbers(90.0, 180.0), numbers(40.0, 100.0));
    let mut levels = || (0..PEOPLE).map(|_| Value::Level(rng.random_range(0..2))).collect::<Vec<_>>();
    let (sex, ever_smoked, smokes_now) = (levels(), levels(), levels());
    Cohort::builder(schema, (0..PEOPLE).map(|row| ParticipantId::new(row.to_string())).collect())?
        .feature("age", age)?
        .feature("sex", sex)?
        .feature("bmi", bmi)?
        .feature("height", height)?
        .feature("ever_smoked", ever_smoked)?
        .feature("smokes_now", smokes_now)?
        .feature("systolic", systolic)?
        .feature("diastolic", diastolic)?
        .build()
}

/// The best of three runs, in seconds; what was written is given back outside of them, as Python's first list is.
fn seconds<T>(mut task: impl FnMut() -> T) -> f64 {
    let once = |_| {
        let begin = Instant::now();
        let written = black_box(task());
        let seconds = begin.elapsed().as_secs_f64();
        drop(written);
        seconds
    };
    (0..3).map(once).fold(f64::INFINITY, f64::min)
}

fn python() -> Option<Json> {
    let python = std::env::var_os("HELM_BENCH_PYTHON")?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/bench_serializing.py");
    let output = Command::new(python).arg(script).output().expect("Python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).expect("JSON of scripts/bench_serializing.py"))
}

fn main() {
    if is_only_built() {
        return;
    }
    let theirs = python().and_then(|peer| peer["seconds"].as_f64());
    let cohort = cohort().expect("a cohort");
    let serializer = Serializer::new(cohort.schema());
    // All texts are kept, as Python's list keeps them.
    let texts = seconds(|| {
        let text = |record| {
            let mut text = String::with_capacity(160);
            serializer.write_text(record, &mut text).expect("a record of the schema");
            text
        };
        cohort.records().map(text).collect::<Vec<_>>()
    });
    let contexts = seconds(|| {
        let contexts = cohort.records().map(|record| serializer.context(record).expect("a record of the schema"));
        contexts.collect::<Vec<_>>()
    });
    let parallel = seconds(|| serializer.contexts(&cohort).expect("records of the schema"));
    println!("{} threads", rayon::current_num_threads());
    println!("| 500,000 records of 8 features | helm-serialize | Python | times faster |");
    println!("| --- | --- | --- | --- |");
    for (task, ours) in
        [("as text, one thread", texts), ("as contexts, one thread", contexts), ("as contexts, all threads", parallel)]
    {
        let (text, ratio) = theirs.map_or(("not run".into(), "–".into()), |theirs| {
            (format!("{theirs:.2} s"), format!("{:.1}", theirs / ours))
        });
        println!("| {task} | {ours:.3} s | {text} | {ratio} |");
    }
}
