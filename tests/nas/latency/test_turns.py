"""Milliseconds that a machine's moods do not change, or none at all."""

import math
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle
from statistics import median
from types import SimpleNamespace

import pytest
from scipy.stats import binom
from torch import nn

from nas.errors import LatencyError
from nas.latency import turns
from nas.latency.stopwatch import Stopwatch
from nas.latency.turns import FEWEST, READINGS, ROUNDS, TURNS, WARM_UP, Timed, Turns, Unsettled, clocked, round_of
from tests.nas.latency.fakes import FakeTarget

Mood = Callable[[float], float]


class Machine:
    """A clock that only calls move, and a mood that all of them share. ``log``: who ran one image after the other."""

    def __init__(self, patch: pytest.MonkeyPatch, mood: Mood = lambda now: 1.0) -> None:
        self.now, self.mood, self.log = 0.0, mood, list[str]()
        patch.setattr(turns, "time", SimpleNamespace(perf_counter=lambda: self.now, sleep=self._sleep))

    def _sleep(self, seconds: float) -> None:
        self.now += seconds

    def call(self, ms: float, name: str = "", power: float = 1.0) -> Timed:
        """One that takes so long at rest; what the mood does to it is what it does to others, to this power."""

        def timed(times: int) -> list[float]:
            seconds = []
            for _ in range(times):
                seconds.append(1e-3 * ms * self.mood(self.now) ** power)
                self.now += seconds[-1]
                self.log.append(name)
            return seconds

        return timed

    def turns(self, *, level: float | None = 1.0) -> Turns:
        return Turns(self.call(1.0, "reference"), level)


def rounds(log: list[str]) -> list[str]:
    """Who was timed, in order: what ran without a break is one round."""
    return [name for name, before in zip(log, ["", *log], strict=False) if name != before]


def readings(log: list[str]) -> int:
    """How often the reference was read so far."""
    return log.count("reference") // FEWEST


@pytest.mark.parametrize("level", [None, 1.0])
def test_a_steady_machine_gives_exact_milliseconds(monkeypatch: pytest.MonkeyPatch, level: float | None) -> None:
    machine = Machine(monkeypatch)
    found = machine.turns(level=level).time([machine.call(0.25), machine.call(40)])
    for ms, one in zip((0.25, 40), found, strict=True):
        assert one == pytest.approx((ms, ms, ms))


def test_a_slow_mood_that_all_share_is_put_in_proportion(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, lambda now: 1.4)
    ((ms, low, high),) = machine.turns(level=1.0).time([machine.call(3.0)])
    assert (ms, low, high) == pytest.approx((3.0, 3.0, 3.0))


def test_moods_that_come_and_go_slowly_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, lambda now: 1 + 0.3 * math.sin(now / 2) ** 2)
    ((ms, low, high),) = machine.turns(level=1.0).time([machine.call(3.0)])
    assert ms == pytest.approx(3.0, rel=0.02)
    assert low < ms < high < 3.1


