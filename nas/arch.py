"""ArchSpec: an architecture as a table of blocks, facts only, nothing left to decide."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache, lru_cache
from typing import Annotated, Literal, NamedTuple, get_args

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from nas.blocks import Block, Cost, Shape
from nas.blocks.base import require, require_positive
from nas.blocks.facts import Placed
from nas.errors import SpecError

Strides = Literal["published", "cifar"]
Initialisation = Literal["fan_out", "fan_in", "uniform", "torch"]

SMALL_IMAGE = 64  # px; below it networks made for 224 px are trained with their CIFAR strides
LARGEST = 4096  # px; up to where the smallest resolution a network can take is looked for

# JSON is read strictly: "3" is no 3, and a field nobody knows is an error rather than ignored
for _kind in get_args(Block):
    setattr(_kind, "__pydantic_config__", ConfigDict(extra="forbid", strict=True))  # noqa: B010  (not declared)

_CLASSIFIERS = tuple(kind for kind in get_args(Block) if hasattr(kind, "classes"))


class Row(NamedTuple):
    """One block in its place: what enters, and what leaves. The block's stride is the one in force."""

    name: str
    block: Block
    shape: Shape
    out: Shape


class _Kept:
    """Places beside the fields, so neither compared nor pickled nor written to JSON."""

    __slots__ = ("_costs", "_hash")
    _costs: tuple[Cost, ...]
    _hash: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchSpec(_Kept):
    """A network as a table of blocks. Two architectures are the same exactly when their specs are equal.

    The blocks carry their published strides; with ``strides="cifar"`` the first ``cifar_steps`` strided blocks keep
    their input's size instead, the usual adaptation to images of 32 px. Raises ``SpecError`` for a table that cannot
    be built: no classifier at the end, one before the end, or images that shrink to nothing.
    """

    resolution: int  # px, height and width of the input
    blocks: tuple[Annotated[Block, Field(discriminator="kind")], ...]
    channels: int = 3  # of the input
    strides: Strides = "published"
    cifar_steps: int | None = 0  # how many leading strided blocks strides="cifar" changes; None: it has no such form
    initialisation: Initialisation = "fan_out"  # of its weights; nas.model has the schemes

    def __post_init__(self) -> None:
        require_positive(resolution=self.resolution, channels=self.channels)
        require(self.strides in get_args(Strides), "strides", self.strides, f"must be one of {get_args(Strides)}")
        require(self.cifar_steps is None or self.cifar_steps >= 0, "cifar_steps", self.cifar_steps, "must be 0 or more")
        known = get_args(Initialisation)
        require(self.initialisation in known, "initialisation", self.initialisation, f"must be one of {known}")
        if not self.blocks or not _is_classifier(self.blocks[-1]):
            raise SpecError("blocks: the last block must be a classifier")
        for index, block in enumerate(self.blocks[:-1]):
            if _is_classifier(block):
                raise SpecError(f"blocks[{index}]: a classifier can only be the last block")
        if self.strides == "cifar" and self.cifar_steps is None:
            raise SpecError(
                "strides: 'cifar': this network has no rule for small images; use its published strides: "
                + self._smallest()
            )
        costs: list[Cost] = []
        for _, shape, (out, cost) in self.placed():
            if out.height < 1 or out.width < 1:
                raise SpecError(
                    f"blocks[{len(costs)}]: a map of {shape.height}×{shape.width} px is too small for this block; "
                    + self._smallest()
                )
            costs.append(cost)
        object.__setattr__(self, "_costs", tuple(costs))

    def __hash__(self) -> int:
        """Worked out once: networks are looked up by the thousand."""
        try:
            return self._hash
        except AttributeError:
            facts = (self.resolution, self.blocks, self.channels, self.strides, self.cifar_steps, self.initialisation)
            object.__setattr__(self, "_hash", hash(facts))
            return self._hash

    def _smallest(self) -> str:
        """What to do about a resolution that is too small."""
        in_force: Strides = "published" if self.cifar_steps is None else self.strides
        smallest = self.smallest_resolution(in_force)
        text = (
            "no image is large enough" if smallest is None else f"the smallest resolution it can take is {smallest} px"
        )
        if in_force == "published" and self.cifar_steps is not None:
            soft = self.smallest_resolution("cifar")
            if soft is not None and (smallest is None or soft < smallest):
                text += f", and {soft} px with strides='cifar'"
        return text

    def smallest_resolution(self, strides: Strides) -> int | None:
        """Pixels a side of the smallest image this network can take with these strides; None where none is."""
        if strides == "cifar" and self.cifar_steps is None:
            return None
        steps = self._steps(strides)

        def takes(resolution: int) -> bool:
            try:
                placed = _placed(self.blocks, self.channels, resolution, steps)
                return all(min(out.height, out.width) >= 1 for _, _, (out, _) in placed)
            except SpecError:  # whatever the image
                return False

        # a larger image never leaves a smaller map
        smallest = 1 + bisect_left(range(1, LARGEST + 1), True, key=takes)
        return smallest if smallest <= LARGEST else None

    def _steps(self, strides: Strides) -> int:
        return (self.cifar_steps or 0) if strides == "cifar" else 0

    @property
    def classes(self) -> int:
        classes: int = self.blocks[-1].classes  # type: ignore[union-attr]  # the last block is a classifier
        return classes

    def rows(self) -> Iterator[Row]:
        """Every block with its shapes, in order; names are ``blocks[i]``, as in the JSON form."""
        for index, (block, shape, placed) in enumerate(self.placed()):
            yield Row(f"blocks[{index}]", block, shape, placed.out)

    def costs(self) -> tuple[Cost, ...]:
        """What every block costs, in order; kept from when the table was checked."""
        try:
            return self._costs
        except AttributeError:  # unpickled, which checks nothing
            return tuple(placed.cost for _, _, placed in self.placed())

    def placed(self) -> Iterator[tuple[Block, Shape, Placed]]:
        """Every block in force with what enters, what leaves and what it costs; ``rows`` without names, for loops."""
        return _placed(self.blocks, self.channels, self.resolution, self._steps(self.strides))

    def at(
        self, *, resolution: int | None = None, classes: int | None = None, strides: Strides | None = None
    ) -> "ArchSpec":
        """The same network for other images: at another resolution (px), class count or strides."""
        resolution = self.resolution if resolution is None else resolution
        classes = self.classes if classes is None else classes
        strides = self.strides if strides is None else strides
        if (resolution, classes, strides) == (self.resolution, self.classes, self.strides):
            return self
        last = self.blocks[-1]
        if classes != self.classes:
            last = replace(last, classes=classes)  # type: ignore[arg-type]  # the last block is a classifier
        return replace(self, resolution=resolution, blocks=(*self.blocks[:-1], last), strides=strides)

    def trained_on(self, *, resolution: int, classes: int) -> "ArchSpec":
        """The form that is trained on such images: CIFAR strides below 64 px where the network has them, published
        ones otherwise."""
        small = resolution < SMALL_IMAGE and self.cifar_steps is not None
        return self.at(resolution=resolution, classes=classes, strides="cifar" if small else "published")

    def with_norm(self, *, eps: float | None = None, momentum: float | None = None) -> "ArchSpec":
        """The same network with another epsilon or momentum in every batch norm: those of another implementation."""
        given = {"norm_eps": eps, "norm_momentum": momentum}
        changes = {name: value for name, value in given.items() if value is not None}
        blocks = tuple(
            replace(block, **changes)  # type: ignore[arg-type]  # a kind with batch norms has both
            if hasattr(block, "norm_eps") and getattr(block, "norm", True)
            else block
            for block in self.blocks
        )
        return replace(self, blocks=blocks)

    def to_json(self, *, indent: int | None = None) -> str:
        return _adapter().dump_json(self, indent=indent).decode()

    @classmethod
    def from_json(cls, text: str | bytes) -> "ArchSpec":
        """Read what ``to_json`` wrote. Raises ``SpecError`` naming the place and the value of the first fault."""
        try:
            return _adapter().validate_json(text)
        except ValidationError as error:
            raise SpecError(_first_fault(error)) from None


