use helm_core::{Context, Question, Segment, SlotId};

use crate::Error;
use crate::tokenizer::{Piece, Tokenizer};
use crate::tree::{Input, QuestionTargets, Target, TokenTree};

/// Splices text and soft slots into one tree of tokens.
///
/// Soft slots cut the text; each piece after the first continues the prompt. The last piece, a question and an answer
/// are encoded as one string, whatever the tokenizer merges across the seams, and the answers start at the first token
/// of any of them that reaches past the question's last character. What the strings of several answers and questions
/// share is shared in the tree.
///
/// `front` is the modality that stands before everything, a soft prompt, and its number of soft tokens; `slot` gives the
/// same of a slot.
pub(crate) fn splice(
    tokenizer: &Tokenizer,
    front: Option<(usize, usize)>,
    context: &Context,
    questions: &[Question],
    slot: impl Fn(&SlotId) -> Option<(usize, usize)>,
) -> Result<TokenTree, Error> {
    let mut tree = TokenTree::default();
    let mut last = None;
    if let Some((modality, n_soft)) = front {
        for index in 0..n_soft {
            last = Some(tree.child(last, Input::Soft { modality, index }));
        }
    }
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
        let texts = |forms: &[String]| -> Result<Vec<Vec<Piece>>, Error> {
            forms.iter().map(|form| tokenizer.pieces(&format!("{asked}{form}"), continuation)).collect()
        };
        let (positive, negative) = (texts(question.answers.positive())?, texts(question.answers.negative())?);
        // Where one form merges with the question's end and another doesn't, both count from the earlier token, or
        // they would be probabilities of different things. For the same reason, what stands in front is the same.
        let forms = || positive.iter().chain(&negative);
        let starts = forms().map(|pieces| pieces.partition_point(|piece| piece.end <= asked.len()));
        let shared = forms().map(|pieces| positive[0].iter().zip(pieces).take_while(|(a, b)| a.id == b.id).count());
        // The first form shares all of itself with itself.
        let start = starts.chain(shared.skip(1)).min().unwrap_or(0);
        let mut targets = |texts: Vec<Vec<Piece>>| -> Result<Vec<Vec<Target>>, Error> {
            texts.iter().map(|pieces| add_answer(&mut tree, last, pieces, start)).collect()
        };
        let (positive, negative) = (targets(positive)?, targets(negative)?);
        tree.push_question(QuestionTargets { positive, negative })?;
    }
    Ok(tree)
}

/// Adds one answer's path, from the root or the last soft token; its targets are the tokens from `start` on.
fn add_answer(tree: &mut TokenTree, last: Option<usize>, pieces: &[Piece], start: usize) -> Result<Vec<Target>, Error> {
    let wrong = |expected: &str, found: &str| Error::Prompt { expected: expected.into(), found: found.into() };
    if start >= pieces.len() {
        return Err(wrong("at least one token in every answer", "none"));
    }
    let mut node = last;
    let mut targets = Vec::with_capacity(pieces.len() - start);
    for (index, piece) in pieces.iter().enumerate() {
        if index >= start {
            let nothing = || wrong("something in front of an answer", "an empty prompt without a start token");
            targets.push(Target { node: node.ok_or_else(nothing)?, id: piece.id });
        }
        if index + 1 < pieces.len() {
            node = Some(tree.child(node, Input::Token(piece.id)));
        }
    }
    Ok(targets)
}

#[cfg(test)]
mod tests;
