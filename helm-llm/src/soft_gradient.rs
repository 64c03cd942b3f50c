use burn::tensor::{Tensor, TensorData};

/// The gradient of a pass' soft tokens, `[rows, d_model]`, and where they stand among the batch's.
pub(crate) struct SoftGradient {
    pub(crate) rows: Vec<usize>,
    pub(crate) gradient: Tensor<2>,
}

/// The gradients of passes put in their places among `n` rows; a row that no pass used has a gradient of 0.
pub(crate) fn gather(passes: Vec<SoftGradient>, n: usize) -> Tensor<2> {
    let (rows, gradients): (Vec<Vec<usize>>, Vec<Tensor<2>>) =
        passes.into_iter().map(|pass| (pass.rows, pass.gradient)).unzip();
    let rows = rows.concat();
    let gradient = Tensor::cat(gradients, 0);
    let device = gradient.device();
    let zero = Tensor::zeros([1, gradient.dims()[1]], &device);
    let none = rows.len() as i64;
    let mut picked = vec![none; n];
    for (index, &row) in (0i64..).zip(&rows) {
        picked[row] = index;
    }
    let picked = Tensor::from_data(TensorData::new(picked, [n]), &device);
    Tensor::cat(vec![gradient, zero], 0).select(0, picked)
}
