//! What the built-in templates write, and what is wrong with others.

use helm_core::{Cohort, Feature, MissingReason, Outcome, ParticipantId, Schema, Signal, SignalState, Value};
use helm_serialize::{Error, Exemplars, FeatureOrder, MissingPolicy, Serializer, Template, TokenBudget};

fn cohort() -> Cohort {
    let mut asthma = Outcome::new("asthma", "asthma", "told");
    asthma.question = Some("\nIs it asthma?".into());
    let schema = Schema::new(
        vec![
            Feature::number("age", "age", "years", 0.0..=120.0),
            Feature::category("sex", "sex", ["male", "female"]),
            Feature::number("crp", "C-reactive protein", "mg/L", 0.0..=500.0).with_significant_digits(2),
            Feature::number("bmi", "body mass index", "kg/m²", 5.0..=200.0).with_decimals(1),
        ],
        vec!["ecg".into()],
        vec![Outcome::new("wheeze", "wheezing", "answered yes"), asthma],
    )
    .unwrap();
    let ids = (0..6).map(|i| ParticipantId::new(format!("p{i}"))).collect();
    let ecg = |i| {
        if i == 0 { SignalState::Present(Signal::new(vec![1.0], 1, 1.0, "mV").unwrap()) } else { SignalState::Absent }
    };
    Cohort::builder(schema, ids)
        .unwrap()
        .feature("age", (0..6).map(|i| Value::Number(54.0 + f64::from(i))).collect())
        .unwrap()
        .feature("sex", (0..6).map(|i| Value::Level(1 - i % 2)).collect())
        .unwrap()
        .feature("crp", vec![Value::Number(0.01234); 6])
        .unwrap()
        .feature("bmi", vec![Value::Missing(MissingReason::Refused); 6])
        .unwrap()
        .signal("ecg", (0..6).map(ecg).collect())
        .unwrap()
        .outcome("wheeze", (0..6).map(|i| if i == 5 { None } else { Some(i % 2 == 0) }).collect())
        .unwrap()
        .outcome("asthma", vec![Some(false); 6])
        .unwrap()
        .build()
        .unwrap()
}

fn text(serializer: &Serializer, cohort: &Cohort, row: usize) -> String {
    serializer.context(cohort.record(row)).unwrap().to_text()
}

#[test]
fn built_in_templates() {
    let cohort = cohort();
    let serializer = |template| {
        let serializer = Serializer::new(cohort.schema()).with_missing(MissingPolicy::Reason);
        serializer.with_signal("ecg", "ECG").unwrap().with_template(template).unwrap()
    };
    for (template, first, question) in [
        (
            Template::paper(),
            "Predict if a patient has the condition or not.\nage: 54 years, sex: female, C-reactive protein: 0.012 mg/L, \
             body mass index: refused\nECG: <ecg>",
            "\nwheezing:",
        ),
        (
            Template::json(),
            "{\"age (years)\": 54, \"sex\": \"female\", \"C-reactive protein (mg/L)\": 0.012, \"body mass index (kg/m²)\": \
             null}\nECG: <ecg>",
            "\nwheezing:",
        ),
        (
            Template::sentences(),
            "The age is 54 years. The sex is female. The C-reactive protein is 0.012 mg/L. The body mass index is \
             refused.\nECG: <ecg>",
            "\nwheezing:",
        ),
        (Template::short(), "age 54;sex female;C-reactive protein 0.012;body mass index ?\nECG: <ecg>", "\nwheezing?"),
    ] {
        let serializer = serializer(template);
        assert_eq!(text(&serializer, &cohort, 0), first);
        assert_eq!(serializer.question(&cohort.schema().outcomes()[0]).text, question);
        assert_eq!(serializer.question(&cohort.schema().outcomes()[1]).text, "\nIs it asthma?");
    }
    assert!(text(&serializer(Template::short()), &cohort, 1).ends_with("\nECG: none"));
}

