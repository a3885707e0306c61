"""A sampler that suggests nothing over budget and nothing twice, whatever sampler works inside it.

The whole architecture is decided at a trial's first question: by a sampler of our own, which gives networks that fit
and are new, or by one of Optuna's, over which the space is run until what comes out fits, is new and uses a fair part
of the budget. If that takes too long, the nearest suggestion is moved inside. So nothing has to be stored as failed,
and the inner sampler only ever learns from networks that were trained.

Every suggestion depends on (seed, how many trials count, what they gave) only: the inner sampler is made afresh each
time. An interrupted search goes on as if nothing had happened, provided that orphans were closed first.
"""

import random
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseGASampler, BaseSampler, RandomSampler
from optuna.trial import FrozenTrial, TrialState

from nas.draw import Draw
from nas.errors import NasError, SpaceExhausted
from nas.record import ORPHAN
from nas.samplers.asking import suggested
from nas.samplers.feasible import Feasible, Limit
from nas.samplers.history import History
from nas.samplers.moment import ATTEMPTS, Moment, Proposer
from nas.samplers.snapshot import Snapshot
from nas.samplers.told import NotOfSpace, answer
from nas.space import Choices, Space

STARTUP = 10  # trials drawn at random before the inner sampler is asked (Optuna's own number for TPE)

MakeInner = Callable[[int], BaseSampler | Proposer]  # the inner sampler of one suggestion, from a seed


class InsideSampler(BaseSampler):
    """Runs ``space`` over an inner sampler, inside ``limits``, without repeats.

    ``make_inner`` gives the inner sampler for one suggestion from a seed; None draws at random. ``spread``: suggestions
    are spread over cost, each near a part of the budget (``nas.spread``), instead of all near the budget.
    ``candidates``: choices to pick from, where not all of the space. Raises ``SpaceExhausted`` at the first question of
    a trial when nothing new that fits is left, and closes the trial; ``optimize`` is stopped when the last network was
    given.
    """

    def __init__(
        self,
        space: Space,
        limits: Limit,
        *,
        seed: int,
        make_inner: MakeInner | None = None,
        name: str = "inner",
        startup: int | None = None,
        spread: bool = False,
        candidates: Iterable[Choices] | None = None,
    ) -> None:
        self._feasible = Feasible(space, limits, candidates=candidates)
        self._seed = seed
        self._spread = spread
        self._make_inner = make_inner
        self._name = name
        self._startup = getattr(make_inner, "beginning", STARTUP) if startup is None else startup
        self.origins: dict[int, str] = {}  # trial number → what suggested it: "draw", or the inner sampler's name
        self._plans: dict[int, Draw] = {}  # trial number → what it was given
        self._history = History(self._feasible, self._plans)
        self._memory: dict[Any, Any] = {}  # of the inner samplers: what can be worked out again
        self._one_more: Draw | None = None  # a network that was left when it was last looked for one
        self._lock = threading.RLock()  # optimize may run several trials at a time

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Optuna calls this once, at a trial's first question: the place to decide the whole architecture."""
        with self._lock:
            try:
                self._plans[trial.number] = self._decide(study, trial)
            except NasError:
                if not study._thread_local.in_optimize_loop:  # which closes the trial itself
                    study._storage.set_trial_user_attr(trial._trial_id, ORPHAN, True)
                    study._storage.set_trial_state_values(trial._trial_id, state=TrialState.FAIL)
                raise
            self._stop_after_the_last(study)
        return {}

    def _decide(self, study: Study, trial: FrozenTrial) -> Draw:
        counting = [one for one in study.get_trials(deepcopy=False) if not one.user_attrs.get(ORPHAN, False)]
        self._note_generation(study, counting, trial)
        others = [one for one in counting if one.number != trial.number and one.state != TrialState.WAITING]
        count = len(others)
        rng = random.Random(f"{self._seed} {count}")
        told, running, taken = self._history.of(study, others)
        moment = Moment(
            feasible=self._feasible,
            told=told,
            running=running,
            taken=taken,
            rng=rng,
            seed=self._seed,
            memory=self._memory,
            objectives=len(study.directions),
            spread=self._spread,
        )
        by_hand = trial.system_attrs.get("fixed_params")
        if by_hand:
            self.origins[trial.number] = "by hand"
            return self._history.completed(trial, by_hand, moment)
        begins = count < self._startup
        self.origins[trial.number] = "draw" if self._make_inner is None or begins else self._name
        if self._make_inner is None:
            return moment.draw()
        inner = self._make_inner(0 if begins else rng.getrandbits(31))
        if not isinstance(inner, BaseSampler):
            return inner.begin(moment) if begins else inner.propose(moment)
        if begins:
            return moment.draw()
        suggestions = suggested(self._feasible.space, Snapshot(study, counting).as_study(), trial, inner)
        return moment.inside(lambda: next(suggestions), getattr(inner, "attempts", ATTEMPTS))

    def _note_generation(self, study: Study, counting: Sequence[FrozenTrial], trial: FrozenTrial) -> None:
        """Lets a genetic sampler write down the trial's generation and that generation's parents, before it is asked.

        Draws count in its first generation only if they are marked. And it lists the parents in one order when it
        chooses them and in another when it reads them back: who dies in between would get another suggestion.
        """
        inner = None if self._make_inner is None else self._make_inner(0)
        if isinstance(inner, BaseGASampler):
            now = Snapshot(study, counting).as_study()
            inner.sample_relative(study, trial, inner.infer_relative_search_space(now, trial))

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        plan = self._plans[trial.number]
        if param_name not in plan.domains:  # something else that the objective asks
            other = RandomSampler(seed=random.Random(f"{self._seed} {trial.number} {param_name}").getrandbits(31))
            return other.sample_independent(study, trial, param_name, param_distribution)
        try:
            return answer(plan.domains[param_name], plan.choices[param_name], param_distribution)
        except NotOfSpace as error:
            raise NasError(
                f"{param_name}: {error}; ask for it with the space's options {plan.domains[param_name]!r}"
            ) from None

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        with self._lock:
            inner = None if self._make_inner is None else self._make_inner(0)
            if isinstance(inner, BaseSampler):
                inner.after_trial(study, trial, state, values)
            self._history.finished(study, trial)
            self._stop_after_the_last(study)

    def _stop_after_the_last(self, study: Study) -> None:
        """``optimize`` is told to stop once nothing is left; ask and tell find out by ``SpaceExhausted``."""
        if not study._thread_local.in_optimize_loop:
            return
        trials = [one for one in study.get_trials(deepcopy=False) if not one.user_attrs.get(ORPHAN, False)]
        if any(one.state == TrialState.WAITING for one in trials):
            return
        _, _, taken = self._history.of(study, trials)
        if self._one_more is not None and self._one_more.spec not in taken:
            return
        try:
            self._one_more = self._feasible.draw(random.Random(len(trials)), taken)
        except SpaceExhausted:
            study.stop()
