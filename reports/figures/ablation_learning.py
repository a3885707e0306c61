"""Learning curves of an ablation: baseline and variant side by side, each with the interval of its mean."""

from typing import TYPE_CHECKING

from nas.evidence import mean_interval
from reports.ablation_reading import Network, Reading
from reports.figures.ablations import no_pair, short_name, trained_on
from reports.figures.base import ACCURACY, INK, SIZE, TRIAL, Drawing, Skipped

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TITLE = "Learning curves"
MOST = 12  # variants
ACROSS = 3
TALL = 1.75  # inches a row of panels
MARKED = 12  # epochs; longer curves are lines only


def learning(reading: Reading) -> Drawing | Skipped:
    from matplotlib.figure import Figure

    if reading.found is None:
        return Skipped(title=TITLE, reason=no_pair(reading))
    rows = [row for row in reading.variants if row.changed is not None]
    shown = sorted(rows, key=lambda row: -abs(row.changed.delta if row.changed else 0))[:MOST]
    shown = [row for row in rows if row in shown]  # in the order of the tables
    down = -(-len(shown) // ACROSS)
    figure = Figure(figsize=(SIZE[0], 1.3 + TALL * down), layout="constrained")
    figure.suptitle(TITLE, x=0.012, ha="left")
    every = figure.subplots(down, min(ACROSS, len(shown)), sharex=True, sharey=True, squeeze=False)
    base = reading.base
    for axes in every.flat[len(shown) :]:
        axes.remove()
    panels = every.flat[: len(shown)]
    for axes, row in zip(panels, shown, strict=True):
        _band(axes, reading, base, INK, "--")
        _band(axes, reading, row.network, TRIAL, "-")
        axes.set_title(short_name(row.title, 24), fontsize=9, parse_math=False)
    epochs = reading.recipe.epochs
    room = 0.5 if epochs == 1 else 0.04 * epochs
    panels[0].set_xlim(1 - room, epochs + room)
    for at, axes in enumerate(panels):
        axes.set_xlabel("epoch" if at + ACROSS >= len(shown) else "")
        axes.tick_params(labelbottom=at + ACROSS >= len(shown))
        _whole(axes)
    figure.supylabel(ACCURACY, fontsize=10)
    left = len(rows) - len(shown)
    others = f" The {len(shown)} that differ most; {left} others are in curves.csv." if left else ""
    several = any(len(row.network.accuracies) > 1 for row in shown)
    band = "; band: 95% interval of the mean by its own seeds, which holds what pairing takes out" if several else ""
    return Drawing(
        figure=figure,
        title=TITLE,
        caption=f"Line: mean over the seeds, the baseline’s broken and black{band}.{others} {trained_on(reading)}",
    )


def _band(axes: "Axes", reading: Reading, network: Network, color: str, line: str) -> None:
    curves = [[100 * epoch.val_accuracy for epoch in one.curve] for one in reading.records if one.key == network.name]
    found = [mean_interval(values) for values in zip(*curves, strict=False)]
    x, means = range(1, len(found) + 1), [mean for mean, _ in found]
    marker = "o" if len(found) <= MARKED else None
    axes.plot(x, means, color=color, linestyle=line, linewidth=1.4, marker=marker, markersize=2.5)
    ends = [ci or (mean, mean) for mean, ci in found]
    axes.fill_between(
        x, [max(low, 0) for low, _ in ends], [min(high, 100) for _, high in ends], color=color, alpha=0.13, linewidth=0
    )


def _whole(axes: "Axes") -> None:
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True, min_n_ticks=1))
