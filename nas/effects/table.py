"""Accuracies as a table: a row a network, a column a seed, NaN where a training is missing."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nas.effects.family import Scores

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    networks: tuple[str, ...]
    seeds: tuple[int, ...]
    values: Array  # (networks, seeds)

    @classmethod
    def of(cls, scores: Scores, networks: Sequence[str]) -> "Table":
        """The table of these networks, over every seed that any of them has."""
        seeds = tuple(sorted(set().union(*(scores.get(key, {}) for key in networks))))
        values = np.array([[scores.get(key, {}).get(seed, np.nan) for seed in seeds] for key in networks], dtype=float)
        return cls(tuple(networks), seeds, values.reshape(len(networks), len(seeds)))

    @property
    def there(self) -> NDArray[np.bool_]:
        return ~np.isnan(self.values)

    def shared(self, row: Array) -> tuple[int, ...]:
        """Seeds that every network of a contrast has."""
        has_all = self.there[row != 0].all(axis=0)
        return tuple(seed for seed, yes in zip(self.seeds, has_all, strict=True) if yes)
