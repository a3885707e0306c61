"""REINFORCE with a recurrent controller, small: how the platform-aware search behind MobileNetV3 chose its networks
(Tan et al. 2019, MnasNet; Zoph and Le 2017).

The controller answers one decision after the other and remembers what it answered. After each trial its weights move so
that the trial's choices become likelier by as much as its value was above the average of earlier ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

import numpy as np

from nas.draw import Draw, walk
from nas.samplers.kernel import Floats
from nas.samplers.moment import Moment, merits
from nas.space import Option

HIDDEN = 24  # units
RATE = 0.3  # of learning, for values divided by their deviation
FORGETTING = 0.9  # of the average that a value is compared with
LARGEST = 1.0  # norm of a step


@dataclass(frozen=True, slots=True)
class Reinforce:
    seed: int

    def begin(self, moment: Moment) -> Draw:
        return moment.draw()

    def propose(self, moment: Moment) -> Draw:
        controller = trained(moment)
        return moment.inside(lambda: walk(moment.feasible.space, controller.answering(moment.rng)))


def trained(moment: Moment) -> "Controller":
    """A controller that was told all complete trials in their order; what it learned from the first is kept."""
    complete = moment.complete
    worth = merits([one.values for one in complete if one.values is not None])
    numbers = [one.number for one in complete]
    known: Controller | None = moment.memory.get("controller")
    if known is None or known.told != numbers[: len(known.told)]:
        known = moment.memory["controller"] = Controller(moment.seed)
    for number in range(len(known.told), len(numbers)):
        known.learn(numbers[number], complete[number].point, worth[number])
    return known


@dataclass(slots=True)
class Controller:
    """An Elman network: what was answered moves its state, the state says what is answered next."""

    seed: int
    told: list[int] = field(default_factory=list)  # numbers of the trials it learned from
    _weights: dict[tuple[str, str], Floats] = field(default_factory=dict)
    _seen: list[float] = field(default_factory=list)
    _average: float = 0.0

    def answering(self, rng: Random) -> "Answering":
        return Answering(self, rng)

    def weight(self, what: str, name: str, rows: int, columns: int) -> Floats:
        """Made when it is first needed; the same for the same seed, whatever came before."""
        key = (what, name)
        if key not in self._weights:
            rng = np.random.default_rng([self.seed, *f"{what} {name}".encode()])
            self._weights[key] = rng.normal(0, 0.1, (rows, columns))
        return self._weights[key]

    def after(self, state: Floats, name: str, place: int, options: int) -> Floats:
        moved: Floats = np.tanh(
            self.weight("state", "", HIDDEN, HIDDEN) @ state + self.weight("answer", name, options, HIDDEN)[place]
        )
        return moved

    def chances(self, state: Floats, name: str, options: int) -> Floats:
        logits = self.weight("say", name, options, HIDDEN) @ state
        likely: Floats = np.exp(logits - logits.max())
        chances: Floats = likely / likely.sum()
        return chances

    def learn(self, number: int, point: Draw, value: float) -> None:
        """One step of gradient ascent on (value − average) · log probability of the choices."""
        self.told.append(number)
        self._seen.append(value)
        spread = float(np.std(self._seen)) or 1.0
        if len(self._seen) == 1:
            self._average = value
        advantage = (value - self._average) / spread
        self._average = FORGETTING * self._average + (1 - FORGETTING) * value
        gradients = self._gradients(point, advantage)
        norm = float(np.sqrt(sum((gradient**2).sum() for gradient in gradients.values())))
        for key, gradient in gradients.items():
            self._weights[key] += RATE * min(1.0, LARGEST / max(norm, 1e-12)) * gradient

    def _gradients(self, point: Draw, advantage: float) -> dict[tuple[str, str], Floats]:
        steps, state = [], np.ones(HIDDEN)
        for name, options in point.domains.items():
            place = options.index(point.choices[name])
            chances, after = self.chances(state, name, len(options)), self.after(state, name, place, len(options))
            steps.append((name, place, state, chances, after))
            state = after
        found: dict[tuple[str, str], Floats] = {("state", ""): np.zeros((HIDDEN, HIDDEN))}
        later = np.zeros(HIDDEN)  # gradient of what follows, by the state after this answer
        recur = self.weight("state", "", HIDDEN, HIDDEN)
        for name, place, before, chances, after in reversed(steps):
            inner = later * (1 - after**2)
            found[("state", "")] += np.outer(inner, before)
            found[("answer", name)] = np.zeros_like(self._weights[("answer", name)])
            found[("answer", name)][place] = inner
            error = -advantage * chances
            error[place] += advantage
            found[("say", name)] = np.outer(error, before)
            later = recur.T @ inner + self._weights[("say", name)].T @ error
        return found


class Answering:
    """One walk of the controller through a space."""

    def __init__(self, controller: Controller, rng: Random) -> None:
        self._controller, self._rng = controller, rng
        self._state: Floats = np.ones(HIDDEN)

    def __call__(self, name: str, options: Sequence[Option], /) -> Option:
        chances = self._controller.chances(self._state, name, len(options))
        place = self._rng.choices(range(len(options)), weights=chances.tolist())[0]
        self._state = self._controller.after(self._state, name, place, len(options))
        return options[place]
