"""Free evidence: what the trials of a search, trained already, say about single choices. Observational.

Choices were not assigned at random, so this proposes paired runs and replaces none. Decisions count by kind:
``stage2.block0.kernel`` is a kernel. All kinds are in one additive model where there are two trials an unknown; with
fewer every kind has a model of its own, beside nothing but cost, and what goes hand in hand with another kind has no
estimate.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, product

import numpy as np

from nas.effects.additive import Additive, Interval, shares_of
from nas.effects.observed import Observation, Observed, by_kind, from_pairs
from nas.effects.table import Array
from nas.record import Estimate, Observational, Record, RunRecords
from nas.space import Choices, Option

ENOUGH = 8  # complete trials; fewer say nothing
TRIALS_AN_UNKNOWN = 2
TOGETHER = 0.9  # correlation of two kinds' shares from which on models of their own cannot tell them apart

Comparison = tuple[str, Option, Option]  # kind, option, instead of


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One decision of a kind with one option instead of another; estimates are of a single decision."""

    kind: str
    option: Option
    instead_of: Option
    decisions: float  # of this kind in a network, mean over the trials that have any
    changed: Estimate | None  # by the model, as it is; None: the trials cannot tell
    equal: Estimate | None  # by the model, at equal training cost
    trials: int  # that have the option
    paired: Estimate | None  # mean difference of pairs of trials that differ in one such decision alone
    pairs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FreeEvidence:
    """What a search's trials say."""

    trials: tuple[Observation, ...]  # complete, with choices
    reason: str | None = None  # why they say nothing; None: they do
    choices: tuple[Choice, ...] = ()  # by kind
    silent: Mapping[str, str] = field(default_factory=dict)  # kinds without a model → why
    tangled: Mapping[tuple[str, Option], str] = field(default_factory=dict)  # option → what it goes hand in hand with
    together: bool = False  # all kinds in one model
    raw: Mapping[str, Additive] = field(default_factory=dict)  # kind → its model, as it is
    equal: Mapping[str, Additive] = field(default_factory=dict)  # at equal training cost

    def suggests(self, before: Choices, after: Choices) -> Observational | None:
        """What the trials expect of making ``after`` of the network ``before``. None where they cannot tell, and where
        decisions of several kinds change; what is only decided with a change belongs to it."""
        changes = [name for name in before if name in after and before[name] != after[name]]
        kinds = {by_kind(name) for name in changes}
        if len(kinds) != 1:
            return None
        (kind,) = kinds
        brought, left = {after[name] for name in changes}, {before[name] for name in changes}
        if any((kind, option) in self.tangled for option in brought | left):
            return None
        mine = [{name: made[name] for name in made if by_kind(name) == kind} for made in (before, after)]
        changed, equal = (
            _as_estimate(models[kind].between(*mine)) if kind in models else None for models in (self.raw, self.equal)
        )
        if changed is None and equal is None:
            return None
        return Observational(
            changed=changed,
            equal=equal,
            trials=_having(self.trials, kind, brought),
            of=len(self.trials),
            pairs=sum(
                one.pairs
                for one in self.choices
                if one.kind == kind and any({one.option, one.instead_of} == {a, b} for a in brought for b in left)
            ),
        )


def free_evidence(run: RunRecords) -> FreeEvidence:
    """Of the search's own complete trials: neither its references nor its control, nor what was stopped or failed."""
    trials = tuple(
        Observation(choices=record.choices or {}, accuracy=record.val_accuracy or 0.0, cost=float(record.train_macs))
        for record in usable(run)
    )
    if len(trials) < ENOUGH:
        return FreeEvidence(trials=trials, reason=too_few(len(trials)))
    if len({trial.accuracy for trial in trials}) == 1:
        return FreeEvidence(trials=trials, reason="all trials have the same accuracy")
    equal, tangled, silent, together = _models(trials)
    raw = _as_it_is(trials, equal, together=together)
    choices = _choices(trials, _effects(raw, tangled), _effects(equal, tangled))
    return FreeEvidence(
        trials=trials,
        reason=None if choices else "the trials cannot tell any choice from what goes hand in hand with it",
        choices=choices,
        silent=silent,
        tangled=tangled,
        together=together,
        raw=raw,
        equal=equal,
    )


def usable(run: RunRecords) -> list[Record]:
    """The search's complete trials."""
    return [record for record in run.trials if record.val_accuracy is not None and record.choices]


def too_few(trials: int) -> str:
    return f"too few trials: {trials} complete {'one' if trials == 1 else 'ones'}, and it takes {ENOUGH}"


# ---- models


def _models(
    trials: Sequence[Observation],
) -> tuple[dict[str, Additive], dict[tuple[str, Option], str], dict[str, str], bool]:
    """At equal cost: kind → the model that it is in; options that go hand in hand with another kind's → whose; kinds
    that nothing can be said of → why; whether one model has all kinds."""
    shares = shares_of(trials, by_kind)
    silent = {kind: "no trial has another option" for kind, mine in shares.items() if not _varies(mine)}
    varied = {kind: mine for kind, mine in shares.items() if kind not in silent}
    whole = Additive.of(trials, at_equal_cost=True)
    if len(trials) >= TRIALS_AN_UNKNOWN * whole.unknowns:
        return dict.fromkeys(varied, whole), {}, silent, True
    models = {kind: Additive.of(_only(trials, kind), at_equal_cost=True) for kind in varied}
    silent |= {
        kind: f"{len(trials)} trials are too few for its {model.unknowns} unknowns"
        for kind, model in models.items()
        if len(trials) < TRIALS_AN_UNKNOWN * model.unknowns
    }
    return {kind: one for kind, one in models.items() if kind not in silent}, _tangled(varied), silent, False


