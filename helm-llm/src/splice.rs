use helm_core::{Context, Question, Segment, SlotId};

use crate::Error;
use crate::tokenizer::Tokenizer;
use crate::tree::{Input, QuestionTargets, Target, TokenTree};

/// Splices text and soft slots into one tree of tokens.
///
/// Soft slots cut the text; each piece after the first continues the prompt. The last piece, a question and an answer
/// are encoded as one string, whatever the tokenizer merges across the seams, and the answer starts at the first token
/// that reaches past the question's last character. What the strings of several answers and questions share is shared
/// in the tree.
///
/// `slot` gives a slot's modality and its number of soft tokens.
pub(crate) fn splice(
    tokenizer: &Tokenizer,
    context: &Context,
    questions: &[Question],
    slot: impl Fn(&SlotId) -> Option<(usize, usize)>,
) -> Result<TokenTree, Error> {
    let mut tree = TokenTree::default();
    let mut last = None;
    for &id in tokenizer.start() {
        last = Some(tree.child(last, Input::Token(id)));
    }
    let mut tail = "";
    let mut continuation = false;
    let mut seen = Vec::new();
    for segment in context.segments() {
        match segment {
            Segment::Text(text) => tail = text,
            Segment::Soft(name) => {
                let unknown = || Error::Prompt {
                    expected: "a modality for every soft slot".into(),
                    found: format!("none for slot {name}"),
                };
                let (modality, n_soft) = slot(name).ok_or_else(unknown)?;
                if seen.contains(&modality) {
                    let found = format!("slot {name} twice");
                    return Err(Error::Prompt { expected: "every soft slot once in a prompt".into(), found });
                }
                seen.push(modality);
                for piece in tokenizer.pieces(std::mem::take(&mut tail), continuation)? {
                    last = Some(tree.child(last, Input::Token(piece.id)));
                }
                for index in 0..n_soft {
                    last = Some(tree.child(last, Input::Soft { modality, index }));
                }
                continuation = true;
            }
        }
    }
    for question in questions {
        let asked = format!("{tail}{}", question.text);
        let mut targets = |forms: &[String]| -> Result<Vec<Vec<Target>>, Error> {
            forms.iter().map(|form| add_answer(tokenizer, &mut tree, last, continuation, &asked, form)).collect()
        };
        let positive = targets(question.answers.positive())?;
        let negative = targets(question.answers.negative())?;
        tree.push_question(QuestionTargets { positive, negative })?;
    }
    Ok(tree)
}

/// Adds one answer's path; its targets.
fn add_answer(
    tokenizer: &Tokenizer,
    tree: &mut TokenTree,
    last: Option<usize>,
    continuation: bool,
    asked: &str,
    form: &str,
) -> Result<Vec<Target>, Error> {
    let pieces = tokenizer.pieces(&format!("{asked}{form}"), continuation)?;
    let start = pieces.partition_point(|piece| piece.end <= asked.len());
    if start == pieces.len() {
        let found = format!("none in {form:?}");
        return Err(Error::Prompt { expected: "at least one token in every answer".into(), found });
    }
    let mut node = last;
    let mut targets = Vec::with_capacity(pieces.len() - start);
    for (index, piece) in pieces.iter().enumerate() {
        if index >= start {
            let node = node.ok_or_else(|| Error::Prompt {
                expected: "something in front of an answer".into(),
                found: "an empty prompt and a tokenizer without a start token".into(),
            })?;
            targets.push(Target { node, id: piece.id });
        }
        if index + 1 < pieces.len() {
            node = Some(tree.child(node, Input::Token(piece.id)));
        }
    }
    Ok(targets)
}
