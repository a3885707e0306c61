"""Does what costs nothing rank networks, and does it save a search trials? Measured in trainings of this project.

    NAS_DATA_DIR=... python -m benchmarks.prior_knowledge [--networks 48] [--searches 100] [--json]

Networks of mobilenet_v3 under 60 MFLOPs, every second one near the budget, are trained briefly (seed 0, fold 0, as a
search's trials are) and four times as long as the yardstick (seed 1, fold 1). Kendall's τ with the yardstick of the
brief accuracy, of the sum of brief training losses, of both together, of multiply-adds, of the number of blocks and of
scores of the untrained network; each also less that of the accuracy, with 95% bootstrap intervals over networks. Then
searches among these networks are told the brief accuracies: regret is what the best of the three that a search would
confirm lacks, in points of the yardstick, to the best of all, in pairs of equal seeds with ``block``'s. Each search
picks from a random two thirds, so that its luck is partly that of the networks too. About 90 seconds a network and
core; stopped, it goes on where it was (``runs/benchmarks/prior_knowledge.jsonl``).
"""

import argparse
import json
import random
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any

import optuna

from benchmarks.quality_summary import interval, mean_and_error
from benchmarks.trained import Job, run_all
from nas.budget import Budget
from nas.command import mended_by_user
from nas.cost import cost
from nas.data import load
from nas.draw import NEAR, Draw, draw, draw_inside
from nas.effort import recipe_for
from nas.errors import NasError
from nas.evidence import FINALISTS
from nas.find_precision import find_precision
from nas.machine import machine, versions
from nas.plan import longer
from nas.recipe import Recipe
from nas.record import RECORD
from nas.samplers import SAMPLERS, InsideSampler, ask
from nas.samplers.moment import FAIR
from nas.samplers.scores import RESOLUTION, SEED, score, training_costs
from nas.trust import Agreement, agreement, kendall
from nas.zero_cost import naswot
from search_spaces import SPACES

SPACE = SPACES["mobilenet_v3"]
SHARE = 2 / 3  # of the networks that one search picks from
EVALUATIONS = (10, 12, 16, 20)  # the first eight are alike with prior knowledge and without
COMPARED = ("block", "block_unsized", "block_training", "block_losses", "block_scores", "tpe", "random")
RESAMPLES = 2000  # of the bootstrap


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Known:
    """A network with its brief training and its longer one."""

    point: Draw
    macs: int
    accuracy: float  # points, of the brief training
    losses: tuple[float, ...]  # an epoch, of the brief training
    yardstick: float  # points


def networks(budget: Budget, count: int) -> list[Draw]:
    """The same first ones whatever the count."""
    rng = random.Random("prior knowledge")
    found: list[Draw] = []
    while len(found) < count:
        point = draw_inside(SPACE, budget, rng) if len(found) % 2 == 0 else _below(budget, rng)
        if all(point.spec != other.spec for other in found):
            found.append(point)
    return found


def _below(budget: Budget, rng: random.Random) -> Draw:
    while True:
        point = draw(SPACE, rng)
        if FAIR <= budget.use(point.spec) < NEAR:
            return point


