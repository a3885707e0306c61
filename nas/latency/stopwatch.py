"""Modules timed on a target of this machine, beside a fixed reference network."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nas.arch import ArchSpec
from nas.blocks import Classifier, Convolution, InvertedResidual, Pooling
from nas.errors import LatencyError
from nas.latency.targets import Target
from nas.latency.turns import ROUNDS, Timed, Turns, Unsettled
from nas.latency.value import Latency

if TYPE_CHECKING:
    from torch import nn

# of each operator that block spaces use something, in a millisecond or so
REFERENCE = ArchSpec(
    resolution=112,
    blocks=(
        Convolution(out=16, kernel=3, stride=2, activation="hardswish"),
        InvertedResidual(kernel=3, mid=64, out=24, stride=2, activation="relu"),
        InvertedResidual(kernel=5, mid=96, out=40, stride=2, squeeze=24, activation="hardswish"),
        InvertedResidual(kernel=5, mid=120, out=40, squeeze=32, activation="hardswish"),
        Pooling(),
        Classifier(classes=1000, hidden=256, activation="hardswish"),
    ),
)


@dataclass(slots=True, kw_only=True)
class Stopwatch:
    """Times modules on one target. ``level``: the reference network's milliseconds at rest; None: not known yet."""

    target: Target
    level: float | None = None
    _turns: Turns | None = field(default=None, init=False)

    def ready(self, module: "nn.Module", shape: Sequence[int]) -> Timed:
        """``module`` for one image of this shape (channels, height, width), ready to be timed."""
        return self.target.ready(module, shape)

    def network(self, spec: ArchSpec) -> Timed:
        """A network with fresh weights, ready to be timed."""
        from nas.model import build

        return self.ready(build(spec), (spec.channels, spec.resolution, spec.resolution))

    def time(self, calls: Sequence[Timed], rounds: int = ROUNDS) -> list[Latency]:
        """The latency of each call, all timed over the same while. Raises ``LatencyError`` where the machine will not
        settle."""
        with self.target.alone():
            if self._turns is None:
                self._turns = Turns(self.network(REFERENCE), self.level)
            try:
                found = [Latency(*one) for one in self._turns.time(calls, rounds)]
            except Unsettled as error:
                raise LatencyError(
                    f"this machine does not settle: {error}; stop what else is running, and try again"
                ) from None
            self.level = self._turns.level
        return found
