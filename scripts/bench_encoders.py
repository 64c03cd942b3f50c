# /// script
# requires-python = "==3.11.*"
# dependencies = ["numpy==2.4.6", "safetensors==0.8.0", "torch==2.9.0"]
# ///
"""The Python side of benches/benches/encoders.rs: the 1-D ResNet18-D of scripts/golden_resnet1d.py in PyTorch.

    HELM_BENCH_PYTHON=python cargo bench --package helm-benches --bench encoders

A batch of 32 curves of 1000 points, width 64, in training mode: forward, and forward with backward to all weights; two
threads, the best of some runs after some to warm up. Prints JSON, times in seconds.
"""

import importlib.metadata
import json
import pathlib
import sys
import time
from collections.abc import Callable

import torch

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from golden_resnet1d import ResNet1d  # noqa: E402

VERSIONS = {"torch": "2.9.0", "numpy": "2.4.6"}


def seconds(runs: int, task: Callable[[], object]) -> float:
    times = []
    for _ in range(runs):
        begin = time.perf_counter()
        task()
        times.append(time.perf_counter() - begin)
    return min(times[2:])


def main() -> None:
    for name, version in VERSIONS.items():
        assert importlib.metadata.version(name).split("+")[0] == version, name
    torch.set_num_threads(int(sys.argv[1]))
    torch.manual_seed(0)
    network = ResNet1d(1, 64, 12).train()
    x = torch.randn(32, 1, 1000)

    def forward() -> torch.Tensor:
        return network(x)

    def both() -> None:
        for parameter in network.parameters():
            parameter.grad = None
        forward().sum().backward()

    with torch.no_grad():
        alone = seconds(12, forward)
    print(json.dumps({"versions": VERSIONS, "forward_seconds": alone, "both_seconds": seconds(12, both)}))


if __name__ == "__main__":
    main()
