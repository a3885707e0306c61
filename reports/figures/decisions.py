"""Which choices go along with accuracy: rank correlations, as they are and with the training cost taken out."""

from typing import TYPE_CHECKING

from nas.record import RunRecords
from reports.decisions import ENOUGH, Correlation, Effect, effects
from reports.figures.base import DRAWN, INK, REFERENCE, Drawing, Skipped, canvas, legend, measured_on
from reports.words import plural

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TITLE = "Choices and accuracy, exploratory"


def decisions(run: RunRecords) -> Drawing | Skipped:
    found = effects(run.trials)
    if not found:
        usable = sum(record.val_accuracy is not None and bool(record.choices) for record in run.trials)
        return Skipped(
            title=TITLE,
            reason=f"{plural(usable, 'complete trial')} with choices; a correlation needs {ENOUGH}, and choices and "
            "accuracies that differ",
        )
    figure, axes = canvas(run, TITLE, height=1.9 + 0.4 * len(found))
    for index, effect in enumerate(reversed(found)):
        _bar(axes, effect.raw, index + 0.13, DRAWN, "o", "as it is" if index == 0 else None)
        if effect.at_cost is not None:
            _bar(axes, effect.at_cost, index - 0.13, REFERENCE, "s", None)
    if any(effect.at_cost is not None for effect in found):
        axes.errorbar([], [], xerr=[], fmt="s", color=REFERENCE, markersize=5, label="at equal training cost")
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.set_yticks(range(len(found)), [effect.label for effect in reversed(found)])
    axes.set_ylim(-0.6, len(found) - 0.4)
    axes.set_xlim(-1.03, 1.03)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("rank correlation with validation accuracy (Spearman’s ρ)")
    legend(figure, axes)
    return Drawing(figure=figure, title=TITLE, caption=_caption(run, found))


def _bar(axes: "Axes", one: Correlation, height: float, color: str, marker: str, label: str | None) -> None:
    # the percentile interval need not contain the estimate
    left, right = max(0.0, one.rho - one.ci[0]), max(0.0, one.ci[1] - one.rho)
    axes.errorbar(
        [one.rho],
        [height],
        xerr=[[left], [right]],
        fmt=marker,
        color=color,
        markersize=5,
        capsize=2.5,
        elinewidth=1.2,
        label=label,
    )


def _caption(run: RunRecords, found: list[Effect]) -> str:
    trials = max(effect.trials for effect in found)
    intervals = sum(1 + (effect.at_cost is not None) for effect in found)
    return (
        f"{measured_on(run)} One number a network and kind of decision, over {plural(trials, 'complete trial')}; bars "
        f"are 95% bootstrap intervals over trials: {intervals} of them, and one in twenty misses zero by chance. "
        "“At equal training cost” takes out the rank of the trained form’s multiply-adds. A search’s trials were not "
        "picked to answer this: read it as where an ablation may be worth its time, not as what helps."
    )
