use std::fmt;

use helm_core::{Context, Record};

use crate::serializer::write_features;
use crate::{Error, Serializer};

/// How long a context may be, and which features give way.
///
/// Whole features are dropped, text is never cut: first those of `drop_first` in their order, then the others from the
/// last that would be written.
pub struct TokenBudget<'a> {
    max_tokens: usize,
    drop_first: Vec<String>,
    count: Box<dyn Fn(&str) -> usize + 'a>,
}

impl<'a> TokenBudget<'a> {
    /// A budget; `count` says how many tokens the language model makes of a text. Room for questions, answers and soft
    /// tokens is not in it: what they need is the caller's to subtract.
    pub fn new(max_tokens: usize, count: impl Fn(&str) -> usize + 'a) -> Self {
        Self { max_tokens, drop_first: Vec::new(), count: Box::new(count) }
    }

    /// Drops these features first, in this order.
    pub fn with_drop_first<S: Into<String>>(mut self, features: impl IntoIterator<Item = S>) -> Self {
        self.drop_first = features.into_iter().map(Into::into).collect();
        self
    }
}

impl fmt::Debug for TokenBudget<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenBudget")
            .field("max_tokens", &self.max_tokens)
            .field("drop_first", &self.drop_first)
            .finish_non_exhaustive()
    }
}

/// A context within a budget, and what it cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budgeted {
    /// The context.
    pub context: Context,
    /// The features that were dropped, first the first.
    pub dropped: Vec<String>,
    /// Tokens of the context's text, soft slots not counted.
    pub n_tokens: usize,
}

impl Serializer {
    /// One participant's context within a budget of tokens.
    ///
    /// ```
    /// use helm_core::{Cohort, Feature, ParticipantId, Schema, Value};
    /// use helm_serialize::{Serializer, TokenBudget};
    ///
    /// let number = |name: &str| Feature::number(name, name, "", 0.0..=300.0);
    /// let schema = Schema::new(vec![number("age"), number("bmi"), number("height")], vec![], vec![])?;
    /// let cohort = Cohort::builder(schema, vec![ParticipantId::new("a")])?
    ///     .feature("age", vec![Value::Number(54.0)])?
    ///     .feature("bmi", vec![Value::Number(23.0)])?
    ///     .feature("height", vec![Value::Number(171.0)])?
    ///     .build()?;
    /// let words = TokenBudget::new(4, |text| text.split_whitespace().count()).with_drop_first(["bmi"]);
    /// let written = Serializer::new(cohort.schema()).context_within(cohort.record(0), &words)?;
    /// assert_eq!(written.context.to_text(), "age: 54, height: 171");
    /// assert_eq!(written.dropped, ["bmi"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Serializer::context`]; [`Error::Core`] if a feature of the priority is none of the schema's;
    /// [`Error::Budget`] if the context is too long even without a feature.
    pub fn context_within(&self, record: Record<'_>, budget: &TokenBudget<'_>) -> Result<Budgeted, Error> {
        for name in &budget.drop_first {
            record.cohort().schema().feature_index(name)?;
        }
        let plan = self.plan(record)?;
        let mut places = self.places(record);
        // What is left out as missing can't be dropped.
        let is_written = |&place: &usize| {
            let feature = &plan.features[place];
            feature.missing.is_some() || !record.value_at(feature.index).is_missing()
        };
        places.retain(is_written);
        let first = budget
            .drop_first
            .iter()
            .filter_map(|name| places.iter().copied().find(|&place| plan.features[place].name == *name));
        let first: Vec<usize> = first.collect();
        let others = places.iter().rev().copied().filter(|place| !first.contains(place));
        let mut victims = first.iter().copied().chain(others).collect::<Vec<_>>().into_iter();
        let mut dropped = Vec::new();
        loop {
            let mut text = String::new();
            write_features(&plan, record, places.iter().copied(), &mut text);
            let context = self.with_slots(&text, record)?;
            let texts = context.segments().iter().filter_map(|segment| match segment {
                helm_core::Segment::Text(text) => Some((budget.count)(text)),
                helm_core::Segment::Soft(_) => None,
            });
            let n_tokens = texts.sum();
            if n_tokens <= budget.max_tokens {
                return Ok(Budgeted { context, dropped, n_tokens });
            }
            let Some(victim) = victims.next() else {
                return Err(Error::Budget { budget: budget.max_tokens, needed: n_tokens });
            };
            places.retain(|&place| place != victim);
            dropped.push(plan.features[victim].name.clone());
        }
    }
}
