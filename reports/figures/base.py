"""What all figures share: size, style, colours, words about what was measured, and the way into files."""

import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nas.arch import SMALL_IMAGE
from nas.record import BaselineRecords, RunRecords, SearchFacts, StudyFacts
from reports import standing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZE = (6.2, 4.3)  # inches; small, so that the text is still readable on a phone
PNG_DPI = 160

# Okabe and Ito's colours, told apart by colour-blind readers; the shapes differ as well
TRIAL = "#0072B2"
DRAWN = "#56B4E9"
REFERENCE = "#D55E00"
WINNER = "#009E73"
CONTROL = "#CC79A7"
STOPPED = "#777777"
INK = "#333333"
PALE = "#BBBBBB"

ACCURACY = "validation accuracy (%)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A figure with what is to be read beneath it."""

    figure: "Figure"
    title: str
    caption: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A figure that the records cannot support, and why, in one line."""

    title: str
    reason: str


Draw = Callable[[RunRecords], Drawing | Skipped]
DrawBaselines = Callable[[BaselineRecords], Drawing | Skipped]


@contextmanager
def style() -> Iterator[None]:
    """Draw and save within it."""
    import matplotlib
    import seaborn as sns

    own: dict[Any, Any] = {
        "font.size": 10,
        "figure.titlesize": 11,
        "figure.titleweight": "bold",
        "axes.labelsize": 10,
        "xtick.labelsize": 9,
        "ytick.labelsize": 9,
        "legend.fontsize": 8.5,
        "legend.frameon": False,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": "#888888",
        "text.color": INK,
        "axes.labelcolor": INK,
        "xtick.color": INK,
        "ytick.color": INK,
        "axes.grid": True,
        "grid.color": "#EEEEEE",
        "svg.fonttype": "path",  # the same on every machine, whatever fonts it has
    }
    with sns.axes_style("ticks"), matplotlib.rc_context(own):
        yield


def canvas(run: RunRecords, title: str, *, height: float = SIZE[1]) -> "tuple[Figure, Axes]":
    """One pair of axes; the title of a demonstration says that it is one."""
    demo = standing.demo_words(run.facts)
    return blank(f"{title} ({demo})" if demo else title, height=height)


def blank(title: str, *, height: float = SIZE[1]) -> "tuple[Figure, Axes]":
    """One pair of axes under a title."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(SIZE[0], height), layout="constrained")
    axes = figure.subplots()
    # over the whole figure: a title of the axes would be cut off where their labels are long
    figure.suptitle(title, x=0.012, ha="left")
    return figure, axes


def legend(figure: "Figure", axes: "Axes", *, columns: int = 2) -> None:
    """Below the axes, where it hides no point."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside lower center", ncols=columns, handletextpad=0.5, columnspacing=1.5)


def whole_numbers(axes: "Axes") -> None:
    """No ticks between epochs or trials."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, min_n_ticks=1))


def latency_label(facts: SearchFacts) -> str:
    budget = facts.budget
    return f"latency on {budget.latency_target} (ms, one image at {budget.resolution} px)"


def log_cost(axes: "Axes") -> None:
    """A logarithmic x axis with plain numbers, a few in each decade."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def mflops_label(facts: SearchFacts) -> str:
    return f"multiply-adds, deployed (MFLOPs = 10⁶ MACs at {facts.budget.resolution} px)"


def train_label(facts: StudyFacts) -> str:
    return f"multiply-adds, trained form (10⁶ MACs at {facts.recipe.resolution} px)"


def trained_form(facts: StudyFacts) -> str:
    strides = ", CIFAR strides" if facts.recipe.resolution < SMALL_IMAGE else ""
    return f"{facts.recipe.resolution} px{strides}"


def measured_on(run: RunRecords) -> str:
    """What an accuracy in a figure is: of which images, in which form, after how many epochs."""
    facts = run.facts
    epochs = facts.recipe.epochs
    return (
        f"Accuracies: validation images of {facts.data.label}, trained form ({trained_form(facts)}), "
        f"{epochs} {'epoch' if epochs == 1 else 'epochs'}."
    )


def settle(figure: "Figure") -> None:
    """Lay out once and for all: both files show the same, and only one of them takes the time."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")


def png(figure: "Figure") -> bytes:
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=PNG_DPI, metadata={"Software": None})
    return out.getvalue()


def svg(figure: "Figure", name: str) -> str:
    """One ``<svg>`` element: no prologue, no metadata, and ids of its own, since several stand in one page."""
    import matplotlib

    out = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": name}):
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = out.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'href="#', f'href="#{name}-', text)
    return re.sub(r"url\(#", f"url(#{name}-", text)
