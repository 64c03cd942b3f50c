use serde::{Deserialize, Serialize};

/// A regression tree on standardised features, grown by either library.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Node>", into = "Vec<Node>")]
pub(super) struct Tree {
    /// The root first; children stand behind their parent.
    nodes: Vec<Node>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Node {
    /// Rows whose feature is below the threshold go left.
    Split {
        feature: usize,
        threshold: f64,
        left: usize,
        right: usize,
    },
    Leaf(f64),
}

impl TryFrom<Vec<Node>> for Tree {
    type Error = &'static str;

    fn try_from(nodes: Vec<Node>) -> Result<Self, Self::Error> {
        let is_sound = |(index, node): (usize, &Node)| match *node {
            Node::Leaf(weight) => weight.is_finite(),
            Node::Split { left, right, threshold, .. } => {
                index < left && left < nodes.len() && index < right && right < nodes.len() && !threshold.is_nan()
            }
        };
        if nodes.is_empty() || !nodes.iter().enumerate().all(is_sound) {
            return Err("expected a tree whose nodes stand before their children, found none");
        }
        Ok(Self { nodes })
    }
}

impl From<Tree> for Vec<Node> {
    fn from(tree: Tree) -> Self {
        tree.nodes
    }
}

impl Tree {
    /// What the tree adds to a row's log-odds.
    pub(super) fn weight(&self, row: &[f64]) -> f64 {
        let mut at = 0;
        loop {
            match self.nodes[at] {
                Node::Leaf(weight) => return weight,
                Node::Split { feature, threshold, left, right } => {
                    at = if row[feature] < threshold { left } else { right };
                }
            }
        }
    }

    /// One more than the largest feature that is looked at.
    pub(super) fn width(&self) -> usize {
        let features = self.nodes.iter().map(|node| match *node {
            Node::Split { feature, .. } => feature.saturating_add(1),
            Node::Leaf(_) => 0,
        });
        features.max().unwrap_or(0)
    }
}
