"""What a run's records show: finalists, confirmed accuracies with intervals, and how the winner compares.

The best of many noisy trials looks better than it is. A search's own score is called *selected*; what counts is the
accuracy on fresh seeds and folds, *confirmed*.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import stdev
from typing import Literal

from nas import fronts
from nas.objectives import ACCURACY, Goal
from nas.record import Record, RunRecords, SearchFacts, StudyFacts

FINALISTS = 3
LEVEL = 0.95  # of every interval

Verdict = Literal["better", "worse", "not shown"]
Scores = Mapping[str, Mapping[int, float]]  # network's key → seed → accuracy


def guesses(facts: StudyFacts, accuracies: Collection[float]) -> bool:
    """Whether a network learned nothing: within three deviations of what guessing gets right."""
    from nas.data.folds import FOLDS  # and numpy with it, which reading records does without

    chance = 1 / facts.data.classes
    images = (facts.recipe.val_images or facts.data.images // FOLDS) * len(accuracies)
    return sum(accuracies) / len(accuracies) < chance + 3 * math.sqrt(chance * (1 - chance) / images)


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    """Accuracy on fresh seeds: a mean with its interval (None from one seed)."""

    mean: float
    ci: tuple[float, float] | None
    seeds: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The winner's confirmed accuracy minus a reference's, over the same seeds and folds, in fractions."""

    winner: Record
    reference: Record
    difference: float
    ci: tuple[float, float] | None  # None from one seed
    verdict: Verdict
    seeds: tuple[int, ...]
    candidates: int  # among how many the winner was chosen; the interval is widened for it


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One network's accuracy minus another's, mean over the seeds and folds that both have, in fractions."""

    value: float
    ci: tuple[float, float] | None  # None from one seed
    verdict: Verdict
    seeds: tuple[int, ...]


def finalists(trials: tuple[Record, ...], count: int = FINALISTS, goal: Goal = ACCURACY) -> list[Record]:
    """The best selected networks, best first; the earlier trial on a tie."""
    complete = [record for record in trials if record.val_accuracy is not None]
    return sorted(complete, key=lambda record: (-goal.score(record.val_accuracy or 0.0, record), record.number))[:count]


def chosen(trials: tuple[Record, ...], facts: SearchFacts) -> list[Record]:
    """The trials that are worth confirming: the finalists, or of a front its members."""
    return fronts.to_confirm(trials, facts) if facts.goal.several else finalists(trials, goal=facts.goal)


def best_draw(trials: tuple[Record, ...], goal: Goal = ACCURACY) -> Record | None:
    """The best among the networks that were drawn at random."""
    found = finalists(tuple(record for record in trials if record.origin == "draw"), 1, goal)
    return found[0] if found else None


def at_cost(references: tuple[Record, ...], base: str) -> Record | None:
    """The reference network scaled to the budget; the published one where that is the same network."""
    names = (base, f"{base}@budget")
    return next((record for record in references if record.name in names and record.origin == "scaled"), None)


def to_confirm(
    trials: tuple[Record, ...],
    references: tuple[Record, ...],
    facts: SearchFacts,
    control: tuple[Record, ...] = (),
) -> list[Record]:
    """The finalists, the references scaled to a cost, the best random draw, and where one is asked for the control's
    finalists; each name once. Of a front its members, most of the first trials being draws anyway."""
    candidates = chosen(trials, facts)
    candidates += [record for record in references if record.state == "complete" and record.origin != "published"]
    drawn = best_draw(trials, facts.goal)
    if drawn is not None and not facts.goal.several:
        candidates.append(drawn)
    if facts.control:
        candidates += chosen(control, facts)
    return list({record.key: record for record in candidates}.values())


def scores(confirmations: tuple[Record, ...]) -> dict[str, dict[int, float]]:
    """Accuracies by network and seed."""
    table: dict[str, dict[int, float]] = {}
    for record in confirmations:
        if record.val_accuracy is not None:
            table.setdefault(record.key, {})[record.seed] = record.val_accuracy
    return table


def scored(run: RunRecords, goal: Goal) -> dict[str, dict[int, float]]:
    """What is maximised, on fresh seeds: accuracies, or rewards."""
    if goal.reward is None:
        return scores(run.confirmations)
    networks = {record.key: run.known(record) for record in (*run.trials, *run.references, *run.control)}
    return {
        key: {seed: goal.score(accuracy, networks[key]) for seed, accuracy in by_seed.items()}
        for key, by_seed in scores(run.confirmations).items()
    }


def confirmed(table: Scores) -> dict[str, Confirmed]:
    """Every network's mean over its seeds.

    The interval pools the scatter of all networks after taking out what is common to a seed and its fold (two-way
    additive model), so it is for comparing the networks with each other.
    """
    spread = _residual(table)
    result = {}
    for key, by_seed in table.items():
        mean = sum(by_seed.values()) / len(by_seed)
        ci = None
        if spread is not None:
            half = _t(spread.df) * spread.sigma / len(by_seed) ** 0.5
            ci = (mean - half, mean + half)
        result[key] = Confirmed(mean=mean, ci=ci, seeds=tuple(sorted(by_seed)))
    return result


def mean_interval(values: Sequence[float]) -> tuple[float, tuple[float, float] | None]:
    """Mean of some seeds' accuracies and its interval by Student's t; None from one seed, or where nothing scatters."""
    mean = sum(values) / len(values)
    if len(values) < 2:
        return mean, None
    deviation = stdev(values)
    if deviation == 0:
        return mean, None
    half = _t(len(values) - 1) * deviation / len(values) ** 0.5
    return mean, (mean - half, mean + half)


def winner(run: RunRecords) -> Record | None:
    """The finalist with the best confirmed mean; without confirmation the best selected; None where none may be named.

    A finalist whose confirmation is not finished cannot win. A front has none.
    """
    if not run.facts.names_winner or run.facts.goal.several:
        return None
    return best_of(run, run.trials)


def best_of(run: RunRecords, trials: tuple[Record, ...]) -> Record | None:
    """The same rule for these trials: the search's own, or its control's."""
    goal = run.facts.goal
    best = finalists(trials, goal=goal)
    if run.facts.confirm == 0 or not best:
        return best[0] if best else None
    means = confirmed(scores(run.confirmations))
    done = [record for record in best if len(getattr(means.get(record.key), "seeds", ())) >= run.facts.confirm]
    return max(done, key=lambda record: goal.score(means[record.key].mean, run.known(record))) if done else None


def compare(run: RunRecords, base: str = "mobilenet_v3_small") -> Comparison | None:
    """The winner against the reference at the same cost, paired over seeds; None until both are confirmed. By accuracy,
    or by the reward where that is what was searched for.

    The two-way additive model (network + seed) of all confirmed networks gives the residual; the interval is widened
    (Bonferroni) by the number of finalists the winner was chosen from, so that choosing it costs what it should.
    """
    best, reference = winner(run), at_cost(run.references, base)
    if best is None or reference is None:
        return None
    goal = run.facts.goal
    table = scored(run, goal)
    candidates = sum(record.key in table for record in finalists(run.trials, goal=goal))
    found = difference(table, best.key, reference.key, comparisons=candidates)
    if found is None:
        return None
    return Comparison(
        winner=best,
        reference=reference,
        difference=found.value,
        ci=found.ci,
        verdict=found.verdict,
        seeds=found.seeds,
        candidates=candidates,
    )


def difference(table: Scores, one: str, other: str, *, comparisons: int = 1) -> Difference | None:
    """One network's accuracy minus another's, paired over seeds; None where they share none."""
    return contrast(table, one, {other: 1.0}, comparisons=comparisons)


def contrast(table: Scores, one: str, others: Mapping[str, float], *, comparisons: int = 1) -> Difference | None:
    """One network's accuracy minus a weighted mean of others', paired over the seeds that all have; None without any.

    ``others``: weights that add up to 1, by key. The residual is that of the two-way additive model (network + seed) of
    the whole table; the interval is widened (Bonferroni) by the number of comparisons this one was chosen from.
    """
    common = sorted(set(table.get(one, {})).intersection(*(table.get(other, {}) for other in others)))
    if not common:
        return None
    value = sum(
        table[one][seed] - sum(weight * table[other][seed] for other, weight in others.items()) for seed in common
    ) / len(common)
    ci: tuple[float, float] | None = None
    verdict: Verdict = "not shown"
    spread = _residual(table)
    if spread is not None:
        half = (
            _t(spread.df, comparisons)
            * spread.sigma
            * ((1 + sum(weight**2 for weight in others.values())) / len(common)) ** 0.5
        )
        ci = (value - half, value + half)
        verdict = "better" if ci[0] > 0 else "worse" if ci[1] < 0 else "not shown"
    return Difference(value=value, ci=ci, verdict=verdict, seeds=tuple(common))


@dataclass(frozen=True, slots=True)
class _Spread:
    sigma: float
    df: int


def _residual(table: Scores) -> _Spread | None:
    """Residual deviation of accuracy = network + seed, over the networks that have every seed.

    None with fewer than two of either, and where nothing scatters at all: accuracies are shares of a few thousand
    images, so a zero is coarseness and no evidence. A network under two names (a trial that the control drew too) has
    its scores twice and counts once.
    """
    seeds = sorted(set().union(*table.values())) if table else []
    whole = [tuple(by_seed[seed] for seed in seeds) for by_seed in table.values() if len(by_seed) == len(seeds)]
    rows = list(dict.fromkeys(whole))
    if len(rows) < 2 or len(seeds) < 2:
        return None
    row_means = [sum(row) / len(row) for row in rows]
    column_means = [sum(column) / len(column) for column in zip(*rows, strict=True)]
    grand = sum(row_means) / len(row_means)
    squares = sum(
        (value - row_mean - column_mean + grand) ** 2
        for row, row_mean in zip(rows, row_means, strict=True)
        for value, column_mean in zip(row, column_means, strict=True)
    )
    df = (len(rows) - 1) * (len(seeds) - 1)
    if squares < 1e-12:
        return None
    return _Spread(sigma=(squares / df) ** 0.5, df=df)


def _t(df: int, comparisons: int = 1) -> float:
    """Two-sided quantile of Student's t at LEVEL, Bonferroni-divided among comparisons."""
    from scipy.stats import t  # 0.3 s to import; previews never come here

    return float(t.ppf(1 - (1 - LEVEL) / 2 / comparisons, df))
