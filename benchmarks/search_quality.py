"""How many trials does each sampler need? Measured in a table of trained networks, so nothing is trained.

    python -m benchmarks.search_quality TABLE.csv [--samplers block random tpe] [--seeds 20] [--json] [--figure F]

Every sampler searches the table under three budgets of multiply-adds, once a seed, all through the same path: only
networks that fit, none twice. Where the table is not a whole space its rows are the candidates. Regret is what the
network that a search would choose lacks, in points of accuracy, to the best one under the budget; in pairs of equal
seeds with the other samplers, with 95% intervals. Without noise a search is told the mean of all trainings and scored
by it; with noise it is told one training (the seed says which) and what it chose is scored by the mean of the others.
With two objectives, accuracy and multiply-adds, it is the share of the hypervolume that can be had. Times are of the
processor (set OMP_NUM_THREADS=1). Stopped, it goes on where it was (``runs/benchmarks/search_quality``).
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean

from benchmarks.quality_runs import Found, Search, run_all
from benchmarks.quality_summary import best_under, interval, mean_and_error, regret, volume_share
from benchmarks.quality_table import Table, read
from nas.command import mended_by_user
from nas.errors import NasError
from nas.machine import machine, versions
from nas.samplers import SAMPLERS


@dataclass(frozen=True, kw_only=True)
class Row:
    """One sampler, budget and number of evaluations, over all seeds."""

    sampler: str
    budget: float  # multiply-adds, in the table's unit
    evaluations: int
    noise: bool
    regret: float  # points
    se: float | None  # its standard error
    hits: float  # share of searches that chose the best network
    ms: float  # processor time of a suggestion
    seeds: int


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A sampler against another, seed by seed; less regret is better."""

    sampler: str
    other: str
    budget: float
    evaluations: int
    noise: bool
    difference: float  # of regret, points
    ci: tuple[float, float] | None  # 95%

    @property
    def verdict(self) -> str:
        if self.ci is None or self.ci[0] <= 0 <= self.ci[1]:
            return "not shown"
        return "better" if self.ci[1] < 0 else "worse"


