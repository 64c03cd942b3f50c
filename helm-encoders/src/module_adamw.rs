use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::{
    AdamW, AdamWConfig, AdamWState, DynOptimizer, DynState, GradientsParams, Optimizer as _, StateSink, StateSource,
};
use burn::tensor::{Device, Tensor, TensorData};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};

use crate::modality::file_error;
use crate::{Error, gradients};

/// burn's AdamW over the parameters of a module, its moments named by the parameters' paths: burn's own optimiser of a
/// module names them by ids that are others in every process.
///
/// A [`Modality`](crate::Modality) owns one; whoever trains another module can save and go on with it in the same way.
///
/// ```
/// use burn::module::Module;
/// use burn::nn::LinearConfig;
/// use burn::optim::{AdamWConfig, GradientsParams};
/// use burn::tensor::Tensor;
/// use helm_encoders::ModuleAdamW;
///
/// let device = helm_encoders::device("cpu")?.autodiff();
/// let mut layer = LinearConfig::new(2, 1).init(&device);
/// let mut optimizer = ModuleAdamW::new(&AdamWConfig::new());
/// let mut losses = vec![];
/// for _ in 0..20 {
///     let loss = (layer.forward(Tensor::<2>::ones([1, 2], &device)) - 1.0).square().mean();
///     losses.push(loss.clone().into_scalar::<f32>());
///     let gradients = GradientsParams::from_grads(loss.backward(), &layer);
///     (layer, _) = optimizer.step_within(0.05, 1.0, layer, gradients);
/// }
/// assert!(losses[19] < losses[0]);
/// # Ok::<(), helm_encoders::Error>(())
/// ```
pub struct ModuleAdamW {
    adamw: AdamW,
    /// The moments of every parameter that had a gradient before.
    moments: BTreeMap<String, DynState>,
}

/// How often a parameter has been stepped, as burn names it.
const TIME: &str = ".momentum.time";
/// burn computes powers with an i32.
const MOST_STEPS: u64 = i32::MAX as u64;

impl ModuleAdamW {
    /// An optimiser that has seen no gradient.
    pub fn new(config: &AdamWConfig) -> Self {
        Self { adamw: config.build(), moments: BTreeMap::new() }
    }

    /// One step along gradients; parameters without one stay where they are.
    pub fn step<M: Module>(&mut self, learning_rate: f64, module: M, gradients: GradientsParams) -> M {
        module.map(&mut Step { path: Vec::new(), optimizer: self, learning_rate, gradients })
    }

    /// One step along gradients that are scaled down to a norm if theirs is larger; also returns what it was.
    ///
    /// A gradient that is not finite changes nothing.
    pub fn step_within<M: Module>(
        &mut self,
        learning_rate: f64,
        max_gradient_norm: f64,
        module: M,
        gradients: GradientsParams,
    ) -> (M, f64) {
        let norm = gradients::norm_squared(&module, &gradients).sqrt();
        if !norm.is_finite() {
            return (module, norm);
        }
        let factor = (max_gradient_norm / norm.max(1e-12)).min(1.0);
        let gradients = gradients::scale(&module, gradients, factor);
        (self.step(learning_rate, module, gradients), norm)
    }

