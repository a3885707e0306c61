"""A sampler for spaces of blocks: a Gaussian process over shared choices, and expected improvement inside the limit.

A training costs minutes, a suggestion milliseconds: so every value is used, and candidates are looked at one by one.
They are changes of the best networks and random draws, all of which fit and are new.
"""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from nas.draw import Draw
from nas.samplers.feasible import Fitting, Hashed, Taken, identity, shared
from nas.samplers.improvement import expected_improvement
from nas.samplers.inside import InsideSampler
from nas.samplers.kernel import Encoded, Encoder, Floats, domains_of
from nas.samplers.moment import Moment, merits
from nas.samplers.scores import scores, training_costs
from nas.samplers.surrogate import Surrogate, learn
from nas.samplers.told import Told
from nas.space import Choices, Pick

Places = npt.NDArray[np.intp]

BEGINNING = 8  # networks before values are learned from
BY_SIZE = True  # whether values are first explained by how much of the limit is used
SPREAD = 6  # draws of which the one least like those before is taken, in the beginning
UNSIZED = 8  # times as many draws where it is not known how much of the limit one uses, of which the largest count
PARENTS = 5  # best networks that are changed
CHANGED = 40  # changes of each that are looked at as long as it is one of the best
AFRESH = 30  # further changes of them, others each time
STEPS = (1, 1, 1, 2, 2, 3)  # decisions changed at a time
DRAWN = 16  # random draws that are looked at, one of them new each time
MEASURED = 8  # networks of the pool that are measured, where only that tells whether they fit
SCORED = 16  # networks of the pool, the most promising, that are scored untrained, where that is asked for
LISTED = 1000  # of a list of candidates: so many at random, and the changes of the best
LEARNED = 250  # trials learned from: the best and the newest
KEPT = 50  # of them the best


@dataclass(frozen=True, slots=True)
class BlockProposer:
    """One suggestion of ``BlockSampler``.

    ``by_size``: values are first explained by how much of the limit is used; ``by_training``: by multiply-adds of the
    form that is trained too. ``by_losses``: what is learned is the mean of value and sum of training losses, both in
    their own deviations, where there is one objective and all have losses. ``by_scores``: of the most promising
    networks, values are first explained by a score of the untrained network too.
    """

    seed: int
    by_size: bool = BY_SIZE
    by_training: bool = False
    by_losses: bool = False
    by_scores: bool = False
    beginning: ClassVar[int] = BEGINNING

    def begin(self, moment: Moment) -> Draw:
        """A draw near the limit, of some the one least like all networks so far."""
        known = [one.point for one in moment.told] + list(moment.running)
        draws = [moment.draw() for _ in range(SPREAD if moment.feasible.knows_use else UNSIZED * SPREAD)]
        if moment.near:
            draws = sorted(draws, key=moment.feasible.size)[-SPREAD:]
        return min(draws, key=lambda point: max((_alike(point, other) for other in known), default=0.0))

    def propose(self, moment: Moment) -> Draw:
        told, values = learned_from(moment.told, by_losses=self.by_losses)
        if len(told) < 2 or np.all(np.ptp(values, axis=0) == 0):
            return self.begin(moment)
        points = [one.point for one in told]
        encoder = Encoder(domains_of([*points, *moment.running]), moment.memory.get("encoder"))
        moment.memory["encoder"] = encoder

        def encoded(networks: Sequence[Draw], sizes: Sequence[float] | None = None) -> Encoded:
            if not self.by_size:
                sizes = [0.0] * len(networks)
            elif sizes is None:
                sizes = [moment.feasible.size(network) for network in networks]
            found = encoder(networks, sizes)
            return found.and_by(training_costs(networks)) if self.by_training else found

        known = encoded(points, [one.size for one in told])
        learned = [learn(known, of_one) for of_one in values.T]
        expected = np.stack([surrogate.expected() for surrogate in learned], axis=1)
        fitting = [number for number, one in enumerate(told) if one.fits] or list(range(len(told)))
        worth = merits([tuple(row) for row in expected[fitting]])
        best = sorted(range(len(fitting)), key=lambda number: -worth[number])[:PARENTS]
        pool = candidates(moment, [points[fitting[number]] for number in best])
        new = encoded([one.point for one in pool], [one.size for one in pool])
        running = encoded(moment.running) if moment.running else None
        most = _most(learned, running, new, expected[fitting])
        if self.by_scores:
            most = most[:SCORED]
            known, new = known.and_by(scores(points)), new.take(most).and_by(scores([pool[at].point for at in most]))
            running = running and running.and_by(scores(moment.running))
            learned = [learn(known, of_one) for of_one in values.T]
            expected = np.stack([surrogate.expected() for surrogate in learned], axis=1)
            most = most[_most(learned, running, new, expected[fitting])]
        most = most[:MEASURED]
        certain = (pool[number].point for number in most if moment.feasible.fits(pool[number].point))
        return next(certain, None) or moment.draw()


