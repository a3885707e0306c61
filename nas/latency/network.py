"""One network's latency, block by block and as a whole, measured now or told by a device's table."""

from nas.arch import ArchSpec
from nas.latency.build import BLOCK_ROUNDS, measure
from nas.latency.find import Found, stopwatch_for
from nas.latency.predict import Predictor, placed
from nas.latency.stopwatch import Stopwatch
from nas.latency.value import Latency


def time_network(spec: ArchSpec, found: Found) -> Latency:
    """In the form it is given in, with the milliseconds of each block by itself.

    Raises ``LatencyError`` where the machine will not settle, or a device's table can tell nothing.
    """
    table, stopwatch = found.table, stopwatch_for(found)
    if stopwatch is None:
        calibration = next(iter(table.calibrations.values()))  # a device's table has one
        predict = Predictor(table=table, calibration=calibration)
        return predict(spec)._replace(blocks=tuple(ms for ms, _ in predict.blocks(spec)))
    blocks = _blocks(spec, found, stopwatch)
    whole = measure(table, stopwatch, [spec])[0]
    table.save(found.path)
    return whole._replace(blocks=blocks)


def _blocks(spec: ArchSpec, found: Found, stopwatch: Stopwatch) -> tuple[float, ...]:
    known = found.table.blocks
    left = [one for one in dict.fromkeys(placed(spec)) if one not in known]
    calls = [stopwatch.ready(one.block.module(one.shape), one.shape) for one in left]
    for one, latency in zip(left, stopwatch.time(calls, BLOCK_ROUNDS) if calls else [], strict=True):
        known[one] = latency.ms
    found.table.level = stopwatch.level
    return tuple(known[one] for one in placed(spec))
