"""The front of a search with several objectives: its members, the volume it covers, and whom to confirm.

Costs are compared as ratios: half the multiply-adds counts the same from 60 to 30 million as from 12 to 6.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log2

from nas.hypervolume import Point, front, hypervolume, thinned
from nas.objectives import Goal
from nas.record import Record, RunRecords, SearchFacts

CONFIRMED = 6  # members at most that are trained on fresh seeds


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Where volume is counted from: the accuracy of guessing, and of each cost the budget's ceiling."""

    accuracy: float
    costs: tuple[float, ...]  # as in the goal; without a ceiling what the dearest trial costs

    def point(self, goal: Goal, record: Record, accuracy: float) -> Point:
        """Accuracy above this reference, and of each cost the doublings below it."""
        pairs = zip(self.costs, goal.costs_of(record), strict=True)
        return (accuracy - self.accuracy, *(log2(ceiling / cost) for ceiling, cost in pairs))


def reference(facts: SearchFacts, trials: Sequence[Record]) -> Reference:
    """Of this search; its trials tell where a cost has no ceiling."""
    complete = [record for record in trials if record.val_accuracy is not None]
    ceilings = []
    for cost in facts.goal.costs:
        ceiling = getattr(facts.budget, cost.attribute, None)
        ceilings.append(float(ceiling) if ceiling else max((cost.of(record) for record in complete), default=1.0))
    return Reference(accuracy=1 / facts.data.classes, costs=tuple(ceilings))


def origin(run: RunRecords) -> Reference:
    """Of a run: one reference for the search and its control."""
    return reference(run.facts, (*run.trials, *run.control))


def selected(trials: Sequence[Record], facts: SearchFacts) -> list[Record]:
    """The trials that none beats by its own score, cheapest first. What guesses is on no front."""
    origin = reference(facts, trials)
    above = [(record, record.val_accuracy) for record in trials if (record.val_accuracy or 0.0) > origin.accuracy]
    points = [origin.point(facts.goal, record, accuracy or 0.0) for record, accuracy in above]
    return _by_cost([above[place][0] for place in front(points)], facts.goal)


def to_confirm(trials: Sequence[Record], facts: SearchFacts, most: int = CONFIRMED) -> list[Record]:
    """Of the front: its most accurate member, and those that add most to its volume; cheapest first."""
    members, origin = selected(trials, facts), reference(facts, trials)
    points = [origin.point(facts.goal, record, record.val_accuracy or 0.0) for record in members]
    return [members[place] for place in thinned(points, most)]


def not_beaten(records: Sequence[Record], accuracies: Sequence[float], facts: SearchFacts) -> list[Record]:
    """Of these networks those that none of the others beats, by these accuracies; cheapest first."""
    origin = reference(facts, records)
    points = [origin.point(facts.goal, record, accuracy) for record, accuracy in zip(records, accuracies, strict=True)]
    return _by_cost([records[place] for place in front(points)], facts.goal)


def progress(trials: Sequence[Record], facts: SearchFacts, origin: Reference | None = None) -> list[float]:
    """The front's volume after each trial, by number: accuracy above guessing times doublings of cost below the
    budget. ``origin``: where it is counted from, if not from these trials' own reference."""
    origin = origin or reference(facts, trials)
    points: list[Point] = []
    volumes = []
    for record in trials:
        if record.val_accuracy is not None:
            points.append(origin.point(facts.goal, record, record.val_accuracy))
            points = [points[place] for place in front(points)]
        volumes.append(hypervolume(points))
    return volumes


def _by_cost(records: Sequence[Record], goal: Goal) -> list[Record]:
    return sorted(records, key=lambda record: (*goal.costs_of(record), record.number or 0))
