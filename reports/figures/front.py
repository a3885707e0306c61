"""The front: accuracy against the cost it was traded for, selected and confirmed, beside the references' curve."""

from typing import TYPE_CHECKING

from nas import evidence, front_evidence, fronts
from nas.front_evidence import Member
from nas.objectives import Cost
from nas.record import Record, RunRecords
from reports import standing
from reports.figures.base import (
    ACCURACY,
    INK,
    PALE,
    REFERENCE,
    TRIAL,
    WINNER,
    Drawing,
    Skipped,
    canvas,
    legend,
    log_cost,
    measured_on,
)
from reports.figures.labels import Label, place
from reports.figures.points import BEYOND, FILLED, along, draw_confirmed, draw_fall, selected
from reports.figures.points import front as best_by_cost
from reports.tables import NetworkRow, network_rows
from reports.words import listed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TITLE = "Front"


def front(run: RunRecords) -> Drawing | Skipped:
    rows = [row for row in network_rows(run) if row.record.val_accuracy is not None]
    cost = run.facts.goal.costs[0]
    own = [row for row in rows if row.role != "reference"]
    if not own:
        return Skipped(title=TITLE, reason="no trial is complete yet")
    ceiling = fronts.reference(run.facts, run.trials).costs[0]
    beyond = [row for row in rows if cost.of(row.record) > BEYOND * ceiling]
    references = [row for row in rows if row.role == "reference" and row not in beyond]
    members = standing.front(run)
    figure, axes = canvas(run, TITLE)
    log_cost(axes)
    _trials(axes, cost, [row.record for row in own if row.role != "front"])
    _selected(axes, cost, members, ceiling)
    _references(axes, cost, references)
    curve = _curve(axes, cost, run)
    _confirmed(axes, cost, members)
    if getattr(run.facts.budget, cost.attribute, None):
        axes.axvline(ceiling / cost.scale, color=INK, linestyle="--", linewidth=1, label="budget")
    unit = cost.unit + (f" at {run.facts.budget.resolution} px" if cost.name == "macs" else "")
    axes.set(xlabel=f"{cost.title}, deployed ({unit}, logarithmic)", ylabel=ACCURACY)
    axes.margins(x=0.06, y=0.1)
    legend(figure, axes, columns=3)
    place(axes, _labels(cost, members, references), avoid=[*_ink(cost, own, references, members), *curve])
    return Drawing(figure=figure, title=TITLE, caption=_caption(run, members, beyond))


def _trials(axes: "Axes", cost: Cost, records: list[Record]) -> None:
    if records:
        x = [cost.of(record) / cost.scale for record in records]
        y = [selected(record) for record in records]
        label = "trial, not on the front"
        axes.scatter(x, y, s=20, facecolors="none", edgecolors=PALE, linewidths=1, label=label, zorder=2)


def _selected(axes: "Axes", cost: Cost, members: list[Member], ceiling: float) -> None:
    if not members:
        return
    x = [cost.of(member.record) / cost.scale for member in members]
    y = [selected(member.record) for member in members]
    axes.scatter(x, y, s=34, facecolors="white", edgecolors=TRIAL, linewidths=1.3, label="front, selected", zorder=4)
    # with a third objective a dearer member may be the less accurate one; the line never falls
    steps = best_by_cost(x, y)
    steps.append((max(ceiling / cost.scale, *x), steps[-1][1]))
    axes.step(*zip(*steps, strict=True), where="post", color=TRIAL, linewidth=1, alpha=0.5, zorder=2)


def _references(axes: "Axes", cost: Cost, rows: list[NetworkRow]) -> None:
    once = [row.record for row in rows if not row.confirmed]
    if once:
        x = [cost.of(record) / cost.scale for record in once]
        y = [selected(record) for record in once]
        axes.scatter(
            x,
            y,
            s=32,
            marker="D",
            facecolors="white",
            edgecolors=REFERENCE,
            linewidths=1.1,
            label="reference, one seed",
        )
    for index, row in enumerate(one for one in rows if one.confirmed):
        assert row.confirmed is not None
        label = "reference, confirmed" if index == 0 else None
        x_of = cost.of(row.record) / cost.scale
        draw_confirmed(axes, x_of, row.confirmed, color=REFERENCE, marker="D", label=label)


