"""Global pooling: every channel becomes one number."""

from dataclasses import dataclass
from typing import Literal

from nas.blocks.base import Cost, Shape, peak_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Pooling:
    """Average or maximum over the whole map, without multiply-adds or parameters. [N, C, H, W] → [N, C, 1, 1]."""

    kind: Literal["pooling"] = "pooling"
    operation: Literal["average", "max"] = "average"

    def out_shape(self, shape: Shape) -> Shape:
        return Shape(shape.channels, 1, 1)

    def cost(self, shape: Shape) -> Cost:
        return Cost(peak_activation_bytes=peak_bytes([shape.elements + shape.channels]))
