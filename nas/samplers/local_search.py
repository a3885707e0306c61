"""Local search (White et al. 2021): a neighbour of the best network that still has one that was not tried."""

from dataclasses import dataclass

from nas.draw import Draw
from nas.samplers.moment import Moment, merits


@dataclass(frozen=True, slots=True)
class LocalSearch:
    seed: int

    def begin(self, moment: Moment) -> Draw:
        return moment.draw()

    def propose(self, moment: Moment) -> Draw:
        complete = moment.complete
        worth = merits([one.values for one in complete if one.values is not None])
        for number in sorted(range(len(complete)), key=lambda number: -worth[number]):
            around = [
                point
                for point in moment.feasible.neighbours(complete[number].point, moment.rng)
                if moment.suggestible(point)
            ]
            found = moment.feasible.certain(moment.rng, around)
            if found is not None:
                return found
        return moment.draw()