def trained(points: Sequence[Draw], brief: Recipe, yardstick: Recipe, out: Path, workers: int) -> list[Known]:
    jobs = [
        Job(key=f"{number} · {recipe.hash} · {seed}", spec=point.spec, recipe=recipe, seed=seed, fold=seed)
        for number, point in enumerate(points)
        for seed, recipe in enumerate((brief, yardstick))
    ]
    sys.stdout, stdout = sys.stderr, sys.stdout
    results = list(run_all(jobs, out, workers=workers).values())
    sys.stdout = stdout
    return [
        Known(
            point=point,
            macs=cost(point.spec).macs,
            accuracy=100 * short["val_accuracy"],
            losses=tuple(short["loss"]),
            yardstick=100 * long["val_accuracy"],
        )
        for point, short, long in zip(points, results[::2], results[1::2], strict=True)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """How well one thing ranks networks as the longer training does."""

    by: str
    tau: Agreement
    beyond: float | None  # τ less that of the brief accuracy
    beyond_ci: tuple[float, float] | None  # 95%, bootstrap over networks, both resampled together


def rankings(table: Sequence[Known], scores: dict[str, list[float]]) -> list[Ranking]:
    """``scores``: of the untrained networks, in the order of the table."""
    accuracy = [one.accuracy for one in table]
    losses = [-sum(one.losses) for one in table]
    ways = {
        "accuracy": accuracy,
        "sum of losses": losses,
        "last loss": [-one.losses[-1] for one in table],
        "accuracy and sum of losses": [one + two for one, two in zip(_scaled(accuracy), _scaled(losses), strict=True)],
        "multiply-adds": [float(one.macs) for one in table],
        "multiply-adds in training": training_costs([one.point for one in table]).tolist(),
        "blocks": [float(len(one.point.spec.blocks)) for one in table],
        **scores,
    }
    truth = [one.yardstick for one in table]
    return [
        Ranking(by=name, tau=agreement(values, truth), beyond=difference, beyond_ci=ci)
        for name, values in ways.items()
        for difference, ci in [(None, None) if name == "accuracy" else _beyond(values, accuracy, truth)]
    ]


def _scaled(values: Sequence[float]) -> list[float]:
    mean, deviation = fmean(values), pstdev(values)
    return [(value - mean) / deviation for value in values]


def _beyond(
    values: Sequence[float], other: Sequence[float], truth: Sequence[float]
) -> tuple[float, tuple[float, float]]:
    """τ of ``values`` less τ of ``other``, and its bootstrap interval."""

    def of(places: Sequence[int]) -> float:
        of_truth = [truth[at] for at in places]
        one, two = (kendall([column[at] for at in places], of_truth) or 0.0 for column in (values, other))
        return one - two

    rng = random.Random(0)
    every = range(len(truth))
    found = sorted(of(rng.choices(every, k=len(truth))) for _ in range(RESAMPLES))
    return of(every), (found[round(0.025 * RESAMPLES)], found[round(0.975 * RESAMPLES) - 1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Regret:
    """Of searches with one sampler after so many evaluations."""

    sampler: str
    evaluations: int
    regret: float  # points of the yardstick, mean over searches
    se: float | None
    less: float | None  # than ``block``'s, in pairs of equal seeds; None for itself
    ci: tuple[float, float] | None  # 95%, Student's t


def regrets(
    table: Sequence[Known], budget: Budget, searches: int, samplers: Sequence[str], evaluations: Sequence[int]
) -> list[Regret]:
    found = {name: [_search(table, budget, name, seed, evaluations) for seed in range(searches)] for name in samplers}
    result = []
    for name, lacking in found.items():
        for column, count in enumerate(evaluations):
            own = [row[column] for row in lacking]
            mean, error = mean_and_error(own)
            differences = [one - row[column] for one, row in zip(own, found[samplers[0]], strict=True)]
            itself = name == samplers[0]
            result.append(
                Regret(
                    sampler=name,
                    evaluations=count,
                    regret=mean,
                    se=error,
                    less=None if itself else fmean(differences),
                    ci=None if itself else interval(differences),
                )
            )
    return result


def _search(table: Sequence[Known], budget: Budget, sampler: str, seed: int, evaluations: Sequence[int]) -> list[float]:
    """What the best of the three that would be confirmed lacks, after so many evaluations each."""
    part = random.Random(f"part {seed}").sample(list(table), round(SHARE * len(table)))
    known = {one.point.spec: one for one in part}
    study = optuna.create_study(
        direction="maximize",
        sampler=InsideSampler(
            SPACE,
            budget,
            seed=seed,
            make_inner=SAMPLERS[sampler],
            name=sampler,
            candidates=[one.point.choices for one in part],
        ),
    )
    told: list[Known] = []
    for _ in range(max(evaluations)):
        trial, _, spec = ask(study, SPACE)
        told.append(known[spec])
        trial.set_user_attr(RECORD, {"curve": [{"train_loss": loss} for loss in told[-1].losses]})
        study.tell(trial, told[-1].accuracy)
    best = max(one.yardstick for one in part)

    def lacks(count: int) -> float:
        confirmed = sorted(told[:count], key=lambda one: -one.accuracy)[:FINALISTS]
        return best - max(one.yardstick for one in confirmed)

    return [lacks(count) for count in evaluations]


def untrained(table: Sequence[Known]) -> dict[str, list[float]]:
    """Scores as ``block_scores`` uses them, and NASWOT's in the same form."""
    small = [one.point.spec.trained_on(resolution=RESOLUTION, classes=one.point.spec.classes) for one in table]
    return {
        "synflow": [score(one.point.spec) for one in table],
        "NASWOT": [naswot(spec, seed=SEED) for spec in small],
    }


def lines(ranked: Sequence[Ranking], searched: Sequence[Regret]) -> list[str]:
    found = []
    for one in ranked:
        ci, beyond = one.tau.ci or (float("nan"),) * 2, ""
        if one.beyond is not None and one.beyond_ci is not None:
            beyond = f"; less accuracy's {one.beyond:+.2f} ({one.beyond_ci[0]:+.2f} to {one.beyond_ci[1]:+.2f})"
        found.append(f"{one.by:27} τ {one.tau.tau or 0:+.2f} ({ci[0]:+.2f} to {ci[1]:+.2f}){beyond}")
    for row in searched:
        against = ""
        if row.less is not None and row.ci is not None:
            against = f"; less {searched[0].sampler} {row.less:+.2f} ({row.ci[0]:+.2f} to {row.ci[1]:+.2f})"
        error = "" if row.se is None else f" ± {row.se:.2f}"
        found.append(f"{row.sampler:14} {row.evaluations:3} evaluations: regret {row.regret:.2f}{error}{against}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--budget-mflops", type=float, default=60)
    parser.add_argument("--networks", type=int, default=48)
    parser.add_argument("--searches", type=int, default=100)
    parser.add_argument("--samplers", nargs="+", choices=tuple(SAMPLERS), default=list(COMPARED), metavar="NAME")
    parser.add_argument("--evaluations", type=int, nargs="+", default=list(EVALUATIONS), metavar="N")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks/prior_knowledge.jsonl"))
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if round(SHARE * asked.networks) < max(asked.evaluations):
        raise NasError(
            f"--networks {asked.networks}: a search picks from two thirds of them, which must be as many as it "
            f"evaluates, {max(asked.evaluations)}"
        )
    if asked.searches < 1:
        raise NasError(f"--searches {asked.searches}: must be at least 1")
    budget = Budget(macs=round(asked.budget_mflops * 1e6))
    data = load("cifar10")
    brief = recipe_for("brief", data, precision=find_precision("auto", "cpu"))
    points = networks(budget, asked.networks)
    table = trained(points, brief, longer(brief, len(data)), asked.out, asked.workers)
    ranked = rankings(table, untrained(table))
    searched = regrets(table, budget, asked.searches, asked.samplers, asked.evaluations)
    if asked.json:
        document: dict[str, Any] = {
            "recipe": asdict(brief),
            "networks": [
                {"macs": one.macs, "accuracy": one.accuracy, "losses": one.losses, "yardstick": one.yardstick}
                for one in table
            ],
            "rankings": [asdict(one) for one in ranked],
            "regrets": [asdict(row) for row in searched],
            "machine": machine(),
            "versions": versions(),
        }
        print(json.dumps(document, indent=2))
        return
    print("\n".join(lines(ranked, searched)))


if __name__ == "__main__":
    with mended_by_user():
        main()
