"""A network drawn to scale of its cost: as wide as it costs, and split by what the cost goes into."""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from nas.errors import NasError
from nas.profile.count import Count
from nas.profile.kinds import ORDER, kind_of, kind_words
from nas.profile.network import Profiled
from nas.profile.table import short_place

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from nas.blocks.operators import Operator

SUFFIXES = (".svg", ".png")
WIDTH = 7.4  # inches
PLOT = WIDTH - 0.9  # inches, the width of the axes: less what stands left of them
STRIP = 1.75  # inches a strip, words included
SMALL = 7.5  # points, of the words above a strip
LETTER = 0.58 * SMALL  # points, the width of a letter

# Okabe and Ito's colours, told apart by colour-blind readers; the hatches tell apart what is equally light in print
LOOKS = {
    "convolution": ("#009E73", "---"),
    "pointwise": ("#0072B2", ""),
    "depthwise": ("#E69F00", "\\\\\\\\"),
    "linear": ("#56B4E9", "...."),
    "squeeze_excite": ("#D55E00", "////"),
    "batch_norm": ("#BBBBBB", ""),
}
PLAIN = "#7A8CA0"  # of a block that is not split


class Part(NamedTuple):
    """What a block spends on one kind of operator."""

    kind: str
    value: float


class Drawn(NamedTuple):
    """A block in its place."""

    stage: str
    place: str
    parts: tuple[Part, ...]

    @property
    def value(self) -> float:
        return sum(part.value for part in self.parts)


def save(found: Profiled, path: Path, *, count: Count) -> None:
    """Raises ``NasError`` for a file of another kind, and where it cannot be written."""
    if path.suffix not in SUFFIXES:
        raise NasError(f"--figure {path}: must end in {' or '.join(SUFFIXES)}")
    if not path.parent.is_dir():
        raise NasError(f"--figure {path}: there is no folder {path.parent}")
    from reports.figures.base import png, style, svg

    with style():
        figure = draw(found, count=count)
        data = png(figure) if path.suffix == ".png" else svg(figure, "network").encode()
    try:
        path.write_bytes(data)
    except OSError as error:
        raise NasError(f"--figure {path}: {error.strerror or 'cannot be written'}") from None


def draw(found: Profiled, *, count: Count) -> "Figure":
    """Strips of multiply-adds, parameters and, where it is known, time; below them the memory of every block."""
    from matplotlib.figure import Figure

    from nas.cost import cost, ledger

    total, latency = cost(found.spec), found.latency
    strips: list[tuple[Callable[[Operator], float], str]] = [
        (lambda one: count.each * one.macs / 1e6, f"{count.axis} (10⁶)"),
        (lambda one: one.params / 1e3, "parameters (10³)"),
    ]
    rows = len(strips) + (latency is not None) + 1
    figure = Figure(figsize=(WIDTH, STRIP * rows + 1.0), layout="constrained")
    axes = list(figure.subplots(rows, 1))
    figure.get_layout_engine().set(h_pad=0.06, hspace=0.04)  # type: ignore[union-attr, call-arg]  # constrained
    figure.suptitle(
        f"{found.title}: {count.each * total.macs / 1e6:,.1f} {count.title}, {total.params / 1e6:,.2f} M parameters",
        x=0.012,
        ha="left",
    )
    seen: dict[str, None] = {}
    for (value, label), below in zip(strips, axes, strict=False):
        blocks = _blocks(found, value)
        seen |= dict.fromkeys(part.kind for block in blocks for part in block.parts)
        _strip(below, blocks, label)
    if latency is not None:
        known = latency.blocks_ms
        times = [
            block._replace(parts=(Part("", known[line.name]),) if known.get(line.name) else ())
            for line, block in zip(ledger(found.spec), _blocks(found, lambda one: one.macs), strict=True)
        ]
        _strip(axes[len(strips)], times, f"latency on {latency.device} (ms)")
        axes[len(strips)].set(yticks=[], ylabel="")  # it is not split
    _memory(axes[-1], found)
    _legend(figure, [kind for kind in ORDER if kind in seen], found.form)
    return figure


def _blocks(found: Profiled, value: "Callable[[Operator], float]") -> list[Drawn]:
    from reports.stages import places

    blocks = []
    for place, row in places(found.spec):
        parts: dict[str, float] = {}
        for operator in row.block.operators(row.shape):
            parts[kind_of(operator)] = parts.get(kind_of(operator), 0.0) + value(operator)
        used = tuple(Part(kind, parts[kind]) for kind in ORDER if parts.get(kind))
        blocks.append(Drawn(*short_place(place), used))
    return blocks


