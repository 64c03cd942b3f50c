//! What stands between burn's tensors and the loops: operations of burn's graph that have a backward pass of their own.

use std::fmt;
use std::marker::PhantomData;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Flex};
use burn::tensor::{Tensor, TensorData};

/// The numbers of a tensor on the CPU.
#[derive(Clone)]
pub(super) struct Numbers(FlexTensor);

impl Numbers {
    pub(super) fn new<const D: usize>(numbers: Vec<f32>, shape: [usize; D]) -> Self {
        Self(FlexTensor::from_data(TensorData::new(numbers, shape)))
    }

    fn of(tensor: FlexTensor) -> Self {
        Self(if tensor.is_contiguous() { tensor } else { tensor.to_contiguous() })
    }

    pub(super) fn as_slice(&self) -> &[f32] {
        let layout = self.0.layout();
        &self.0.storage()[layout.start_offset()..][..layout.num_elements()]
    }

    pub(super) fn into_tensor<const D: usize>(self) -> Tensor<D> {
        Tensor::from_primitive::<Flex>(self.0)
    }
}

impl fmt::Debug for Numbers {
    /// The shape alone: the numbers are participants'.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Numbers({:?})", self.0.layout().shape())
    }
}

type GraphTensor = FloatTensor<Autodiff<Flex>>;

/// A tensor on the CPU, with autodiff or without. One with it may still be a constant.
pub(super) enum Input {
    Plain(FlexTensor),
    Autodiff(GraphTensor),
}

impl Input {
    /// A tensor of f32 on the device `cpu`, without gradient checkpointing.
    pub(super) fn new<const D: usize>(tensor: Tensor<D>) -> Self {
        const ON_CPU: &str = "a tensor on the CPU";
        if tensor.device().is_autodiff() {
            Self::Autodiff(tensor.try_into_primitive::<Autodiff<Flex>>().expect(ON_CPU))
        } else {
            Self::Plain(tensor.try_into_primitive::<Flex>().expect(ON_CPU))
        }
    }

    pub(super) fn has_autodiff(&self) -> bool {
        matches!(self, Self::Autodiff(_))
    }

    pub(super) fn numbers(&self) -> Numbers {
        Numbers::of(match self {
            Self::Plain(tensor) => tensor.clone(),
            Self::Autodiff(tensor) => tensor.primitive().clone(),
        })
    }
}

/// What an operation keeps for its backward pass.
pub(super) trait Kept: Clone + fmt::Debug + Send + 'static {
    /// The gradients to the inputs, those that are wanted, from the gradient to the output.
    fn gradients(&self, grad_output: &[f32], wanted: &[bool]) -> Vec<Option<Numbers>>;
}

/// An operation of `N` inputs: computes its output, and what is kept in a graph.
pub(super) fn operation<const N: usize, K: Kept>(
    inputs: [Input; N],
    forward: impl FnOnce(&[Numbers; N]) -> (Numbers, K),
) -> Tensor<3> {
    let (Numbers(output), kept) = forward(&inputs.each_ref().map(Input::numbers));
    if !inputs.iter().any(Input::has_autodiff) {
        return Tensor::from_primitive::<Flex>(output);
    }
    let guards = inputs.map(|input| match input {
        Input::Plain(constant) => GraphTensor::new(constant).node(),
        Input::Autodiff(tensor) => tensor.node(),
    });
    let step = Step(PhantomData::<K>).prepare::<NoCheckpointing>(guards).compute_bound().stateful();
    Tensor::from_primitive::<Autodiff<Flex>>(match step {
        OpsKind::Tracked(step) => step.finish(kept, output),
        OpsKind::UnTracked(step) => step.finish(output),
    })
}

#[derive(Debug)]
struct Step<K>(PhantomData<K>);

impl<K: Kept, const N: usize> Backward<Flex, N> for Step<K> {
    type State = K;

    fn backward(self, ops: Ops<K, N>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let grad_output = Numbers::of(gradients.consume::<Flex>(&ops.node));
        let wanted = ops.parents.each_ref().map(Option::is_some);
        let found = ops.state.gradients(grad_output.as_slice(), &wanted);
        for (parent, found) in ops.parents.iter().zip(found) {
            if let (Some(parent), Some(Numbers(gradient))) = (parent, found) {
                gradients.register::<Flex>(parent.id, gradient);
            }
        }
    }
}