@dataclass(frozen=True, kw_only=True)
class Volume:
    """Two objectives: how much of the hypervolume under the budget was reached."""

    sampler: str
    budget: float
    evaluations: int
    share: float
    se: float | None
    seeds: int


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is searched."""

    samplers: tuple[str, ...]
    budgets: tuple[float, ...]
    seeds: int
    evaluations: tuple[int, ...]
    noises: tuple[bool, ...]
    two: bool

    def searches(self, table: Table) -> Iterator[Search]:
        """Seed by seed, so that what a stop leaves is complete for some seeds."""
        for seed in range(self.seeds):
            for budget in self.budgets:
                for sampler in self.samplers:
                    for noise in self.noises:
                        yield self.search(table, sampler, budget, seed, noise=noise)
                    if self.two:
                        yield self.search(table, sampler, budget, seed, objectives=2)

    def search(
        self, table: Table, sampler: str, budget: float, seed: int, *, noise: bool = False, objectives: int = 1
    ) -> Search:
        return Search(
            sampler=sampler,
            budget=budget,
            seed=seed,
            evaluations=max(self.evaluations),
            searched=told(table, seed, noise),
            objectives=objectives,
        )


def told(table: Table, seed: int, noise: bool) -> tuple[int, ...]:
    """The trainings whose mean a search is told."""
    return (seed % table.trainings,) if noise else tuple(range(table.trainings))


def scored(table: Table, seed: int, noise: bool) -> tuple[int, ...]:
    """The trainings that what it chose is scored by: with noise only those it was not told."""
    on = told(table, seed, noise)
    return tuple(number for number in range(table.trainings) if number not in on) if noise else on


def rows_and_pairs(table: Table, plan: Plan, found: dict[str, Found]) -> tuple[list[Row], list[Pair]]:
    rows, pairs = [], []
    for noise in plan.noises:
        for budget in plan.budgets:
            best = {seed: best_under(table, budget, scored(table, seed, noise)) for seed in range(plan.seeds)}
            for evaluations in plan.evaluations:
                regrets: dict[str, list[float]] = {}
                for sampler in plan.samplers:
                    searches = [plan.search(table, sampler, budget, seed, noise=noise) for seed in range(plan.seeds)]
                    results = [found[one.key] for one in searches]
                    regrets[sampler] = [
                        regret(
                            table,
                            one.archs[:evaluations],
                            best[seed],
                            told(table, seed, noise),
                            scored(table, seed, noise),
                        )
                        for seed, one in enumerate(results)
                    ]
                    mean, error = mean_and_error(regrets[sampler])
                    rows.append(
                        Row(
                            sampler=sampler,
                            budget=budget,
                            evaluations=evaluations,
                            noise=noise,
                            regret=mean,
                            se=error,
                            hits=fmean(one < 1e-9 for one in regrets[sampler]),
                            ms=fmean(fmean(one.ms[:evaluations]) for one in results),
                            seeds=plan.seeds,
                        )
                    )
                for sampler, mine in regrets.items():
                    for other, theirs in regrets.items():
                        if other != sampler:
                            differences = [one - two for one, two in zip(mine, theirs, strict=True)]
                            pairs.append(
                                Pair(
                                    sampler=sampler,
                                    other=other,
                                    budget=budget,
                                    evaluations=evaluations,
                                    noise=noise,
                                    difference=fmean(differences),
                                    ci=interval(differences),
                                )
                            )
    return rows, pairs


def volumes(table: Table, plan: Plan, found: dict[str, Found]) -> list[Volume]:
    result = []
    for budget in plan.budgets if plan.two else ():
        for evaluations in plan.evaluations:
            for sampler in plan.samplers:
                shares = [
                    volume_share(
                        table,
                        found[plan.search(table, sampler, budget, seed, objectives=2).key].archs[:evaluations],
                        budget,
                        told(table, seed, False),
                    )
                    for seed in range(plan.seeds)
                ]
                mean, error = mean_and_error(shares)
                result.append(
                    Volume(
                        sampler=sampler, budget=budget, evaluations=evaluations, share=mean, se=error, seeds=plan.seeds
                    )
                )
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path, metavar="TABLE.csv")
    parser.add_argument("--choices", default="arch", metavar="COLUMN", help="the column that says which network")
    parser.add_argument("--split", default="", metavar="TEXT", help="what is between choices; default: one a character")
    parser.add_argument("--unordered", action="store_true", help="choices are names, not numbers in order")
    parser.add_argument("--accuracy", nargs="+", metavar="COLUMN", help="one a training, in points; default: acc…")
    parser.add_argument("--macs", default="macs", metavar="COLUMN")
    parser.add_argument(
        "--budgets", type=float, nargs="+", default=[0.1, 0.3, 0.6], metavar="SHARE", help="of the networks fit"
    )
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--evaluations", type=int, nargs="+", default=[20, 50, 100, 200], metavar="N")
    parser.add_argument("--samplers", nargs="+", choices=tuple(SAMPLERS), default=list(SAMPLERS), metavar="NAME")
    parser.add_argument(
        "--noise", choices=("none", "honest", "both"), default="both", help="both where there are two trainings"
    )
    parser.add_argument("--two", action="store_true", help="also with two objectives")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks/search_quality"), metavar="DIR")
    parser.add_argument("--figure", type=Path)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with mended_by_user():
        table = table_from(options)
        plan = plan_from(options, table)
        found = run_all(
            table,
            list(plan.searches(table)),
            options.out / f"{table.name}.jsonl",
            processes=options.processes,
            say=lambda text: print(text, file=sys.stderr, flush=True),
        )
    rows, pairs = rows_and_pairs(table, plan, found)
    spanned = volumes(table, plan, found)
    if options.figure:
        from benchmarks.quality_figure import draw_figure

        draw_figure(rows, options.figure)
    if options.json:
        document = {
            "table": table.name,
            "networks": len(table.rows),
            "candidates": not table.whole,
            "rows": [asdict(row) for row in rows],
            "pairs": [asdict(pair) | {"verdict": pair.verdict} for pair in pairs],
            "hypervolume": [asdict(one) for one in spanned],
            "machine": machine(),
            "versions": versions(),
        }
        print(json.dumps(document, indent=2))
        return
    for line in lines(rows, pairs, spanned):
        print(line)


def table_from(options: argparse.Namespace) -> Table:
    """Raises ``NasError``."""
    accuracies = options.accuracy
    if accuracies is None:
        try:
            header = options.table.open().readline().strip().split(",")
        except OSError as error:
            raise NasError(f"{options.table}: cannot be read ({error.strerror})") from None
        accuracies = [name for name in header if name.startswith("acc")]
        if not accuracies:
            raise NasError(
                f"{options.table}: no column begins with acc; name them by --accuracy; there are {', '.join(header)}"
            )
    return read(
        options.table,
        choices=options.choices,
        split=options.split,
        accuracies=accuracies,
        macs=options.macs,
        ordered=not options.unordered,
    )


def plan_from(options: argparse.Namespace, table: Table) -> Plan:
    """Raises ``NasError``."""
    for flag, value, least in (
        ("--seeds", options.seeds, 1),
        ("--evaluations", min(options.evaluations), 1),
        ("--processes", options.processes, 1),
    ):
        if value < least:
            raise NasError(f"{flag} {value}: must be at least {least}")
    for share in options.budgets:
        if not 0 < share <= 1:
            raise NasError(f"--budgets {share:g}: a share of the table's networks, above 0 and at most 1")
    if options.noise == "honest" and table.trainings < 2:
        raise NasError("--noise honest: takes two accuracy columns, one to search on and one to score by")
    noises = {"none": (False,), "honest": (True,), "both": (False, True)[: min(2, table.trainings)]}[options.noise]
    return Plan(
        samplers=tuple(options.samplers),
        budgets=tuple(table.quantile(share) for share in options.budgets),
        seeds=options.seeds,
        evaluations=tuple(sorted(options.evaluations)),
        noises=noises,
        two=options.two,
    )


def lines(rows: Sequence[Row], pairs: Sequence[Pair], spanned: Sequence[Volume]) -> Iterator[str]:
    for row in rows:
        error = "" if row.se is None else f" ± {row.se:.3f}"
        noise = "noise" if row.noise else "no noise"
        yield (
            f"{row.sampler:10} budget {row.budget:.6g}, {row.evaluations:3} evaluations, {noise}: "
            f"regret {row.regret:.3f}{error}, best found in {row.hits:.0%}, {row.ms:.1f} ms"
        )
    for pair in pairs:
        if pair.sampler == rows[0].sampler and pair.ci is not None:
            yield (
                f"{pair.sampler} less {pair.other}, budget {pair.budget:.6g}, {pair.evaluations} evaluations"
                f"{', noise' if pair.noise else ''}: {pair.difference:+.3f} ({pair.ci[0]:+.3f} to {pair.ci[1]:+.3f}), "
                f"{pair.verdict}"
            )
    for one in spanned:
        yield (
            f"{one.sampler:10} two objectives, budget {one.budget:.6g}, {one.evaluations:3} evaluations: "
            f"{one.share:.1%} of the hypervolume" + ("" if one.se is None else f" ± {one.se:.1%}")
        )


if __name__ == "__main__":
    main()