def _most(learned: Sequence[Surrogate], running: Encoded | None, new: Encoded, known: Floats) -> Places:
    """The places of ``new`` networks, those that promise most first."""
    if running is not None:
        learned = [surrogate.believe(running) for surrogate in learned]
    predicted = [surrogate.predict(new) for surrogate in learned]
    gain = expected_improvement(
        np.stack([mean for mean, _ in predicted], axis=1),
        np.stack([deviation for _, deviation in predicted], axis=1),
        known,
    )
    return np.argsort(-gain, kind="stable")


@dataclass(frozen=True, slots=True)
class Unsized(BlockProposer):
    """For comparison: multiply-adds are not looked at beyond what fits."""

    by_size: bool = False


@dataclass(frozen=True, slots=True)
class WithTraining(BlockProposer):
    """Looks at what a network costs in training too, which is another form of it than the budget counts."""

    by_training: bool = True


@dataclass(frozen=True, slots=True)
class WithLosses(BlockProposer):
    """Learns from training losses too."""

    by_losses: bool = True


@dataclass(frozen=True, slots=True)
class WithScores(BlockProposer):
    """Looks at untrained networks too."""

    by_scores: bool = True


def _alike(one: Draw, other: Draw) -> float:
    """The share of decisions answered alike."""
    return shared(one, other) / max(len(one.choices), len(other.choices), 1)


def learned_from(told: Sequence[Told], *, by_losses: bool = False) -> tuple[list[Told], Floats]:
    """The trials to learn from and their values, [trials, objectives].

    A training that was stopped early was below the median of earlier ones: it counts as their lower quartile.
    """
    complete = [one for one in told if one.values is not None]
    if not complete:
        return [], np.empty((0, 1))
    scores = _finite(np.array([one.values for one in complete], dtype=float))
    losses = [one.losses for one in complete if one.losses is not None] if by_losses else []
    if by_losses and scores.shape[1] == 1 and len(losses) == len(complete):
        scores = (_in_deviations(scores[:, 0]) - _in_deviations(np.array(losses)))[:, None]
    score_of = {one.number: tuple(score) for one, score in zip(complete, scores.tolist(), strict=True)}
    stopped_at = tuple(np.quantile(scores, 0.25, axis=0).tolist())
    known = [one for one in told if one.values is not None or one.stopped]
    values = [score_of.get(one.number, stopped_at) for one in known]
    if len(known) > LEARNED:
        worth = merits(values)
        kept = set(sorted(range(len(known)), key=lambda number: -worth[number])[:KEPT])
        others = [number for number in range(len(known)) if number not in kept]
        kept.update(others[KEPT - LEARNED :])
        known = [one for number, one in enumerate(known) if number in kept]
        values = [value for number, value in enumerate(values) if number in kept]
    return known, np.array(values, dtype=float)


def _in_deviations(values: Floats) -> Floats:
    scaled: Floats = (values - values.mean()) / max(float(values.std()), 1e-12)
    return scaled


