use std::fmt;

use sha2::{Digest, Sha256};

use crate::Error;
use crate::files::hex;
use crate::prompt::Prompt;
use crate::tree::Input;

/// Prompts with their labels: one label a question, `None` where the participant is neither case nor control.
///
/// `Debug` shows sizes only.
#[derive(Clone, Default)]
pub struct Examples {
    prompts: Vec<Prompt>,
    labels: Vec<Vec<Option<bool>>>,
}

impl Examples {
    /// Examples; those without any label are left out.
    ///
    /// # Errors
    /// [`Error::Training`] if there are not as many lists of labels as prompts, or as many labels as questions.
    pub fn new(prompts: Vec<Prompt>, labels: Vec<Vec<Option<bool>>>) -> Result<Self, Error> {
        if prompts.len() != labels.len() {
            let (expected, found) = (format!("labels for {} prompts", prompts.len()), labels.len().to_string());
            return Err(Error::Training { expected, found });
        }
        let n_questions = prompts.first().map_or(0, Prompt::n_questions);
        for (prompt, labels) in prompts.iter().zip(&labels) {
            if prompt.n_questions() != n_questions || labels.len() != n_questions {
                return Err(Error::Training {
                    expected: format!("{n_questions} questions and labels for every prompt, as for the first"),
                    found: format!("{} and {}", prompt.n_questions(), labels.len()),
                });
            }
        }
        let (prompts, labels) =
            prompts.into_iter().zip(labels).filter(|(_, labels)| labels.iter().any(Option::is_some)).unzip();
        Ok(Self { prompts, labels })
    }

    /// How many examples there are.
    pub fn len(&self) -> usize {
        self.prompts.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.prompts.is_empty()
    }

    /// Questions of each example.
    pub fn n_questions(&self) -> usize {
        self.prompts.first().map_or(0, Prompt::n_questions)
    }

    /// SHA-256 over the tokens of all prompts and all labels.
    pub(crate) fn sha256(&self) -> String {
        let mut hash = Sha256::new();
        let mut number = |number: u64| hash.update(number.to_le_bytes());
        for (prompt, labels) in self.prompts.iter().zip(&self.labels) {
            let tree = &prompt.tree;
            number(tree.len() as u64);
            for node in 0..tree.len() {
                number(tree.parent(node).map_or(0, |parent| parent as u64 + 1));
                match tree.input(node) {
                    Input::Token(id) => number(u64::from(id)),
                    Input::Soft { modality, index } => number((1 << 63) | ((modality as u64) << 32) | index as u64),
                }
            }
            for target in tree.targets() {
                number(target.node as u64);
                number(u64::from(target.id));
            }
            labels.iter().for_each(|label| number(label.map_or(2, u64::from)));
        }
        hex(hash)
    }

    pub(crate) fn prompts(&self) -> &[Prompt] {
        &self.prompts
    }

    pub(crate) fn labels(&self) -> &[Vec<Option<bool>>] {
        &self.labels
    }

    /// Controls and cases of a question.
    pub(crate) fn counts(&self, question: usize) -> [usize; 2] {
        let count = |case| self.labels.iter().filter(|labels| labels[question] == Some(case)).count();
        [count(false), count(true)]
    }
}

impl fmt::Debug for Examples {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Examples({} prompts, {} questions)", self.len(), self.n_questions())
    }
}

/// What a validation metric is computed from. `Debug` shows the loss and sizes only.
#[derive(Clone)]
pub struct Validation {
    /// The mean loss of the validation examples.
    pub loss: f64,
    /// For each question, the log-odds and labels of those who have one.
    pub questions: Vec<(Vec<f64>, Vec<bool>)>,
}

impl fmt::Debug for Validation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sizes: Vec<usize> = self.questions.iter().map(|(_, labels)| labels.len()).collect();
        write!(f, "Validation(loss {}, labels {sizes:?})", self.loss)
    }
}
