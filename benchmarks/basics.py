"""What a search spends beside training: costs, draws, suggestions, start-up.

    python -m benchmarks.basics [--json]

Prints medians; on a shared machine compare figures of one run with each other. A minute or two.
"""

import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import optuna

from nas.budget import Budget
from nas.cost import cost
from nas.draw import draw, draw_inside
from nas.samplers import SAMPLERS, InsideSampler
from nas.space import explore, from_trial
from search_spaces import SPACES

BUDGET = Budget(macs=60_000_000)
MFLOPS = {"squeezenet": 100, "densenet": 150}  # of the other spaces 60
TOLD = (0, 24, 100, 300)  # trials in the study when a suggestion is timed
SAMPLED = ("block", "tpe", "random", "nsga2")


def timed(work: Callable[[], object], repeats: int) -> float:
    """Median seconds of one call, after one that is not counted."""
    work()
    spent = []
    for _ in range(repeats):
        begin = time.perf_counter()
        work()
        spent.append(time.perf_counter() - begin)
    return statistics.median(spent)


def costs_and_draws(name: str) -> dict[str, float]:
    """Of one space: costs of random networks whose blocks are known, draws, and draws that use 85–100% of a budget."""
    space, rng = SPACES[name], random.Random(0)
    specs = [draw(space, rng).spec for _ in range(1000)]
    budget = Budget(macs=MFLOPS.get(name, 60) * 1_000_000)
    return {
        "cost_us": 1e6 / len(specs) * timed(lambda: [cost(spec) for spec in specs], 5),
        "draw_ms": 1e3 * timed(lambda: draw(space, rng), 200),
        "draw_inside_ms": 1e3 * timed(lambda: draw_inside(space, budget, rng), 50),
        "budget_mflops": budget.macs / 1e6 if budget.macs else 0.0,
    }


def suggestions(sampler: str) -> dict[str, float]:
    """Milliseconds of ask + explore with so many trials told, in memory; values are random."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    space, rng = SPACES["mobilenet_v3"], random.Random(0)
    inside = InsideSampler(space, BUDGET, seed=0, make_inner=SAMPLERS[sampler], name=sampler)
    study = optuna.create_study(direction="maximize", sampler=inside)
    result, spent = {}, []
    for number in range(max(TOLD) + 5):
        begin = time.perf_counter()
        trial = study.ask()
        explore(space, from_trial(trial))
        spent.append(time.perf_counter() - begin)
        study.tell(trial, rng.random())
        if number - 4 in TOLD:
            result[f"{number - 4}"] = 1e3 * statistics.median(spent[-5:])
    return result


def help_seconds() -> float:
    return timed(lambda: subprocess.run([sys.executable, "-m", "nas.search", "--help"], capture_output=True), 5)


def main() -> None:
    figures = {
        "spaces": {name: costs_and_draws(name) for name in SPACES},
        "suggestion_ms_after_trials": {name: suggestions(name) for name in SAMPLED},
        "help_s": help_seconds(),
    }
    if "--json" in sys.argv[1:]:
        print(json.dumps(figures, indent=2))
        return
    for name, value in figures.items():
        if isinstance(value, dict):
            for inner, found in value.items():
                print(f"{name} {inner}: " + ", ".join(f"{what}: {one:.3g}" for what, one in found.items()))
        else:
            print(f"{name}: {value:.4g}")


if __name__ == "__main__":
    main()
