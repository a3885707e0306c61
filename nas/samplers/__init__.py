"""The samplers a search can use, a line each: all suggest inside the budget, and never the same network twice."""

import warnings
from collections.abc import Callable

from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, NSGAIISampler, TPESampler

from nas.samplers.inside import InsideSampler

MakeInner = Callable[[int], BaseSampler]  # the inner sampler of one suggestion, from a seed


def tpe(seed: int) -> BaseSampler:
    """Tree-structured Parzen estimator over all decisions together; grouped, because some exist only after others."""
    with warnings.catch_warnings():  # group= is called experimental since 2021; a user can do nothing about it
        warnings.simplefilter("ignore", ExperimentalWarning)
        return TPESampler(seed=seed, multivariate=True, group=True, constant_liar=True, n_startup_trials=0)


def nsga2(seed: int) -> BaseSampler:
    """NSGA-II; a generation of ten, since a search has tens of trials."""
    return NSGAIISampler(seed=seed, population_size=10)


SAMPLERS: dict[str, MakeInner | None] = {
    "tpe": tpe,
    "random": None,  # draws inside the budget
    "nsga2": nsga2,
}

__all__ = ["SAMPLERS", "InsideSampler", "MakeInner"]
