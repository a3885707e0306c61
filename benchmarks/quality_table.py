"""A table of trained networks as a space, a limit and accuracies, so that a search in it trains nothing."""

import csv
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import fmean

from nas.draw import Draw, walk
from nas.errors import NasError
from nas.space import Option, Pick, replaying


@dataclass(frozen=True, kw_only=True, eq=False)
class Table:
    """``rows``: the choices of each network as written → accuracies, one a training, in points; ``macs`` likewise."""

    name: str
    rows: dict[str, tuple[float, ...]]
    macs: dict[str, float]  # of one image, in the table's unit
    split: str  # between choices; "": every character is one
    ordered: bool  # numbers are in order; else all options are names

    @property
    def trainings(self) -> int:
        return len(next(iter(self.rows.values())))

    @cached_property
    def options(self) -> dict[str, tuple[Option, ...]]:
        columns = zip(*(self._parts(arch) for arch in self.rows), strict=True)
        return {f"choice{at}": tuple(sorted(set(column))) for at, column in enumerate(columns)}

    @cached_property
    def whole(self) -> bool:
        """Whether every combination of options is in the table."""
        return len(self.rows) == math.prod(len(options) for options in self.options.values())

    def space(self, pick: Pick) -> str:
        """A network is the text that stands for it in the table; not all need be in it."""
        return self.split.join(str(pick(name, options)) for name, options in self.options.items())

    def candidates(self) -> list[dict[str, Option]] | None:
        """Every network of the table as choices; None where the table is the whole space."""
        if self.whole:
            return None
        return [dict(zip(self.options, self._parts(arch), strict=True)) for arch in self.rows]

    def draw(self, arch: str) -> Draw:
        return walk(self.space, replaying(dict(zip(self.options, self._parts(arch), strict=True))))

    def _parts(self, arch: str) -> list[Option]:
        parts = arch.split(self.split) if self.split else list(arch)
        return [int(part) for part in parts] if self.ordered else list(parts)

    def accuracy(self, arch: str, trainings: Sequence[int]) -> float:
        return fmean(self.rows[arch][number] for number in trainings)

    def quantile(self, share: float) -> float:
        """The multiply-adds that so many of the networks stay under."""
        ranked = sorted(self.macs.values())
        return ranked[min(len(ranked) - 1, int(share * len(ranked)))]


@dataclass(frozen=True, eq=False)
class MacsLimit:
    """A budget of multiply-adds in a table."""

    table: Table
    most: float

    def use(self, arch: str) -> float:
        return self.table.macs.get(arch, math.inf) / self.most

    def fits(self, arch: str) -> bool:
        return self.use(arch) <= 1

    def __str__(self) -> str:
        return f"{self.most:g} multiply-adds"


def read(path: Path, *, choices: str, split: str, accuracies: Sequence[str], macs: str, ordered: bool = True) -> Table:
    """Networks that occur twice count once, with the mean of their accuracies. Raises ``NasError``."""
    try:
        with path.open(newline="") as file:
            lines = list(csv.DictReader(file))
    except OSError as error:
        raise NasError(f"{path}: cannot be read ({error.strerror})") from None
    if not lines:
        raise NasError(f"{path}: no rows")
    missing = [name for name in (choices, macs, *accuracies) if name not in lines[0]]
    if missing:
        raise NasError(f"{path}: no column {missing[0]}; there are {', '.join(lines[0])}")
    found: dict[str, list[list[float]]] = defaultdict(list)
    spent: dict[str, float] = {}
    for number, line in enumerate(lines, start=2):
        try:
            found[line[choices]].append([float(line[name]) for name in accuracies])
            spent[line[choices]] = float(line[macs])
        except ValueError as error:
            raise NasError(f"{path}:{number}: {error}") from None
    rows = {arch: tuple(fmean(column) for column in zip(*values, strict=True)) for arch, values in found.items()}
    table = Table(name=path.stem, rows=rows, macs=spent, split=split, ordered=ordered)
    try:
        _ = table.options
    except ValueError as error:
        raise NasError(f"{path}: {choices}: {error}; give --split, or --unordered for names") from None
    return table
