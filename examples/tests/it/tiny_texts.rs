//! What the embedded language model reads.

use std::collections::BTreeMap;

use helm_core::simulate::{OUTCOME_MODELS, SimulatedCohort};
use helm_examples::tiny::{LABELLED, PEOPLE_SEED, TextStream, TinyTokenizer};

fn texts(people: &SimulatedCohort, n: usize) -> Vec<String> {
    let mut stream = TextStream::new(people, None).unwrap();
    (0..n).map(|_| stream.next_text().unwrap().whole()).collect()
}

#[test]
fn held_out_outcomes_have_no_labels() {
    let people = TextStream::people(6000).unwrap();
    let mut answered: BTreeMap<&str, usize> = BTreeMap::new();
    for text in texts(&people, 6000) {
        for model in &OUTCOME_MODELS {
            let asked = [":", "?"].map(|end| format!("\n{}{end} ", model.label));
            let label = asked.iter().any(|asked| text.contains(asked));
            *answered.entry(model.name).or_default() += usize::from(label);
        }
    }
    for (outcome, n) in answered {
        assert_eq!(n > 500, LABELLED.contains(&outcome), "{outcome}: {n}");
        assert_eq!(n == 0, !LABELLED.contains(&outcome), "{outcome}: {n}");
    }
}

#[test]
fn answers_are_the_people_s_labels_and_stand_behind_their_questions() {
    let people = TextStream::people(400).unwrap();
    let mut stream = TextStream::new(&people, None).unwrap();
    let mut n = 0;
    for row in 0..400 {
        let text = stream.next_text().unwrap().whole();
        let person = people.participant(row).unwrap();
        for (model, label) in OUTCOME_MODELS.iter().zip(person.labels) {
            for end in [":", "?"] {
                let answer = |answer| text.contains(&format!("\n{}{end} {answer}", model.label));
                assert!(!answer(if label { "no" } else { "yes" }), "{}", model.name);
                n += usize::from(answer(if label { "yes" } else { "no" }));
            }
        }
    }
    assert!(n > 500, "{n}");
}

#[test]
fn a_run_that_goes_on_reads_what_it_has_not_read() {
    let people = TextStream::people(60).unwrap();
    let all = texts(&people, 60);
    let mut rest = TextStream::new(&people, None).unwrap().skip_texts(25).unwrap();
    let rest: Vec<String> = (25..60).map(|_| rest.next_text().unwrap().whole()).collect();
    assert_eq!(rest, all[25..]);
    let mut short = TextStream::new(&people, None).unwrap().skip_texts(60).unwrap();
    assert!(short.next_text().is_err());
    assert!(![0, 1].contains(&PEOPLE_SEED), "the seeds of examples and tests");
}

#[test]
fn digits_are_tokens_and_answers_weigh_most() {
    let people = TextStream::people(300).unwrap();
    let tokenizer = TinyTokenizer::train(texts(&people, 300).into_iter(), 500).unwrap();
    assert_eq!(tokenizer.n_vocab(), 500);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokenizer.json");
    tokenizer.save(&path).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let vocabulary = json["model"]["vocab"].as_object().unwrap();
    assert!(vocabulary.contains_key("7"));
    for token in vocabulary.keys().filter(|token| token.chars().count() > 1) {
        assert!(!token.contains(|letter: char| letter.is_ascii_digit()), "{token}");
    }
    let id = |token: &str| u32::try_from(vocabulary[token].as_u64().unwrap()).unwrap();
    // Byte-level tokenizers write a blank as Ġ.
    let answers = [id("Ġyes"), id("Ġno")];
    let mut stream = TextStream::new(&people, None).unwrap();
    let mut n = [0; 2];
    for _ in 0..300 {
        let weighted = tokenizer.weighted(&stream.next_text().unwrap(), 1000).unwrap();
        assert_eq!(weighted.ids.len(), weighted.weights.len());
        assert_eq!(weighted.ids[0], 0);
        for (id, _) in weighted.ids.iter().zip(&weighted.weights).filter(|(_, weight)| **weight == 8.0) {
            n[answers.iter().position(|answer| answer == id).expect("yes or no")] += 1;
        }
    }
    assert!(n[0] > 150 && n[1] > 400, "{n:?}");
}
