"""Regularised evolution (Real et al. 2019): the best of a few of the newest networks, with one decision changed."""

from dataclasses import dataclass

from nas.draw import Draw
from nas.samplers.moment import Moment, merits

POPULATION = 20  # newest networks; the paper's 100 is more than most searches have trials
TOURNAMENT = 5  # of which one is the parent; the paper's 25 of 100, rounded


@dataclass(frozen=True, slots=True)
class Evolution:
    seed: int

    def begin(self, moment: Moment) -> Draw:
        return moment.draw()

    def propose(self, moment: Moment) -> Draw:
        population = moment.complete[-POPULATION:]
        if not population:
            return moment.draw()
        rng = moment.rng
        worth = merits([one.values for one in population if one.values is not None])
        entered = rng.sample(range(len(population)), min(TOURNAMENT, len(population)))
        parent = population[max(entered, key=lambda number: worth[number])].point
        return moment.inside(lambda: moment.feasible.change(parent, rng, 1))
