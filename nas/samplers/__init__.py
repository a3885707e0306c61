"""The samplers a search can use, a line each: all suggest inside the budget, and never the same network twice."""

from collections.abc import Callable

from optuna.samplers import BaseSampler, NSGAIISampler

from nas.samplers.ask import ask
from nas.samplers.inside import InsideSampler
from nas.samplers.tpe import MomentTPE

MakeInner = Callable[[int], BaseSampler]  # the inner sampler of one suggestion, from a seed


def nsga2(seed: int) -> BaseSampler:
    """NSGA-II; a generation of ten, since a search has tens of trials."""
    return NSGAIISampler(seed=seed, population_size=10)


SAMPLERS: dict[str, MakeInner | None] = {
    "tpe": MomentTPE,
    "random": None,  # draws inside the budget
    "nsga2": nsga2,
}

__all__ = ["SAMPLERS", "InsideSampler", "MakeInner", "ask"]