def test_rounds_between_readings_that_differ_do_not_count_and_are_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Moods begin and end while the call is timed, which shows in one of the readings around it only."""
    machine = Machine(monkeypatch, lambda now: 1.3 if 0.05 < now % 0.2 < 0.12 else 1.0)
    # six rounds: the interval is from the least to the most, so that one that counted wrongly would be in it
    ((ms, low, high),) = machine.turns().time([machine.call(8.0, "own")], rounds=6)
    assert (ms, low, high) == pytest.approx((8.0, 8.0, 8.0))
    assert rounds(machine.log).count("own") > 1 + 6


@pytest.mark.parametrize("far", [0.6, 1.6])
def test_a_reference_far_from_its_level_says_nothing_in_proportion(monkeypatch: pytest.MonkeyPatch, far: float) -> None:
    """Far from rest, calls and the reference no longer change alike; here by the square."""
    machine = Machine(monkeypatch, lambda now: far if now < 1 else 1.0)
    ((ms, low, high),) = machine.turns().time([machine.call(8.0, power=2)], rounds=6)
    assert (ms, low, high) == pytest.approx((8.0, 8.0, 8.0))


def test_a_machine_that_never_settles_is_reported_with_how_the_reference_varied(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine = Machine(monkeypatch)
    clock = machine.turns()
    machine.log.clear()
    # a quarter more in every other reading
    machine.mood = lambda now: 1.0 + 0.25 * (readings(machine.log) % 2)
    expected = rf"^a fixed reference network took 1\.000 to 1\.250 ms, 1\.000 at rest; of {2 * TURNS} readings 0 were"
    with pytest.raises(Unsettled, match=expected):
        clock.time([machine.call(3.0)])
    assert readings(machine.log) == 2 * TURNS


def test_a_stopwatch_says_what_to_do_about_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "READING_SECONDS", 0.0)
    moods = cycle((1.0, 1.0, 1.3))  # before, the call, after
    target = FakeTarget(mood=lambda: next(moods))
    monkeypatch.setattr(turns, "round_of", lambda call: lambda: 1e3 * call(1)[0])
    expected = "^this machine does not settle: .*; stop what else is running, and try again$"
    with pytest.raises(LatencyError, match=expected):
        Stopwatch(target=target).time([target.ready(nn.ReLU(), (1, 1, 1))])


def test_a_stopwatch_times_with_the_target_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "READING_SECONDS", 0.0)
    alone = [False]

    class Target(FakeTarget):
        @contextmanager
        def alone(self) -> Iterator[None]:
            alone.append(True)
            yield
            alone.append(False)

    def call(times: int) -> list[float]:
        assert alone[-1]
        return [0.003] * times

    Stopwatch(target=Target()).time([call])
    assert alone == [False, True, False]


@pytest.mark.parametrize("count", [6, 11, 21, 31])
def test_the_interval_is_that_of_order_statistics(count: int) -> None:
    """The narrowest pair of places, as far from either end, that holds the median in at least 95% of samples."""
    places = [place for place in range(1, count // 2 + 1) if 1 - 2 * binom.cdf(place - 1, count, 0.5) >= 0.95]
    values = [float(one) for one in range(1, count + 1)]
    random.Random(0).shuffle(values)
    assert turns._median(values) == (median(values), max(places), count + 1 - max(places))


def test_all_calls_are_timed_over_the_same_while_beside_the_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch)
    names = [f"call {number}" for number in range(5)]
    clock = machine.turns()
    machine.log.clear()
    clock.time([machine.call(1.0, name) for name in names], rounds=6)
    ran = rounds(machine.log)[len(names) :]  # each was warmed up first
    assert ran == ["reference", *names] * 6 + ["reference"]


def test_slow_calls_have_a_reading_after_each(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch)
    clock = machine.turns()
    machine.log.clear()
    clock.time([machine.call(30.0, "one"), machine.call(30.0, "other")], rounds=6)
    assert rounds(machine.log)[2:] == ["reference", "one", "reference", "other"] * 6 + ["reference"]


def test_a_call_that_has_its_rounds_is_not_timed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reading after the second call is disturbed in the first four turns."""
    machine = Machine(monkeypatch)
    clock = machine.turns()
    calls = [machine.call(45.0, "first"), machine.call(45.0, "second")]
    machine.log.clear()
    machine.mood = lambda now: 1.4 if readings(machine.log) in (2, 5, 8, 11) else 1.0
    assert clock.time(calls, rounds=6) == [pytest.approx((45.0, 45.0, 45.0))] * 2
    ran = rounds(machine.log)
    assert (ran.count("first"), ran.count("second")) == (1 + 6, 1 + 4 + 6)


def test_the_level_is_that_of_the_faster_half(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, lambda now: 1.0 if now % 0.2 < 0.08 else 1.4)  # slow more often
    clock = machine.turns(level=None)
    clock.time([machine.call(3.0)])
    assert clock.level == pytest.approx(1.0)


