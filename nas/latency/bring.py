"""What a runner measured on another device, as a table."""

import csv
import math
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from nas.arch import ArchSpec
from nas.errors import LatencyError, NasError
from nas.latency.predict import calibrate_by_halves
from nas.latency.runner import COLUMNS
from nas.latency.table import Placed, Table, placed_json, timed_as
from nas.latency.value import Latency

NOISY = 0.5  # of the milliseconds: an interval this wide says nothing
NAMED = 5  # faults that are listed


@dataclass(slots=True, kw_only=True)
class _Reading:
    """A CSV while it is read."""

    path: Path
    meta: dict[str, str] = field(default_factory=dict)
    level: float | None = None
    overhead: float | None = None
    blocks: dict[Placed, float] = field(default_factory=dict)
    networks: dict[ArchSpec, Latency] = field(default_factory=dict)
    measured: set[str] = field(default_factory=set)  # names of rows
    faults: list[str] = field(default_factory=list)


def bring(path: Path, name: str) -> Table:
    """The table of a device. Raises ``LatencyError`` naming rows that are missing, negative or wildly noisy."""
    found = _read(path)
    if found.faults:
        more = f" (and {len(found.faults) - NAMED} more)" if len(found.faults) > NAMED else ""
        raise LatencyError(f"{path}: {'; '.join(found.faults[:NAMED])}{more}; measure these rows again")
    key = found.meta["key"]
    table = Table(
        name=name,
        fingerprint=", ".join(found.meta.get(part, "unknown") for part in ("processor", "system", "runtime")),
        level=found.level,
        overhead_ms=found.overhead,
        blocks=found.blocks,
        networks=found.networks,
    )
    table.calibrations[key] = calibrate_by_halves(table, list(found.networks))
    return table


def _read(path: Path) -> _Reading:
    reading = _Reading(path=path)
    csv.field_size_limit(1 << 24)
    try:
        with path.open(newline="") as file:
            rows = csv.DictReader(file)
            if tuple(rows.fieldnames or ()) != COLUMNS:
                raise LatencyError(f"{path}: not what a pack's runner writes (its columns are {', '.join(COLUMNS)})")
            for row in rows:
                _take(reading, row, rows.line_num)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LatencyError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from None
    if not reading.meta.get("files", "").isdecimal():
        reading.meta.pop("files", None)
    missing = [part for part in ("pack", "key", "files") if part not in reading.meta]
    if missing:
        raise LatencyError(f"{path}: has no row that names the {missing[0]}; it is no CSV of a pack's runner")
    expected = int(reading.meta["files"])
    lacking = expected - len(reading.measured)
    if lacking > 0:
        reading.faults.append(
            f"{lacking} of {expected} rows are missing: run the pack again with this file, it goes on"
        )
    elif not reading.networks:
        reading.faults.append("no whole network, to calibrate the sum of the blocks by")
    return reading


def _take(reading: _Reading, row: dict[str, str], line: int) -> None:
    kind, name = row["kind"], row["name"]
    if kind == "meta":
        reading.meta[name] = row["what"] or ""
        return
    if kind != "reference":
        reading.measured.add(name)
    place = f"line {line} ({name})"
    latency = _latency(row)
    if isinstance(latency, str):
        reading.faults.append(f"{place}: {latency}")
        return
    try:
        if kind == "reference":
            reading.level = latency.ms
        elif kind == "overhead":
            reading.overhead = latency.ms
        elif kind == "block":
            one = placed_json().validate_json(row["what"])
            reading.blocks[Placed(timed_as(one.block), one.shape)] = latency.ms
        elif kind == "network":
            reading.networks[ArchSpec.from_json(row["what"])] = latency
        else:
            reading.faults.append(f"{place}: kind {kind!r}: unknown")
    except (ValueError, ValidationError, NasError, TypeError):
        reading.faults.append(f"{place}: does not say what was measured")


def _latency(row: dict[str, str]) -> Latency | str:
    """What was measured, or what is wrong with it."""
    numbers = []
    for column in ("ms", "low", "high"):
        text = row[column]
        if not text:
            return f"{column} is missing"
        try:
            numbers.append(float(text))
        except ValueError:
            return f"{column} {text!r}: no number"
    ms, low, high = numbers
    if not all(0 < number < math.inf for number in numbers):
        return f"ms {ms:g}, interval {low:g} to {high:g}: must be above zero"
    if not low <= ms <= high:
        return f"ms {ms:g} lies outside its interval, {low:g} to {high:g}"
    if high - low > NOISY * ms and row["kind"] != "overhead":
        return f"ms {ms:g}, interval {low:g} to {high:g}: too noisy"
    return Latency(ms, low, high)
