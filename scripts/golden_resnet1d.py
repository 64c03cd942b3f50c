# /// script
# requires-python = "==3.11.*"
# dependencies = ["numpy==2.4.6", "safetensors==0.8.0", "torch==2.9.0"]
# ///
"""Makes the reference numbers of helm-encoders' 1-D ResNet18-D.

    python scripts/golden_resnet1d.py --out DIR

DIR is the repository (or any folder). Written:

    helm-encoders/tests/it/fixtures/resnet18d_w8.safetensors   width 8, 3 channels
    helm-encoders/tests/it/fixtures/resnet18d_w4.safetensors   width 4, 2 channels
    helm-encoders/tests/it/fixtures/resnet18d_w4_gradients.safetensors
    helm-encoders/tests/it/golden/resnet18d.json

Everything is f32 by PyTorch on one thread; the script runs the same in f64 and stops where the two differ (largest
differences are printed). Tolerances that follow: 1e-5 of the largest entry on outputs and gradients in evaluation
mode, 1e-4 of it on outputs in training mode, 1e-5 on running statistics. Gradients in training mode, of all weights and
of the input, are compared by 1e-4 of the largest entry of each tensor.
"""

import argparse
import copy
import json
import math
import pathlib

import numpy
import safetensors
import safetensors.torch
import torch
from torch import nn
from torch.nn import functional

VERSIONS = {"numpy": "2.4.6", "safetensors": "0.8.0", "torch": "2.9.0"}
EVALUATION, TRAINING, STATISTICS = 1e-5, 1e-4, 1e-5
worst = {"evaluation": 0.0, "gradient": 0.0, "training": 0.0, "training gradient": 0.0}


class ConvNorm(nn.Module):
    def __init__(self, channels_in: int, channels_out: int, stride: int):
        super().__init__()
        self.conv = nn.Conv1d(channels_in, channels_out, 3, stride, padding=1, bias=False)
        self.bn = nn.BatchNorm1d(channels_out, eps=1e-5, momentum=0.1)

    def forward(self, x):
        return self.bn(self.conv(x))


