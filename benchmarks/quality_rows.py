"""What searches of a table come to: rows, pairs of samplers, and the hypervolume of those with two objectives."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations
from statistics import fmean
from typing import TypedDict

from benchmarks.quality_runs import Found, Search
from benchmarks.quality_summary import best_under, expected, interval, mean_and_error, regret, volume_share
from benchmarks.quality_table import Table


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
        return verdict(self.ci, better=-1)


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
class VolumePair:
    """A sampler against another, seed by seed; more of the hypervolume is better."""

    sampler: str
    other: str
    budget: float
    evaluations: int
    difference: float  # of the shares
    ci: tuple[float, float] | None  # 95%

    @property
    def verdict(self) -> str:
        return verdict(self.ci, better=1)


def verdict(ci: tuple[float, float] | None, *, better: int) -> str:
    """``better``: the sign of a difference in favour."""
    if ci is None or ci[0] <= 0 <= ci[1]:
        return "not shown"
    return "better" if better * ci[0] > 0 else "worse"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is searched."""

    samplers: tuple[str, ...]
    budgets: tuple[float, ...]
    seeds: int
    evaluations: tuple[int, ...]
    noises: tuple[bool, ...]
    two: bool
    smoothed: bool = False

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


class Against(TypedDict):
    """What every pair says, whatever is compared."""

    sampler: str
    other: str
    difference: float
    ci: tuple[float, float] | None


def seed_by_seed(values: dict[str, list[float]]) -> Iterator[Against]:
    """Every sampler against every other, both ways round; ``values``: of each, a value a seed."""
    for sampler, other in permutations(values, 2):
        differences = [one - two for one, two in zip(values[sampler], values[other], strict=True)]
        yield Against(sampler=sampler, other=other, difference=fmean(differences), ci=interval(differences))


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
                    for name, smoothed in [(sampler, False), (f"{sampler} smoothed", True)][: 1 + plan.smoothed]:
                        regrets[name] = [
                            regret(
                                table,
                                archs,
                                best[seed],
                                on,
                                scored(table, seed, noise),
                                by=expected(table, archs, budget, on) if smoothed else None,
                            )
                            for seed, one in enumerate(results)
                            for archs, on in [(one.archs[:evaluations], told(table, seed, noise))]
                        ]
                        mean, error = mean_and_error(regrets[name])
                        rows.append(
                            Row(
                                sampler=name,
                                budget=budget,
                                evaluations=evaluations,
                                noise=noise,
                                regret=mean,
                                se=error,
                                hits=fmean(one < 1e-9 for one in regrets[name]),
                                ms=fmean(fmean(one.ms[:evaluations]) for one in results),
                                seeds=plan.seeds,
                            )
                        )
                pairs += [
                    Pair(budget=budget, evaluations=evaluations, noise=noise, **against)
                    for against in seed_by_seed(regrets)
                ]
    return rows, pairs


def volumes(table: Table, plan: Plan, found: dict[str, Found]) -> tuple[list[Volume], list[VolumePair]]:
    """Of searches with two objectives; nothing where none were planned."""
    rows, pairs = [], []
    for budget in plan.budgets if plan.two else ():
        for evaluations in plan.evaluations:
            shares = {
                sampler: [
                    volume_share(
                        table,
                        found[plan.search(table, sampler, budget, seed, objectives=2).key].archs[:evaluations],
                        budget,
                        told(table, seed, False),
                    )
                    for seed in range(plan.seeds)
                ]
                for sampler in plan.samplers
            }
            for sampler, own in shares.items():
                mean, error = mean_and_error(own)
                rows.append(
                    Volume(
                        sampler=sampler, budget=budget, evaluations=evaluations, share=mean, se=error, seeds=plan.seeds
                    )
                )
            pairs += [VolumePair(budget=budget, evaluations=evaluations, **against) for against in seed_by_seed(shares)]
    return rows, pairs
