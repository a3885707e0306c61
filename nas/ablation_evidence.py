"""What an ablation's records show: effects as changed and at equal cost, at each training length.

The same numbers are read by the commands, the reports, and the driver that trains until they settle.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from nas.effects.changed import as_changed
from nas.effects.equal_cost import at_equal_cost
from nas.effects.family import Axis, Effect, EqualCost, Family, Scores
from nas.effects.lengths import length_verdict
from nas.effects.looks import spent
from nas.effects.plan import smallest_shown
from nas.effects.verdict import LEVEL, Verdict
from nas.evidence import guesses, scores
from nas.plan import SEEDS_APART
from nas.record import AblationFacts, AblationRecords, Record

Length = Literal["short", "long"]
AXES: tuple[Axis, ...] = ("macs", "params", "latency")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What the trainings of one length show. Each family's intervals hold at once for all of it."""

    length: Length
    look: int | None  # seeds of the look that is read; None: the study has no looks
    scores: Scores  # what was read
    changed: Family[Effect]
    equal: dict[Axis, Family[EqualCost]]  # by the axes along which the curve has a cost
    matched: Family[Effect] | None  # variants that --match brought to the baseline's cost


def evidence(run: AblationRecords, length: Length) -> Evidence | None:
    """None before the first pair, or before the first look of a study that has looks."""
    facts, records = run.facts, run.short if length == "short" else run.long
    look = None
    if facts.looks:
        look = last_look(facts, records)
        if look is None:
            return None
        records = tuple(record for record in records if seed_number(facts, record) <= look)
    alpha = None if look is None else spent(look, facts.looks)
    table = scores(records)
    variants = [one.name for one in facts.variants if one.match_of is None]
    matched = [one.name for one in facts.variants if one.match_of is not None]

    def changed(names: list[str]) -> Family[Effect]:
        return as_changed(table, baseline=facts.baseline_name, variants=names, margin=facts.margin, alpha_spent=alpha)

    found = changed(variants)
    if not found.effects:
        return None
    equal = {}
    for axis in AXES:
        costs = costs_of(facts, records, axis)
        curve = [(name, costs[name]) for name in facts.curve if name in table and name in costs]
        if len({cost for _, cost in curve}) < 2:
            continue
        dear = {name: costs[name] for name in variants if name in table and name in costs}
        family = at_equal_cost(
            table, baseline_curve=curve, variants=dear, axis=axis, margin=facts.margin, alpha_spent=alpha
        )
        if family.effects:
            equal[axis] = family
    return Evidence(
        length=length,
        look=look,
        scores=table,
        changed=found,
        equal=equal,
        matched=changed(matched) if any(name in table for name in matched) else None,
    )


def headline(run: AblationRecords) -> Evidence | None:
    """Of the long trainings where all of them are done, else of the short ones."""
    if run.facts.long is not None and not missing(run, "long"):
        return evidence(run, "long")
    return evidence(run, "short")


def over_lengths(run: AblationRecords, found: Evidence | None) -> dict[str, Verdict]:
    """Each variant's verdict over both lengths; none before the long trainings are done. ``found``: the headline."""
    if found is None or found.length == "short":
        return {}
    short = evidence(run, "short")
    if short is None:
        return {}
    before = {effect.name: effect for effect in short.changed.effects}
    return {
        effect.name: length_verdict(before[effect.name], effect)
        for effect in found.changed.effects
        if effect.name in before
    }


def warnings(run: AblationRecords, found: Evidence | None) -> list[str]:
    """Networks that are right no more often than guessing, as ``guesses`` has it: a baseline that learned nothing makes
    every verdict meaningless, trainings of variants that did make theirs say something else."""
    facts, table = run.facts, {} if found is None else found.scores
    chance = f"{1 / facts.data.classes:.1%}"
    by_seed = table.get(facts.baseline_name, {})
    if by_seed and guesses(facts, by_seed.values()):
        return [
            f"{facts.baseline_title} learned nothing by this recipe: guessing would be right as often ({chance}). "
            "These differences and verdicts say nothing about the changes"
        ]
    titles = {record.key: record.title for record in (*run.short, *run.long)}
    idle = {name: sum(guesses(facts, [one]) for one in table[name].values()) for name in table}
    told = ", ".join(f"{titles[name]} {count} of {len(table[name])}" for name, count in idle.items() if count)
    if not told:
        return []
    return [
        f"trainings that learned nothing, guessing would be right as often ({chance}): {told}. "
        "Such a difference says how often a training gets going by this recipe, not how good the network is"
    ]


def settled(run: AblationRecords) -> bool:
    """Whether every variant has a verdict as changed: then further looks would change nothing that is asked."""
    found = headline(run)
    return found is not None and all(effect.verdict != "not shown" for effect in found.changed.effects)


def missing(run: AblationRecords, length: Length) -> int:
    """Trainings of this length that are still to be done."""
    facts, records = run.facts, run.short if length == "short" else run.long
    if length == "long" and facts.long is None:
        return 0
    names = {*facts.curve, *(one.name for one in facts.variants)}
    done = {(record.key, seed_number(facts, record)) for record in records}
    return sum((name, k) not in done for name in names for k in range(1, facts.seeds + 1))


def last_look(facts: AblationFacts, records: Iterable[Record]) -> int | None:
    """The last look at which every network has all its seeds."""
    done = {(record.key, seed_number(facts, record)) for record in records}
    names = {*facts.curve, *(one.name for one in facts.variants)}
    over = [look for look in facts.looks if all((name, k) in done for name in names for k in range(1, look + 1))]
    return max(over, default=None)


def seed_number(facts: AblationFacts, record: Record) -> int:
    """Which of the study's seeds: 1, 2, …"""
    return record.seed - facts.seed * SEEDS_APART


def costs_of(facts: AblationFacts, records: Iterable[Record], axis: Axis) -> dict[str, float]:
    """By name of records, in the native form; milliseconds where the axis is latency."""
    if axis == "latency":
        return {name: latency.ms for name, latency in facts.latencies.items()}
    return {record.key: float(record.macs if axis == "macs" else record.params) for record in records}


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a study would show, before it is begun."""

    sigma: float  # assumed: residual deviation of one training
    variants: int
    detectable: float | None  # smallest true difference that is shown with 80% power


def expected(facts: AblationFacts, seeds: int, *, sigma: float) -> Expected:
    """With so many seeds, as changed."""
    variants = sum(one.match_of is None for one in facts.variants)
    level = 1 - spent(seeds, facts.looks) if facts.looks else LEVEL
    shown = smallest_shown(seeds=seeds, variants=variants, sigma=sigma, margin=facts.margin, level=level)
    return Expected(sigma=sigma, variants=variants, detectable=shown)
