"""Which short training ranks networks best for its time?

    NAS_DATA_DIR=... python -m benchmarks.ranking [--budget-mflops 60] [--near 7] [--below 5] [--json] [--figure F]

Networks of mobilenet_v3, most of them near the budget, are trained by every short recipe (one seed, fold 0, as a
search's trials are) and several times longer as the yardstick (other seeds, other folds). Kendall's τ of the two
rankings, over all and among those near the budget, with bootstrap intervals over networks; cost is processor time of
one thread. Some hours on two cores; stopped, it goes on where it was (``runs/benchmarks/ranking.jsonl``).
"""

import argparse
import json
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean

from benchmarks.trained import Job, run_all
from nas.arch import ArchSpec
from nas.budget import Budget
from nas.cost import cost
from nas.draw import Draw, draw, draw_inside, walk
from nas.recipe import Recipe
from nas.trust import Agreement, agreement
from search_spaces import SPACES, find_reference

SPACE = SPACES["mobilenet_v3"]
NEAR = 0.85  # of the budget
BRIEF = Recipe(
    name="2 epochs of 3,000",
    epochs=2,
    train_images=3000,
    val_images=2500,
    resolution=32,
    batch=32,
    max_lr=0.05,
    precision="bf16",
)
HALF = "half width"
SHORT = (
    BRIEF,
    replace(BRIEF, name="2 epochs of 3,000, batch 64", batch=64, max_lr=0.1),
    replace(BRIEF, name="2 epochs of 1,500", train_images=1500),
    replace(BRIEF, name="4 epochs of 1,500", epochs=4, train_images=1500),
    replace(BRIEF, name="1 epoch of 6,000", epochs=1, train_images=6000),
    replace(BRIEF, name="2 epochs of 3,000, early drop", warmup=0.08),
    replace(BRIEF, name="2 epochs of 3,000, 24 px", resolution=24, crop=3),
    replace(BRIEF, name="2 epochs of 3,000, 24 px, batch 64", resolution=24, crop=3, batch=64, max_lr=0.1),
    replace(
        BRIEF, name="2 epochs of 6,000, 24 px, batch 64", train_images=6000, resolution=24, crop=3, batch=64, max_lr=0.1
    ),
    replace(BRIEF, name="4 epochs of 3,000, 16 px", epochs=4, resolution=16, crop=2),
    replace(BRIEF, name="4 epochs of 1,500, 16 to 32 px", epochs=4, train_images=1500, sides=(16, 16, 24, 32)),
    replace(BRIEF, name=HALF),
)
LONG = replace(BRIEF, name="yardstick", epochs=3, train_images=8000, val_images=None, batch=64, max_lr=0.1)


def networks(mflops: float, near: int, below: int) -> dict[str, tuple[ArchSpec, ArchSpec]]:
    """Name → the network, and the same at half width. MobileNetV3 small first; near the budget come first."""
    budget, rng = Budget(macs=round(mflops * 1e6)), random.Random("ranking")
    small = find_reference("mobilenet_v3_small")
    found = {"small": (small.spec(), small.scaled(0.5))}
    for number in range(near - 1):
        found[f"near {number}"] = _with_half(draw_inside(SPACE, budget, rng, near=NEAR))
    for number in range(below):
        least, most = (0.15 + 0.7 * (number + end) / below for end in (0, 1))
        point = draw(SPACE, rng)
        while not least <= budget.use(point.spec) < most:
            point = draw(SPACE, rng)
        found[f"below {number}"] = _with_half(point)
    return found


