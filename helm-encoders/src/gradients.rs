use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

/// The sum of the squares of all gradients of a module.
pub(crate) fn norm_squared<M: Module>(module: &M, gradients: &GradientsParams) -> f64 {
    let mut visitor = NormSquared { gradients, sum: 0.0 };
    module.visit(&mut visitor);
    visitor.sum
}

/// Multiplies all gradients of a module by a factor.
pub(crate) fn scale<M: Module>(module: &M, gradients: GradientsParams, factor: f64) -> GradientsParams {
    let mut visitor = Scale { gradients, factor };
    module.visit(&mut visitor);
    visitor.gradients
}

/// Draws a lazy module's initial parameters now, in the module's order, so that a seed decides them whatever is
/// computed first.
pub(crate) fn initialise<M: Module>(module: &M) {
    module.visit(&mut Initialise);
}

/// How many numbers of a module on the autodiff device are trained; buffers such as running statistics are not.
pub(crate) fn n_trainable<M: Module>(module: &M) -> usize {
    let mut visitor = CountTrainable(0);
    module.visit(&mut visitor);
    visitor.0
}

struct CountTrainable(usize);

impl ModuleVisitor for CountTrainable {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if param.val().is_require_grad() {
            self.0 += param.val().shape().num_elements();
        }
    }
}

struct NormSquared<'a> {
    gradients: &'a GradientsParams,
    sum: f64,
}

impl ModuleVisitor for NormSquared<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.get::<D>(param.id) {
            self.sum += f64::from(gradient.square().sum().into_scalar::<f32>());
        }
    }
}

struct Scale {
    gradients: GradientsParams,
    factor: f64,
}

impl ModuleVisitor for Scale {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.remove::<D>(param.id) {
            self.gradients.register(param.id, gradient.mul_scalar(self.factor));
        }
    }
}

struct Initialise;

impl ModuleVisitor for Initialise {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let _ = param.val();
    }
}
