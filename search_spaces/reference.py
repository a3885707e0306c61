"""A published network, placed inside the same pipeline as every other."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps

from nas.arch import ArchSpec
from nas.space import Option


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A published network: its native form, any width of it, and where it lies in a space.

    Native resolution, class count and the rule for small images are facts of ``spec()``.
    """

    name: str  # "mobilenet_v1", "mobilenet_v1@0.5" at another width
    title: str  # what people are shown: "MobileNetV1 ×0.5"
    source: str  # "Howard et al. 2017, arXiv 1704.04861, table 1"
    scaled: Callable[..., ArchSpec]  # at a width multiplier relative to this network
    space: str | None = None  # the space of its family; None: it has none
    choices: dict[str, Option] | None = None  # as a point of that space; None: it is none

    def spec(self) -> ArchSpec:
        """In its native form."""
        return self.scaled(1.0)

    def at_width(self, width: float) -> "Reference":
        """The same network with so many times the channels, as a reference of its own: ``NAME@WIDTH``."""

        @wraps(self.scaled)  # what else it can be told is still there to be seen
        def scaled(more: float, **variant: object) -> ArchSpec:
            return self.scaled(width * more, **variant)

        return Reference(
            name=f"{self.name}@{width:g}",
            title=f"{self.title} ×{width:g}",
            source=self.source,
            scaled=scaled,
            space=self.space,
        )
