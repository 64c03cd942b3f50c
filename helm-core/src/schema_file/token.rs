use std::fmt;

/// A word or sign of an expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Word(String),
    Quoted(String),
    Text(String),
    Number(f64),
    Sign(&'static str),
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(word) | Self::Quoted(word) => write!(f, "{word:?}"),
            Self::Text(text) => write!(f, "the text {text:?}"),
            Self::Number(number) => write!(f, "the number {number}"),
            Self::Sign(sign) => write!(f, "{sign:?}"),
        }
    }
}

const SIGNS: [&str; 9] = ["!=", "<=", ">=", "=", "<", ">", "(", ")", ","];

/// The words and signs of an expression; otherwise what was expected, and found.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, (String, String)> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = if let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) {
            (Token::Sign(sign), sign.len())
        } else if matches!(first, '\'' | '`') {
            let end = rest[1..].find(first).ok_or_else(|| (format!("a closing {first}"), "the end".to_owned()))?;
            let inside = rest[1..=end].to_owned();
            (if first == '`' { Token::Quoted(inside) } else { Token::Text(inside) }, end + 2)
        } else if first.is_ascii_digit() || matches!(first, '-' | '+' | '.') {
            let length = rest.find(|c: char| !(c.is_ascii_alphanumeric() || "+-.".contains(c))).unwrap_or(rest.len());
            let number = rest[..length].parse::<f64>().ok().filter(|number| number.is_finite());
            let number = number.ok_or_else(|| ("a number".to_owned(), format!("{:?}", &rest[..length])))?;
            (Token::Number(number), length)
        } else if first.is_alphabetic() || first == '_' {
            let in_word = |c: char| c.is_alphanumeric() || "_.*".contains(c);
            let length = rest.find(|c| !in_word(c)).unwrap_or(rest.len());
            (Token::Word(rest[..length].into()), length)
        } else {
            return Err(("a column, a number, a 'text' or a sign".into(), format!("{first:?}")));
        };
        tokens.push(token);
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}