    /// Writes the moments as safetensors.
    ///
    /// # Errors
    /// [`Error::File`] if the file can't be written.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        let failed = |error: String| file_error(path, error);
        let mut sink = StateSink::default();
        for (name, moments) in &self.moments {
            self.adamw.state_flatten(name, moments, &mut sink);
        }
        let mut parts: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = Vec::new();
        for (name, data) in sink.tensors {
            let shape = data.shape().to_vec();
            let numbers = data.convert::<f32>().try_into_vec::<f32>().map_err(|error| failed(format!("{error:?}")))?;
            let bytes = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
            parts.push((name, Dtype::F32, shape, bytes));
        }
        for (name, scalar) in sink.scalars {
            let scalar = usize::try_from(scalar).map_err(|_| failed(format!("{name} is no count")))? as u64;
            parts.push((name, Dtype::U64, vec![], scalar.to_le_bytes().to_vec()));
        }
        let views = parts.iter().map(|(name, dtype, shape, bytes)| {
            TensorView::new(*dtype, shape.clone(), bytes).map(|view| (name.as_str(), view))
        });
        let views = views.collect::<Result<Vec<_>, _>>().map_err(|error| failed(error.to_string()))?;
        let bytes = safetensors::serialize(views, None).map_err(|error| failed(error.to_string()))?;
        fs::write(path, bytes).map_err(|error| failed(error.to_string()))
    }

    /// Reads moments that [`save`](Self::save) wrote for the same module; nothing changes if they don't fit.
    ///
    /// # Errors
    /// [`Error::File`] if the file can't be read, or has moments of another module.
    pub fn load<M: Module>(&mut self, module: &M, path: &Path, device: &Device) -> Result<(), Error> {
        let failed = |error: String| file_error(path, error);
        let bytes = fs::read(path).map_err(|error| failed(error.to_string()))?;
        let file = SafeTensors::deserialize(&bytes).map_err(|error| failed(error.to_string()))?;
        let names: BTreeMap<&str, TensorView<'_>> = file.iter().collect();
        let mut load =
            Load { path: Vec::new(), adamw: &self.adamw, device, rest: names, moments: BTreeMap::new(), wrong: None };
        module.visit(&mut load);
        if let Some(wrong) = load.wrong {
            return Err(failed(wrong));
        }
        if let Some(name) = load.rest.keys().next() {
            return Err(failed(format!("expected moments of this module's parameters, found {name:?}")));
        }
        self.moments = load.moments;
        Ok(())
    }
}

struct Step<'a> {
    path: Vec<String>,
    optimizer: &'a mut ModuleAdamW,
    learning_rate: f64,
    gradients: GradientsParams,
}

impl ModuleMapper for Step<'_> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.into());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (id, tensor, mapper) = param.consume();
        let Some(gradient) = self.gradients.remove::<D>(id) else {
            return Param::from_mapped_value(id, tensor, mapper);
        };
        let name = self.path.join(".");
        let moments = self.optimizer.moments.remove(&name).map(|moments| moments.downcast::<AdamWState<D>>());
        let is_trained = tensor.is_require_grad();
        let (tensor, moments) = self.optimizer.adamw.step(self.learning_rate, tensor.inner(), gradient, moments);
        if let Some(moments) = moments {
            self.optimizer.moments.insert(name, DynState::create(moments, D));
        }
        let tensor = Tensor::from_inner(tensor);
        Param::from_mapped_value(id, if is_trained { tensor.require_grad() } else { tensor }, mapper)
    }
}

struct Load<'a> {
    path: Vec<String>,
    adamw: &'a AdamW,
    device: &'a Device,
    /// What no parameter has taken yet.
    rest: BTreeMap<&'a str, TensorView<'a>>,
    moments: BTreeMap<String, DynState>,
    /// The first thing that doesn't fit.
    wrong: Option<String>,
}

impl Load<'_> {
    /// The moments of a parameter; `None` where the file has none for it.
    fn of_parameter(&mut self, name: &str, shape: &[usize]) -> Result<Option<DynState>, String> {
        let own: Vec<&str> = self.rest.keys().copied().filter(|key| is_moment_of(key, name)).collect();
        if own.is_empty() {
            return Ok(None);
        }
        let (mut scalars, mut tensors) = (BTreeMap::new(), Vec::new());
        for key in own {
            let Some(view) = self.rest.remove(key) else { continue };
            let fits = |dtype, shape: &[usize]| {
                if view.dtype() == dtype && view.shape() == shape {
                    return Ok(());
                }
                let (expected, found) = ((dtype, shape), (view.dtype(), view.shape()));
                Err(format!("{key}: expected {expected:?}, found {found:?}"))
            };
            if key.ends_with(TIME) {
                fits(Dtype::U64, &[])?;
                let time = view.data().try_into().map_or(0, u64::from_le_bytes);
                // One more step must be possible.
                if !(1..MOST_STEPS).contains(&time) {
                    return Err(format!("{key}: expected 1 to {}, found {time}", MOST_STEPS - 1));
                }
                scalars.insert(key.to_owned(), time.into());
            } else {
                fits(Dtype::F32, shape)?;
                let numbers = view.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
                tensors.push((key.to_owned(), TensorData::new::<f32, _>(numbers, shape.to_vec())));
            }
        }
        let mut source = StateSource::new(scalars);
        tensors.into_iter().for_each(|(key, data)| source.insert_tensor(key, data));
        let state = self.adamw.state_unflatten(shape.len(), name, &mut source, self.device);
        state.map(Some).ok_or_else(|| format!("expected two moments and a time of {name}, found fewer"))
    }
}

