"""The deployed cost, which the budget limits, against the trained cost, which may explain the accuracy."""

from nas.budget import MILLION
from nas.record import RunRecords
from reports.figures.base import INK, Drawing, Skipped, canvas, legend, measured_on, mflops_label, train_label
from reports.words import signed

TITLE = "Cost deployed and cost trained"
ENOUGH = 4  # complete trials; below it a rank correlation says nothing


def two_costs(run: RunRecords) -> Drawing | Skipped:
    complete = [record for record in run.trials if record.val_accuracy is not None]
    if len(complete) < 2:
        return Skipped(title=TITLE, reason="fewer than two trials are complete")
    deployed = [record.macs / MILLION for record in complete]
    trained = [record.train_macs / MILLION for record in complete]
    accuracy = [100 * (record.val_accuracy or 0) for record in complete]
    figure, axes = canvas(run, TITLE)
    dots = axes.scatter(
        trained,
        deployed,
        c=accuracy,
        cmap="cividis",
        s=38,
        edgecolors=INK,
        linewidths=0.4,
        zorder=3,
    )
    bar = figure.colorbar(dots, ax=axes)
    bar.set_label("selected validation accuracy (%)")
    bar.outline.set_visible(False)
    if run.facts.budget.macs is not None:
        limit = run.facts.budget.macs / MILLION
        axes.axhline(limit, color=INK, linestyle="--", linewidth=1, label="budget")
        legend(figure, axes)
    axes.set(xlabel=train_label(run.facts), ylabel=mflops_label(run.facts).replace(" (", "\n("))
    axes.margins(0.08)
    return Drawing(
        figure=figure, title=TITLE, caption=f"{measured_on(run)} {_correlations(deployed, trained, accuracy)}"
    )


def _correlations(deployed: list[float], trained: list[float], accuracy: list[float]) -> str:
    count = len(accuracy)
    if count < ENOUGH:
        return f"With {count} complete trials nothing can be said about how the costs and the accuracy hang together."
    pairs = {
        "the two costs": (deployed, trained),
        "accuracy and trained cost": (trained, accuracy),
        "accuracy and deployed cost": (deployed, accuracy),
    }
    said = [f"{name} {_rho(x, y)}" for name, (x, y) in pairs.items()]
    return (
        f"Rank correlations over {count} complete trials (Spearman’s ρ): {', '.join(said)}. Where trained cost goes "
        "along with accuracy, part of what looks like a better network is a longer computation."
    )


def _rho(x: list[float], y: list[float]) -> str:
    if len(set(x)) < 2 or len(set(y)) < 2:
        return "undefined (all equal)"
    from scipy.stats import spearmanr

    return signed(float(spearmanr(x, y).statistic), 2)
