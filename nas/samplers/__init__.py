"""The samplers a search can use, a line each: all suggest inside the budget, and never the same network twice."""

from optuna.samplers import BaseSampler, NSGAIISampler

from nas.samplers.ask import ask
from nas.samplers.block import BlockProposer, BlockSampler, Unsized, WithLosses, WithScores, WithTraining
from nas.samplers.evolution import Evolution
from nas.samplers.inside import InsideSampler, MakeInner
from nas.samplers.local_search import LocalSearch
from nas.samplers.reinforce import Reinforce
from nas.samplers.tpe import MomentTPE


def nsga2(seed: int) -> BaseSampler:
    """NSGA-II; a generation of ten, since a search has tens of trials."""
    return NSGAIISampler(seed=seed, population_size=10)


def gp(seed: int) -> BaseSampler:
    """Optuna's Gaussian process."""
    from nas.samplers.gp import OptunaGP

    return OptunaGP(seed)


SAMPLERS: dict[str, MakeInner | None] = {
    "block": BlockProposer,
    "block_unsized": Unsized,
    "block_training": WithTraining,
    "block_losses": WithLosses,
    "block_scores": WithScores,
    "tpe": MomentTPE,
    "random": None,  # draws inside the budget
    "nsga2": nsga2,
    "evolution": Evolution,
    "local": LocalSearch,
    "gp": gp,
    "reinforce": Reinforce,
}

__all__ = ["SAMPLERS", "BlockSampler", "InsideSampler", "MakeInner", "ask"]
