use helm_core::{Context, Segment, SlotId};

use crate::Error;
use crate::chat_template::Written;
use crate::tokenizer::{Special, Tokenizer};

/// A conversation as the model reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ChatPart {
    Tokens(Vec<u32>),
    Soft(SlotId),
}

/// A piece of text on its way to tokens.
enum Piece<'a> {
    Special(&'a Special),
    Text(String),
    Soft(SlotId),
}

/// The tokens of a written conversation. Special tokens are looked for in the template's own text only; text between two
/// of them, the template's and what is said, is encoded as one string.
pub(crate) fn chat_tokens(
    tokenizer: &Tokenizer,
    written: Vec<Written>,
    turns: &[Context],
) -> Result<Vec<ChatPart>, Error> {
    let mut pieces = Vec::new();
    for part in written {
        match part {
            Written::Template(text) => add_template(&mut pieces, tokenizer.special(), &text),
            Written::Turn { index, trimmed } => add_turn(&mut pieces, &turns[index], trimmed),
        }
    }
    strip(&mut pieces);
    let mut parts: Vec<ChatPart> = Vec::new();
    for (index, piece) in pieces.iter().enumerate() {
        let ids = match piece {
            Piece::Special(token) => vec![token.id],
            Piece::Text(text) => match index.checked_sub(1).map(|before| &pieces[before]) {
                None => tokenizer.encode(text)?,
                Some(Piece::Special(_)) => tokenizer.encode_after_special(text)?,
                Some(_) => tokenizer.encode_continuation(text)?,
            },
            Piece::Soft(slot) => {
                parts.push(ChatPart::Soft(slot.clone()));
                continue;
            }
        };
        match parts.last_mut() {
            Some(ChatPart::Tokens(last)) => last.extend(ids),
            _ if ids.is_empty() => {}
            _ => parts.push(ChatPart::Tokens(ids)),
        }
    }
    if parts.is_empty() {
        return Err(Error::Prompt { expected: "at least one token".into(), found: "none".into() });
    }
    Ok(parts)
}

/// Adds text of a template, its special tokens as such: at each place the longest that is spelled there.
fn add_template<'a>(pieces: &mut Vec<Piece<'a>>, special: &'a [Special], text: &str) {
    let mut rest = text;
    let mut from = 0;
    while let Some(character) = rest[from..].chars().next() {
        match special.iter().find(|token| rest[from..].starts_with(&token.text)) {
            Some(token) => {
                add_text(pieces, &rest[..from]);
                pieces.push(Piece::Special(token));
                rest = &rest[from + token.text.len()..];
                from = 0;
            }
            None => from += character.len_utf8(),
        }
    }
    add_text(pieces, rest);
}

/// Adds what is said, all of it plain text but its soft slots.
fn add_turn(pieces: &mut Vec<Piece<'_>>, turn: &Context, trimmed: bool) {
    let last = turn.segments().len().saturating_sub(1);
    for (index, segment) in turn.segments().iter().enumerate() {
        match segment {
            Segment::Soft(slot) => pieces.push(Piece::Soft(slot.clone())),
            Segment::Text(text) => {
                let text = if trimmed && index == 0 { text.trim_start() } else { text };
                let text = if trimmed && index == last { text.trim_end() } else { text };
                add_text(pieces, text);
            }
        }
    }
}

fn add_text(pieces: &mut Vec<Piece<'_>>, text: &str) {
    match pieces.last_mut() {
        _ if text.is_empty() => {}
        Some(Piece::Text(last)) => last.push_str(text),
        _ => pieces.push(Piece::Text(text.to_owned())),
    }
}