def _as_it_is(trials: Sequence[Observation], equal: Mapping[str, Additive], *, together: bool) -> dict[str, Additive]:
    """The same models without cost."""
    if together:
        return dict.fromkeys(equal, Additive.of(trials))
    return {kind: Additive.of(_only(trials, kind)) for kind in equal}


def _only(trials: Sequence[Observation], kind: str) -> list[Observation]:
    return [
        Observation(
            choices={name: one for name, one in trial.choices.items() if by_kind(name) == kind},
            accuracy=trial.accuracy,
            cost=trial.cost,
        )
        for trial in trials
    ]


def _varies(shares: Mapping[Option, Array]) -> bool:
    return any(np.ptp(share) > 0 for share in shares.values())


def _tangled(kinds: Mapping[str, Mapping[Option, Array]]) -> dict[tuple[str, Option], str]:
    """Options that come and go with another kind's."""
    found: dict[tuple[str, Option], str] = {}
    for (one, mine), (other, theirs) in combinations(kinds.items(), 2):
        for (a, first), (b, second) in product(mine.items(), theirs.items()):
            likeness = _likeness(first, second)
            if abs(likeness) < TOGETHER:
                continue
            for key, with_it in (((one, a), f"{other} {b}"), ((other, b), f"{one} {a}")):
                if likeness > 0 or key not in found:  # of two options one comes and the other goes
                    found[key] = with_it
    return found


def _likeness(one: Array, other: Array) -> float:
    return float(np.corrcoef(one, other)[0, 1]) if np.ptp(one) and np.ptp(other) else 0.0


# ---- what they say


def _choices(
    trials: Sequence[Observation], changed: Mapping[Comparison, Observed], at_cost: Mapping[Comparison, Observed]
) -> tuple[Choice, ...]:
    """Every comparison that the models or a pair of trials make."""
    count = _decisions(trials)
    pairs = {(one.choice, one.option, one.instead_of): one for one in from_pairs(trials, group=by_kind)}
    modelled = dict.fromkeys((*changed, *at_cost))
    turned = {key if (key[0], key[2], key[1]) not in modelled else (key[0], key[2], key[1]): key for key in pairs}
    return tuple(
        Choice(
            kind=kind,
            option=option,
            instead_of=instead,
            decisions=count[kind],
            changed=_single(changed.get((kind, option, instead)), count[kind]),
            equal=_single(at_cost.get((kind, option, instead)), count[kind]),
            trials=_having(trials, kind, {option}),
            paired=_turned(pairs, turned.get((kind, option, instead)), option),
            pairs=pairs[turned[kind, option, instead]].count if (kind, option, instead) in turned else 0,
        )
        for kind, option, instead in sorted(dict.fromkeys((*modelled, *turned)), key=_by_kind_and_option)
    )


def _effects(models: Mapping[str, Additive], tangled: Collection[tuple[str, Option]]) -> dict[Comparison, Observed]:
    distinct = {id(model): model for model in models.values()}.values()
    every = [one for model in distinct for one in model.effects() if one.choice in models]
    return {
        (one.choice, one.option, one.instead_of): one
        for one in every
        if not {(one.choice, one.option), (one.choice, one.instead_of)} & set(tangled)
    }


def _by_kind_and_option(key: Comparison) -> tuple[str, str, float, str]:
    kind, option, instead = key
    number = 0.0 if isinstance(option, str) else float(option)
    return kind, str(instead), number, str(option)


def _single(one: Observed | None, decisions: float) -> Estimate | None:
    """Of all decisions of a kind to one of them: the model is additive."""
    if one is None:
        return None
    return Estimate(one.delta / decisions, one.ci and (one.ci[0] / decisions, one.ci[1] / decisions))


def _turned(pairs: Mapping[Comparison, Observed], key: Comparison | None, option: Option) -> Estimate | None:
    """The pairs' difference, seen from ``option``."""
    if key is None:
        return None
    one = pairs[key]
    if one.option == option:
        return Estimate(one.delta, one.ci)
    return Estimate(-one.delta, one.ci and (-one.ci[1], -one.ci[0]))


def _as_estimate(found: tuple[float, Interval | None] | None) -> Estimate | None:
    return None if found is None else Estimate(*found)


def _decisions(trials: Sequence[Observation]) -> dict[str, float]:
    """Kind → decisions of it in a network that has any, on average."""
    counts: dict[str, list[int]] = {}
    for trial in trials:
        kinds = [by_kind(name) for name in trial.choices]
        for kind in set(kinds):
            counts.setdefault(kind, []).append(kinds.count(kind))
    return {kind: sum(found) / len(found) for kind, found in counts.items()}


def _having(trials: Sequence[Observation], kind: str, options: set[Option]) -> int:
    return sum(any(by_kind(name) == kind and one in options for name, one in trial.choices.items()) for trial in trials)
