"""Processor time of one suggestion with many trials told.

    python -m benchmarks.suggestions [--samplers block random] [--told 1000] [--suggestions 20] [--json]

``mobilenet_v3`` under 60 MFLOPs, the study in memory, filled with random networks that use more than 0.6 of the budget
and have random values. A suggestion is all from asking to the last decision; samplers take turns, so that others' work
on the machine meets all of them. The first four of each are not counted. Under a minute.
"""

import argparse
import json
import random
import statistics
import time

import optuna
from optuna.trial import FrozenTrial, create_trial

from nas.budget import Budget
from nas.draw import draw
from nas.samplers import SAMPLERS, InsideSampler
from nas.samplers.told import distribution_of
from nas.space import as_suggested, explore, from_trial
from search_spaces import SPACES

SPACE, BUDGET = SPACES["mobilenet_v3"], Budget(macs=60_000_000)
LEAST = 0.6  # of the budget
UNCOUNTED = 4


def told(count: int, rng: random.Random) -> list[FrozenTrial]:
    """Finished trials of random networks."""
    trials: list[FrozenTrial] = []
    while len(trials) < count:
        point = draw(SPACE, rng)
        use = BUDGET.use(point.spec)
        if LEAST < use <= 1:
            asked = {name: options for name, options in point.domains.items() if len(options) > 1}
            trials.append(
                create_trial(
                    params={name: as_suggested(options, point.choices[name]) for name, options in asked.items()},
                    distributions={name: distribution_of(options) for name, options in asked.items()},
                    value=rng.random() + use,
                )
            )
    return trials


def study(sampler: str, trials: list[FrozenTrial]) -> optuna.Study:
    inside = InsideSampler(SPACE, BUDGET, seed=0, make_inner=SAMPLERS[sampler], name=sampler)
    made = optuna.create_study(direction="maximize", sampler=inside)
    made.add_trials(trials)
    return made


def suggestion_ms(of: optuna.Study, rng: random.Random) -> float:
    begin = time.process_time()
    trial = of.ask()
    explore(SPACE, from_trial(trial))
    spent = time.process_time() - begin
    of.tell(trial, rng.random())
    return 1e3 * spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samplers", nargs="+", choices=SAMPLERS, default=["block", "random"])
    parser.add_argument("--told", type=int, default=1000, help="trials")
    parser.add_argument("--suggestions", type=int, default=20, help="that are counted")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    trials = told(asked.told, random.Random(0))
    studies = {name: study(name, trials) for name in asked.samplers}
    spent: dict[str, list[float]] = {name: [] for name in studies}
    rng = random.Random(1)
    for _ in range(UNCOUNTED + asked.suggestions):
        for name, one in studies.items():
            spent[name].append(suggestion_ms(one, rng))
    figures = {
        name: {"median_ms": statistics.median(counted), "most_ms": max(counted)}
        for name, counted in ((name, of[UNCOUNTED:]) for name, of in spent.items())
    }
    if asked.json:
        print(json.dumps({"told": asked.told, "suggestions": asked.suggestions, "samplers": figures}, indent=2))
        return
    for name, found in figures.items():
        print(f"{name} after {asked.told}: median {found['median_ms']:.1f} ms, most {found['most_ms']:.1f} ms")


if __name__ == "__main__":
    main()
