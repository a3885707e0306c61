"""Which arithmetic trainings use here: bf16 where a probe shows that it is faster, fp32 otherwise."""

import time
from statistics import median
from typing import get_args

import torch
from torch.nn import functional as F

from nas.arch import ArchSpec
from nas.blocks import Classifier, Convolution, InvertedResidual, Pooling
from nas.errors import NasError
from nas.kept import here, keep, kept
from nas.model import build
from nas.precision import computing
from nas.recipe import Precision

PRECISIONS: tuple[Precision, ...] = get_args(Precision)
FASTER = 1.15  # times as fast as fp32: below that bf16 is not worth its rounding
ROUNDS = 3  # steps of each that are timed


def find_precision(name: str, device: str) -> Precision:
    """``auto`` is bf16 where it is faster: on a CPU by a probe of a second or two, kept for the machine and torch's
    version; on a GPU that has it. Raises ``NasError`` for an unknown name."""
    if name == "auto":
        if device == "cpu":
            return "bf16" if _bf16_gain() >= FASTER else "fp32"
        return "bf16" if device.startswith("cuda") and torch.cuda.is_bf16_supported(False) else "fp32"
    for known in PRECISIONS:
        if name == known:
            return known
    raise NasError(f"--precision {name}: unknown; there are auto, {', '.join(PRECISIONS)}")


def _bf16_gain() -> float:
    """How many times as fast a training step is in bf16, as it was measured here first."""
    place = here()
    known = kept("precision")
    if place not in known:
        known[place] = round(probe(), 2)
        keep("precision", known)
    return known[place]


def probe() -> float:
    """fp32's time over bf16's for training steps of a few blocks, with one thread, one after the other in turns."""
    blocks = (
        Convolution(kernel=3, out=16, activation="hardswish"),
        InvertedResidual(kernel=3, mid=64, out=24, stride=2, activation="relu"),
        InvertedResidual(kernel=5, mid=96, out=40, stride=2, squeeze=24, activation="hardswish"),
        InvertedResidual(kernel=5, mid=240, out=40, squeeze=64, activation="hardswish"),
        InvertedResidual(kernel=5, mid=288, out=96, stride=2, squeeze=72, activation="hardswish"),
        Pooling(),
        Classifier(classes=10),
    )
    spec = ArchSpec(resolution=32, blocks=blocks)
    images = torch.randn(16, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    images = images.contiguous(memory_format=torch.channels_last)
    labels = torch.arange(16) % 10
    models = {precision: build(spec, seed=0).to(memory_format=torch.channels_last) for precision in PRECISIONS}
    seconds: dict[Precision, list[float]] = {precision: [] for precision in PRECISIONS}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for _ in range(1 + ROUNDS):  # the first, in which kernels are chosen, is left out
            for precision in PRECISIONS:
                begin = time.perf_counter()
                with computing(precision, torch.device("cpu")):
                    loss = F.cross_entropy(models[precision](images), labels)
                loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it without types
                seconds[precision].append(time.perf_counter() - begin)
    finally:
        torch.set_num_threads(threads)
    return median(seconds["fp32"][1:]) / median(seconds["bf16"][1:])
