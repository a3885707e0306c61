"""A sampler that suggests nothing over budget and nothing twice, whatever sampler works inside it.

The whole architecture is decided when a trial begins: the space is run over the inner sampler until what comes out
fits, is new and uses a fair part of the budget. If that takes too long, the nearest suggestion is moved inside by a
random walk. So nothing has to be stored as failed, and the inner sampler only ever learns from networks that were
trained.

Every suggestion depends on (seed, how many trials count, what they gave) only: the inner sampler is made afresh each
time. An interrupted search goes on as if nothing had happened, provided that orphans were closed first.
"""

import math
import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from optuna import Study
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.samplers import BaseGASampler, BaseSampler
from optuna.trial import FrozenTrial, TrialState

from nas.arch import ArchSpec
from nas.budget import Limits
from nas.draw import Draw, draw, draw_inside, move_inside, walk
from nas.errors import SpaceExhausted
from nas.record import ORPHAN
from nas.samplers.snapshot import Snapshot
from nas.space import Space, as_suggested, explore, from_trial
from nas.spread import part_at_random

STARTUP = 10  # trials drawn at random before the inner sampler is asked (Optuna's own number for TPE)
ATTEMPTS = 16  # suggestions of the inner sampler before the nearest one is moved inside
FAIR = 0.6  # of the budget: suggestions that use less are thin networks that happen to fit
STARTS = 16  # draws of which the nearest one is moved to where it is wanted


class InsideSampler(BaseSampler):
    """Runs ``space`` over an inner sampler, inside ``limits``, without repeats.

    ``make_inner`` gives the inner sampler for one suggestion from a seed; None draws at random. ``spread``: suggestions
    are spread over cost, each near a part of the budget (``nas.spread``), instead of all near the budget. Raises
    ``SpaceExhausted`` while asking when nothing new that fits is found.
    """

    def __init__(
        self,
        space: Space,
        limits: Limits,
        *,
        seed: int,
        make_inner: Callable[[int], BaseSampler] | None = None,
        name: str = "inner",
        startup: int = STARTUP,
        spread: bool = False,
    ) -> None:
        self._space = space
        self._limits = limits
        self._seed = seed
        self._make_inner = make_inner
        self._name = name
        self._startup = startup
        self._spread = spread
        self.origins: dict[int, str] = {}  # trial number → what suggested it: "draw", or the inner sampler's name
        self._plans: dict[int, dict[str, Any]] = {}  # trial number → what each suggest_* will be answered
        self._suggested: set[ArchSpec] = set()  # by the trials that count
        self._known: set[int] = set()  # their numbers

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Optuna calls this once, when a trial begins: the place to decide the whole architecture."""
        counting = [one for one in study.get_trials(deepcopy=False) if not one.user_attrs.get(ORPHAN, False)]
        now = Snapshot(study, counting).as_study()
        self._note_generation(study, now, trial)
        others = [one for one in counting if one.number != trial.number]
        taken = self._taken(others)
        count = len(others)
        rng = random.Random(f"{self._seed} {count}")
        limits = part_at_random(self._space, self._limits, rng) if self._spread else self._limits
        if self._make_inner is None or count < self._startup:
            origin, point = "draw", self._draw(limits, taken, rng)
        else:
            inner = self._make_inner(rng.getrandbits(31))
            origin, point = self._name, self._suggest(now, trial, inner, limits, taken, rng)
        self._plans[trial.number] = {
            name: as_suggested(options, point.choices[name])
            for name, options in point.domains.items()
            if len(options) > 1
        }
        self.origins[trial.number] = origin
        return {}

    def _note_generation(self, study: Study, now: Study, trial: FrozenTrial) -> None:
        """Lets a genetic sampler write down the trial's generation and that generation's parents, before it is asked.

        Draws count in its first generation only if they are marked. And it lists the parents in one order when it
        chooses them and in another when it reads them back: who dies in between would get another suggestion.
        """
        inner = None if self._make_inner is None else self._make_inner(0)
        if isinstance(inner, BaseGASampler):
            inner.sample_relative(study, trial, inner.infer_relative_search_space(now, trial))

    def _draw(self, limits: Limits, taken: set[ArchSpec], rng: random.Random) -> Draw:
        if not self._spread:
            return draw_inside(self._space, limits, rng, taken=taken)
        start = min((draw(self._space, rng) for _ in range(STARTS)), key=lambda one: _distance(limits, one))
        try:
            return move_inside(self._space, limits, start, rng, taken=taken, near=FAIR)
        except SpaceExhausted:  # in this part; the whole budget may have more
            return draw_inside(self._space, self._limits, rng, taken=taken, near=0.0)

    def _suggest(
        self,
        study: Study,
        trial: FrozenTrial,
        inner: BaseSampler,
        limits: Limits,
        taken: set[ArchSpec],
        rng: random.Random,
    ) -> Draw:
        together = inner.infer_relative_search_space(study, trial)
        nearest: Draw | None = None
        for _ in range(ATTEMPTS):
            asking = _Asking(study, trial, inner, inner.sample_relative(study, trial, together))
            point = walk(self._space, from_trial(asking))
            if point.spec in taken:
                continue
            use = limits.use(point.spec)
            if FAIR <= use <= 1 and limits.fits(point.spec):
                return point
            if nearest is None or abs(use - 1) < abs(limits.use(nearest.spec) - 1):
                nearest = point
        start = nearest or point
        try:
            return move_inside(self._space, limits, start, rng, taken=taken, near=FAIR)
        except SpaceExhausted:  # around this suggestion; a draw looks everywhere
            return self._draw(limits, taken, rng)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return self._plans[trial.number][param_name]

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        self._plans.pop(trial.number, None)
        if self._make_inner is not None:
            self._make_inner(0).after_trial(study, trial, state, values)

    def _taken(self, others: Iterable[FrozenTrial]) -> set[ArchSpec]:
        """What these trials stand for. Each is rebuilt once: a trial that counts does so until the run ends."""
        for other in others:
            if other.params and other.number not in self._known:
                self._known.add(other.number)
                self._suggested.add(explore(self._space, from_trial(_Recorded(other.params)))[1])
        return self._suggested


def _distance(limits: Limits, point: Draw) -> float:
    return abs(math.log(max(limits.use(point.spec), 1e-12)))


class _Asking:
    """Looks like a trial to ``from_trial``; asks the inner sampler, as Optuna's own trial would."""

    def __init__(self, study: Study, trial: FrozenTrial, inner: BaseSampler, relative: dict[str, Any]) -> None:
        self._study, self._trial, self._inner, self._relative = study, trial, inner, relative

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1) -> int:
        return int(self._answer(name, IntDistribution(low, high, step=step)))

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        return self._answer(name, CategoricalDistribution(choices))

    def _answer(self, name: str, distribution: BaseDistribution) -> Any:
        if name in self._relative:
            return self._relative[name]
        return self._inner.sample_independent(self._study, self._trial, name, distribution)


class _Recorded:
    """Looks like a trial to ``from_trial``; answers what was suggested before."""

    def __init__(self, params: dict[str, Any]) -> None:
        self._params = params

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1) -> int:
        return int(self._params[name])

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        return self._params[name]