def _strip(axes: "Axes", blocks: Sequence[Drawn], label: str) -> None:
    """Every block as wide as its cost, and split from the bottom by kind of operator: areas are costs."""
    from matplotlib.patches import Rectangle

    total = sum(block.value for block in blocks)
    points = PLOT * 72 / total  # a unit of cost in points
    at, spans = 0.0, []
    for block in blocks:
        low = 0.0
        for part in block.parts:
            height = 100 * part.value / block.value
            color, hatch = LOOKS.get(part.kind, (PLAIN, ""))
            axes.add_patch(
                Rectangle((at, low), block.value, height, facecolor=color, edgecolor="white", hatch=hatch, linewidth=0)
            )
            low += height
        if block.value:
            edge = min(0.8, 0.12 * block.value * points)  # lines between thin blocks must not cover them
            axes.add_patch(Rectangle((at, 0), block.value, 100, fill=False, edgecolor="white", linewidth=edge))
        spans.append((block, at, at + block.value))
        at += block.value
    axes.set(xlim=(0, total), ylim=(0, 100), xlabel=label, ylabel="of the block (%)", yticks=[0, 50, 100])
    axes.grid(visible=False)
    _name(axes, spans, total)


def _memory(axes: "Axes", found: Profiled) -> None:
    """The most that activations take at once, block by block; all equally wide."""
    from nas.cost import ledger

    blocks = _blocks(found, lambda one: one.macs)
    peaks = [line.cost.peak_activation_bytes / 1e3 for line in ledger(found.spec)]
    most = max(peaks)
    axes.bar(
        [index + 0.5 for index in range(len(peaks))],
        peaks,
        width=0.84,
        color=["#333333" if peak == most else PLAIN for peak in peaks],
    )
    axes.set(xlim=(0, len(peaks)), ylim=(0, 1.08 * most), xticks=[], ylabel="10³ bytes")
    axes.set_xlabel(f"memory of activations, fp32, block by block (most: {most:,.0f} · 10³ bytes, dark)")
    axes.grid(visible=False, axis="x")
    _name(axes, [(block, index, index + 1) for index, block in enumerate(blocks)], len(peaks))


def _name(axes: "Axes", spans: "Sequence[tuple[Drawn, float, float]]", total: float) -> None:
    """Places above the blocks that have room for them, and above those a bracket for each part of the network."""
    from reports.figures.base import INK

    points = PLOT * 72 / total

    def fits(text: str, low: float, high: float) -> bool:
        return len(text) * LETTER + 2 < (high - low) * points

    above = axes.get_xaxis_transform()
    for block, low, high in spans:
        if block.place != block.stage and fits(block.place, low, high):
            axes.text((low + high) / 2, 1.03, block.place, transform=above, ha="center", va="bottom", fontsize=SMALL)
    for stage, low, high in _stages(spans):
        if high - low <= 4 / points:
            continue
        gap = 1.2 / points
        axes.plot([low + gap, high - gap], [1.19, 1.19], transform=above, color=INK, linewidth=0.9, clip_on=False)
        texts = (stage, stage.removeprefix("stage "))
        text = next((text for text in texts if fits(text, low, high)), None)
        if text:
            axes.text((low + high) / 2, 1.22, text, transform=above, ha="center", va="bottom", fontsize=SMALL)


def _stages(spans: "Sequence[tuple[Drawn, float, float]]") -> Iterator[tuple[str, float, float]]:
    for stage, group in groupby(spans, key=lambda span: span[0].stage):
        inside = list(group)
        yield stage, inside[0][1], inside[-1][2]


def _legend(figure: "Figure", kinds: Sequence[str], form: str) -> None:
    from matplotlib.patches import Patch

    handles = [
        Patch(facecolor=LOOKS[kind][0], edgecolor="white", hatch=LOOKS[kind][1], linewidth=0, label=kind_words(kind))
        for kind in kinds
        if kind in LOOKS
    ]
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=len(handles),
        handletextpad=0.5,
        columnspacing=1.4,
        title=f"Blocks in order, to scale of their cost, at {form}. Numbers: stage and block.",
        title_fontsize=SMALL + 0.5,
    )
