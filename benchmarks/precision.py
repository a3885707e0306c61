"""Does training in bf16 cost accuracy? Paired seeds of fp32 and bf16, MobileNetV3 small and a searched network.

    NAS_DATA_DIR=... python -m benchmarks.precision [--seeds 6] [--epochs 2] [--train-images 10000] [--json]

Both of a pair start from the same weights and see the same images in the same order; the validation fold goes with the
seed. Half an hour or more on two cores; stopped, it goes on where it was (``runs/benchmarks/precision.jsonl``).
"""

import argparse
import json
import random
import sys
from dataclasses import replace
from pathlib import Path
from statistics import fmean, stdev

from scipy.stats import t

from benchmarks.trained import Job, run_all
from nas.budget import Budget
from nas.draw import draw_inside
from nas.recipe import Recipe
from search_spaces import SPACES, find_reference

LEVEL = 0.95
POWER = 0.8


def networks() -> dict[str, object]:
    """Small, and the network that a search under 60 MFLOPs found (docs/results.md): its seed's first draw."""
    first = draw_inside(SPACES["mobilenet_v3"], Budget(macs=60_000_000), random.Random("0 0"), taken=set())
    return {"mobilenet_v3_small": find_reference("mobilenet_v3_small").spec(), "searched": first.spec}


def interval(differences: list[float]) -> dict[str, float | list[float] | int]:
    """Mean difference with its interval (Student's t), and the smallest loss this many pairs could show."""
    n, mean = len(differences), fmean(differences)
    error = stdev(differences) / n**0.5
    half = float(t.ppf(0.5 + LEVEL / 2, n - 1)) * error
    smallest = (float(t.ppf(0.5 + LEVEL / 2, n - 1)) + float(t.ppf(POWER, n - 1))) * error
    return {"pairs": n, "difference": mean, "ci": [mean - half, mean + half], "smallest_shown": smallest}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--train-images", type=int, default=10_000)
    parser.add_argument("--val-images", type=int)
    parser.add_argument("--resolution", type=int, default=32)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--lr", type=float, default=0.1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks/precision.jsonl"))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    recipe = Recipe(
        name="precision",
        epochs=options.epochs,
        train_images=options.train_images,
        val_images=options.val_images,
        resolution=options.resolution,
        crop=options.resolution // 8,
        batch=options.batch,
        max_lr=options.lr,
    )
    jobs = {
        (name, precision, seed): Job(
            key=f"{name} {precision} {recipe.hash} {seed}",
            spec=spec,
            recipe=replace(recipe, precision=precision),
            seed=seed,
            fold=seed % 5,
        )
        for seed in range(1, options.seeds + 1)  # seed by seed, so that what a stop leaves is paired
        for name, spec in networks().items()
        for precision in ("fp32", "bf16")
    }
    sys.stdout, out = sys.stderr, sys.stdout
    results = run_all(jobs.values(), options.out, workers=options.workers)
    sys.stdout = out
    accuracy = {place: results[job.key]["val_accuracy"] for place, job in jobs.items()}
    seeds = range(1, options.seeds + 1)
    table = {}
    for name in networks():
        differences = [accuracy[name, "bf16", seed] - accuracy[name, "fp32", seed] for seed in seeds]
        means = {p: fmean(accuracy[name, p, seed] for seed in seeds) for p in ("fp32", "bf16")}
        table[name] = means | interval(differences) | {"differences": differences}
    table["both"] = interval([one for row in list(table.values()) for one in row["differences"]])
    if options.json:
        print(json.dumps({"recipe": recipe.to_dict(), "networks": table}, indent=2))
        return
    for name, row in table.items():
        low, high = row["ci"]
        print(
            f"{name}: bf16 - fp32 {100 * row['difference']:+.2f} points, 95% interval {100 * low:+.2f} to "
            f"{100 * high:+.2f}, {row['pairs']} pairs; a loss of {100 * row['smallest_shown']:.2f} would have shown"
        )


if __name__ == "__main__":
    main()
