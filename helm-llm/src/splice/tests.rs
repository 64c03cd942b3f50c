//! Against what transformers makes of whole strings (scripts/golden_seams.py): the same ids, exactly.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;

use helm_core::Answers;
use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Golden {
    texts: Vec<Text>,
    /// Two answers to one question stand side by side.
    seams: Vec<Seam>,
}

#[derive(Deserialize)]
struct Text {
    text: String,
    ids: Vec<u32>,
}

#[derive(Deserialize)]
struct Seam {
    context: String,
    question: String,
    form: String,
    ids: Vec<u32>,
    inside: usize,
}

/// The tokenizers with their goldens; those of real models where `HELM_TEST_DATA` names the folder that has them.
fn goldens() -> Vec<(Tokenizer, Golden)> {
    let tests = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let text = std::fs::read_to_string(tests.join("golden/seams.json")).unwrap();
    let goldens: BTreeMap<String, Golden> = serde_json::from_str(&text).unwrap();
    let data = std::env::var_os("HELM_TEST_DATA").filter(|data| !data.is_empty());
    let path = |name: &str| match name {
        "qwen_like" => Some(tests.join("fixtures/qwen-like/tokenizer.json")),
        real => Some(PathBuf::from(data.as_ref()?).join(format!("models/tokenizers/{real}_tokenizer.json"))),
    };
    let mut found = Vec::new();
    for (name, golden) in goldens {
        match path(&name) {
            Some(path) => found.push((Tokenizer::from_file(&path).unwrap(), golden)),
            // Not eprintln, which a passing test swallows.
            None => drop(writeln!(std::io::stderr(), "skipped for {name}: HELM_TEST_DATA is not set")),
        }
    }
    found
}

/// All ids of the only question's first form of each answer, and where the targets begin.
fn paths(tree: &TokenTree, n_start: usize) -> [(Vec<u32>, usize); 2] {
    let question = &tree.questions()[0];
    [&question.positive[0], &question.negative[0]].map(|targets| {
        let mut above = Vec::new();
        let mut node = Some(targets[0].node);
        while let Some(at) = node {
            let Input::Token(id) = tree.input(at) else { panic!("a prompt of text only") };
            above.push(id);
            node = tree.parent(at);
        }
        above.reverse();
        let start = above.len() - n_start;
        let ids = above.into_iter().skip(n_start).chain(targets.iter().map(|target| target.id));
        (ids.collect(), start)
    })
}

#[test]
fn ids_are_those_of_the_whole_string() {
    for (tokenizer, golden) in goldens() {
        let mut n_apart = 0;
        for pair in golden.seams.chunks(2) {
            let [yes, no] = pair else { panic!("answers in pairs") };
            let answers = Answers::new([yes.form.as_str()], [no.form.as_str()]).unwrap();
            let question = Question { text: yes.question.clone(), answers };
            let context = Context::default().with_text(&yes.context);
            let tree = splice(&tokenizer, None, &context, &[question], |_| None);
            let about = format!("{:?} {:?} {:?} {:?}", yes.context, yes.question, yes.form, no.form);
            if yes.ids.starts_with(&no.ids) || no.ids.starts_with(&yes.ids) {
                assert!(tree.is_err(), "{about}");
                continue;
            }
            let common = yes.ids.iter().zip(&no.ids).take_while(|(yes, no)| yes == no).count();
            let start = yes.inside.min(no.inside).min(common);
            let [(yes_ids, yes_start), (no_ids, no_start)] = paths(&tree.unwrap(), tokenizer.start().len());
            assert_eq!((&yes_ids, &no_ids), (&yes.ids, &no.ids), "{about}");
            assert_eq!((yes_start, no_start), (start, start), "{about}");
            n_apart += 1;
        }
        assert!(n_apart > golden.seams.len() / 3, "most answers can be told apart");
    }
}

#[test]
fn unicode_is_tokenised_as_by_transformers() {
    for (tokenizer, golden) in goldens() {
        for case in golden.texts {
            assert_eq!(tokenizer.encode(&case.text).unwrap(), case.ids, "{:?}", case.text);
        }
    }
}
