"""One option instead of another at equal training cost, as the trials happen to show it."""

from nas.effects.verdict import MARGIN
from nas.free_evidence import Choice, FreeEvidence, free_evidence
from nas.record import RunRecords
from reports.figures.ablations import name_rows, shade_margin
from reports.figures.base import REFERENCE, Drawing, Skipped, canvas, measured_on
from reports.words import plural

TITLE = "Single choices at equal training cost, observational"
MOST = 15  # rows
ROW = 0.27  # inches


def single_choices(run: RunRecords) -> Drawing | Skipped:
    evidence = free_evidence(run)
    known = [one for one in evidence.choices if one.equal is not None and one.equal.ci is not None]
    if not known:
        return Skipped(title=TITLE, reason=evidence.reason or "no estimate has an interval")
    shown = sorted(sorted(known, key=_sure, reverse=True)[:MOST], key=_delta, reverse=True)
    figure, axes = canvas(run, TITLE, height=max(2.4, 1.3 + ROW * len(shown)))
    shade_margin(axes, MARGIN)
    for row, one in enumerate(shown):
        assert one.equal is not None
        assert one.equal.ci is not None
        axes.plot([100 * end for end in one.equal.ci], [row, row], color=REFERENCE, linewidth=1.6, zorder=3)
        axes.plot([100 * one.equal.delta], [row], "s", color=REFERENCE, markersize=5, zorder=4)
    name_rows(axes, [f"{one.kind} {one.option}, not {one.instead_of}" for one in shown])
    axes.set_xlabel("difference of validation accuracy for one decision (points)")
    return Drawing(figure=figure, title=TITLE, caption=_caption(run, evidence, len(shown), len(known)))


def _delta(one: Choice) -> float:
    return one.equal.delta if one.equal is not None else 0.0


def _sure(one: Choice) -> float:
    """How many half widths of its interval an estimate is away from none."""
    if one.equal is None or one.equal.ci is None:
        return 0.0
    return abs(one.equal.delta) / (one.equal.ci[1] - one.equal.ci[0])


def _caption(run: RunRecords, evidence: FreeEvidence, shown: int, known: int) -> str:
    numbers = [record.number for record in run.trials if record.number is not None]
    which = f" (of trials {min(numbers)} to {max(numbers)})" if numbers else ""
    some = f" The {shown} of {known} that are farthest from none, for their intervals." if shown < known else ""
    model = "all kinds of choices" if evidence.together else "each kind of choice by itself"
    return (
        f"{measured_on(run)} Additive model of {model} and log training cost over "
        f"{plural(len(evidence.trials), 'complete trial')}{which}; bars are 95% intervals, each by itself; shaded: "
        f"±{100 * MARGIN:g} points.{some} Choices were not assigned at random: this proposes paired runs and "
        "replaces none."
    )
