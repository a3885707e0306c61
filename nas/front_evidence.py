"""What a front's records show: its members on fresh seeds, and each against a reference's curve at the same cost."""

from dataclasses import dataclass
from math import log

from nas import evidence, fronts
from nas.evidence import Confirmed, Difference
from nas.record import Record, RunRecords

BASE = "mobilenet_v3_small"  # whose widths are the curve
BEYOND = 1.15  # times the dearest reference: such a network is still held against it, since no wider one fits


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One network of the selected front."""

    record: Record
    confirmed: Confirmed | None  # None until it is trained on every fresh seed, and for members that are not confirmed
    holds: bool | None  # whether no other confirmed member beats it on fresh seeds
    against: Difference | None  # accuracy minus the curve's at its cost; None where the curve does not reach


def members(run: RunRecords) -> list[Member]:
    """The selected front, cheapest first by what was known when it was selected; none of a demonstration, or with one
    objective."""
    facts = run.facts
    if not facts.goal.several or not facts.names_winner:
        return []
    front = [run.known(record) for record in fronts.selected(run.trials, facts)]
    table = evidence.scores(run.confirmations)
    means = evidence.confirmed(table)
    done = [record for record in front if facts.confirm and len(table.get(record.key, ())) >= facts.confirm]
    holding = {record.key for record in fronts.not_beaten(done, [means[record.key].mean for record in done], facts)}
    curve = confirmed_curve(run)
    return [
        Member(
            record=record,
            confirmed=means[record.key] if record in done else None,
            holds=record.key in holding if record in done else None,
            against=_against(run, record, curve, len(done)) if record in done else None,
        )
        for record in front
    ]


def confirmed_curve(run: RunRecords, base: str = BASE) -> list[Record]:
    """The reference's widths that are trained on fresh seeds, cheapest first by the front's first cost."""
    table = evidence.scores(run.confirmations)
    cost = run.facts.goal.costs[0]
    found = [
        run.known(record)
        for record in run.references
        if record.origin == "scaled" and (record.name or "").partition("@")[0] == base and record.key in table
    ]
    return sorted({cost.of(record): record for record in found}.values(), key=cost.of)


def _against(run: RunRecords, record: Record, curve: list[Record], comparisons: int) -> Difference | None:
    weights = _weights(run, record, curve)
    if not weights:
        return None
    return evidence.contrast(evidence.scores(run.confirmations), record.key, weights, comparisons=comparisons)


def _weights(run: RunRecords, record: Record, curve: list[Record]) -> dict[str, float]:
    """Which of the curve's networks a network is held against: the two beside it, by the logarithm of cost; empty where
    it is cheaper than all."""
    of = run.facts.goal.costs[0].of
    mine = of(record)
    cheaper = [one for one in curve if of(one) <= mine]
    dearer = [one for one in curve if of(one) > mine]
    if not cheaper:
        return {}
    below = cheaper[-1]
    if not dearer:
        return {below.key: 1.0} if mine <= BEYOND * of(below) else {}
    above = dearer[0]
    share = log(mine / of(below)) / log(of(above) / of(below))
    return {below.key: 1 - share, above.key: share} if share else {below.key: 1.0}