def test_a_level_that_is_known_is_not_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = []
    for level in (1.0, None):
        machine = Machine(monkeypatch)
        clock = machine.turns(level=level)
        machine.log.clear()
        clock.time([machine.call(3.0)])
        counted.append(readings(machine.log))
    assert counted == [2 * ROUNDS, 2 * ROUNDS + READINGS]


def test_a_round_is_the_fastest_of_some_images(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def timed(times: int) -> list[float]:
        asked.append(times)
        return [0.0005 + 0.001 * number for number in range(times)]

    assert round_of(timed)() == 0.5
    assert asked == [WARM_UP, FEWEST, 6]  # 3 ms of images, …
    for seconds, images in ((0.01, FEWEST), (0.02, 2), (0.2, 1)):  # … but three, or as many as 50 ms hold
        asked.clear()
        round_of(lambda times, seconds=seconds: [asked.append(times) or seconds] * times)()  # type: ignore[misc, func-returns-value]
        assert asked == [WARM_UP, FEWEST, images]


def test_what_was_interrupted_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every third reading and every other round has no time that says anything."""
    monkeypatch.setattr(turns, "round_of", lambda call: lambda: 1e3 * call(1)[0])
    reference, own = cycle((0.001, 0.001, math.inf)), cycle((0.003, math.inf))
    clock = Turns(lambda times: [next(reference)], 1.0)
    assert clock.time([lambda times: [next(own)]], rounds=11) == [pytest.approx((3.0, 3.0, 3.0))]


def test_a_round_is_in_proportion_to_the_readings_on_both_sides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "round_of", lambda call: lambda: 1e3 * call(1)[0])
    reference = cycle((0.001, 0.00108))  # before, after
    clock = Turns(lambda times: [next(reference)], 1.0)
    assert clock.time([lambda times: [1.04 * 0.003]]) == [pytest.approx((3.0, 3.0, 3.0))]


def test_a_machine_that_interrupts_all_has_no_level(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "READING_SECONDS", 0.0)
    with pytest.raises(Unsettled, match=f"{READINGS} of {READINGS} readings were interrupted"):
        Turns(lambda times: [math.inf] * times).time([lambda times: [0.003] * times])


def test_a_run_that_did_not_have_the_processor_is_infinite(monkeypatch: pytest.MonkeyPatch) -> None:
    for took, had, expected in (
        *((0.01, 0.01, 0.01), (0.01, 0.0098, 0.01), (0.01, 0.005, math.inf)),
        *((0.0001, 0.000085, 0.0001), (0.0001, 0.000075, math.inf)),  # two clocks may disagree by 20 µs
    ):
        clocks = {"perf_counter": iter((0.0, took)), "thread_time": iter((0.0, had))}
        fake = {name: clock.__next__ for name, clock in clocks.items()}
        monkeypatch.setattr(turns, "time", SimpleNamespace(**fake))
        assert clocked(lambda: None)(1) == [expected]


def test_a_call_faster_than_the_clock_can_tell_ends() -> None:
    assert round_of(lambda times: [0.0] * min(times, 3))() == 0


def test_the_clock_times_each_run() -> None:
    ran: list[int] = []
    seconds = clocked(lambda: ran.append(1))(5)
    assert (len(seconds), len(ran)) == (5, 5)
    assert all(one >= 0 for one in seconds)


def test_with_jitter_the_median_and_its_interval_hold_the_truth(monkeypatch: pytest.MonkeyPatch) -> None:
    """An interval of 95%: of 100 measurements fewer than 80 would be more than six standard deviations off."""
    luck = random.Random(1)
    monkeypatch.setattr(turns, "round_of", lambda call: lambda: 1e3 * call(1)[0])
    held = 0
    for _ in range(100):
        clock = Turns(lambda times: [0.001] * times, 1.0)
        ((_, low, high),) = clock.time([lambda times: [0.003 * math.exp(luck.gauss(0, 0.1))]])
        held += low <= 3.0 <= high
    assert held > 80
