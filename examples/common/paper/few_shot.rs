use helm_core::{Cohort, Context, Question, Risk};
use helm_llm::{Helm, LanguageModel};
use helm_serialize::{Exemplars, Serializer};

use crate::Failure;

/// A language model that has read answered examples of an outcome before it is asked about others.
///
/// The examples are the context, and every participant is a question: the model reads the examples once, not once a
/// participant. The text is the same as [`Serializer::context_with`]'s.
pub struct FewShot<'a> {
    /// The language model; it has no modality. It is fastest by one prompt a pass: contexts are long.
    pub helm: &'a Helm,
    /// Writes the participants.
    pub serializer: &'a Serializer,
    /// The participants.
    pub cohort: &'a Cohort,
}

/// Participants behind one context. More see more of one another's masked text; fewer read the context's keys and values
/// more often. The number was the fastest of 1, 2, 4 and 8, one prompt a pass.
const PER_PROMPT: usize = 4;

impl FewShot<'_> {
    /// How many examples, up to `most`, the model's positions hold in front of the longest record, whoever they are: an
    /// even number.
    ///
    /// # Errors
    /// If the cohort lacks the outcome, or a text can't be made.
    pub fn n_that_fit(&self, outcome: &str, most: usize) -> Result<usize, Failure> {
        let model: &LanguageModel = self.helm.model();
        let question = self.question(outcome)?;
        let answers = [question.answers.positive(), question.answers.negative()].concat();
        let answer = answers.iter().max_by_key(|answer| answer.len()).cloned().unwrap_or_default();
        let mut longest = 0;
        for record in self.cohort.records() {
            let text = format!("{}{}{answer}\n\n", self.serializer.context(record)?.to_text(), question.text);
            longest = longest.max(model.tokenizer().encode(&text)?.len());
        }
        let room = model.frozen().n_positions().saturating_sub(model.tokenizer().start().len() + 1);
        let n = (room / longest.max(1)).saturating_sub(1).min(most);
        Ok(n - n % 2)
    }

    /// The risks of some participants after examples that are none of them.
    ///
    /// # Errors
    /// If the cohort lacks the outcome, or a prompt can't be made.
    pub fn risks(&self, exemplars: &Exemplars<'_>, outcome: &str, rows: &[usize]) -> Result<Vec<Risk>, Failure> {
        let asked = self.question(outcome)?;
        let mut prompts = Vec::new();
        for rows in rows.chunks(PER_PROMPT) {
            let mut examples = String::new();
            let mut questions = Vec::new();
            for &row in rows {
                let record = self.cohort.record(row);
                let own = self.serializer.context(record)?.to_text();
                let whole = self.serializer.context_with(exemplars, record)?.to_text();
                let expected = "a text that ends with the participant's own";
                examples = whole.strip_suffix(&own).ok_or_else(|| Failure::new(expected))?.to_owned();
                questions.push(Question { text: own + &asked.text, answers: asked.answers.clone() });
            }
            let Some(&first) = rows.first() else { continue };
            prompts.push(self.helm.prompt(
                &Context::default().with_text(&examples),
                self.cohort.record(first),
                &questions,
            )?);
        }
        Ok(self.helm.risks(&prompts)?.concat())
    }

    fn question(&self, outcome: &str) -> Result<Question, Failure> {
        let schema = self.cohort.schema();
        Ok(self.serializer.question(&schema.outcomes()[schema.outcome_index(outcome)?]))
    }
}
