"""What ``nas.fast_layers`` gains: backward kernels of depthwise convolutions, and whole training steps.

    python -m benchmarks.layers [--rounds 7] [--json]

One thread, channels_last, noise for images; what is compared takes turns, medians in milliseconds and images a second.
Some three minutes on a CPU that is free.
"""

import argparse
import json
from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from nas.fast_layers import FastLayers, _native, images_gradient, weight_gradient
from nas.machine import machine, versions
from nas.model import build
from search_spaces import find_reference

BATCH = 32  # of the kernels
KERNELS = (  # kernel, channels, px of the input, stride, gradient of
    (5, 240, 8, 1, "weights"),
    (5, 576, 4, 1, "weights"),
    (7, 576, 4, 1, "weights"),
    (5, 96, 16, 1, "weights"),
    (5, 96, 16, 2, "weights"),
    (3, 96, 16, 2, "images"),
    (5, 240, 8, 2, "images"),
    (5, 96, 16, 1, "images"),
)
NETWORKS = ("mobilenet_v3_small", "mobilenet_v3_large", "mobilenet_v2@0.5")
BATCHES = (32, 64, 128)


def in_turns(ways: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median seconds of each, after two that are not counted."""
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 2):
        for name, way in ways.items():
            begin = perf_counter()
            way()
            if number >= 2:
                spent[name].append(perf_counter() - begin)
    return {name: median(seconds) for name, seconds in spent.items()}


def kernel_ms(kernel: int, channels: int, side: int, stride: int, of: str, rounds: int) -> dict[str, float]:
    weight = torch.randn(channels, 1, kernel, kernel)
    images = torch.randn(BATCH, channels, side, side).contiguous(memory_format=torch.channels_last)
    grad = torch.randn_like(F.conv2d(images, weight, None, stride, kernel // 2, 1, channels))
    wanted = (of == "images", of == "weights", False)

    def torchs(kind: torch.dtype) -> Callable[[], object]:
        parts = grad.to(kind), images.to(kind), weight.to(kind)
        return lambda: _native(*parts, stride, kernel // 2, wanted)

    half_grad, half_images, half_weight = (one.to(torch.bfloat16) for one in (grad, images, weight))
    fast: dict[str, Callable[[], object]] = {
        "images": lambda: images_gradient(half_grad, half_images, half_weight, stride),
        "weights": lambda: weight_gradient(half_grad, half_images, kernel, stride),
    }
    ways = {"torch bf16": torchs(torch.bfloat16), "torch fp32": torchs(torch.float32), "fast": fast[of]}
    return {name: 1e3 * seconds for name, seconds in in_turns(ways, rounds).items()}


def step_rates(network: str, batch: int, rounds: int) -> dict[str, float]:
    """Images a second of training steps (forward, backward, SGD) of the network in its CIFAR-10 form."""
    spec = find_reference(network).spec().trained_on(resolution=32, classes=10)
    images = torch.randn(batch, 3, 32, 32).contiguous(memory_format=torch.channels_last)
    labels = torch.arange(batch) % 10

    def step_of(forward: Callable[[torch.nn.Module, Tensor], Tensor]) -> Callable[[], None]:
        model = build(spec, seed=0).to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # as in nas.train
        optimiser = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, nesterov=True)

        def step() -> None:
            loss = F.cross_entropy(forward(model, images), labels)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it without types
            optimiser.step()

        return step

    def autocast(model: torch.nn.Module, images: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            out: Tensor = model(images)
        return out

    def fast(model: torch.nn.Module, images: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16), FastLayers():
            out: Tensor = model(images)
        return out

    def fp32(model: torch.nn.Module, images: Tensor) -> Tensor:
        out: Tensor = model(images)
        return out

    ways = {"fp32": step_of(fp32), "torch bf16": step_of(autocast), "fast": step_of(fast)}
    return {name: batch / seconds for name, seconds in in_turns(ways, rounds).items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    kernels: list[dict[str, Any]] = []
    for kernel, channels, side, stride, of in KERNELS:
        what = f"{kernel}×{kernel}, {channels} channels, {side}×{side}, stride {stride}, gradient of {of}"
        kernels.append({"kernel": what, **kernel_ms(kernel, channels, side, stride, of, options.rounds)})
        if not options.json:
            print(
                what.ljust(64),
                *(f"{name} {kernels[-1][name]:8.2f} ms" for name in ("torch bf16", "torch fp32", "fast")),
            )
    steps: list[dict[str, Any]] = []
    for network in NETWORKS:
        for batch in BATCHES:
            steps.append({"network": network, "batch": batch, **step_rates(network, batch, options.rounds)})
            if not options.json:
                rates = (f"{name} {steps[-1][name]:6.0f} images/s" for name in ("fp32", "torch bf16", "fast"))
                print(f"{network}, batch {batch}".ljust(64), *rates)
    if options.json:
        found = {"kernels_ms": kernels, "steps": steps, "machine": machine(), "versions": versions()}
        print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
