"""The operators that blocks are made of, and what each costs: the one place where a formula of cost stands.

A block lists its operators as they are run when the network is used, each by itself; its cost is their sum. What reads
one map and writes another holds both; batch norm and activations write where they read. ``held`` are elements of a
shortcut, or of another branch, that wait meanwhile.
"""

from collections.abc import Iterable
from typing import Literal, NamedTuple, get_args

from nas.blocks.base import FLOAT_BYTES, Activation, Cost, Gate, Padding, Shape, convolved, square, strided

OperatorKind = Literal[
    "convolution",
    "pointwise",  # a 1×1 convolution
    "depthwise",
    "linear",
    "batch_norm",
    "activation",
    "pooling",
    "product",
    "sum",
    "concatenation",
    "resize",
    "dropout",
]
KINDS: tuple[OperatorKind, ...] = get_args(OperatorKind)


class Operator(NamedTuple):
    """One step of a block, for one image."""

    kind: OperatorKind
    words: str  # what people are shown of it: "5×5, 96 channels, stride 2"
    out: Shape
    live: int  # elements held while it works: what it reads and writes, and what waits
    touched: int  # elements of activations that it reads and writes
    macs: int = 0
    kernels: int = 0  # parameters of convolution and linear kernels
    vectors: int = 0  # parameters of biases and batch norms
    squeeze_excite: bool = False  # whether it is a part of one

    @property
    def params(self) -> int:
        return self.kernels + self.vectors


def total(operators: Iterable[Operator]) -> Cost:
    """One after the other: work and parameters add up, the peak is the fullest moment."""
    macs = kernels = vectors = live = count = 0
    for one in operators:
        count += 1
        macs += one.macs
        kernels += one.kernels
        vectors += one.vectors
        live = max(live, one.live)
    return Cost(
        macs=macs,
        params=kernels + vectors,
        kernels=kernels,
        peak_activation_bytes=FLOAT_BYTES * live,
        operators=count,
    )


def _from_to(
    kind: OperatorKind,
    words: str,
    shape: Shape,
    out: Shape,
    held: int,
    *,
    macs: int = 0,
    kernels: int = 0,
    vectors: int = 0,
) -> Operator:
    """An operator that reads one map and writes another."""
    touched = shape.elements + out.elements
    return Operator(kind, words, out, touched + held, touched, macs, kernels, vectors)


def _in_place(kind: OperatorKind, words: str, shape: Shape, held: int, *, vectors: int = 0) -> Operator:
    """One that writes where it reads."""
    return Operator(kind, words, shape, shape.elements + held, 2 * shape.elements, vectors=vectors)


def conv(
    shape: Shape,
    out_channels: int,
    kernel: int,
    *,
    stride: int = 1,
    padding: Padding = "same",
    groups: int = 1,
    bias: bool = False,
    held: int = 0,
) -> Operator:
    """A k×k convolution: every element of its output is a sum over k² · in/groups products."""
    out = convolved(shape, out_channels, kernel, stride, padding)
    window = kernel * kernel * shape.channels // groups
    depthwise = groups == shape.channels == out_channels and groups > 1
    kind: OperatorKind = "depthwise" if depthwise else "pointwise" if kernel == 1 else "convolution"
    through = f"{out_channels} channels" if depthwise else f"{shape.channels} → {out_channels} channels"
    return _from_to(
        kind,
        ", ".join(part for part in (square(kernel), through, strided(stride)) if part),
        shape,
        out,
        held,
        macs=out.elements * window,
        kernels=out_channels * window,
        vectors=out_channels if bias else 0,
    )


def linear(width: int, out: int, *, held: int = 0) -> Operator:
    """A matrix product with a bias, on flattened features."""
    return _from_to(
        "linear",
        f"{width} → {out} channels",
        Shape(width, 1, 1),
        Shape(out, 1, 1),
        held,
        macs=width * out,
        kernels=width * out,
        vectors=out,
    )


def norm(shape: Shape, *, held: int = 0) -> Operator:
    """Batch norm: a scale and a shift a channel; its running statistics are buffers, not parameters. No multiply-adds,
    by convention: it folds into the convolution before it."""
    return _in_place("batch_norm", f"{shape.channels} channels", shape, held, vectors=2 * shape.channels)


def activation(name: Activation, shape: Shape, *, held: int = 0) -> list[Operator]:
    """The operator in a list, or an empty list for "none"."""
    return [] if name == "none" else [_in_place("activation", name, shape, held)]


def dropout(share: float, shape: Shape, *, held: int = 0) -> list[Operator]:
    """The operator in a list, or an empty list for 0. It does something in training only."""
    if not share:
        return []
    return [Operator("dropout", f"{share:g}, in training only", shape, live=shape.elements + held, touched=0)]


def pooling(words: str, shape: Shape, out: Shape, *, held: int = 0) -> Operator:
    return _from_to("pooling", words, shape, out, held)


def resize(shape: Shape, out: Shape) -> Operator:
    return _from_to("resize", f"{out.height}×{out.width} px", shape, out, 0)


def add(shape: Shape) -> Operator:
    """Two maps of one shape into a third."""
    return Operator("sum", f"{shape.channels} channels", shape, live=3 * shape.elements, touched=3 * shape.elements)


def concatenation(out: Shape, *, held: int = 0) -> Operator:
    """Maps into one that is as large as all of them."""
    return Operator(
        "concatenation", f"{out.channels} channels", out, live=2 * out.elements + held, touched=2 * out.elements
    )


def squeeze_excite(shape: Shape, squeeze: int, gate: Gate, *, held: int = 0) -> list[Operator]:
    """Pool → 1×1 to ``squeeze`` → ReLU → 1×1 back → gate → product: two 1×1 convolutions with biases on a pooled 1×1
    map, while the features wait."""
    pooled, few = Shape(shape.channels, 1, 1), Shape(squeeze, 1, 1)
    waiting = shape.elements + held
    features_gates_result = 2 * shape.elements + pooled.elements
    parts = [
        pooling("average", shape, pooled, held=held),
        conv(pooled, squeeze, 1, bias=True, held=waiting),
        *activation("relu", few, held=waiting),
        conv(few, shape.channels, 1, bias=True, held=waiting),
        _from_to("activation", gate, pooled, pooled, waiting),
        Operator(
            "product",
            f"{shape.channels} channels",
            shape,
            live=features_gates_result + held,
            touched=features_gates_result,
        ),
    ]
    return [part._replace(squeeze_excite=True) for part in parts]