def _placed(
    blocks: tuple[Block, ...], channels: int, resolution: int, steps: int
) -> Iterator[tuple[Block, Shape, Placed]]:
    """Every block in force, what enters, and what it makes of it. The first ``steps`` strided blocks keep their
    input's size."""
    shape = Shape(channels, resolution, resolution)
    for index, block in enumerate(blocks):
        try:
            if steps and getattr(block, "stride", 1) > 1:
                block = _unstrided(block)
                steps -= 1
            placed = block.placed(shape)
        except SpecError as error:  # a block that cannot follow the one before it, or cannot keep its input's size
            raise SpecError(f"blocks[{index}].{error}") from None
        yield block, shape, placed
        shape = placed.out
        if shape.height < 1 or shape.width < 1:
            return  # nothing is left of the image; whoever asks says so


def _is_classifier(block: Block) -> bool:
    return isinstance(block, _CLASSIFIERS)


@lru_cache(maxsize=4096)
def _unstrided(block: Block) -> Block:
    made: Block = block.unstrided()  # type: ignore[union-attr]  # every kind with a stride has it
    return made


@cache
def _adapter() -> TypeAdapter[ArchSpec]:
    return TypeAdapter(ArchSpec)


def _first_fault(error: ValidationError) -> str:
    """``blocks[3].kernel: 4: must be odd``, from pydantic's list of errors."""
    faults = error.errors()
    fault, place = faults[0], _place(faults[0]["loc"])
    same = [one for one in faults if _place(one["loc"]) == place]  # a field of several types has a fault for each
    more = f" (and {len(faults) - len(same)} more)" if len(faults) > len(same) else ""
    if fault["type"] == "value_error":
        message = str(fault["ctx"]["error"])
        return f"{place}.{message}{more}" if place else f"{message}{more}"
    if fault["type"] == "missing":
        return f"{place}: missing{more}"
    if fault["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        return f"{place}: unknown field{more}"
    if fault["type"] == "union_tag_invalid":
        tag, kinds = fault["ctx"]["tag"], _kinds()
        near = get_close_matches(tag, kinds, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        return f"{place}.kind: {tag!r}: unknown; {hint}there are {', '.join(kinds)}{more}"
    given = fault["input"]
    value = repr(given.decode(errors="replace") if isinstance(given, bytes) else given)
    value = value if len(value) <= 60 else value[:57] + "..."
    rules = " or ".join(one["msg"].removeprefix("Input should be ") for one in same)
    rule = f"input should be {rules}" if fault["msg"].startswith("Input should be ") else _small(rules)
    return f"{place or 'the document'}: {value}: {rule}{more}"


def _kinds() -> list[str]:
    return [get_args(kind.__annotations__["kind"])[0] for kind in get_args(Block)]


def _small(text: str) -> str:
    return text[:1].lower() + text[1:]


def _place(parts: tuple[int | str, ...]) -> str:
    """``blocks[3].kernel``; the branches of a union, which pydantic names too, are no places in the document."""
    kinds = _kinds()
    place = ""
    for part in parts:
        if isinstance(part, int):
            place += f"[{part}]"
        elif part not in kinds and part != "int" and not part.startswith("literal["):
            place += f".{part}" if place else part
    return place


setattr(ArchSpec, "__pydantic_config__", ConfigDict(extra="forbid", strict=True))  # noqa: B010  (not declared)
