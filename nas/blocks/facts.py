"""What every kind of block is: facts, operators in closed form, and the module that computes them."""

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from nas.blocks.base import Cost, Shape
from nas.blocks.operators import Operator, total

if TYPE_CHECKING:
    from torch import nn


class Placed(NamedTuple):
    """A block on a map of a certain shape."""

    out: Shape
    cost: Cost


class BlockFacts:
    """One row of an architecture's table.

    A kind is a frozen dataclass with slots, and has ``kind``, ``out_shape``, ``operators``, ``module`` and ``words``;
    one that has a stride also has ``unstrided()``: the same block keeping its input's size, for small images.
    """

    __slots__ = ("_placed",)  # no field, so neither compared nor pickled nor written to JSON
    _placed: dict[Shape, Placed]

    kind: str

    def out_shape(self, shape: Shape) -> Shape:
        raise NotImplementedError

    def operators(self, shape: Shape) -> list[Operator]:
        """What is done to one image of this shape, in order."""
        raise NotImplementedError

    def module(self, shape: Shape) -> "nn.Module":
        """The layer for inputs of this shape; its weights are torch's own until the network is initialised."""
        raise NotImplementedError

    def words(self, shape: Shape) -> str:
        """What people are shown of it: ``5×5, 24 → 96 → 40 channels, SE 24, hardswish, stride 2``."""
        raise NotImplementedError

    def cost(self, shape: Shape) -> Cost:
        """The sum over its operators."""
        return total(self.operators(shape))

    def placed(self, shape: Shape) -> Placed:
        """Output and cost, remembered: a space has few distinct blocks, and its networks are laid out by the thousand.

        Equal blocks have one memory between them, found once for each object.
        """
        try:
            return self._placed[shape]
        except AttributeError:
            object.__setattr__(self, "_placed", _memory(self))  # the facts are frozen, what follows from them is not
        except KeyError:
            pass
        if shape not in self._placed:
            self._placed[shape] = Placed(self.out_shape(shape), self.cost(shape))
        return self._placed[shape]


@lru_cache(maxsize=65536)
def _memory(block: BlockFacts) -> dict[Shape, Placed]:
    return {}
