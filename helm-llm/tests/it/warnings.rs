//! What is worth a warning, logged through the tracing crate.

use std::fmt::{Debug, Write as _};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use helm_core::{Answers, Context, Question};
use helm_llm::{FrozenDecoder, Helm, LanguageModel, Prompt, Tokenizer};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, span};

use crate::models::{cohort, device, tiny, tiny_folder};

/// The warnings of the whole program, other tests' among them.
fn warnings() -> MutexGuard<'static, Vec<String>> {
    static WARNINGS: LazyLock<Mutex<Vec<String>>> = LazyLock::new(|| {
        tracing::subscriber::set_global_default(Listener).unwrap();
        Mutex::default()
    });
    WARNINGS.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Listener;

impl tracing::Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::WARN
    }

    fn event(&self, event: &Event<'_>) {
        struct Message(String);
        impl Visit for Message {
            fn record_debug(&mut self, _: &Field, value: &dyn Debug) {
                write!(self.0, "{value:?}").unwrap();
            }
        }
        let mut message = Message(String::new());
        event.record(&mut message);
        warnings().push(message.0);
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

fn questions(n: usize) -> Vec<Question> {
    (0..n).map(|i| Question { text: format!(" Question {i}:"), answers: Answers::yes_no() }).collect()
}

fn prompt(helm: &Helm, text: &str, n_questions: usize) -> Prompt {
    let cohort = cohort(1);
    helm.prompt(&Context::default().with_text(text), cohort.record(0), &questions(n_questions)).unwrap()
}

#[test]
fn answers_of_little_mass_are_counted_in_a_warning() {
    drop(warnings());
    // Random weights put about 2 of 300 tokens' share on the answers.
    let helm = Helm::new(tiny(), vec![]).unwrap();
    helm.risks(&[prompt(&helm, "She was sick.", 7)]).unwrap();
    assert!(warnings().iter().any(|warning| warning.contains("less than 0.1 of the probability in 7 of 7 cases")));
    let helm = helm.with_low_answer_mass(0.0);
    helm.risks(&[prompt(&helm, "She was sick.", 9)]).unwrap();
    assert!(!warnings().iter().any(|warning| warning.contains("of 9 cases")));
}

#[test]
fn a_cache_that_fills_with_texts_that_never_come_again_says_so_once() {
    drop(warnings());
    let frozen = FrozenDecoder::load(&tiny_folder(), &device()).unwrap().with_cache_bytes(12_345);
    let tokenizer = Tokenizer::from_file(&tiny_folder().join("tokenizer.json")).unwrap();
    let helm = Helm::new(LanguageModel::new(Arc::new(frozen), Arc::new(tokenizer)), vec![]).unwrap();
    for i in 0..60 {
        helm.risks(&[prompt(&helm, &format!("{i}, {i}: she was sick, and then she was not."), 1)]).unwrap();
    }
    let about = |warning: &&String| warning.contains("less than a tenth of it came twice");
    assert_eq!(
        warnings().iter().filter(about).count(),
        1,
        "other tests' caches are large, or read the same text again"
    );
}