def _finite(values: Floats) -> Floats:
    """With the least finite value for what is none: an objective may say −∞ of a network that cannot be trained."""
    worst = np.where(np.isfinite(values), values, np.inf).min(axis=0)
    return np.where(np.isfinite(values), values, np.where(np.isfinite(worst), worst, 0.0))


class Candidate(NamedTuple):
    """A network that may come next, with what is looked up of it each time."""

    point: Draw
    key: Hashed  # its identity
    size: float
    fair: bool  # whether it uses a fair part of the limit


def candidates(moment: Moment, parents: Sequence[Draw]) -> list[Candidate]:
    """What may be suggested next: changes of the parents, and draws. Raises ``SpaceExhausted``."""
    feasible, rng = moment.feasible, moment.rng
    if feasible.listed is not None:
        left = feasible.left(moment.taken)
        if len(left) > 2 * LISTED:
            left = feasible.closest(parents, left, LISTED) + rng.sample(left, LISTED)
        return [_candidate(moment, point) for point in left]
    found = [one for parent in parents for one in _kept_changes(moment, parent)]
    found += _changes(moment, parents, rng, AFRESH)
    found += _window(moment)
    new = [one for one in found if one.fair and not moment.taken.has(one.key)]
    return new or [_candidate(moment, moment.draw())]


def _candidate(moment: Moment, point: Draw) -> Candidate:
    use = moment.feasible.limit.use(point.spec)
    size = use if moment.feasible.knows_use else moment.feasible.size(point)
    return Candidate(point, Hashed(identity(point.spec)), size, use >= moment.fair)


def _changes(moment: Moment, parents: Sequence[Draw], rng: random.Random, most: int) -> list[Candidate]:
    """So many that fit, new or not; fewer where most do not fit."""
    found: list[Candidate] = []
    for _ in range(2 * most):
        point = moment.feasible.change(rng.choice(parents), rng, rng.choice(STEPS))
        if moment.feasible.seems_to_fit(point):
            found.append(_candidate(moment, point))
        if len(found) == most:
            break
    return found


def _kept_changes(moment: Moment, parent: Draw) -> list[Candidate]:
    """The same whenever they are asked for, so they are worked out once."""
    key = f"{moment.seed} {sorted(parent.choices.items())}"
    kept: dict[str, list[Candidate]] = moment.memory.setdefault("changes", {})
    if key not in kept:
        kept[key] = _changes(moment, [parent], random.Random(key), CHANGED)
        if len(kept) > 8 * PARENTS:
            del kept[next(iter(kept))]
    return kept[key]


def _window(moment: Moment) -> list[Candidate]:
    """``DRAWN`` of an endless row of draws, a trial further each time."""
    first = len(moment.told) + len(moment.running)
    kept: dict[int, Candidate] = moment.memory.setdefault("draws", {})
    for number in range(first, first + DRAWN):
        if number not in kept:
            rng = random.Random(f"{moment.seed} draw {number}")
            kept[number] = _candidate(moment, moment.drawn(rng, Taken()))
    for number in [number for number in kept if number < first]:
        del kept[number]
    return [kept[number] for number in range(first, first + DRAWN)]


class BlockSampler(InsideSampler):
    """An Optuna sampler for a space of blocks: only networks that fit, none twice, few trials wasted.

    ``space`` may return anything that can be compared by value or written as JSON; ``fits`` says what is allowed.
    ``candidates``: a finite list of choices to pick from. ``use``: the share of its limit that a network uses, where
    that is known; else it is learned from what fits. Works with ``nas.space.from_trial(trial)`` and with plain
    ``suggest_*`` calls by the same names. Raises ``SpaceExhausted`` as ``InsideSampler`` does.
    """

    def __init__(
        self,
        space: Callable[[Pick], Any],
        fits: Callable[[Any], bool],
        *,
        seed: int,
        candidates: Iterable[Choices] | None = None,
        use: Callable[[Any], float] | None = None,
    ) -> None:
        super().__init__(
            space,
            Fitting(fits, use),
            seed=seed,
            make_inner=BlockProposer,
            name="block",
            candidates=candidates,
        )
