"""A table for a space: its blocks measured once, then some whole networks, to calibrate their sum and to check it."""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from nas.arch import ArchSpec
from nas.data.progress import Progress
from nas.draw import draw
from nas.latency.predict import Predictor, calibrate_by_halves, placed
from nas.latency.stopwatch import Stopwatch
from nas.latency.table import Placed, Table
from nas.latency.value import Latency
from nas.space import Space

DRAWS = 5000  # random networks whose blocks are those that can occur
MOST = 3200  # blocks that are measured, those first that occur most; the others are estimated
TOGETHER = 100  # blocks that are timed in turns
BLOCK_ROUNDS = 11  # their errors mostly cancel in a sum
NETWORKS = 48  # measured as a whole, half of them to calibrate by and half to check

Item = TypeVar("Item")

Form = Callable[[ArchSpec], ArchSpec]
"""From an architecture to the form in which it is deployed and measured."""


def possible_blocks(space: Space, form: Form, *, draws: int = DRAWS, most: int = MOST) -> list[Placed]:
    """The blocks that can occur, as far as so many random networks show them, the most frequent first."""
    rng = random.Random("possible blocks")
    found: Counter[Placed] = Counter()
    for _ in range(draws):
        found.update(placed(form(draw(space, rng).spec)))
    return [one for one, _ in found.most_common(most)]


def some_networks(space: Space, form: Form, count: int, *, seed: object = 0) -> list[ArchSpec]:
    """Different random networks of a space, in the form that is measured; fewer where it has no more."""
    rng = random.Random(f"networks {seed}")
    found: dict[ArchSpec, None] = {}
    for _ in range(20 * count):
        if len(found) == count:
            break
        found.setdefault(form(draw(space, rng).spec))
    return list(found)


def build(
    table: Table,
    space: Space,
    form: Form,
    *,
    key: str,
    stopwatch: Stopwatch,
    say: Callable[[str], None],
    save: Callable[[], None],
) -> Predictor:
    """What ``table`` lacks for this space is measured and saved as it comes, so that an interruption loses little.

    ``key``: the calibration's name, of the space and the form. Raises ``LatencyError`` where the machine will not
    settle.
    """
    if table.overhead_ms is None:
        table.overhead_ms = overhead(stopwatch)
    if key not in table.calibrations:
        blocks = [one for one in possible_blocks(space, form) if one not in table.blocks]
        random.Random("order").shuffle(blocks)  # a mood of the machine must not meet one kind of block only
        if blocks:
            say(f"measuring {len(blocks):,} blocks on {table.name}, once for this machine")
        progress = Progress(say, "blocks measured", len(blocks))
        for group in _groups(blocks, TOGETHER):
            calls = [stopwatch.ready(one.block.module(one.shape), one.shape) for one in group]
            for one, latency in zip(group, stopwatch.time(calls, BLOCK_ROUNDS), strict=True):
                table.blocks[one] = latency.ms
            table.level = stopwatch.level
            progress.advance(len(group))
            save()
        networks = some_networks(space, form, NETWORKS)
        say(f"measuring {len(networks)} whole networks, to calibrate the sum of their blocks and to check it")
        measure(table, stopwatch, networks)
        table.calibrations[key] = calibrate_by_halves(table, networks)
        save()
        say(words(table, key))
    return Predictor(table=table, calibration=table.calibrations[key])


def words(table: Table, key: str) -> str:
    """How well the table predicts."""
    fit = table.calibrations[key]
    return (
        f"latency on {table.name}: {len(table.blocks):,} blocks; over {fit.checked} other networks the predicted time "
        f"is off by {fit.error:.1%} in the median, {fit.error_95:.1%} at most in 95% (Spearman {fit.spearman:.3f}); "
        f"by multiply-adds alone it would be {fit.macs_error:.1%} ({fit.macs_spearman:.3f})"
    )


def measure(table: Table, stopwatch: Stopwatch, specs: Sequence[ArchSpec]) -> list[Latency]:
    """Whole networks, in the form they are given in; what was measured before is not measured again."""
    left = [spec for spec in dict.fromkeys(specs) if spec not in table.networks]
    for group in _groups(left, TOGETHER):
        for spec, latency in zip(group, stopwatch.time([stopwatch.network(one) for one in group]), strict=True):
            table.networks[spec] = latency
        table.level = stopwatch.level
    return [table.networks[spec] for spec in specs]


def overhead(stopwatch: Stopwatch) -> float:
    """Milliseconds of a call that has nothing to compute."""
    from torch import nn

    return stopwatch.time([stopwatch.ready(nn.ReLU(), (1, 1, 1))])[0].ms


def _groups(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