def _with_half(point: Draw) -> tuple[ArchSpec, ArchSpec]:
    width = float(point.choices["width"])
    half = walk(SPACE, lambda name, options: width / 2 if name == "width" else point.choices[name])
    return point.spec, half.spec


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--budget-mflops", type=float, default=60)
    parser.add_argument("--near", type=int, default=7)
    parser.add_argument("--below", type=int, default=5)
    parser.add_argument("--yardsticks", type=int, default=1, help="seeds of the long training")
    parser.add_argument("--only", default="", help="short recipes whose name contains this")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks/ranking.jsonl"))
    parser.add_argument("--figure", type=Path)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = networks(options.budget_mflops, options.near, options.below)
    recipes = [recipe for recipe in SHORT if options.only in recipe.name]
    long = [_job(name, found[name], LONG, seed) for name in found for seed in range(1, options.yardsticks + 1)]
    short = [_job(name, found[name], recipe, 0) for recipe in recipes for name in found]
    sys.stdout, out = sys.stderr, sys.stdout
    results = run_all(_network_by_network(found, [*long, *short]), options.out, workers=options.workers)
    sys.stdout = out

    def of(name: str, recipe: Recipe, seed: int, what: str) -> float:
        return float(results[_job(name, found[name], recipe, seed).key][what])

    seeds = range(1, options.yardsticks + 1)
    truth = [fmean(of(name, LONG, seed, "val_accuracy") for seed in seeds) for name in found]
    near = [at for at, name in enumerate(found) if not name.startswith("below")]
    rows = []
    for recipe in recipes:
        scores = [of(name, recipe, 0, "val_accuracy") for name in found]
        seconds = fmean(of(name, recipe, 0, "seconds") for name in found)
        rows.append(Row.of(recipe.name, seconds, scores, truth, near))
    macs = [float(cost(spec.trained_on(resolution=32, classes=10)).macs) for spec, _ in found.values()]
    rows.append(Row.of("multiply-adds of the trained form", 0.0, macs, truth, near))
    document = {
        "networks": {
            name: {"macs": cost(spec).macs, "yardstick": value}
            for (name, (spec, _)), value in zip(found.items(), truth, strict=True)
        },
        "yardstick_seconds": fmean(of(name, LONG, 1, "seconds") for name in found),
        "rows": [asdict(row) for row in rows],
    }
    if options.figure:
        draw_figure(rows, options.figure)
    if options.json:
        print(json.dumps(document, indent=2))
        return
    for row in sorted(rows, key=lambda one: one.seconds):
        print(f"{row.recipe:34} {row.seconds:6.0f} s  all: {_words(row.all)}, near: {_words(row.near)}")


def _network_by_network(found: dict[str, tuple[ArchSpec, ArchSpec]], jobs: list[Job]) -> list[Job]:
    """So that what a stop leaves is complete for some networks."""
    return [job for name in found for job in jobs if job.key.startswith(f"{name} ·")]


def _job(name: str, specs: tuple[ArchSpec, ArchSpec], recipe: Recipe, seed: int) -> Job:
    spec = specs[recipe.name == HALF]
    key = f"{name} · {recipe.name} {recipe.hash} · {seed}"
    return Job(key=key, spec=spec, recipe=recipe, seed=seed, fold=seed % 5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One way to rank: what it costs, and how well it agrees with the yardstick."""

    recipe: str
    seconds: float  # processor time of one training
    all: Agreement
    near: Agreement  # among the networks near the budget

    @classmethod
    def of(
        cls, name: str, seconds: float, scores: Sequence[float], truth: Sequence[float], near: Sequence[int]
    ) -> "Row":
        """``near`` are places in ``scores`` and ``truth``."""
        return cls(
            recipe=name,
            seconds=seconds,
            all=agreement(scores, truth),
            near=agreement([scores[at] for at in near], [truth[at] for at in near]),
        )


def _words(found: Agreement) -> str:
    if found.tau is None or found.ci is None:
        return "no τ"
    return f"τ {found.tau:+.2f} ({found.ci[0]:+.2f} to {found.ci[1]:+.2f})"


def draw_figure(rows: list[Row], file: Path) -> None:
    """τ against seconds of a training, over all networks and among those near the budget."""
    import matplotlib.pyplot as plt
    import seaborn as sns

    sns.set_theme(style="whitegrid", palette=sns.color_palette("husl", len(rows)))
    figure, panels = plt.subplots(1, 2, figsize=(12, 5), sharey=True, layout="constrained")
    parts: list[tuple[str, Callable[[Row], Agreement]]] = [
        ("over all networks", lambda row: row.all),
        ("among those near the budget", lambda row: row.near),
    ]
    for panel, (title, part) in zip(panels, parts, strict=True):
        for number, row in enumerate(rows):
            found = part(row)
            if found.tau is None or found.ci is None:
                continue
            panel.errorbar(
                row.seconds,
                found.tau,
                yerr=[[found.tau - found.ci[0]], [found.ci[1] - found.tau]],
                fmt="osD^vPX*<>h"[number % 11],
                capsize=3,
                label=row.recipe,
            )
        panel.axhline(0, color="grey", linewidth=0.8)
        panel.set(title=title, xlabel="processor seconds of one training")
    panels[0].set_ylabel("Kendall's τ with the longer training (95% bootstrap)")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside right center", fontsize="small")
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=120)


if __name__ == "__main__":
    main()