class Block(nn.Module):
    """Two convolutions beside a shortcut; where the shape changes, the shortcut is pool, convolution, norm."""

    def __init__(self, channels_in: int, channels_out: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv1d(channels_in, channels_out, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm1d(channels_out, eps=1e-5, momentum=0.1)
        self.conv2 = nn.Conv1d(channels_out, channels_out, 3, 1, padding=1, bias=False)
        self.bn2 = nn.BatchNorm1d(channels_out, eps=1e-5, momentum=0.1)
        self.stride = stride
        self.shortcut_conv = self.shortcut_bn = None
        if stride != 1 or channels_in != channels_out:
            self.shortcut_conv = nn.Conv1d(channels_in, channels_out, 1, bias=False)
            self.shortcut_bn = nn.BatchNorm1d(channels_out, eps=1e-5, momentum=0.1)

    def forward(self, x):
        shortcut = x
        if self.stride != 1:
            # Lengths here are even, so that no half-filled window exists.
            assert x.shape[-1] % 2 == 0
            shortcut = functional.avg_pool1d(shortcut, 2, 2)
        if self.shortcut_conv is not None:
            shortcut = self.shortcut_bn(self.shortcut_conv(shortcut))
        x = functional.relu(self.bn1(self.conv1(x)))
        return functional.relu(self.bn2(self.conv2(x)) + shortcut)


class ResNet1d(nn.Module):
    def __init__(self, channels_in: int, width: int, padding: int):
        super().__init__()
        self.padding = padding
        half = width // 2
        self.stem = nn.ModuleList([ConvNorm(channels_in, half, 2), ConvNorm(half, half, 1), ConvNorm(half, width, 1)])
        self.stages = nn.ModuleList()
        channels = width
        for stage in range(4):
            out = width << stage
            self.stages.append(nn.ModuleList([Block(channels, out, 1 if stage == 0 else 2), Block(out, out, 1)]))
            channels = out

    def sequence(self, x):
        x = functional.pad(x, (self.padding, self.padding))
        for layer in self.stem:
            x = functional.relu(layer(x))
        x = functional.max_pool1d(x, 3, 2, padding=1)
        for stage in self.stages:
            for block in stage:
                x = block(x)
        return x

    def forward(self, x):
        return self.sequence(x).mean(2)


def randomize(model: ResNet1d, generator: torch.Generator) -> None:
    """Every parameter and buffer gets random values, the last norms' γ, too: a zero there would hide half the net."""
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if name.endswith("num_batches_tracked"):
                continue
            if tensor.dim() == 3:
                tensor.normal_(0.0, math.sqrt(2 / (tensor.shape[1] * tensor.shape[2])), generator=generator)
            elif name.endswith(("running_var", "weight")):
                tensor.uniform_(0.5, 1.5, generator=generator)
            else:
                tensor.normal_(0.0, 0.2, generator=generator)


def short_numbers(shape: list[int], generator: torch.Generator) -> torch.Tensor:
    """Normal numbers of three decimals, which f32 reads back from JSON as the same."""
    x = torch.randn(shape, generator=generator)
    return torch.tensor([float(f"{value:.3f}") for value in x.flatten().tolist()]).reshape(shape)


def relative(x: torch.Tensor, reference: torch.Tensor) -> float:
    return float((x.double() - reference.double()).abs().max() / reference.abs().max())


def training_gradients(model: ResNet1d, x: torch.Tensor, projection: torch.Tensor) -> dict[str, torch.Tensor]:
    """By parameter, and "input": the gradient of sum(features * projection) in training mode."""
    model = copy.deepcopy(model).train()
    x = x.clone().requires_grad_(True)
    names, parameters = zip(*model.named_parameters())
    gradients = torch.autograd.grad((model(x) * projection).sum(), [*parameters, x])
    return {name: gradient.contiguous() for name, gradient in zip([*names, "input"], gradients)}


def case(folder: pathlib.Path, width: int, channels_in: int, length: int, padding: int, seed: int) -> dict:
    generator = torch.Generator().manual_seed(seed)
    model = ResNet1d(channels_in, width, padding)
    randomize(model, generator)
    # PyTorch's counter of batches is not a weight.
    state = model.state_dict()
    weights = {name: x.contiguous() for name, x in state.items() if not name.endswith("num_batches_tracked")}
    assert all(x.dtype == torch.float32 for x in weights.values())
    file = folder / f"resnet18d_w{width}.safetensors"
    safetensors.torch.save_file(weights, str(file), metadata={"format": "pt"})
    file.chmod(0o644)
    again = ResNet1d(channels_in, width, padding)
    missing, unused = again.load_state_dict(safetensors.torch.load_file(str(file)), strict=False)
    assert not unused and all(name.endswith("num_batches_tracked") for name in missing)
    model = again.eval()

    x = short_numbers([2, channels_in, length], generator)
    projection = short_numbers([2, 8 * width], generator)

    # Evaluation: features, the sequence before pooling, and the gradient of sum(features * projection) to the input.
    def evaluate(model, x, projection):
        x = x.clone().requires_grad_(True)
        features = model(x)
        (gradient,) = torch.autograd.grad((features * projection).sum(), x)
        return model.sequence(x).detach(), features.detach(), gradient

    sequence, features, gradient = evaluate(model, x, projection)
    exact = evaluate(copy.deepcopy(model).double(), x.double(), projection.double())
    error = max(relative(sequence, exact[0]), relative(features, exact[1]))
    worst["evaluation"] = max(worst["evaluation"], error)
    assert error < EVALUATION, error
    error = relative(gradient, exact[2])
    worst["gradient"] = max(worst["gradient"], error)
    assert error < EVALUATION, error
    n_positions = (length + 2 * padding) // 32
    assert (length + 2 * padding) % 32 == 0 and sequence.shape == (2, 8 * width, n_positions)
    assert torch.equal(features, sequence.mean(2)) and gradient.shape == x.shape
    assert all(torch.equal(weights[name], value) for name, value in model.state_dict().items() if name in weights)
    # One item alone gives what it gives in a batch.
    assert relative(model(x[1:]).detach(), features[1:]) < EVALUATION
    # Places at both ends, where padding matters, and between, in both items and all channels.
    columns = [0, 1, 2, length // 3, length // 2, length - 2, length - 1]
    places = [[item, channel, column] for item in range(2) for channel in range(channels_in) for column in columns]
    # Few are zero (nothing active or largest in a pool there).
    assert sum(gradient[tuple(place)] != 0 for place in places) > 0.8 * len(places)

    # Training: one forward pass normalises by the batch's own statistics and moves the running ones.
    training = copy.deepcopy(model).train()
    with torch.no_grad():
        stem = training.stem[0].conv(functional.pad(x, (padding, padding)))
        train_features = training(x)
        exact_features = copy.deepcopy(model).double().train()(x.double())
    error = relative(train_features, exact_features)
    worst["training"] = max(worst["training"], error)
    assert error < TRAINING, error
    assert relative(train_features, features) > 1e-2
    # Gradients of sum(features * projection) in training mode, where the batch's own statistics take part.
    gradients = training_gradients(model, x, projection)
    exact_gradients = training_gradients(copy.deepcopy(model).double(), x.double(), projection.double())
    for name, value in gradients.items():
        error = relative(value, exact_gradients[name])
        worst["training gradient"] = max(worst["training gradient"], error)
        assert error < TRAINING, (name, error)
    gradients_file = None
    if width == 4:
        gradients_file = f"resnet18d_w{width}_gradients.safetensors"
        safetensors.torch.save_file(gradients, str(folder / gradients_file), metadata={"format": "pt"})
        (folder / gradients_file).chmod(0o644)
    before, after = model.stem[0].bn, training.stem[0].bn
    mean, variance = stem.mean((0, 2)), stem.var((0, 2), correction=0)
    n = stem.shape[0] * stem.shape[2]
    # PyTorch's convention: momentum 0.1 is the share of the NEW value (Keras's is the share of the old one), and the
    # running variance takes the batch's unbiased variance, although the batch is normalised by the biased one.
    assert torch.allclose(after.running_mean, 0.9 * before.running_mean + 0.1 * mean, atol=1e-6)
    assert torch.allclose(after.running_var, 0.9 * before.running_var + 0.1 * variance * n / (n - 1), atol=1e-6)
    biased = 0.9 * before.running_var + 0.1 * variance

    return {
        "weights": file.name,
        "width": width,
        "channels_in": channels_in,
        "padding": padding,
        "input_shape": list(x.shape),
        "input": x.flatten(),
        "sequence_shape": list(sequence.shape),
        "sequence": sequence.flatten(),
        "features": features,
        "projection": projection,
        "gradient_at": places,
        "gradient": torch.stack([gradient[tuple(place)] for place in places]),
        "gradient_norm": gradient.double().norm(),
        "gradient_max": gradient.abs().max(),
        "training": {
            "features": train_features,
            "gradients": gradients_file,
            "gradient_norms": {name: value.double().norm() for name, value in gradients.items()},
            "momentum": 0.1,
            "batch_mean": mean,
            "batch_var_biased": variance,
            "running_mean_before": before.running_mean,
            "running_var_before": before.running_var,
            "running_mean_after": after.running_mean,
            "running_var_after_unbiased": after.running_var,
            "running_var_after_biased": biased,
        },
    }


def plain(value):
    """Tensors and numbers as JSON: of an f32 the shortest number that names it, of an f64 nine digits."""
    if isinstance(value, torch.Tensor) and value.dtype == torch.float32 and value.dim() == 0:
        number = numpy.float32(value.item())
        short = float(str(number))
        assert math.isfinite(short) and numpy.float32(short) == number
        return short
    if isinstance(value, torch.Tensor) and value.dim() > 0:
        return [plain(each) for each in value.detach()]
    if isinstance(value, torch.Tensor):
        return plain(value.detach().tolist())
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, float):
        assert math.isfinite(value)
        return float(f"{value:.9g}")
    return value


def lines(value, indent: int = 0) -> str:
    """JSON with objects on several lines and rows of numbers on one."""
    pad = " " * (indent + 1)
    if isinstance(value, dict):
        body = ",\n".join(f"{pad}{json.dumps(key)}: {lines(each, indent + 1)}" for key, each in value.items())
        return f"{{\n{body}\n{' ' * indent}}}"
    if isinstance(value, list) and value and isinstance(value[0], (list, dict)):
        return "[\n" + ",\n".join(pad + lines(each, indent + 1) for each in value) + f"\n{' ' * indent}]"
    return json.dumps(value, ensure_ascii=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    for module in (numpy, safetensors, torch):
        assert module.__version__.split("+")[0] == VERSIONS[module.__name__], module.__name__
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    tests = arguments.out / "helm-encoders" / "tests" / "it"
    fixtures = tests / "fixtures"
    fixtures.mkdir(parents=True, exist_ok=True)
    cases = [
        # A short curve without padding: 128 -> 4 positions of 64.
        case(fixtures, width=8, channels_in=3, length=128, padding=0, seed=1),
        # The published length, padded from 1000 to 1024: 32 positions of 32.
        case(fixtures, width=4, channels_in=2, length=1000, padding=12, seed=2),
    ]
    assert cases[0]["sequence_shape"] == [2, 64, 4] and cases[1]["sequence_shape"] == [2, 32, 32]
    size = sum(path.stat().st_size for path in fixtures.glob("resnet18d_*.safetensors"))
    assert size < 500_000, size
    document = {
        "about": "Reference numbers of the ResNet18-D, made by scripts/golden_resnet1d.py. Flat arrays are row-major."
        " gradient: of sum(features * projection) to the input, in evaluation mode, at [item, channel, position]."
        " training: one forward pass in training mode from the same weights; the statistics are stem.0.bn's; the"
        " gradients are of sum(features * projection) to every weight and to the input."
        f" Tolerances: {EVALUATION} of the largest entry in evaluation mode and on gradients, {TRAINING} of it on"
        f" training features, {STATISTICS} on statistics.",
        "versions": VERSIONS,
        "cases": cases,
    }
    document = plain(document)
    text = lines(document) + "\n"
    assert json.loads(text) == document and len(text) < 150_000, len(text)
    golden = tests / "golden" / "resnet18d.json"
    golden.parent.mkdir(parents=True, exist_ok=True)
    golden.write_text(text, encoding="utf-8", newline="\n")
    print("largest relative differences from f64:", {key: f"{value:.1e}" for key, value in worst.items()})


if __name__ == "__main__":
    main()
