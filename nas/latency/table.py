"""What was measured on one machine, or brought from another: blocks, whole networks, and how sums of the one become the
other. A file of JSON in the cache."""

import hashlib
import os
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

from pydantic import TypeAdapter, ValidationError

from nas.arch import ArchSpec
from nas.blocks import Block, Shape
from nas.data.request import find_cache_dir
from nas.errors import LatencyError
from nas.latency.value import Calibration, Latency

FORMAT = 1


class Placed(NamedTuple):
    """A block where it stands: what enters it decides what it costs."""

    block: Block
    shape: Shape


@cache
def placed_json() -> TypeAdapter[Placed]:
    """A block where it stands, as JSON and back."""
    return TypeAdapter(Placed)


@dataclass(slots=True, kw_only=True)
class Table:
    """Everything known of one target. ``name``: as ``--latency-target`` takes it; ``fingerprint``: what its
    milliseconds hold for."""

    name: str
    fingerprint: str
    level: float | None = None  # ms of the reference network at rest
    overhead_ms: float | None = None  # of a call that computes next to nothing
    blocks: dict[Placed, float] = field(default_factory=dict)  # → ms
    networks: dict[ArchSpec, Latency] = field(default_factory=dict)
    calibrations: dict[str, Calibration] = field(default_factory=dict)  # of a space in one form → …

    def milliseconds(self, block: Block, shape: Shape) -> float | None:
        return self.blocks.get(Placed(timed_as(block), shape))

    @property
    def digest(self) -> str:
        """Eight hex digits of what its milliseconds hold for."""
        return hashlib.sha256(f"{self.name}, {self.fingerprint}".encode()).hexdigest()[:8]

    def save(self, path: Path) -> None:
        """Raises ``LatencyError`` where that cannot be written."""
        part = path.with_suffix(f".{os.getpid()}.part")
        stored = _Stored(
            format=FORMAT,
            name=self.name,
            fingerprint=self.fingerprint,
            level=self.level,
            overhead_ms=self.overhead_ms,
            blocks=[(placed.block, placed.shape, ms) for placed, ms in self.blocks.items()],
            networks=list(self.networks.items()),
            calibrations=self.calibrations,
        )
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(_adapter().dump_json(stored))
            part.replace(path)
        except OSError as error:
            raise LatencyError(f"{path}: cannot be written ({error.strerror})") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stored:
    """A table as JSON has it: lists, for keys that are no strings."""

    format: int
    name: str
    fingerprint: str
    level: float | None
    overhead_ms: float | None
    blocks: list[tuple[Block, Shape, float]]
    networks: list[tuple[ArchSpec, Latency]]
    calibrations: dict[str, Calibration]


@cache
def _adapter() -> TypeAdapter[_Stored]:
    return TypeAdapter(_Stored)


def read(path: Path) -> Table:
    """Raises ``LatencyError`` where there is no table, or none that this version can read."""
    try:
        stored = _adapter().validate_json(path.read_bytes())
    except OSError as error:
        raise LatencyError(f"{path}: cannot be read ({error.strerror})") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise LatencyError(f"{path}: no table of latencies ({place}: {first['msg']})") from None
    if stored.format != FORMAT:
        raise LatencyError(f"{path}: a table of format {stored.format}, written by another version of nas")
    return Table(
        name=stored.name,
        fingerprint=stored.fingerprint,
        level=stored.level,
        overhead_ms=stored.overhead_ms,
        blocks={Placed(block, shape): ms for block, shape, ms in stored.blocks},
        networks=dict(stored.networks),
        calibrations=stored.calibrations,
    )


@lru_cache(maxsize=65536)
def timed_as(block: Block) -> Block:
    """The block with usual values for what takes no time: epsilon and momentum of its norms, dropout."""
    usual = {"norm_eps": 1e-5, "norm_momentum": 0.1, "dropout": 0.0}
    return replace(block, **{name: value for name, value in usual.items() if hasattr(block, name)})  # type: ignore[arg-type]


def folder() -> Path:
    """Where tables are kept."""
    return find_cache_dir() / "latency"


def path_of(table: Table, *, device: bool = False) -> Path:
    """A device's table has its name; of a runtime's there is one for each machine and version."""
    return folder() / (f"{table.name}.json" if device else f"{table.name}-{table.digest}.json")
