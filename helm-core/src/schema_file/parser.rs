use super::expression::{Code, Node, Test};
use super::token::Token;

/// More brackets and nots inside one another than anybody writes would overflow the stack.
const DEEPEST: usize = 64;

/// Reads tokens as a condition, by recursive descent: `or` binds less than `and`, `and` less than `not`.
pub(super) struct Parser<'a> {
    tokens: &'a [Token],
    depth: usize,
}

/// What was read; otherwise what was expected, and found.
type Parsed<T> = Result<T, (String, String)>;

impl<'a> Parser<'a> {
    pub(super) fn new(tokens: &'a [Token]) -> Self {
        Self { tokens, depth: 0 }
    }

    /// A condition behind which nothing else stands.
    pub(super) fn whole(mut self) -> Parsed<Node> {
        let node = self.any_of()?;
        match self.tokens.first() {
            None => Ok(node),
            Some(token) => Err(("and, or, or the end".into(), token.to_string())),
        }
    }

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
