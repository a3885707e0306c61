"""Optuna's tree-structured Parzen estimator, for many proposals from one moment.

Most proposals do not fit the budget, so a suggestion needs many. Optuna builds its estimators anew for each and samples
normal distributions number by number. Here they are built once, and what they say about the few options that every
decision has is looked up in tables: the same proposals, on average, in a tenth of the time.
"""

import math
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from optuna import Study
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import TPESampler
from optuna.samplers._tpe.sampler import _split_trials, default_gamma_multiobjective
from optuna.trial import FrozenTrial, TrialState

AT_ONCE = 4  # proposals
CANDIDATES = 24  # samples of which the best is one proposal (Optuna's own number)
MOST_GOOD = 25  # good trials, and at most a tenth of all (Optuna's own numbers)

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]  # [samples, decisions] of options


class MomentTPE(TPESampler):
    """``TPESampler`` whose study must not change while it lives: one is made for every suggestion.

    All decisions together (multivariate), in groups, because some exist only after others; trials that are running
    count as bad ones, so that those asked for at the same time differ.
    """

    def __init__(self, seed: int) -> None:
        with warnings.catch_warnings():  # group= is called experimental since 2021; a user can do nothing about it
            warnings.simplefilter("ignore", ExperimentalWarning)
            super().__init__(
                seed=seed,
                multivariate=True,
                group=True,
                constant_liar=True,
                n_startup_trials=0,
                n_ei_candidates=CANDIDATES,
            )
        self._parts: tuple[list[FrozenTrial], list[FrozenTrial]] | None = None
        self._tables: dict[tuple[str, ...], tuple[Tables, Tables]] = {}  # of good trials, of the others
        self._proposals: dict[tuple[str, ...], list[dict[str, Any]]] = {}

    # private parts of Optuna: pyproject.toml names the releases in which they are as here
    def _sample(self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]) -> dict[str, Any]:
        names = tuple(search_space)
        waiting = self._proposals.setdefault(names, [])
        if not waiting:
            if names not in self._tables:
                self._tables[names] = self._build(study, trial, search_space)
            waiting.extend(self._propose(*self._tables[names], search_space))
        return waiting.pop(0)

    def _propose(
        self, good: "Tables", others: "Tables", search_space: Mapping[str, BaseDistribution]
    ) -> list[dict[str, Any]]:
        """Of every ``CANDIDATES`` samples the one with the largest expected improvement, as Optuna chooses it."""
        samples = good.sample(self._rng.rng, AT_ONCE * CANDIDATES)
        gain = (good.log_density(samples) - others.log_density(samples)).reshape(AT_ONCE, CANDIDATES)
        best = samples[gain.argmax(axis=1) + CANDIDATES * np.arange(AT_ONCE)]
        domains = list(search_space.items())
        return [
            {name: _option(domain, int(place)) for (name, domain), place in zip(domains, places, strict=True)}
            for places in best
        ]

    def _build(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> tuple["Tables", "Tables"]:
        if self._parts is None:
            self._parts = split(study, trial)
        good, others = self._parts
        return (
            Tables(self._build_parzen_estimator(study, search_space, good, handle_below=True), search_space),
            Tables(self._build_parzen_estimator(study, search_space, others, handle_below=False), search_space),
        )


class Tables:
    """What a Parzen estimator says about each option of each decision: a mixture of kernels, one a trial and one for
    what was known before."""

    def __init__(self, estimator: Any, search_space: Mapping[str, BaseDistribution]) -> None:
        mixture = estimator._mixture_distribution
        self.weights: Floats = mixture.weights
        # of each decision, [kernels, options]; rows add up to 1
        self.probabilities = [
            _probabilities(kernels, domain)
            for kernels, domain in zip(mixture.distributions, search_space.values(), strict=True)
        ]

    def sample(self, rng: np.random.RandomState, size: int) -> Places:
        kernels = rng.choice(len(self.weights), p=self.weights, size=size)
        found = np.empty((size, len(self.probabilities)), dtype=np.intp)
        for number, table in enumerate(self.probabilities):
            reached = table[kernels].cumsum(axis=1)[:, :-1]  # what is beyond the last but one is the last
            found[:, number] = (reached < rng.rand(size)[:, None]).sum(axis=1)
        return found

    def log_density(self, samples: Places) -> Floats:
        """Natural logarithms, [samples]. Never of nothing: the kernel of what was known before is wide."""
        by_kernel = np.ones((len(self.weights), len(samples)))
        for number, table in enumerate(self.probabilities):
            by_kernel *= table[:, samples[:, number]]
        result: Floats = np.log(self.weights @ by_kernel)
        return result


def split(study: Study, trial: FrozenTrial) -> tuple[list[FrozenTrial], list[FrozenTrial]]:
    """Good trials, and the others; ``trial`` itself is neither. In the order of their numbers: Optuna gives the oldest
    of many the least weight."""
    states = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING)
    known = [one for one in study.get_trials(deepcopy=False, states=states) if one.number != trial.number]
    if len(study.directions) > 1:  # good ones are on the first fronts (Optuna's own split; it weighs them alike)
        finished_count = sum(one.state.is_finished() for one in known)
        return _split_trials(study, known, default_gamma_multiobjective(finished_count))
    finished = sorted((one for one in known if one.state.is_finished()), key=_best_first)
    good = {one.number for one in finished[: min(math.ceil(0.1 * len(finished)), MOST_GOOD)]}
    return [one for one in known if one.number in good], [one for one in known if one.number not in good]


def _best_first(trial: FrozenTrial) -> tuple[float, ...]:
    """Complete trials by their value, then those that were stopped: the later the better, then by their last value."""
    if trial.state == TrialState.COMPLETE:
        return (0, -float(trial.value or 0.0))
    step = trial.last_step
    return (2,) if step is None else (1, -step, -trial.intermediate_values[step])


def _probabilities(kernels: Any, domain: BaseDistribution) -> Floats:
    """[kernels, options]: categories as Optuna weighs them; a number's normal distribution in steps around it."""
    if isinstance(domain, CategoricalDistribution):
        weights: Floats = kernels.weights
        return weights
    from scipy.special import ndtr  # 0.2 s to import

    assert isinstance(domain, IntDistribution)
    edges = np.arange(domain.low, domain.high + 2 * domain.step, domain.step) - domain.step / 2
    mass = np.diff(ndtr((edges[None, :] - kernels.mu[:, None]) / kernels.sigma[:, None]), axis=1)
    scaled: Floats = mass / mass.sum(axis=1, keepdims=True)
    return scaled


def _option(domain: BaseDistribution, place: int) -> Any:
    stored = domain.low + place * domain.step if isinstance(domain, IntDistribution) else place
    return domain.to_external_repr(stored)
