"""What selecting flatters: the selected accuracy of every confirmed network beside its fresh seeds."""

from nas.record import RunRecords
from reports.figures.base import (
    ACCURACY,
    CONTROL,
    PALE,
    REFERENCE,
    TRIAL,
    WINNER,
    Drawing,
    Skipped,
    canvas,
    legend,
    measured_on,
)
from reports.tables import NetworkRow, control_rows, network_rows
from reports.words import points

TITLE = "Selected against confirmed"
SCORES_ALPHA = 0.55
COLORS = {"winner": WINNER, "reference": REFERENCE, "control_winner": CONTROL, "control": CONTROL}
CONTROLS = ("control_winner", "control")


def selected_confirmed(run: RunRecords) -> Drawing | Skipped:
    both = (*network_rows(run), *control_rows(run))
    rows = [row for row in both if row.confirmed and row.record.val_accuracy is not None]
    if not rows:
        reason = "no network has been trained on fresh seeds" + ("" if run.facts.confirm == 0 else " yet")
        return Skipped(title=TITLE, reason=reason)
    rows.sort(key=lambda row: row.confirmed.mean if row.confirmed else 0.0)
    figure, axes = canvas(run, TITLE, height=1.9 + 0.36 * len(rows))
    fresh: dict[str, list[float]] = {}
    for record in run.confirmations:
        if record.val_accuracy is not None:
            fresh.setdefault(record.key, []).append(100 * record.val_accuracy)
    for height, row in enumerate(rows):
        assert row.confirmed is not None
        color = COLORS.get(row.role, TRIAL)
        selected, mean = 100 * (row.record.val_accuracy or 0), 100 * row.confirmed.mean
        first = height == 0  # one entry of the legend each
        axes.plot([selected, mean], [height, height], color=PALE, linewidth=1, zorder=1)
        seeds = fresh[row.record.key]
        axes.scatter(
            seeds,
            [height] * len(seeds),
            marker="|",
            s=70,
            color=color,
            alpha=SCORES_ALPHA,
            linewidths=1.2,
            label="one fresh seed" if first else None,
        )
        spread = None if row.ci is None else [[mean - 100 * row.ci[0]], [100 * row.ci[1] - mean]]
        axes.errorbar(
            [mean],
            [height],
            xerr=spread,
            fmt="s",
            color=color,
            markersize=5.5,
            capsize=3,
            elinewidth=1.2,
            label=("confirmed mean, 95% interval" if row.ci else "confirmed mean") if first else None,
            zorder=3,
        )
        axes.scatter(
            [selected],
            [height],
            s=34,
            facecolors="white",
            edgecolors=color,
            linewidths=1.3,
            label="selected" if first else None,
            zorder=4,
        )
    titles = [row.record.title + (" (winner)" if row.role == "winner" else "") for row in rows]
    axes.set_yticks(range(len(rows)), titles)
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(ACCURACY)
    legend(figure, axes, columns=3)
    return Drawing(figure=figure, title=TITLE, caption=_caption(run, rows))


def _caption(run: RunRecords, rows: list[NetworkRow]) -> str:
    caption = [measured_on(run), "Selected: the one training whose accuracy the search saw."]
    groups = {
        "trials": [row for row in rows if row.role not in ("reference", *CONTROLS)],
        "control": [row for row in rows if row.role in CONTROLS],
        "references (which nothing selected)": [row for row in rows if row.role == "reference"],
    }
    for name, group in groups.items():
        if group:
            gaps = [(row.record.val_accuracy or 0) - row.confirmed.mean for row in group if row.confirmed]
            caption.append(f"Selected minus confirmed, mean of the {name}: {points(sum(gaps) / len(gaps))}.")
    caption.append("Fresh seeds validate on other folds, so part of a gap is the fold's.")
    return " ".join(caption)
