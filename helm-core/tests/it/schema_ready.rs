//! The ready-made schema files.

use helm_core::{BadData, SchemaFile, Table};

use crate::schema_file::text;

/// A header as UK Biobank's platform exports it.
#[test]
fn uk_biobank_field_names_go_through() {
    let schema = SchemaFile::uk_biobank();
    let mut columns = vec![text("eid", &["1000012", "1000027"]), text("p31", &["Female", "1"])];
    for (name, cells) in [
        ("p21003_i0", ["54", "61"]),
        ("p21001_i0", ["23.4", ""]),
        ("p30760_i0", ["1.5", ""]),
        ("p30780_i0", ["3.5", ""]),
        ("p30690_i0", ["5.5", ""]),
        ("p30870_i0", ["1.1", ""]),
        ("p4079_i0_a0", ["78", ""]),
        ("p20160_i0", ["Yes", "0"]),
        ("p1210_i0", ["Do not know", "2"]),
        ("p1200_i0", ["Sometimes", "-3"]),
        ("p1220_i0", ["Never/rarely", "3"]),
        ("p1160_i0", ["7", "-1"]),
        ("p1180_i0", ["Definitely a 'morning' person", "4"]),
        ("p40000_i0", ["", "2016-05-01"]),
        ("p40000_i1", ["", ""]),
        ("p41270", ["I10|E119", ""]),
        ("p20002_i0_a0", ["1111", "1286"]),
        ("p20002_i0_a1", ["", "1465"]),
        ("p20002_i0_a33", ["", ""]),
    ] {
        columns.push(text(name, &cells));
    }
    let table = Table::new("ukb.csv", columns).unwrap();
    let cohort = schema.load(&table, BadData::Refuse).unwrap().cohort;
    let cases = |row: usize| -> Vec<&str> {
        let outcomes = schema.schema().outcomes().iter().map(|outcome| outcome.name.as_str());
        outcomes.filter(|outcome| cohort.labels(outcome).unwrap()[row] == Some(true)).collect()
    };
    assert_eq!(cases(0), ["asthma", "diabetes", "hypertension"]);
    assert_eq!(cases(1), ["mortality", "depression", "osteoarthritis"]);
    assert_eq!(schema.schema().outcomes().len(), 13);
    assert_eq!(schema.features_for(Some("expanded"), "asthma").unwrap().len(), 14);
    assert_eq!(schema.features_for(Some("baseline"), "stroke").unwrap(), ["age", "sex", "bmi"]);
}

#[cfg(all(feature = "csv", feature = "xpt"))]
fn nhanes_table(folder: &std::path::Path) -> Table {
    let read = |file: &str| helm_core::read_xpt(&folder.join(file)).unwrap();
    let [demo, bmx, smq, rdq, diq] = ["DEMO_G.XPT", "BMX_G.XPT", "SMQ_G.XPT", "RDQ_G.XPT", "DIQ_G.XPT"].map(read);
    let mortality = helm_core::read_mortality(&folder.join("NHANES_2011_2012_MORT_2019_PUBLIC.dat")).unwrap();
    let diagnoses = helm_core::read_csv(&folder.join("diagnoses_labs.csv")).unwrap();
    read("SPX_G.XPT").join("SEQN", &[&demo, &bmx, &smq, &rdq, &diq, &mortality, &diagnoses]).unwrap()
}

/// The ten outcomes' cases and numbers, as data/README.md has them, and the features' checked sums.
#[cfg(all(feature = "csv", feature = "xpt"))]
#[test]
fn the_nhanes_schema_builds_the_published_cohort() {
    let Some(data) = std::env::var_os("HELM_TEST_DATA").filter(|data| !data.is_empty()) else {
        // Not eprintln, which a passing test swallows.
        let _ = std::io::Write::write_all(&mut std::io::stderr(), b"skipped: HELM_TEST_DATA is not set\n");
        return;
    };
    let table = nhanes_table(&std::path::PathBuf::from(data).join("data/nhanes_2011_2012"));
    let schema = SchemaFile::nhanes_2011_2012();
    let loaded = schema.load(&table, BadData::Refuse).unwrap();
    let cohort = &loaded.cohort;
    assert_eq!(cohort.n_participants(), 4340);
    for (outcome, cases, n) in [
        ("death", 264, 4329),
        ("wheeze", 557, 4340),
        ("chronic_cough", 248, 2639),
        ("diabetes", 482, 4244),
        ("heart_failure", 89, 4333),
        ("heart_attack", 99, 4339),
        ("stroke", 104, 4339),
        ("coronary_heart_disease", 87, 4329),
        ("hypertension", 1362, 4340),
        ("arthritis", 900, 4335),
    ] {
        let labels = cohort.labels(outcome).unwrap();
        let found = (labels.iter().filter(|l| **l == Some(true)).count(), labels.iter().flatten().count());
        assert_eq!(found, (cases, n), "{outcome}");
    }
    assert_eq!(schema.features_for(Some("expanded"), "hypertension").unwrap().len(), 6);
}
