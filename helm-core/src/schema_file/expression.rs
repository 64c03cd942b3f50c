use std::fmt;

/// A condition over the columns of a table, as a schema file states who is included and who is a case.
///
/// ```text
/// RDQ070 = 1                                   a comparison: = != < <= > >=, with a number or a 'text'
/// DIQ010 in (3, 7, 9)                          one of several codes
/// icd10 in ('E11*', 'E14')                     a star at the end: any code that begins so
/// any(p20002_i0_a*) in (1111, 1112)            any of several columns; a star stands for all that fit
/// p41270 lists ('J45*', 'J46*')                a cell that lists codes, as in 'I10|J459' or ["I10","J459"]
/// p40000_i0 is recorded                        or: is missing
/// RIDAGEYR >= 20 and not (SMQ020 = 2 or SMQ040 = 3)
/// ```
///
/// Columns are named as in the file, whatever the case of letters; a name with other characters than letters, digits,
/// `_` and `.` stands in backquotes. Words of the language may be written in capitals, too.
///
/// What a missing cell says is unknown: neither true nor false. `not`, `and` and `or` carry that on as far as it
/// matters (false and unknown is false). `any` is true if the test holds for one of its columns, false if it fails for
/// all that are recorded, and unknown if none is: the empty places of an array are no answers.
#[derive(Clone, PartialEq)]
pub(super) struct Expression {
    pub(super) text: String,
    pub(super) node: Node,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
    Test { columns: Vec<String>, test: Test },
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Test {
    Less(f64),
    LessOrEqual(f64),
    Greater(f64),
    GreaterOrEqual(f64),
    OneOf(Vec<Code>),
    Not(Vec<Code>),
    Lists(Vec<Code>),
    Missing,
    Recorded,
}

/// A code that a cell is compared with.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Code {
    Number(f64),
    Text(String),
    Prefix(String),
}

impl Code {
    /// A text in quotes: a star at its end stands for anything.
    pub(super) fn text(text: &str) -> Self {
        match text.strip_suffix('*') {
            Some(start) => Self::Prefix(start.into()),
            None => Self::Text(text.into()),
        }
    }

    pub(super) fn is(&self, text: &str) -> bool {
        match self {
            Self::Number(number) => text.parse() == Ok(*number),
            Self::Text(code) => code == text,
            Self::Prefix(start) => text.starts_with(start.as_str()),
        }
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expression({})", self.text)
    }
}

impl Expression {
    /// Reads an expression; otherwise what was expected, and found.
    pub(super) fn parse(text: &str) -> Result<Self, (String, String)> {
        let tokens = tokens(text)?;
        let mut parser = Parser { tokens: &tokens, depth: 0 };
        let node = parser.any_of()?;
        match parser.tokens.first() {
            None => Ok(Self { text: text.trim().into(), node }),
            Some(token) => Err(("and, or, or the end".into(), token.to_string())),
        }
    }

    /// The columns' names or patterns in the order of the text.
    pub(super) fn columns(&self) -> Vec<&str> {
        fn walk<'a>(node: &'a Node, found: &mut Vec<&'a str>) {
            match node {
                Node::All(nodes) | Node::Any(nodes) => nodes.iter().for_each(|node| walk(node, found)),
                Node::Not(node) => walk(node, found),
                Node::Test { columns, .. } => found.extend(columns.iter().map(String::as_str)),
            }
        }
        let mut found = Vec::new();
        walk(&self.node, &mut found);
        found
    }
}

/// Whether some column's name fits two patterns, stars in either.
pub(super) fn overlap(a: &str, b: &str) -> bool {
    fn meet(a: &[u8], b: &[u8]) -> bool {
        match (a.split_first(), b.split_first()) {
            (None, None) => true,
            (Some((b'*', rest)), _) if meet(rest, b) => true,
            (_, Some((b'*', rest))) if meet(a, rest) => true,
            (Some((b'*', _)), Some((_, rest))) => meet(a, rest),
            (Some((_, rest)), Some((b'*', _))) => meet(rest, b),
            (Some((first, a)), Some((second, b))) => first.eq_ignore_ascii_case(second) && meet(a, b),
            _ => false,
        }
    }
    meet(a.as_bytes(), b.as_bytes())
}

