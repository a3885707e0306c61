"""``--of SEARCH --proposed``: the paired runs that the search's own trials propose for its winner."""

from collections.abc import Sequence
from dataclasses import dataclass

from nas.arch import ArchSpec
from nas.effects.observed import Observed, by_kind, worth_running
from nas.errors import NasError
from nas.free_evidence import FreeEvidence, free_evidence
from nas.record import Observational, Record, RunRecords
from nas.space import AnyOption, Choices, Option, Pick, explore, recording
from search_spaces import find_space
from studies.ablation import Ablation, Decisions, recorded
from studies.ablations.winner import answering, most_like, widths

MOST = 6  # variants of one study


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Every decision of a kind that has an option set to it, on the winner."""

    name: str  # of the variant
    changes: Decisions
    spec: ArchSpec
    observed: Observational


@dataclass(frozen=True, slots=True, kw_only=True)
class Free:
    """What a search's trials say of its winner."""

    search: str
    winner: Record
    evidence: FreeEvidence
    proposals: tuple[Proposal, ...]  # the likeliest to matter first

    def suggests(self, choices: Choices | None) -> Observational | None:
        """Of a variant with these choices."""
        return None if choices is None else self.evidence.suggests(self.winner.choices or {}, choices)


def free_of(run: RunRecords, winner: Record) -> Free:
    evidence = free_evidence(run)
    proposals = tuple(_proposals(evidence, winner, run.facts.space))
    return Free(search=run.name, winner=winner, evidence=evidence, proposals=proposals)


def of_proposals(free: Free) -> Ablation:
    """Raises ``NasError`` where the trials are too few, or propose nothing."""
    place = f"--of {free.search} --proposed"
    if free.evidence.reason is not None:
        raise NasError(f"{place}: {free.evidence.reason}; give the search more --trials, or leave out --proposed")
    if not free.proposals:
        raise NasError(f"{place}: its {len(free.evidence.trials)} trials propose nothing for its winner; leave it out")
    return Ablation(
        question=f"What is each change that the trials of {free.search} propose worth to its winner, "
        f"{free.winner.title}?",
        baseline=recorded(free.search),
        variants={one.name: one.changes for one in free.proposals},
        curve=widths(free.winner.spec),
        notes=(
            "Proposed by observational estimates from the search’s trials; what a change is worth is read from the "
            "paired runs alone.",
        ),
    )


def _proposals(evidence: FreeEvidence, winner: Record, space_name: str) -> list[Proposal]:
    """By what the trials suggest of the winner's own change, at equal cost: a kind that the winner has mostly set so
    already changes little."""
    found: dict[str, Proposal] = {}
    seen = {winner.spec}
    for one in evidence.choices:
        if one.equal is None:
            continue
        for option in (one.option, one.instead_of):  # the other where the winner is that already
            made = _everywhere(space_name, winner, one.kind, option)
            if made.spec == winner.spec:
                continue
            observed = evidence.suggests(winner.choices or {}, made.choices)
            if observed is not None and observed.equal is not None and made.spec not in seen:
                seen.add(made.spec)
                found[made.name] = Proposal(name=made.name, changes=made.changes, spec=made.spec, observed=observed)
            break
    ranked = worth_running([_as_observed(one) for one in found.values()])
    return [found[one.choice] for one in ranked[:MOST]]


def _as_observed(one: Proposal) -> Observed:
    assert one.observed.equal is not None
    delta, ci = one.observed.equal.delta, one.observed.equal.ci
    return Observed(
        choice=one.name, option=True, instead_of=False, delta=delta, ci=ci, count=one.observed.trials, source="model"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    name: str
    choices: dict[str, Option]
    changes: Decisions
    spec: ArchSpec


def _everywhere(space_name: str, winner: Record, kind: str, option: Option) -> _Made:
    """What is decided only with the change is as in the published network most like the winner, or the first option."""
    before = dict(winner.choices or {})
    _, published = most_like(space_name, before)
    domains: dict[str, tuple[Option, ...]] = {}
    pick = recording(_setting(kind, option, answering(before, published)), {}, domains)
    choices, spec = explore(find_space(space_name), pick)
    mine = [name for name in choices if by_kind(name) == kind]
    changes: Decisions = {name: one for name, one in choices.items() if before.get(name) != one}
    able = [name for name in mine if _has(domains[name], option)]
    if len(mine) == 1:
        return _Made(name=f"{mine[0]} {option}", choices=choices, changes=changes, spec=spec)
    if able == mine and all("." in name for name in mine) and set(changes) <= set(mine):
        changes = {f"*.{kind}": option}  # says the same in one line
    name = f"{kind} {option} {'everywhere' if able == mine else 'where it can be'}"
    return _Made(name=name, choices=choices, changes=changes, spec=spec)


def _setting(kind: str, wanted: Option, otherwise: Pick) -> Pick:
    def pick(name: str, options: Sequence[AnyOption], /) -> AnyOption:
        if by_kind(name) == kind:
            for option in options:
                if _same(option, wanted):
                    return option
        return otherwise(name, options)

    return pick


def _has(options: Sequence[Option], wanted: Option) -> bool:
    return any(_same(option, wanted) for option in options)


def _same(one: Option, other: Option) -> bool:
    """1, 1.0 and True are equal to Python, but not the same answer."""
    return one == other and type(one) is type(other)
