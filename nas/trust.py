"""How far a short training can be trusted to rank: Kendall's τ with the ranking of longer trainings."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from typing import Literal

from nas.record import RunRecords

FEWEST = 4  # networks: fewer have no ranking to speak of
LEVEL = 0.95
RESAMPLES = 2000

Verdict = Literal["ranks", "not shown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Kendall's τ-b of two rankings, with a bootstrap interval over networks; None where one of them is all ties."""

    tau: float | None
    ci: tuple[float, float] | None
    networks: int

    @property
    def verdict(self) -> Verdict:
        """Whether the whole interval is above chance."""
        return "ranks" if self.ci is not None and self.ci[0] > 0 else "not shown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A search's own trials against longer trainings of the same networks."""

    numbers: tuple[int, ...]  # of the trials
    short: tuple[float, ...]  # validation accuracies
    long: tuple[float, ...]
    all: Agreement
    top: Agreement  # of the better half by the short trainings: where finalists come from


def checked(run: RunRecords) -> Checked | None:
    """None until at least two networks are trained longer."""
    short = {record.number: record.val_accuracy for record in run.trials if record.val_accuracy is not None}
    pairs = [
        (short[record.number], record.val_accuracy, record.number)
        for record in run.trust
        if record.val_accuracy is not None and record.number is not None and record.number in short
    ]
    if len(pairs) < 2:
        return None
    pairs.sort(key=lambda pair: (-pair[0], pair[2]))  # ties by number: the long accuracy may not choose the top
    shorts, longs, numbers = zip(*pairs, strict=True)
    half = (len(pairs) + 1) // 2
    return Checked(
        numbers=numbers,
        short=shorts,
        long=longs,
        all=agreement(shorts, longs),
        top=agreement(shorts[:half], longs[:half]),
    )


def agreement(short: Sequence[float], long: Sequence[float], *, seed: int = 0, resamples: int = RESAMPLES) -> Agreement:
    """Of the same networks' scores after short and after longer trainings.

    The interval resamples networks (percentiles, 95%); of fewer than four there is none. A network that is drawn twice
    ties with itself in both rankings, and τ-b leaves ties out.
    """
    if len(short) != len(long):
        raise ValueError(f"{len(short)} short scores and {len(long)} long ones")
    tau = kendall(short, long)
    ci = None
    if tau is not None and len(short) >= FEWEST:
        rng = random.Random(seed)
        places = range(len(short))
        found = []
        for _ in range(resamples):
            chosen = rng.choices(places, k=len(short))
            one = kendall([short[at] for at in chosen], [long[at] for at in chosen])
            if one is not None:
                found.append(one)
        found.sort()
        tail = (1 - LEVEL) / 2
        ci = (found[int(tail * len(found))], found[min(len(found) - 1, int((1 - tail) * len(found)))])
    return Agreement(tau=tau, ci=ci, networks=len(short))


def kendall(one: Sequence[float], other: Sequence[float]) -> float | None:
    """Kendall's τ-b (1945); None where one side is all ties."""
    from scipy.stats import kendalltau  # 0.3 s to import

    tau = float(kendalltau(one, other).statistic)
    return None if isnan(tau) else tau