/// Whether a column's name fits a pattern in which each star stands for any characters, whatever the case of letters.
pub(super) fn fits(pattern: &str, name: &str) -> bool {
    fn fit(pattern: &[u8], name: &[u8]) -> bool {
        match pattern.split_first() {
            None => name.is_empty(),
            Some((b'*', rest)) => (0..=name.len()).any(|at| fit(rest, &name[at..])),
            Some((first, rest)) => {
                name.first().is_some_and(|byte| byte.eq_ignore_ascii_case(first) && fit(rest, &name[1..]))
            }
        }
    }
    fit(pattern.as_bytes(), name.as_bytes())
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
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

fn tokens(text: &str) -> Result<Vec<Token>, (String, String)> {
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

/// More brackets and nots inside one another than anybody writes would overflow the stack.
const DEEPEST: usize = 64;

struct Parser<'a> {
    tokens: &'a [Token],
    depth: usize,
}

type Parsed<T> = Result<T, (String, String)>;

impl Parser<'_> {
    fn found(&self) -> String {
        self.tokens.first().map_or("the end".into(), Token::to_string)
    }

    fn next(&mut self) -> Option<&Token> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(first)
    }

    fn word(&mut self, word: &str) -> bool {
        let is = matches!(self.tokens.first(), Some(Token::Word(found)) if found.eq_ignore_ascii_case(word));
        if is {
            self.tokens = &self.tokens[1..];
        }
        is
    }

    fn sign(&mut self, sign: &'static str) -> bool {
        let is = self.tokens.first() == Some(&Token::Sign(sign));
        if is {
            self.tokens = &self.tokens[1..];
        }
        is
    }

    fn expect(&mut self, sign: &'static str) -> Parsed<()> {
        if self.sign(sign) { Ok(()) } else { Err((format!("{sign:?}"), self.found())) }
    }

    fn any_of(&mut self) -> Parsed<Node> {
        let mut nodes = vec![self.all_of()?];
        while self.word("or") {
            nodes.push(self.all_of()?);
        }
        Ok(if nodes.len() == 1 { nodes.remove(0) } else { Node::Any(nodes) })
    }

    fn all_of(&mut self) -> Parsed<Node> {
        let mut nodes = vec![self.one()?];
        while self.word("and") {
            nodes.push(self.one()?);
        }
        Ok(if nodes.len() == 1 { nodes.remove(0) } else { Node::All(nodes) })
    }

    fn one(&mut self) -> Parsed<Node> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err((format!("at most {DEEPEST} brackets inside one another"), "more".into()));
        }
        let node = if self.word("not") {
            Node::Not(Box::new(self.one()?))
        } else if self.sign("(") {
            let node = self.any_of()?;
            self.expect(")")?;
            node
        } else if self.word("any") {
            self.expect("(")?;
            let mut columns = vec![self.column(true)?];
            while self.sign(",") {
                columns.push(self.column(true)?);
            }
            self.expect(")")?;
            Node::Test { columns, test: self.test()? }
        } else {
            Node::Test { columns: vec![self.column(false)?], test: self.test()? }
        };
        self.depth -= 1;
        Ok(node)
    }

    fn column(&mut self, stars: bool) -> Parsed<String> {
        const WORDS: [&str; 9] = ["and", "or", "not", "in", "is", "any", "lists", "missing", "recorded"];
        let found = self.found();
        let name = match self.next() {
            Some(Token::Quoted(name)) => name.clone(),
            Some(Token::Word(word)) if !WORDS.iter().any(|other| other.eq_ignore_ascii_case(word)) => word.clone(),
            _ => return Err(("a column".into(), found)),
        };
        if name.contains('*') && !stars {
            return Err(("a column without a star outside of any(…)".into(), found));
        }
        Ok(name)
    }

    fn test(&mut self) -> Parsed<Test> {
        if self.word("in") {
            return Ok(Test::OneOf(self.codes()?));
        }
        if self.word("lists") {
            return Ok(Test::Lists(self.codes()?));
        }
        if self.word("is") {
            return match (self.word("missing"), self.word("recorded")) {
                (true, _) => Ok(Test::Missing),
                (_, true) => Ok(Test::Recorded),
                _ => Err(("missing or recorded".into(), self.found())),
            };
        }
        let sign = ["=", "!=", "<", "<=", ">", ">="].into_iter().find(|sign| self.sign(sign));
        let Some(sign) = sign else {
            return Err(("a comparison, in, lists or is".into(), self.found()));
        };
        let code = self.code()?;
        Ok(match (sign, code) {
            ("=", code) => Test::OneOf(vec![code]),
            ("!=", code) => Test::Not(vec![code]),
            ("<", Code::Number(number)) => Test::Less(number),
            ("<=", Code::Number(number)) => Test::LessOrEqual(number),
            (">", Code::Number(number)) => Test::Greater(number),
            (_, Code::Number(number)) => Test::GreaterOrEqual(number),
            _ => return Err((format!("a number behind {sign:?}"), "a text".into())),
        })
    }

    fn codes(&mut self) -> Parsed<Vec<Code>> {
        self.expect("(")?;
        let mut codes = vec![self.code()?];
        while self.sign(",") {
            codes.push(self.code()?);
        }
        self.expect(")")?;
        Ok(codes)
    }

    fn code(&mut self) -> Parsed<Code> {
        let found = self.found();
        match self.next() {
            Some(Token::Number(number)) => Ok(Code::Number(*number)),
            Some(Token::Text(text)) => Ok(Code::text(text)),
            _ => Err(("a number or a 'text'".into(), found)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_read() {
        let node = |text| Expression::parse(text).expect("an expression").node;
        let test = |column: &str, test| Node::Test { columns: vec![column.into()], test };
        assert_eq!(node("RDQ070 = 1"), test("RDQ070", Test::OneOf(vec![Code::Number(1.0)])));
        assert_eq!(node("`a b` != 'x'"), test("a b", Test::Not(vec![Code::Text("x".into())])));
        assert_eq!(
            node("a < -1.5e2 or b >= 2 and c IS MISSING"),
            Node::Any(vec![
                test("a", Test::Less(-150.0)),
                Node::All(vec![test("b", Test::GreaterOrEqual(2.0)), test("c", Test::Missing)])
            ])
        );
        assert_eq!(
            node("not (any(x_*, y) in ('E11*', 3))"),
            Node::Not(Box::new(Node::Test {
                columns: vec!["x_*".into(), "y".into()],
                test: Test::OneOf(vec![Code::Prefix("E11".into()), Code::Number(3.0)])
            }))
        );
        let columns = Expression::parse("any(x_*, y) in (1) and z is recorded").expect("an expression");
        assert_eq!(columns.columns(), ["x_*", "y", "z"]);
    }

    #[test]
    fn faults_say_what_was_expected() {
        for (text, expected, found) in [
            ("", "a column", "the end"),
            ("a", "a comparison, in, lists or is", "the end"),
            ("a = ", "a number or a 'text'", "the end"),
            ("a = 1 b", "and, or, or the end", "\"b\""),
            ("a = 'x", "a closing '", "the end"),
            ("(a = 1", "\")\"", "the end"),
            ("a in ()", "a number or a 'text'", "\")\""),
            ("a < 'x'", "a number behind \"<\"", "a text"),
            ("a* = 1", "a column without a star outside of any(…)", "\"a*\""),
            ("a = 1e999", "a number", "\"1e999\""),
            ("a = 1; b = 2", "a column, a number, a 'text' or a sign", "';'"),
            ("and = 1", "a column", "\"and\""),
        ] {
            let fault = Expression::parse(text).expect_err("a fault");
            assert_eq!(fault, (expected.to_owned(), found.to_owned()), "{text:?}");
        }
        let deep = format!("{}a = 1{}", "(".repeat(10_000), ")".repeat(10_000));
        assert!(Expression::parse(&deep).is_err());
    }

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, name, fit) in [
            ("p20002_i0_a*", "p20002_i0_a33", true),
            ("P20002_i0_a*", "p20002_i0_a", true),
            ("p*_i0", "p31_i0", true),
            ("p*_i0", "p31_i1", false),
            ("a", "ab", false),
        ] {
            assert_eq!(fits(pattern, name), fit, "{pattern} {name}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "[a-c0-9 ()=<>!'`*,.\u{e9}-]{0,40}") {
            let _ = Expression::parse(&text);
        }
    }
}