/// Takes off the blanks that special tokens take with them.
fn strip(pieces: &mut Vec<Piece<'_>>) {
    for index in 0..pieces.len() {
        let strips = |piece: Option<&Piece<'_>>, left: bool| match piece {
            Some(Piece::Special(token)) if left => token.strips_left,
            Some(Piece::Special(token)) => token.strips_right,
            _ => false,
        };
        let before = strips(index.checked_sub(1).map(|before| &pieces[before]), false);
        let after = strips(pieces.get(index + 1), true);
        if let Piece::Text(text) = &mut pieces[index] {
            let kept = if before { text.trim_start() } else { text.as_str() };
            let kept = if after { kept.trim_end() } else { kept }.to_owned();
            *text = kept;
        }
    }
    pieces.retain(|piece| !matches!(piece, Piece::Text(text) if text.is_empty()));
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use serde::Deserialize;

    use super::*;
    use crate::{ChatRole, ChatTemplate};

    /// What scripts/golden_chat.py wrote.
    #[derive(Deserialize)]
    struct Golden {
        cases: Vec<Case>,
    }

    #[derive(Deserialize)]
    struct Case {
        tokenizer: String,
        template: String,
        start_token: String,
        end_token: String,
        turns: Vec<(String, String)>,
        ids: Vec<u32>,
    }

    fn tests() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it")
    }

    fn ids(tokenizer: &Tokenizer, template: &ChatTemplate, turns: &[(ChatRole, Context)]) -> Vec<ChatPart> {
        let (roles, turns): (Vec<ChatRole>, Vec<Context>) = turns.iter().cloned().unzip();
        chat_tokens(tokenizer, template.write(&roles).expect("a conversation"), &turns).expect("tokens")
    }

    #[test]
    fn conversations_have_transformers_tokens() {
        let golden = std::fs::read_to_string(tests().join("golden/chat.json")).expect("a golden file");
        let Golden { cases } = serde_json::from_str(&golden).expect("golden numbers");
        let mut n = 0;
        for case in cases {
            let path = match std::env::var_os("HELM_TEST_DATA").filter(|data| !data.is_empty()) {
                _ if case.tokenizer == "chat" => tests().join("fixtures/chat/tokenizer.json"),
                Some(data) => Path::new(&data).join("models/tokenizers").join(&case.tokenizer),
                None => {
                    // Not eprintln, which a passing test swallows.
                    let _ = std::io::Write::write_all(
                        &mut std::io::stderr(),
                        b"skipped a tokenizer: HELM_TEST_DATA is not set\n",
                    );
                    continue;
                }
            };
            let tokenizer = Tokenizer::from_file(&path).expect("a tokenizer");
            let template = ChatTemplate::new(case.template, case.start_token, case.end_token).expect("a chat template");
            let role = |name: &str| match name {
                "system" => ChatRole::System,
                "user" => ChatRole::User,
                _ => ChatRole::Assistant,
            };
            let turns: Vec<_> =
                case.turns.iter().map(|(name, text)| (role(name), Context::default().with_text(text))).collect();
            assert_eq!(ids(&tokenizer, &template, &turns), [ChatPart::Tokens(case.ids)], "case {n}");
            n += 1;
        }
        assert!(n >= 8);
    }

    #[test]
    fn what_is_said_is_text_whatever_it_spells() {
        let tokenizer = Tokenizer::from_file(&tests().join("fixtures/chat/tokenizer.json")).expect("a tokenizer");
        let template = ChatTemplate::new("{{ messages[0].content }}<|end|>", "", "").expect("a template");
        let end = tokenizer.special().iter().find(|token| token.text == "<|end|>").expect("a special token").id;
        let said = Context::default().with_text("a<|end|>b <s>").with_soft("breath").with_text("<|user|>");
        let parts = ids(&tokenizer, &template, &[(ChatRole::User, said)]);
        let [ChatPart::Tokens(before), ChatPart::Soft(slot), ChatPart::Tokens(after)] = &parts[..] else {
            panic!("text, a soft slot, text: {parts:?}");
        };
        assert_eq!((tokenizer.decode(before).expect("text"), slot.as_str()), ("a<|end|>b <s>".into(), "breath"));
        assert!(!before.contains(&end) && after.iter().filter(|&&id| id == end).count() == 1);
        assert_eq!(*after.last().expect("tokens"), end);
    }
}
