"""A runtime whose times are a formula, so that no test depends on how busy a machine is."""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache

import pytest
from torch import nn

from nas.arch import ArchSpec
from nas.blocks import Shape
from nas.draw import draw
from nas.latency import build, pack, turns
from nas.latency.build import possible_blocks
from nas.latency.predict import Predictor, placed
from nas.latency.table import Placed, Table
from nas.latency.targets import TARGETS
from nas.latency.turns import Timed
from nas.latency.value import Calibration, Latency
from nas.model import Network
from nas.space import Space

NAME = "onnxruntime-cpu"  # what the fake stands for unless told otherwise


def milliseconds(module: nn.Module, shape: Sequence[int]) -> float:
    """Of one block: something to call it, something for each element it reads and each multiplication it makes."""
    _, height, width = shape
    kernels = sum(one.numel() for one in module.parameters() if one.dim() > 1)
    return 0.002 + 2e-6 * Shape(*shape).elements + 1e-6 * kernels * height * width


@cache
def block_ms(one: Placed) -> float:
    """Of a block where it stands."""
    return milliseconds(one.block.module(one.shape), one.shape)


def total(spec: ArchSpec) -> float:
    """Of a network: what its blocks take one after the other."""
    return sum(map(block_ms, placed(spec)))


class FakeTarget:
    """Gives times without taking any. ``whole``: of a network, in its blocks' milliseconds; ``mood``: what all are
    multiplied by now; ``jitter``: of each image, at most, by chance."""

    def __init__(
        self,
        name: str = NAME,
        *,
        whole: Callable[[ArchSpec], float] = total,
        mood: Callable[[], float] = lambda: 1.0,
        jitter: float = 0.0,
        processor: str = "a processor",
    ) -> None:
        self.name = name
        self.mood = mood
        self.processor = processor
        self.blocks: list[Sequence[int]] = []  # shapes of the modules that were made ready
        self.networks: list[ArchSpec] = []
        self._whole = whole
        self._jitter = jitter
        self._rng = random.Random(0)

    def fingerprint(self) -> str:
        return f"{self.processor}, 1 thread"

    def ready(self, module: nn.Module, shape: Sequence[int]) -> Timed:
        if isinstance(module, Network):
            self.networks.append(module.spec)
            ms = self._whole(module.spec)
        else:
            self.blocks.append(tuple(shape))
            ms = milliseconds(module, shape)
        return lambda times: [self._seconds(ms) for _ in range(times)]

    def _seconds(self, ms: float) -> float:
        return 1e-3 * ms * self.mood() * (1 + self._jitter * self._rng.random())

    @contextmanager
    def alone(self) -> Iterator[None]:
        yield


def put_in_place(patch: pytest.MonkeyPatch, target: FakeTarget, *, networks: int = 12) -> FakeTarget:
    """The fake instead of this machine's runtime; so many networks to calibrate by, and as many to check by."""
    patch.setitem(TARGETS, target.name, target)
    patch.setattr(turns, "READING_SECONDS", 0.0)
    for module in (build, pack):
        patch.setattr(module, "NETWORKS", 2 * networks)
    patch.setattr(possible_blocks, "__kwdefaults__", {"draws": 400, "most": 3200})
    return target


def native(spec: ArchSpec) -> ArchSpec:
    """Measured as it is."""
    return spec


def specs_of(space: Space, count: int, *, seed: int = 0) -> list[ArchSpec]:
    """Different random networks."""
    rng = random.Random(f"specs {seed}")
    found: dict[ArchSpec, None] = {}
    while len(found) < count:
        found.setdefault(draw(space, rng).spec)
    return list(found)


def table_of(specs: Sequence[ArchSpec], *, measured: Sequence[ArchSpec] = (), name: str = NAME) -> Table:
    """Knows all blocks of ``specs`` by the formula, and the networks that were ``measured``."""
    return Table(
        name=name,
        fingerprint="a processor, 1 thread",
        level=1.0,
        overhead_ms=0.002,
        blocks={one: block_ms(one) for spec in specs for one in placed(spec)},
        networks={spec: latency(total(spec)) for spec in measured},
    )


def latency(ms: float, *, spread: float = 0.01) -> Latency:
    """As measured."""
    return Latency(ms, ms * (1 - spread), ms * (1 + spread))


def calibration(**other: float) -> Calibration:
    """One that changes nothing, and is off by 5% at most, by 20% where blocks are estimated."""
    usual: dict[str, float] = {
        "slope": 1.0,
        "constant": 0.0,
        "fitted": 8,
        "checked": 8,
        "error": 0.02,
        "error_95": 0.05,
        "estimated_error": 0.1,
        "estimated_error_95": 0.2,
        "spearman": 0.99,
        "macs_error": 0.3,
        "macs_spearman": 0.7,
    }
    return Calibration(**{**usual, **other})  # type: ignore[arg-type]  # whole numbers are floats too


def predictor_of(specs: Sequence[ArchSpec], **other: float) -> Predictor:
    return Predictor(table=table_of(specs), calibration=calibration(**other))