fn is_moment_of(key: &str, parameter: &str) -> bool {
    let rest = key.strip_prefix(parameter).unwrap_or_default();
    [".momentum.moment_1", ".momentum.moment_2", ".momentum.max_moment_2", TIME].contains(&rest)
}

impl ModuleVisitor for Load<'_> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.into());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let name = self.path.join(".");
        match self.of_parameter(&name, &param.val().dims()) {
            Ok(Some(moments)) => {
                self.moments.insert(name, moments);
            }
            Ok(None) => {}
            Err(wrong) => self.wrong = self.wrong.take().or(Some(wrong)),
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::nn::{Linear, LinearConfig};

    use super::*;

    fn layer() -> Linear {
        let device = crate::device("cpu").unwrap().autodiff();
        let layer = LinearConfig::new(3, 1).with_bias(false).init(&device);
        gradients::initialise(&layer);
        layer
    }

    fn weights(layer: &Linear) -> Vec<f32> {
        layer.weight.val().inner().into_data().try_into_vec().unwrap()
    }

    fn gradient(layer: &Linear, numbers: [f32; 3]) -> GradientsParams {
        let device = crate::device("cpu").unwrap();
        let mut gradients = GradientsParams::new();
        let gradient = Tensor::<2>::from_data(TensorData::new(numbers.to_vec(), [3, 1]), &device);
        gradients.register(layer.weight.id, gradient);
        gradients
    }

    #[test]
    fn a_larger_gradient_is_scaled_down_to_the_norm_and_a_smaller_one_is_not() {
        let mut within = layer();
        let (before, mut plain) = (weights(&within), within.clone());
        let (mut a, mut b) = (ModuleAdamW::new(&AdamWConfig::new()), ModuleAdamW::new(&AdamWConfig::new()));
        // Two steps: the first alone doesn't depend on the gradient's scale.
        for (numbers, norm, scaled) in
            [([3.0, 0.0, 4.0], 5.0, [1.2, 0.0, 1.6]), ([0.0, 0.6, 0.8], 1.0, [0.0, 0.6, 0.8])]
        {
            let gradients = gradient(&within, numbers);
            let found;
            (within, found) = a.step_within(0.1, 2.0, within, gradients);
            assert!((found - norm).abs() < 1e-6, "{found}");
            let gradients = gradient(&plain, scaled);
            plain = b.step(0.1, plain, gradients);
        }
        for (own, other) in weights(&within).iter().zip(weights(&plain)) {
            assert!((own - other).abs() < 1e-6, "{own} and {other}");
        }
        assert_ne!(weights(&within), before);
    }

    #[test]
    fn a_gradient_that_is_not_finite_changes_nothing() {
        let layer = layer();
        let before = weights(&layer);
        let mut optimizer = ModuleAdamW::new(&AdamWConfig::new());
        let gradients = gradient(&layer, [1.0, f32::NAN, 0.0]);
        let (layer, norm) = optimizer.step_within(0.1, 1.0, layer, gradients);
        assert!(norm.is_nan() && optimizer.moments.is_empty());
        assert_eq!(weights(&layer), before);
    }
}
