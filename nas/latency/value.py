"""What is known of a network's latency."""

from typing import NamedTuple


class Latency(NamedTuple):
    """Milliseconds of one image, with a 95% interval; whether the whole network was measured, or predicted."""

    ms: float
    low: float
    high: float
    measured: bool = True
