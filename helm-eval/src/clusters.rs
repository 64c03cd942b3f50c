/// Rows that belong together, each participant's in one cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Clusters {
    /// Where each cluster's rows begin, and where the last one's end.
    starts: Vec<u32>,
    rows: Vec<u32>,
}

impl Clusters {
    /// Clusters of some rows in the order of their participants.
    pub(crate) fn new<P: Ord>(participants: &[P], rows: impl Iterator<Item = u32>) -> Self {
        let participant = |row: u32| &participants[row as usize];
        let mut rows: Vec<u32> = rows.collect();
        rows.sort_unstable_by_key(|&row| (participant(row), row));
        let mut starts = vec![0];
        for cluster in rows.chunk_by(|&a, &b| participant(a) == participant(b)) {
            starts.push(starts[starts.len() - 1] + cluster.len() as u32);
        }
        Self { starts, rows }
    }

    pub(crate) fn len(&self) -> usize {
        self.starts.len() - 1
    }

    pub(crate) fn rows(&self, cluster: usize) -> &[u32] {
        &self.rows[self.starts[cluster] as usize..self.starts[cluster + 1] as usize]
    }

    /// Whether any participant has several rows.
    pub(crate) fn any_several(&self) -> bool {
        self.len() < self.rows.len()
    }
}
