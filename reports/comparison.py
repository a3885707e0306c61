"""Studies beside each other: what of them can be compared, and in what they differ."""

from collections.abc import Sequence
from dataclasses import dataclass

from nas import evidence
from nas.evidence import Confirmed, Difference
from nas.recipe import Recipe
from nas.record import Record, RunRecords, StudyFacts
from reports import standing
from reports.ablation_reading import Reading, Row
from reports.words import listed


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A variant in every study that has it, in the order of the studies; by its title."""

    title: str
    rows: tuple[Row | None, ...]


def lines(readings: Sequence[Reading]) -> list[Line]:
    """Variants in the order of the first study that has them; those of several studies first."""
    by: dict[str, list[Row | None]] = {}
    for at, reading in enumerate(readings):
        for row in reading.variants:
            by.setdefault(row.title, [None] * len(readings))[at] = row
    found = [Line(title=title, rows=tuple(rows)) for title, rows in by.items()]
    return sorted(found, key=lambda line: sum(row is None for row in line.rows))


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A confirmed network of a search."""

    run: RunRecords
    record: Record
    role: str  # "winner", "finalist", "front", "reference"
    confirmed: Confirmed


def entries(runs: Sequence[RunRecords]) -> list[Entry]:
    """What was confirmed in each search, the searches one after the other, each by its confirmed mean."""
    found = []
    for run in runs:
        table = evidence.confirmed(evidence.scores(run.confirmations))
        best, front = standing.winner(run), {one.record.key for one in standing.front(run)}
        own = [
            Entry(run=run, record=record, role=_role(record, best, front), confirmed=table[record.key])
            for record in (*run.trials, *run.references)
            if record.key in table
        ]
        found += sorted(own, key=lambda one: -one.confirmed.mean)
    return found


def _role(record: Record, best: Record | None, front: set[str]) -> str:
    if best is not None and record.key == best.key:
        return "winner"
    if record.key in front:
        return "front"
    return "reference" if record.name is not None else "finalist"


@dataclass(frozen=True, slots=True, kw_only=True)
class Winners:
    """Two searches' winners on the seeds and folds that both were confirmed on."""

    one: Entry
    other: Entry
    difference: Difference | None  # None where the two cannot be paired
    why_not: str = ""


def winners(runs: Sequence[RunRecords]) -> list[Winners]:
    """Every two searches that have a winner. Paired where both were trained on the same images by the same recipe;
    widened (Bonferroni) for the finalists both winners were chosen from, and for the pairs of searches."""
    best = [one for one in entries(runs) if one.role == "winner"]
    pairs = [(one, other) for at, one in enumerate(best) for other in best[at + 1 :]]
    return [_winners(one, other, len(pairs)) for one, other in pairs]


def _winners(one: Entry, other: Entry, pairs: int) -> Winners:
    both = [one.run.facts, other.run.facts]
    differs = [name for name in unlike(both, [each.recipe for each in both]) if name != "budgets"]
    if differs:
        return Winners(one=one, other=other, difference=None, why_not=f"they differ in {listed(differs)}")
    if one.record.spec == other.record.spec:
        return Winners(one=one, other=other, difference=None, why_not="they are the same network")
    named = {  # without the references, which both searches may have trained alike
        f"{run.name} {key}": by_seed
        for run in (one.run, other.run)
        for key, by_seed in evidence.scores(run.confirmations).items()
        if key in {record.key for record in run.trials}
    }
    candidates = pairs
    for run in (one.run, other.run):
        candidates *= max(1, len(evidence.finalists(run.trials, goal=run.facts.goal)))
    found = evidence.difference(
        named,
        f"{one.run.name} {one.record.key}",
        f"{other.run.name} {other.record.key}",
        comparisons=candidates,
    )
    return Winners(one=one, other=other, difference=found, why_not="" if found else "they share no seed")


def unlike(facts: Sequence[StudyFacts], recipes: Sequence[Recipe]) -> list[str]:
    """In what studies differ that their accuracies depend on."""
    found = []
    for words, values in (
        ("images", {one.data.fingerprint for one in facts}),
        ("recipe", {one.hash for one in recipes}),
        ("budgets", {str(getattr(one, "budget", "")) for one in facts}),
        ("baseline", {getattr(one, "baseline", "") for one in facts}),
        ("margin", {getattr(one, "margin", 0.0) for one in facts}),
    ):
        if len(values) > 1:
            found.append(words)
    return found
