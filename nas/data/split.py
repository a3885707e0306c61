"""Which images a network trains on, and which it is judged by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nas.data.folds import FOLDS, folds, shuffle_keys
from nas.data.image_set import ImageSet
from nas.errors import NasError

Index = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Split:
    """Positions in one ImageSet, sorted; the two never share one."""

    train_index: Index  # int64 [n]
    val_index: Index  # int64 [m]


def split(data: ImageSet, *, fold: int, train_images: int | None = None, val_images: int | None = None) -> Split:
    """Validate on one fold and train on the other four, or on fixed parts of them.

    Raises:
        NasError: a fold outside 0..4, or a number of images below one.
    """
    if not 0 <= fold < FOLDS:
        raise NasError(f"fold {fold}: there are {FOLDS}; choose 0 to {FOLDS - 1}")
    held_out = folds(data.labels) == fold
    return Split(
        train_index=_part(np.flatnonzero(~held_out), data.labels, train_images, "train_images"),
        val_index=_part(np.flatnonzero(held_out), data.labels, val_images, "val_images"),
    )


def _part(index: Index, labels: npt.NDArray[np.int64], wanted: int | None, name: str) -> Index:
    if wanted is None:
        return index
    if wanted < 1:
        raise NasError(f"{name} {wanted}: choose at least 1, or leave it out for all {len(index):,}")
    return subset(index, labels, wanted)


def subset(index: Index, labels: npt.NDArray[np.int64], wanted: int) -> Index:
    """``wanted`` of the positions in ``index``, every class in proportion; sorted.

    One order is fixed for all sizes and a subset is its beginning, so a smaller subset lies inside a larger one. First
    come one image of each class (so there may be more than ``wanted``: one a class is the least), then the k-th of n
    images of a class at (k + ½) / n of the way: with 4 cats and 2 dogs c d | c c d c, at .125 .25 | .375 .625 .75 .875.
    Parliaments fill their seats in this order (Sainte-Laguë, Webster).
    """
    keys = shuffle_keys(len(labels), salt=2)  # another salt than the folds', which chose by the first
    by_class = index[np.lexsort((keys[index], labels[index]))]
    _, start, size = np.unique(labels[by_class], return_index=True, return_counts=True)
    rank = np.arange(len(by_class)) - np.repeat(start, size)  # k, in its class
    place = (2 * rank + 1) / np.repeat(2 * size, size)
    order = np.lexsort((place, rank > 0))  # stable: equal places go by class
    return np.sort(by_class[order[: max(wanted, len(size))]])
