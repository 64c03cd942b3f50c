use crate::Error;

/// What stands at a node of a [`TokenTree`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// A token of the vocabulary.
    Token(u32),
    /// A soft token: which modality, and which of its soft tokens.
    Soft { modality: usize, index: usize },
}

/// One participant's context, the questions that hang from it, and their answers: a trie of tokens.
///
/// ```text
/// <s> age : 54 ▒ ▒ ▒ ┬─ asthma :  ┬─ yes
///                    │            └─ no
///                    └─ stroke :  ┬─ yes
///                                 └─ no
/// ```
///
/// What two answers share is there once. A node sees itself and its ancestors, and its position is its depth, so that
/// every path from the root is computed as if it stood alone. An answer's last token is a target only and has no node.
#[derive(Clone, Debug, Default)]
pub(crate) struct TokenTree {
    inputs: Vec<Input>,
    parents: Vec<Option<usize>>,
    depths: Vec<usize>,
    questions: Vec<QuestionTargets>,
}

/// The answers of one question: for every surface form, its tokens as targets.
#[derive(Clone, Debug)]
pub(crate) struct QuestionTargets {
    pub(crate) positive: Vec<Vec<Target>>,
    pub(crate) negative: Vec<Vec<Target>>,
}

/// A token whose probability counts: after which node, and which token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) node: usize,
    pub(crate) id: u32,
}

impl TokenTree {
    pub(crate) fn len(&self) -> usize {
        self.inputs.len()
    }

    pub(crate) fn input(&self, node: usize) -> Input {
        self.inputs[node]
    }

    pub(crate) fn parent(&self, node: usize) -> Option<usize> {
        self.parents[node]
    }

    pub(crate) fn depth(&self, node: usize) -> usize {
        self.depths[node]
    }

    pub(crate) fn questions(&self) -> &[QuestionTargets] {
        &self.questions
    }

    /// All targets: question by question, positive forms before negative ones.
    pub(crate) fn targets(&self) -> impl Iterator<Item = Target> {
        let forms = self.questions.iter().flat_map(|question| question.positive.iter().chain(&question.negative));
        forms.flatten().copied()
    }

    /// How many nodes, counted from the root, no gradient can reach and no branch or answer leaves: the text in front
    /// of the first soft token.
    pub(crate) fn constant_len(&self) -> usize {
        let soft = self.inputs.iter().position(|input| matches!(input, Input::Soft { .. })).unwrap_or(self.len());
        // A node that doesn't follow the one before it leaves a fork, which all paths share up to here.
        let forks = (0..self.len()).filter(|&node| self.parents[node] != node.checked_sub(1));
        let fork = forks.map(|node| self.parents[node].map_or(0, |parent| parent + 1)).min().unwrap_or(self.len());
        let answer = self.targets().map(|target| target.node).min().unwrap_or(self.len());
        soft.min(fork).min(answer)
    }

    /// A path's node: the child of `parent` with this input, made if there is none.
    pub(crate) fn child(&mut self, parent: Option<usize>, input: Input) -> usize {
        let from = parent.map_or(0, |parent| parent + 1);
        if let Some(node) = (from..self.len()).find(|&node| self.parents[node] == parent && self.inputs[node] == input)
        {
            return node;
        }
        self.inputs.push(input);
        self.parents.push(parent);
        self.depths.push(parent.map_or(0, |parent| self.depths[parent] + 1));
        self.len() - 1
    }

    /// Adds a question by its answers' targets.
    ///
    /// # Errors
    /// [`Error::Prompt`] if the tokens of one answer begin with all tokens of another.
    pub(crate) fn push_question(&mut self, targets: QuestionTargets) -> Result<(), Error> {
        let forms: Vec<&Vec<Target>> = targets.positive.iter().chain(&targets.negative).collect();
        for (index, form) in forms.iter().enumerate() {
            if forms.iter().enumerate().any(|(other, longer)| other != index && longer.starts_with(form)) {
                return Err(Error::Prompt {
                    expected: "answers of which none begins with all tokens of another".into(),
                    found: "one that does".into(),
                });
            }
        }
        self.questions.push(targets);
        Ok(())
    }
}
