"""Where latency and multiply-adds disagree: network by network, and by kind of block."""

from collections import defaultdict
from statistics import median

from nas.budget import MILLION
from nas.cost import ledger
from nas.latency.value import Latency
from nas.record import Record, RunRecords
from reports.figures.base import (
    INK,
    REFERENCE,
    TRIAL,
    Drawing,
    Skipped,
    canvas,
    latency_label,
    legend,
    measured_on,
    mflops_label,
)
from reports.words import listed

TITLE = "Latency by multiply-adds"
BEYOND = 2.0  # times the median network's multiply-adds
BLOCKS_TITLE = "Milliseconds a million multiply-adds"

Known = tuple[Record, Latency]


def latency_by_macs(run: RunRecords) -> Drawing | Skipped:
    """One point a network; filled where the whole network was measured."""
    known = [(record, latency) for record in _networks(run) if (latency := run.latency(record)) is not None]
    if len(known) < 2:
        return Skipped(title=TITLE, reason="no latency target was chosen, or fewer than two networks have a latency")
    known, beyond = _in_view(known)
    figure, axes = canvas(run, TITLE)
    for own, color, marker, who in ((True, TRIAL, "o", "trial"), (False, REFERENCE, "D", "reference")):
        for measured in (True, False):
            points = [
                (record.macs / MILLION, latency)
                for record, latency in known
                if (record.name is None) == own and latency.measured == measured
            ]
            if not points:
                continue
            x, y = [macs for macs, _ in points], [latency.ms for _, latency in points]
            spread = [[one.ms - one.low for _, one in points], [one.high - one.ms for _, one in points]]
            axes.errorbar(
                x,
                y,
                spread,
                fmt=marker,
                color=color,
                markerfacecolor=color if measured else "none",
                markersize=5.5,
                elinewidth=0.7,
                label=f"{who}, {'measured' if measured else 'predicted'}",
            )
    budget = run.facts.budget
    if budget.latency_ms is not None:
        axes.axhline(budget.latency_ms, color=INK, linestyle="--", linewidth=1, label="budget")
    axes.set(xlabel=mflops_label(run.facts), ylabel=latency_label(run.facts).replace(" (", "\n("))
    axes.margins(0.08)
    legend(figure, axes)
    return Drawing(figure=figure, title=TITLE, caption=" ".join((_spread(known), *beyond, _trusted(run))))


def _in_view(known: list[Known]) -> tuple[list[Known], list[str]]:
    """Those that do not squeeze the others into a corner, and what is said of the others."""
    limit = BEYOND * median(record.macs for record, _ in known)
    outside = [
        f"{record.title} ({record.macs / MILLION:.1f} MFLOPs, {latency.ms:.2f} ms)"
        for record, latency in known
        if record.macs > limit
    ]
    said = [f"Beyond the axis: {listed(outside)}."] if outside else []
    return [one for one in known if one[0].macs <= limit], said


def _networks(run: RunRecords) -> list[Record]:
    return [*run.trials, *run.references]


def _spread(known: list[Known]) -> str:
    """How far apart networks of the same multiply-adds are."""
    rates = sorted(latency.ms / record.macs * MILLION for record, latency in known if record.macs)
    return (
        f"{len(known)} networks need {rates[0]:.3f} to {rates[-1]:.3f} ms a million multiply-adds: a factor of "
        f"{rates[-1] / rates[0]:.1f} that multiply-adds do not tell. Bars: 95% intervals."
    )


def _trusted(run: RunRecords) -> str:
    fit = run.facts.calibration
    if fit is None:
        return ""
    return (
        f"Predictions were off by {fit.error:.1%} in the median and by at most {fit.error_95:.1%} in 95% of "
        f"{fit.checked} other networks; a line in multiply-adds would have been off by {fit.macs_error:.1%}. "
        f"Measured on {run.facts.latency_fingerprint}."
    )


def latency_by_block(run: RunRecords) -> Drawing | Skipped:
    """What a million multiply-adds cost in each kind of block."""
    rates = _rates(run)
    if not rates:
        return Skipped(title=BLOCKS_TITLE, reason="no latency target was chosen")
    figure, axes = canvas(run, BLOCKS_TITLE)
    names = sorted(rates, key=lambda name: rates[name][0] / rates[name][1])
    values = [rates[name][0] / rates[name][1] for name in names]
    axes.barh(names, values, color=TRIAL, height=0.62)
    for name, value in zip(names, values, strict=True):
        share = rates[name][0] / sum(ms for ms, _ in rates.values())
        axes.annotate(f" {value:.3f}  ({share:.0%} of the time)", (value, name), va="center", fontsize=8)
    axes.set(xlabel=f"ms a million multiply-adds on {run.facts.budget.latency_target}")
    axes.set_xlim(0, 1.55 * max(values))  # room for what stands behind the bars
    caption = (
        f"Summed over the blocks of {len(_networks(run))} networks of this run, each block timed by itself at "
        f"{run.facts.budget.resolution} px. {measured_on(run)}"
    )
    return Drawing(figure=figure, title=BLOCKS_TITLE, caption=caption)


def _rates(run: RunRecords) -> dict[str, tuple[float, float]]:
    """Kind of block → milliseconds and millions of multiply-adds, over all networks."""
    ms: dict[str, float] = defaultdict(float)
    macs: dict[str, float] = defaultdict(float)
    for record in _networks(run):
        if record.latency is None or not record.latency.blocks:
            continue
        rows = ledger(run.facts.budget.deployed(record.spec))
        spec_rows = run.facts.budget.deployed(record.spec).rows()
        for line, row, one in zip(rows, spec_rows, record.latency.blocks, strict=True):
            name = line.kind.replace("_", " ")
            if getattr(row.block, "squeeze", 0) and line.kind == "inverted_residual":
                name += " with SE"
            if hasattr(row.block, "kernel") and line.kind in ("inverted_residual", "depthwise_separable"):
                name += f", {row.block.kernel}×{row.block.kernel}"
            ms[name] += one
            macs[name] += line.cost.macs / MILLION
    return {name: (ms[name], macs[name]) for name in ms if macs[name] > 0}
