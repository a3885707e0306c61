"""What a search is for: accuracy, a whole front of accuracy against costs, or MnasNet's reward."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal, Protocol

from nas.errors import NasError

Name = Literal["accuracy", "macs", "params", "latency"]
Form = Literal["soft", "hard"]
Direction = Literal["maximize", "minimize"]

SOFT_W, HARD_W = -0.07, -1.0  # MnasNet, section 4 and figure 4


class Costed(Protocol):
    """A network whose costs are known: a record, or one that is still training."""

    @property
    def macs(self) -> int: ...
    @property
    def params(self) -> int: ...
    @property
    def latency_ms(self) -> float | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What a network costs in the deployed form."""

    macs: int
    params: int
    latency_ms: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """A cost that a search can trade accuracy against."""

    name: Name
    attribute: str  # of a record, and of a budget's ceiling
    title: str  # of an axis
    unit: str
    scale: float  # the attribute's units in one of these
    decimals: int

    def of(self, network: Costed) -> float:
        """In the attribute's own unit. Raises ``NasError`` where it is not known."""
        value = getattr(network, self.attribute)
        if value is None:
            raise NasError(f"{self.name}: not known of a network of this run; it was recorded without a latency target")
        return float(value)

    def number(self, value: float) -> str:
        """``58.9``, in its unit."""
        return f"{value / self.scale:,.{self.decimals}f}"

    def text(self, value: float) -> str:
        """``58.9 MFLOPs``, ``1.52 M parameters``, ``3.914 ms``."""
        return f"{self.number(value)} {self.unit}"


COSTS: dict[Name, Cost] = {
    "macs": Cost(name="macs", attribute="macs", title="multiply-adds", unit="MFLOPs", scale=1e6, decimals=1),
    "params": Cost(name="params", attribute="params", title="parameters", unit="M parameters", scale=1e6, decimals=2),
    "latency": Cost(name="latency", attribute="latency_ms", title="latency", unit="ms", scale=1.0, decimals=3),
}
NAMES: tuple[Name, ...] = ("accuracy", *COSTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class MnasNet:
    """ACC · (LAT/T)^w, to be maximised (MnasNet, arXiv 1807.11626, equations 2 and 3).

    ``soft``: the same w on both sides of the target; ``hard``: w = 0 up to the target, and w above it.
    """

    target_ms: float
    w: float = SOFT_W
    form: Form = "soft"

    def reward(self, accuracy: float, latency_ms: float) -> float:
        if self.form == "hard" and latency_ms <= self.target_ms:
            return accuracy
        return float(accuracy * (latency_ms / self.target_ms) ** self.w)

    def __str__(self) -> str:
        """``ACC·(LAT/5 ms)^−0.07``."""
        power = f"{self.w:g}".replace("-", "−")
        where = " above the target" if self.form == "hard" else ""
        return f"ACC·(LAT/{self.target_ms:g} ms)^{power}{where}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What is asked of the networks inside the budget. Of objectives the accuracy comes first; the others are costs."""

    objectives: tuple[Name, ...] = ("accuracy",)
    reward: MnasNet | None = None

    @property
    def several(self) -> bool:
        """Whether a front is wanted, and not one network."""
        return len(self.objectives) > 1

    @property
    def weighs_cost(self) -> bool:
        """Whether a cheaper network may be the better one, so that draws must not crowd below the budget."""
        return self.several or self.reward is not None

    @property
    def costs(self) -> tuple[Cost, ...]:
        return tuple(COSTS[name] for name in self.objectives[1:])

    @property
    def needs_latency(self) -> bool:
        return self.reward is not None or "latency" in self.objectives

    @property
    def directions(self) -> tuple[Direction, ...]:
        less: Direction = "minimize"
        return ("maximize", *(less for _ in self.costs))

    @property
    def metrics(self) -> tuple[str, ...]:
        """Their names in a dashboard."""
        return ("mnasnet_reward" if self.reward else "val_accuracy", *(cost.attribute for cost in self.costs))

    def score(self, accuracy: float, network: Costed) -> float:
        """What is maximised: the accuracy, or the reward."""
        if self.reward is None:
            return accuracy
        return self.reward.reward(accuracy, COSTS["latency"].of(network))

    def costs_of(self, network: Costed) -> tuple[float, ...]:
        """In the order of the objectives."""
        return tuple(cost.of(network) for cost in self.costs)

    def __str__(self) -> str:
        """``accuracy,macs`` or ``mnasnet: ACC·(LAT/5 ms)^−0.07``."""
        return f"mnasnet: {self.reward}" if self.reward is not None else ",".join(self.objectives)


ACCURACY = Goal()


def find_goal(
    *,
    objectives: str | Sequence[str] | None = None,
    objective: str | None = None,
    target_latency_ms: float | None = None,
    w: float | None = None,
    form: str | None = None,
) -> Goal:
    """The goal as it is typed: ``--objectives accuracy,macs``, or ``--objective mnasnet --target-latency-ms 5``.

    Raises ``NasError`` for what makes no sense.
    """
    if objectives is not None and objective is not None:
        raise NasError("--objectives and --objective: give one of them; --objectives names what a front trades")
    mnasnet = objective == "mnasnet"
    for flag, value in (("--target-latency-ms", target_latency_ms), ("--mnasnet-w", w), ("--mnasnet-form", form)):
        if value is not None and not mnasnet:
            raise NasError(f"{flag} {value}: belongs to --objective mnasnet")
    if mnasnet:
        return Goal(reward=_mnasnet(target_latency_ms, w, form))
    if objective is not None:
        if objective != "accuracy":
            raise NasError(f"--objective {objective}: {_unknown(objective, ('accuracy', 'mnasnet'))}")
        return ACCURACY
    return ACCURACY if objectives is None else _several(objectives)


def _several(given: str | Sequence[str]) -> Goal:
    words = [word.strip() for word in given.split(",")] if isinstance(given, str) else list(given)
    typed = ",".join(words)
    known: dict[str, Name] = {name: name for name in NAMES}
    for word in words:
        if word not in known:
            raise NasError(f"--objectives {typed}: {_unknown(word, NAMES)}")
        if words.count(word) > 1:
            raise NasError(f"--objectives {typed}: {word} is there {words.count(word)} times; name each once")
    if "accuracy" not in words:
        raise NasError(f"--objectives {typed}: accuracy must be among them; write accuracy,{typed}")
    return Goal(objectives=("accuracy", *(known[word] for word in words if word != "accuracy")))


def _mnasnet(target_ms: float | None, w: float | None, form: str | None) -> MnasNet:
    if target_ms is None:
        raise NasError("--objective mnasnet: needs a latency to aim at; give --target-latency-ms")
    if not 0 < target_ms < float("inf"):
        raise NasError(f"--target-latency-ms {target_ms:g}: must be above zero")
    if form not in (None, "soft", "hard"):
        raise NasError(f"--mnasnet-form {form}: {_unknown(str(form), ('soft', 'hard'))}")
    if w is not None and not -float("inf") < w < 0:
        raise NasError(
            f"--mnasnet-w {w:g}: must be below zero, or slower networks were the better ones; -0.07 is usual"
        )
    if form == "hard":
        return MnasNet(target_ms=target_ms, w=HARD_W if w is None else w, form="hard")
    return MnasNet(target_ms=target_ms, w=SOFT_W if w is None else w)


def _unknown(word: str, known: Sequence[str]) -> str:
    near = get_close_matches(word, known, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"{word!r} is unknown; there are {', '.join(known)}{hint}"
