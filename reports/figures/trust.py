"""Whether the search's short trainings rank: the same networks after trainings several times longer."""

from nas.plan import LONGER
from nas.record import RunRecords
from nas.trust import checked
from reports.figures.base import DRAWN, WINNER, Drawing, Skipped, canvas, legend, measured_on
from reports.sentences import trust

TITLE = "Short against longer training"


def short_against_long(run: RunRecords) -> Drawing | Skipped:
    found = checked(run)
    if found is None:
        asked = "two networks are needed" if run.facts.trust else "give --trust 8"
        return Skipped(title=TITLE, reason=f"no networks have been trained longer; {asked}")
    figure, axes = canvas(run, TITLE)
    top = found.top.networks
    for part, color, marker, label in (
        (slice(0, top), WINNER, "o", "best by the short training"),
        (slice(top, None), DRAWN, "s", "spread over the others"),
    ):
        short, long = ([100 * value for value in values[part]] for values in (found.short, found.long))
        if short:
            axes.scatter(short, long, color=color, marker=marker, s=42, label=label, zorder=3)
        for x, y, number in zip(short, long, found.numbers[part], strict=True):
            axes.annotate(f"{number}", (x, y), textcoords="offset points", xytext=(6, 4), fontsize=8)
    axes.set_xlabel("selected: validation accuracy after the short training (%)")
    axes.set_ylabel(f"after a training {LONGER} times longer (%)")
    axes.margins(0.08)
    legend(figure, axes)
    return Drawing(
        figure=figure,
        title=TITLE,
        caption=f"{trust(run)} Numbers are trials. Each was trained once longer, on another seed and fold. "
        f"{measured_on(run)}",
    )