#[test]
fn own_templates_and_their_faults() {
    let cohort = cohort();
    let with = |template| Serializer::new(cohort.schema()).with_signal("ecg", "ECG").unwrap().with_template(template);
    let own = Template {
        opening: "# Record\n".into(),
        feature: "- {{ label|upper }}{% if unit %} [{{ unit }}]{% endif %} = <b>{{ number if kind == 'number' else value }}</b>".into(),
        separator: "\n".into(),
        signal: "\n{{ slot }} ({{ label }})".into(),
        ..Template::pairs()
    };
    let expected = "# Record\n- AGE [years] = <b>54</b>\n- SEX = <b>female</b>\n- C-REACTIVE PROTEIN [mg/L] = <b>0.012</b>\n<ecg> (ECG)";
    assert_eq!(text(&with(own).unwrap(), &cohort, 0), expected);

    let broken = |feature: &str| {
        let serializer = with(Template { feature: feature.into(), ..Template::pairs() }).unwrap();
        serializer.context(cohort.record(0)).unwrap_err().to_string()
    };
    for feature in ["{{ label", "{{ colour }}", "{{ value|nothing }}"] {
        assert!(
            broken(feature).starts_with("template's piece \"feature\": expected a template of its variables, found")
        );
    }
    let message = broken("{{ label }}");
    assert!(message.contains("the number or the value as it is"), "{message}");
    let slotless = with(Template { signal: "{{ label }}".into(), ..Template::pairs() }).unwrap_err();
    assert!(matches!(slotless, Error::Template { piece: "signal", .. }));
    let silent = with(Template { question: "Ill?".into(), ..Template::pairs() }).unwrap_err();
    assert_eq!(silent.to_string(), "question template: expected the placeholder {{ outcome }}, found \"Ill?\"");
    assert!(Serializer::new(cohort.schema()).with_dropout(1.0, 0).is_err());
}

#[test]
fn orders_and_dropout() {
    let cohort = cohort();
    let base = Serializer::new(cohort.schema());
    let mut sorted: Vec<String> = text(&base, &cohort, 2).split(", ").map(str::to_owned).collect();
    sorted.sort();
    let mut orders = std::collections::HashSet::new();
    for seed in 0..20 {
        let permuted = base.clone().with_order(FeatureOrder::Permuted { seed });
        let written = text(&permuted, &cohort, 2);
        let mut parts: Vec<String> = written.split(", ").map(str::to_owned).collect();
        parts.sort();
        assert_eq!(parts, sorted);
        orders.insert(written);
    }
    assert!(orders.len() > 3);
    let dropped = base.with_dropout(0.9, 4).unwrap();
    assert!((0..6).any(|row| text(&dropped, &cohort, row).split(", ").count() < 3));
}

#[test]
fn exemplars_are_balanced_and_never_the_participant() {
    let cohort = cohort();
    let serializer = Serializer::new(cohort.schema()).with_features(["age"]);
    let exemplars = Exemplars::draw(&cohort, &[3, 2, 1, 0], "wheeze", 4, 7).unwrap();
    let labels = cohort.labels("wheeze").unwrap();
    assert_eq!(exemplars.rows().filter(|&row| labels[row] == Some(true)).count(), 2);
    let again = Exemplars::draw(&cohort, &[0, 1, 2, 3], "wheeze", 4, 7).unwrap();
    assert!(again.rows().eq(exemplars.rows()));
    let other = serializer.context_with(&exemplars, cohort.record(4)).unwrap().to_text();
    assert_eq!((other.matches("wheezing: yes").count(), other.matches("wheezing: no").count()), (2, 2));
    let own = serializer.context_with(&exemplars, cohort.record(0)).unwrap().to_text();
    assert_eq!(own.matches("wheezing: ").count(), 3);
    assert!(!own.contains("age: 54 years\nwheezing") && own.ends_with("age: 54 years"));
    let few = Exemplars::draw(&cohort, &[0, 1, 5], "wheeze", 4, 7).unwrap_err().to_string();
    assert!(few.contains("at least 2 cases of \"wheeze\" in the training rows, found 1"), "{few}");
}

#[test]
fn budgets_drop_whole_features() {
    let cohort = cohort();
    let serializer = Serializer::new(cohort.schema()).with_signal("ecg", "ECG").unwrap();
    let within = |n| {
        let budget = TokenBudget::new(n, |text| text.chars().count()).with_drop_first(["bmi", "sex"]);
        serializer.context_within(cohort.record(0), &budget)
    };
    let all = within(1000).unwrap();
    assert_eq!(all.context, serializer.context(cohort.record(0)).unwrap());
    assert!(all.dropped.is_empty());
    assert_eq!(within(all.n_tokens - 1).unwrap().dropped, ["sex"]);
    let least = within(20).unwrap();
    assert_eq!(
        (least.dropped.as_slice(), least.context.to_text().as_str()),
        (&["sex".into(), "crp".into()][..], "age: 54 years\nECG: <ecg>")
    );
    assert_eq!(within(6).unwrap().context.to_text(), "\nECG: <ecg>");
    assert!(matches!(within(5), Err(Error::Budget { budget: 5, needed: 6 })));
    let unknown = TokenBudget::new(5, str::len).with_drop_first(["height"]);
    assert!(serializer.context_within(cohort.record(0), &unknown).is_err());
}
