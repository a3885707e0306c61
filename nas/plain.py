"""A network as somebody would write it down with torch: entries of ``features`` and ``classifier``, one after the
other. Blocks with an inside are classes of their own name; the rest is torch's own modules. ``nas.export`` writes them
out; the names of their weights are a layout (``nas.layouts``)."""

from collections.abc import Iterator
from dataclasses import dataclass

from nas.arch import ArchSpec, Row
from nas.blocks import (
    Activation,
    Classifier,
    Convolution,
    ConvolutionClassifier,
    DenseLayer,
    DepthwiseSeparable,
    Fire,
    InvertedResidual,
    Linear,
    Normalisation,
    Pooling,
    Resize,
    Shape,
)
from nas.blocks.base import pad

ACTIVATIONS: dict[Activation, str] = {
    "none": "nn.Identity",
    "relu": "nn.ReLU",
    "relu6": "nn.ReLU6",
    "hardswish": "nn.Hardswish",
}
CONV_NORM = ("conv", "norm")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry. ``made``: the call that makes it, or the name of its class where that has an inside."""

    row: Row
    made: str
    change: str = ""  # of the shape: "16×112×112 → 24×56×56"; empty where it stays
    modules: tuple[str, ...] = ()  # those with weights, in the order of ours; "": the entry itself

    @property
    def composite(self) -> bool:
        return "(" not in self.made


def features(spec: ArchSpec) -> list[Entry]:
    """What works on maps."""
    return [entry for row in _split(spec)[0] for entry in _entries(row)]


def classifier(spec: ArchSpec) -> list[Entry]:
    """From the last map to the scores: flattened once."""
    rows = _split(spec)[1]
    if isinstance(rows[0].block, ConvolutionClassifier):
        return list(_entries(rows[0]))
    flat = Entry(row=rows[0], made="nn.Flatten()", change=f"{_size(rows[0].shape)} → {rows[0].shape.elements}")
    return [flat, *(entry for row in rows for entry in _linear(row))]


def names(spec: ArchSpec) -> Iterator[str]:
    """Of the modules with weights, in the order of ours."""
    for part, entries in (("features", features(spec)), ("classifier", classifier(spec))):
        for index, entry in enumerate(entries):
            for module in entry.modules:
                yield f"{part}.{index}.{module}".removesuffix(".")


def _split(spec: ArchSpec) -> tuple[list[Row], list[Row]]:
    rows = list(spec.rows())
    begin = len(rows) - 1
    while begin and isinstance(rows[begin - 1].block, Linear):
        begin -= 1
    return rows[:begin], rows[begin:]


def _entries(row: Row) -> Iterator[Entry]:
    """Of one row among the features."""
    block, shape, out = row.block, row.shape, row.out
    change = f"{_size(shape)} → {_size(out)}"
    match block:
        case Convolution() if block.norm and not block.bias:
            yield Entry(row=row, made="ConvNorm", change=change, modules=CONV_NORM)
        case Convolution():
            around = pad(block.kernel, block.padding)
            options = "".join(
                f", {name}={value}"
                for name, value, usual in (
                    ("stride", block.stride, 1),
                    ("padding", around, 0),
                    ("bias", block.bias, True),
                )
                if value != usual
            )
            made = f"nn.Conv2d({shape.channels}, {block.out}, {block.kernel}{options})"
            yield Entry(row=row, made=made, change=change, modules=("",))
            if block.norm:
                yield _norm(row, block.out, block.norm_eps, block.norm_momentum)
            yield from _activation(row, block.activation)
        case InvertedResidual():
            yield Entry(row=row, made="InvertedResidual", change=change, modules=tuple(_inverted_residual(row, block)))
        case DepthwiseSeparable():
            modules = tuple(f"{part}.{one}" for part in ("depthwise", "pointwise") for one in CONV_NORM)
            yield Entry(row=row, made="DepthwiseSeparable", change=change, modules=modules)
        case Fire():
            bypass = ("bypass",) if block.bypass == "complex" else ()
            yield Entry(row=row, made="Fire", change=change, modules=("squeeze", "expand1x1", "expand3x3", *bypass))
        case DenseLayer():
            inside = ("bottleneck", "norm2") if block.bottleneck else ()
            yield Entry(row=row, made="DenseLayer", change=change, modules=("norm1", *inside, "conv"))
        case Resize():
            yield Entry(row=row, made="Resize", change=change)
        case Normalisation():
            yield _norm(row, shape.channels, block.norm_eps, block.norm_momentum)
            yield from _activation(row, block.activation)
        case Pooling():
            made = _pooling(block)
            if made:
                yield Entry(row=row, made=made, change=change)
        case Linear():  # before something else than the classifier
            yield Entry(row=row, made="nn.Flatten()", change=f"{_size(shape)} → {shape.elements}")
            yield from _linear(row)
            yield Entry(row=row, made=f"nn.Unflatten(1, ({block.out}, 1, 1))", change=f"{block.out} → {_size(out)}")
        case ConvolutionClassifier():
            scores = f"{block.classes}×{shape.height}×{shape.width}"
            yield from _dropout(row, block.dropout)
            made = f"nn.Conv2d({shape.channels}, {block.classes}, 1)"
            yield Entry(row=row, made=made, change=f"{_size(shape)} → {scores}", modules=("",))
            yield from _activation(row, block.activation)
            yield Entry(row=row, made="nn.AdaptiveAvgPool2d(1)", change=f"{scores} → {_size(out)}")
            yield Entry(row=row, made="nn.Flatten()", change=f"{_size(out)} → {block.classes}")


def _inverted_residual(row: Row, block: InvertedResidual) -> Iterator[str]:
    if block.expands(row.shape):
        yield from ("expand.conv", "expand.norm")
    yield from ("depthwise.conv", "depthwise.norm")
    if block.squeeze:
        yield from ("squeeze_excite.reduce", "squeeze_excite.expand")
    yield from ("project.conv", "project.norm")


def _linear(row: Row) -> Iterator[Entry]:
    """A hidden layer or the classifier, on features that are flat already."""
    block, width = row.block, row.shape.elements

    def linear(before: int, after: int) -> Entry:
        return Entry(row=row, made=f"nn.Linear({before}, {after})", change=f"{before} → {after}", modules=("",))

    if isinstance(block, Linear):
        yield from _dropout(row, block.dropout)
        yield linear(width, block.out)
        yield from _activation(row, block.activation)
    elif isinstance(block, Classifier):
        if block.hidden:
            yield linear(width, block.hidden)
            yield from _activation(row, block.activation)
        yield from _dropout(row, block.dropout)
        yield linear(block.hidden or width, block.classes)


def _norm(row: Row, channels: int, eps: float, momentum: float) -> Entry:
    return Entry(row=row, made=f"nn.BatchNorm2d({channels}{norm_options(eps, momentum)})", modules=("",))


def norm_options(eps: float, momentum: float) -> str:
    """``, eps=0.001, momentum=0.01``; what is torch's own is left out."""
    return (f", eps={eps}" if eps != 1e-5 else "") + (f", momentum={momentum}" if momentum != 0.1 else "")


def _activation(row: Row, activation: Activation) -> Iterator[Entry]:
    if activation != "none":
        yield Entry(row=row, made=f"{ACTIVATIONS[activation]}()")


def _dropout(row: Row, share: float) -> Iterator[Entry]:
    if share:
        yield Entry(row=row, made=f"nn.Dropout({share})")


def _pooling(block: Pooling) -> str:
    """Empty for a window of one pixel, which changes nothing."""
    operation = "Avg" if block.operation == "average" else "Max"
    if not block.kernel:
        return f"nn.Adaptive{operation}Pool2d({block.size})"
    if block.kernel == block.stride == 1:
        return ""
    padding = f", padding={block.padding}" if block.padding else ""
    ceil = ", ceil_mode=True" if block.ceil else ""
    return f"nn.{operation}Pool2d({block.kernel}, stride={block.stride}{padding}{ceil})"


def _size(shape: Shape) -> str:
    return "×".join(map(str, shape))