def _curve(axes: "Axes", cost: Cost, run: RunRecords) -> list[tuple[float, float]]:
    """Draws it; returns points along it."""
    means = evidence.confirmed(evidence.scores(run.confirmations))
    known = front_evidence.confirmed_curve(run)
    x = [cost.of(record) / cost.scale for record in known]
    y = [100 * means[record.key].mean for record in known]
    if len(known) > 1:
        axes.plot(
            x, y, color=REFERENCE, linewidth=1.2, linestyle="-", alpha=0.7, zorder=2, label="MobileNetV3 small ×w"
        )

    parts = [step / 20 for step in range(21)]
    ends = zip(zip(x, y, strict=True), zip(x[1:], y[1:], strict=True), strict=False)
    return [(x0 * (x1 / x0) ** part, y0 + (y1 - y0) * part) for (x0, y0), (x1, y1) in ends for part in parts]


def _confirmed(axes: "Axes", cost: Cost, members: list[Member]) -> None:
    kinds = {"front, confirmed": (True, WINNER), "beaten on fresh seeds": (False, TRIAL)}
    for name, (holds, color) in kinds.items():
        group = [member for member in members if member.confirmed and member.holds is holds]
        for index, member in enumerate(group):
            assert member.confirmed is not None
            x, label = cost.of(member.record) / cost.scale, name if index == 0 else None
            draw_fall(axes, x, member.record, member.confirmed)
            draw_confirmed(axes, x, member.confirmed, color=color, marker="s", label=label)


def _labels(cost: Cost, members: list[Member], references: list[NetworkRow]) -> list[Label]:
    own = [
        Label(
            x=cost.of(member.record) / cost.scale,
            y=100 * member.confirmed.mean if member.confirmed else selected(member.record),
            text=f"{member.record.number}",
            color=WINNER if member.holds else TRIAL,
            bold=bool(member.holds),
        )
        for member in members
    ]
    others = [
        Label(
            x=cost.of(row.record) / cost.scale,
            y=100 * row.confirmed.mean if row.confirmed else selected(row.record),
            text=row.record.title.replace("MobileNet", ""),
            color=REFERENCE,
        )
        for row in references
    ]
    return [*own, *others]


def _ink(
    cost: Cost, own: list[NetworkRow], references: list[NetworkRow], members: list[Member]
) -> list[tuple[float, float]]:
    points = [(cost.of(row.record) / cost.scale, selected(row.record)) for row in (*own, *references)]
    confirmed = [(row.record, row.confirmed) for row in references] + [(one.record, one.confirmed) for one in members]
    for record, found in confirmed:
        if found is not None:
            points += [(cost.of(record) / cost.scale, accuracy) for accuracy in along(found)]
    return points


def _caption(run: RunRecords, members: list[Member], beyond: list[NetworkRow]) -> str:
    cost = run.facts.goal.costs[0]
    caption = [
        measured_on(run),
        "Hollow: the one training that selected; the line is the best selected at this cost or less.",
    ]
    if any(member.confirmed for member in members):
        caption.append(FILLED)
    caption.append("Numbers are trials of the front.")
    if len(run.facts.goal.costs) > 1:
        others = listed([one.title for one in run.facts.goal.costs[1:]])
        caption.append(f"Who is on the front depends on {others} too, which this figure does not show.")
    if beyond:
        outside = [
            f"{row.record.title} ({cost.text(cost.of(row.record))}, {selected(row.record):.1f}% with one seed)"
            for row in beyond
        ]
        caption.append(f"Beyond the axis: {listed(outside)}.")
    return " ".join(caption)
