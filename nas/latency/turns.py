"""Milliseconds that can be trusted: warm-up, repeated rounds, and a reference in between.

The standard library only: the runner that measures on other devices carries this file with it.

All calls are timed in turns, so that each meets every mood of the machine: what another program, another guest of the
same processor or its clock does to one it does to all. Every few calls a fixed reference is timed. Where it was not as
fast after them as before, they are timed again; where it was, their milliseconds are put in proportion to its level.
The median of the rounds is the latency, with the interval that order statistics give. A machine that will not settle
is reported and not averaged away.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from math import comb
from statistics import median

Timed = Callable[[int], list[float]]
"""Runs one image so many times, one after the other, and gives the seconds of each: infinite for one that was
interrupted, whose time says nothing."""

ROUNDS = 31
ROUND_SECONDS = 0.003
FEWEST = 3  # images of a round, unless they take long
LONG_SECONDS = 0.05
WARM_UP = 3  # images before anything is timed
BETWEEN = 0.04  # seconds of rounds between two readings of the reference

AWAY = 0.03  # of an image's time without the processor: interrupted
AWAY_SECONDS = 2e-5  # that two clocks may disagree by
DRIFT = 0.1  # of the reference between before and after
LEVEL = 0.5  # of the reference against its level: beyond it nothing is in proportion
TURNS = 5 * ROUNDS  # before the machine is said not to settle
READINGS = 60  # of the reference, to find its level
READING_SECONDS = 0.03  # between these


class Unsettled(Exception):
    """A machine that will not settle; the message says how the reference varied."""


def clocked(run: Callable[[], object]) -> Timed:
    """What this thread does by itself. Where the processor was given to another program meanwhile, the thread had less
    of it than the clock shows."""

    def timed(times: int) -> list[float]:
        seconds = []
        for _ in range(times):
            had, begin = time.thread_time(), time.perf_counter()
            run()
            took = time.perf_counter() - begin
            had = time.thread_time() - had
            seconds.append(math.inf if took - had > max(AWAY * took, AWAY_SECONDS) else took)
        return seconds

    return timed


class Turns:
    """Times calls beside a reference. ``level``: the reference's milliseconds at rest, found when first needed."""

    def __init__(self, reference: Timed, level: float | None = None) -> None:
        self._reference = round_of(reference)
        self.level = level

    def time(self, calls: Sequence[Timed], rounds: int = ROUNDS) -> list[tuple[float, float, float]]:
        """The latency of each call in ms and its 95% interval, all timed over the same while. Raises ``Unsettled``."""
        level = self._settle()
        each = [round_of(call) for call in calls]
        counted: list[list[float]] = [[] for _ in calls]
        readings: list[float] = []
        for _ in range(TURNS):
            left = [number for number, one in enumerate(counted) if len(one) < rounds]
            if not left:
                return [_median(one) for one in counted]
            readings += self._turn(left, each, counted, level)
        whole = [reading for reading in readings if reading < math.inf] or [math.inf]
        raise Unsettled(
            f"a fixed reference network took {min(whole):.3f} to {max(whole):.3f} ms, {level:.3f} at rest; of "
            f"{len(readings)} readings {len(readings) - len(whole)} were interrupted"
        )

    def _turn(
        self, left: Sequence[int], each: Sequence[Callable[[], float]], counted: list[list[float]], level: float
    ) -> list[float]:
        """One round of each call that is left; those between two readings that agree count. The readings."""
        readings = [self._reference()]
        waiting: dict[int, float] = {}
        begin = time.perf_counter()
        for number in left:
            waiting[number] = each[number]()
            if time.perf_counter() - begin < BETWEEN and number != left[-1]:
                continue
            readings.append(self._reference())
            before, after = readings[-2:]
            now = (before + after) / 2 / level
            # of what was interrupted, as an infinite reading is, nothing counts
            if abs(after - before) <= DRIFT * before and 1 / (1 + LEVEL) <= now <= 1 + LEVEL:
                for timed, ms in waiting.items():
                    if ms < math.inf:
                        counted[timed].append(ms / now)
            waiting, begin = {}, time.perf_counter()
        return readings

    def _settle(self) -> float:
        """Of some readings of the reference, what the faster half has in the middle."""
        if self.level is None:
            readings = []
            for _ in range(READINGS):
                readings.append(self._reference())
                time.sleep(READING_SECONDS)
            faster = sorted(readings)[: READINGS // 2]
            if faster[-1] == math.inf:
                raise Unsettled(f"{sum(one == math.inf for one in readings)} of {READINGS} readings were interrupted")
            self.level = median(faster)
        return self.level


def round_of(call: Timed) -> Callable[[], float]:
    """A round of this call: milliseconds of the fastest image of some. What slows one image down and not the next is
    not the network's."""
    call(WARM_UP)
    image = max(min(call(FEWEST)), 1e-7)
    images = max(round(ROUND_SECONDS / image), min(FEWEST, round(LONG_SECONDS / image)), 1)
    return lambda: 1e3 * min(call(images))


def _median(rounds: Sequence[float]) -> tuple[float, float, float]:
    """The median and its interval of at least 95%, whatever the distribution; from six rounds on."""
    ordered, outside = sorted(rounds), 0
    while 2 * sum(comb(len(ordered), k) for k in range(outside + 1)) <= 0.05 * 2 ** len(ordered):
        outside += 1
    outside = max(outside - 1, 0)
    return median(ordered), ordered[outside], ordered[-1 - outside]
