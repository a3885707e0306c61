"""What a paper says of an ablation: stated beforehand, and shown beside what was found."""

from dataclasses import dataclass, field
from typing import Literal

Direction = Literal["helps", "hurts", "no practical difference"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What it says of one variant, compared with the baseline."""

    direction: Direction
    delta: float | None = None  # its top-1 accuracy minus the baseline's, in the paper; a fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """Where it says so, and what, in a sentence; ``claims`` by the names of variants."""

    source: str  # "Howard et al. 2019, arXiv 1905.02244, table 5"
    says: str
    claims: dict[str, Claim] = field(default_factory=dict)
