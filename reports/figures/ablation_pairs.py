"""What pairing is about: every network's accuracy by seed, and the differences of those that share one."""

from statistics import fmean

from reports.ablation_reading import Network, Reading
from reports.figures.ablations import DIFFERENCE, name_rows, no_pair, shade_margin, trained_on
from reports.figures.base import ACCURACY, INK, SIZE, Drawing, Skipped
from reports.figures.baselines import COLOURS

TITLE = "Seed by seed"
ROW = 0.27  # inches
LISTED = 10  # seeds; more have no legend


def paired_seeds(reading: Reading) -> Drawing | Skipped:
    from matplotlib.figure import Figure

    if reading.found is None:
        return Skipped(title=TITLE, reason=no_pair(reading))
    base = reading.base
    networks = [base, *(row.network for row in reading.variants)]
    figure = Figure(figsize=(SIZE[0], max(3.2, 1.7 + ROW * len(networks))), layout="constrained")
    figure.suptitle(TITLE, x=0.012, ha="left")
    left, right = figure.subplots(1, 2, sharey=True)
    numbers = sorted(base.accuracies)
    for seed, color in zip(numbers, colors(len(numbers)), strict=True):
        own = [(100 * one.accuracies[seed], at) for at, one in enumerate(networks) if seed in one.accuracies]
        left.plot([x for x, _ in own], [y for _, y in own], color=color, linewidth=0.8, alpha=0.55, zorder=2)
        left.scatter(
            [x for x, _ in own], [y for _, y in own], color=color, s=15, linewidths=0, zorder=3, label=f"{seed}"
        )
        paired = [(100 * (one.accuracies[seed] - base.accuracies[seed]), at) for at, one in _with(networks, seed)]
        right.scatter([x for x, _ in paired], [y for _, y in paired], color=color, s=15, linewidths=0, zorder=3)
    for at, one in enumerate(networks):
        shared = [seed for seed in one.accuracies if seed in base.accuracies]
        if shared:
            left.plot([100 * fmean(one.accuracies[seed] for seed in shared)], [at], **_MEAN)
            gaps = [one.accuracies[seed] - base.accuracies[seed] for seed in shared]
            right.plot([100 * fmean(gaps)], [at], **_MEAN)
    shade_margin(right, reading.facts.margin)
    name_rows(left, [one.title for one in networks])
    right.grid(visible=False, axis="y")
    left.set_xlabel(ACCURACY)
    right.set_xlabel(DIFFERENCE.replace(" (points)", "\n(points)"))
    left.set_title("accuracy", fontsize=10)
    right.set_title("minus the same seed’s", fontsize=10)
    if len(numbers) <= LISTED:
        handles, labels = left.get_legend_handles_labels()
        figure.legend(
            handles,
            labels,
            title="seed",
            loc="outside lower center",
            ncols=len(numbers),
            handletextpad=0.1,
            columnspacing=0.9,
        )
    return Drawing(
        figure=figure,
        title=TITLE,
        caption="Dot: one training; a line joins those of one seed, which share their fold and order of images; "
        f"upright tick: the mean. Where lines run side by side, pairing gains. {trained_on(reading)}",
    )


_MEAN = {"color": INK, "marker": "|", "markersize": 11, "markeredgewidth": 1.6, "zorder": 4}


def _with(networks: list[Network], seed: int) -> list[tuple[int, Network]]:
    return [(at, one) for at, one in enumerate(networks) if at and seed in one.accuracies]


def colors(count: int) -> list[tuple[float, float, float]]:
    """Told apart by colour-blind readers; of many, from dark blue to yellow."""
    import seaborn as sns
    from matplotlib.colors import to_rgb

    if count <= len(COLOURS):
        return [to_rgb(color) for color in COLOURS[:count]]
    found: list[tuple[float, float, float]] = list(sns.color_palette("cividis", count + 1)[:count])
    return found
