"""How the front grew: the volume it covers after every trial."""

from nas import fronts
from nas.record import Record, RunRecords
from reports import standing
from reports.figures.base import (
    CONTROL,
    DRAWN,
    STOPPED,
    TRIAL,
    Drawing,
    Skipped,
    canvas,
    legend,
    measured_on,
    whole_numbers,
)
from reports.words import listed, percent

TITLE = "Progress of the front"


def hypervolume(run: RunRecords) -> Drawing | Skipped:
    if standing.is_demo(run.facts):
        return Skipped(title=TITLE, reason=f"a {standing.demo_words(run.facts)} has no front")
    if all(record.val_accuracy is None for record in run.trials):
        return Skipped(title=TITLE, reason="no trial is complete yet")
    volumes = _volumes(run, run.trials)
    numbers = [record.number or 0 for record in run.trials]
    figure, axes = canvas(run, TITLE)
    axes.step(numbers, volumes, where="post", color=TRIAL, linewidth=1.2, alpha=0.7, zorder=2)
    complete = [place for place, record in enumerate(run.trials) if record.val_accuracy is not None]
    drawn = [place for place in complete if run.trials[place].origin == "draw"]
    told = [place for place in complete if place not in drawn]
    lost = [place for place, record in enumerate(run.trials) if record.val_accuracy is None]
    for group, marker, color, label in (
        (drawn, "o", DRAWN, "drawn at random"),
        (told, "^", TRIAL, f"suggested by {run.facts.sampler}"),
        (lost, "x", STOPPED, "stopped early or failed"),
    ):
        if group:
            x, y = [numbers[place] for place in group], [volumes[place] for place in group]
            axes.scatter(x, y, marker=marker, color=color, s=30, linewidths=1.2, zorder=3, label=label)
    if run.control:
        x, y = [record.number or 0 for record in run.control], _volumes(run, run.control)
        axes.step(x, y, where="post", color=CONTROL, linewidth=1.4, linestyle=(0, (4, 1)), label="the control")
    axes.set(xlabel="trial, in the order of suggestion", ylabel="volume of the front (points × doublings)")
    axes.set_ylim(bottom=0)
    whole_numbers(axes)
    legend(figure, axes, columns=3)
    return Drawing(figure=figure, title=TITLE, caption=_caption(run))


def _volumes(run: RunRecords, trials: tuple[Record, ...]) -> list[float]:
    return [100 * volume for volume in fronts.progress(trials, run.facts, fronts.origin(run))]


def _caption(run: RunRecords) -> str:
    facts = run.facts
    origin = fronts.origin(run)
    parts = []
    for cost, value in zip(facts.goal.costs, origin.costs, strict=True):
        given = getattr(facts.budget, cost.attribute, None) is not None
        parts.append(f"{cost.text(value)}, {'the budget' if given else 'the dearest trial'}")
    return (
        f"{measured_on(run)} The volume (hypervolume) is counted from {percent(origin.accuracy)}, the accuracy of "
        f"guessing, and from {listed(parts)}, cost by its logarithm: a network that is a point better at every cost "
        "from half of the ceiling up to it adds one. By selected accuracies, so it grows with the number of trials by "
        "chance too."
        + (" The control: as many random draws, trained alike; the search saw none of them." if run.control else "")
    )
