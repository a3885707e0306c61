"""Whether a search beat its control: as many networks drawn at random inside the same budget and trained alike.

The winners of both are chosen by the same rule and compared on the same fresh seeds; fronts by the volume that their
confirmed members cover there. Either way it is this search against these draws: another seed has others.
"""

from collections import Counter
from dataclasses import dataclass

from nas import evidence, fronts
from nas.evidence import Difference, Verdict
from nas.hypervolume import hypervolume
from nas.record import Record, RunRecords


@dataclass(frozen=True, slots=True, kw_only=True)
class AgainstControl:
    """The search's confirmed winner minus the control's, in fractions, over the seeds and folds of both."""

    winner: Record
    control: Record
    difference: Difference  # 0 without an interval where both chose one network
    candidates: tuple[int, int]  # among how many each was chosen; the interval is widened for every pair of them

    @property
    def same(self) -> bool:
        """Whether the search and its control chose one network."""
        return self.winner.spec == self.control.spec


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontAgainstControl:
    """The volume of the search's confirmed front minus that of the control's, mean over fresh seeds."""

    difference: Difference  # accuracy as a fraction × doublings of cost
    members: tuple[int, int]  # confirmed, of the search and of the control


def missing(run: RunRecords) -> int:
    """How many networks the control lacks to have as many as the search."""
    return max(0, len(run.trials) - len(run.control))


def beaten(run: RunRecords) -> Record | None:
    """The control's winner: of its finalists the one with the best confirmed mean; None until it has as many networks
    as the search, of a front, and where no winner may be named."""
    if not run.control or missing(run) or run.facts.goal.several or not run.facts.names_winner:
        return None
    return evidence.best_of(run, run.control)


def against_control(run: RunRecords) -> AgainstControl | None:
    """By accuracy, or by the reward where that is what was searched for; None until both winners are confirmed.

    Paired over seeds, with the residual of the two-way additive model of all confirmed networks (see
    ``evidence.contrast``). Any of the search's finalists could have been held against any of the control's, so the
    interval is widened (Bonferroni) by the number of such pairs.
    """
    best, drawn = evidence.winner(run), beaten(run)
    if best is None or drawn is None or run.facts.confirm == 0:
        return None
    goal = run.facts.goal
    table = evidence.scored(run, goal)
    own, others = (
        sum(record.key in table for record in evidence.finalists(trials, goal=goal))
        for trials in (run.trials, run.control)
    )
    found = evidence.difference(table, best.key, drawn.key, comparisons=own * others)
    if found is None:
        return None
    if best.spec == drawn.spec:
        found = Difference(value=0.0, ci=None, verdict="not shown", seeds=found.seeds)
    return AgainstControl(winner=best, control=drawn, difference=found, candidates=(own, others))


def front_against_control(run: RunRecords) -> FrontAgainstControl | None:
    """None with one objective, of a demonstration, and while members of either are being confirmed.

    Members were chosen on a seed and a fold of their own, so on fresh ones neither volume is flattered by choice. Both
    are counted from one reference; a seed's difference is one number, and the interval is Student's over the seeds.
    """
    facts = run.facts
    if not facts.goal.several or not facts.names_winner or not facts.confirm or not run.control or missing(run):
        return None
    tried = Counter(record.key for record in run.confirmations)
    table = evidence.scores(run.confirmations)
    sides: list[list[Record]] = []
    for trials in (run.trials, run.control):
        members = fronts.to_confirm(trials, facts)
        if any(0 < tried[record.key] < facts.confirm for record in members):
            return None
        sides.append([record for record in members if len(table.get(record.key, ())) >= facts.confirm])
    own, others = sides
    if not own or not others:
        return None
    seeds = sorted(set.intersection(*(set(table[record.key]) for record in (*own, *others))))
    origin = fronts.origin(run)

    def volume(members: list[Record], seed: int) -> float:
        return hypervolume([origin.point(facts.goal, record, table[record.key][seed]) for record in members])

    value, ci = evidence.mean_interval([volume(own, seed) - volume(others, seed) for seed in seeds])
    verdict: Verdict = "not shown"
    if ci is not None:
        verdict = "better" if ci[0] > 0 else "worse" if ci[1] < 0 else "not shown"
    return FrontAgainstControl(
        difference=Difference(value=value, ci=ci, verdict=verdict, seeds=tuple(seeds)),
        members=(len(own), len(others)),
    )
