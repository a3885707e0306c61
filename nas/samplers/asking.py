"""A space run over a sampler of Optuna's, as if by a trial."""

from collections.abc import Iterator, Sequence
from typing import Any

from optuna import Study
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial

from nas.draw import Draw, walk
from nas.space import Space, from_trial


def suggested(space: Space, study: Study, trial: FrozenTrial, inner: BaseSampler) -> Iterator[Draw]:
    """Networks that ``inner`` suggests, one after the other, without end."""
    together = inner.infer_relative_search_space(study, trial)
    while True:
        asking = _Asking(study, trial, inner, inner.sample_relative(study, trial, together))
        yield walk(space, from_trial(asking))


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
