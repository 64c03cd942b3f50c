/// What became of a model folder's tensors; a folder with a tensor that is missing or unknown is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoadReport {
    /// Tensors that the decoder has now, by their names in the files.
    pub applied: Vec<String>,
    /// Tensors that it computes itself, or has already: masks, rotary frequencies, a second copy of a tied embedding.
    pub ignored: Vec<String>,
}
