"""What is known of a network's latency, and how well latencies are predicted."""

from dataclasses import dataclass
from typing import NamedTuple


class Latency(NamedTuple):
    """Milliseconds of one image, with a 95% interval; whether the whole network was measured, or predicted.

    ``blocks``: milliseconds of each block by itself, where they are asked for; they need not add up to the whole.
    """

    ms: float
    low: float
    high: float
    measured: bool = True
    blocks: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """How the sum of a network's blocks becomes its latency, ``slope`` · sum + ``constant`` ms, and how well: fitted on
    some networks of a space in one form, checked on others."""

    slope: float
    constant: float  # ms
    fitted: int  # networks
    checked: int  # other networks
    error: float  # median of |predicted / measured - 1| over those checked
    error_95: float  # at most this in 95% of further networks, by the order of the same errors
    estimated_error: float  # median, where a third of the blocks were taken as unknown
    estimated_error_95: float
    spearman: float  # of predicted and measured, over those checked
    macs_error: float  # median, for a line fitted to multiply-adds instead
    macs_spearman: float
