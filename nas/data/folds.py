"""Five folds of the training set that stay what they are for ever, whatever seed anything else uses."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nas.errors import NasError

FOLDS = 5


def folds(labels: npt.NDArray[np.int64], count: int = FOLDS) -> npt.NDArray[np.int8]:
    """The fold of each image, int8 [N] in 0..count - 1, for labels [N].

    Stratified: in every class, and over all images, the sizes of two folds differ by at most one. The images
    of a class are shuffled and dealt out like cards, and the next class goes on where the last one stopped;
    so classes with fewer images than folds do not all land in fold 0, and two images of one class are never
    in one fold unless it has more images than there are folds.

    Raises:
        NasError: fewer than two folds, more than 100, or fewer images than folds.
    """
    if not 2 <= count <= 100:
        raise NasError(f"folds: {count}; choose 2 to 100")
    if len(labels) < count:
        raise NasError(f"folds: {len(labels)} images cannot be dealt into {count} folds; use more images")
    order = np.lexsort((shuffle_keys(len(labels), salt=1), labels))  # by class, then shuffled
    result = np.empty(len(labels), dtype=np.int8)
    result[order] = np.arange(len(labels)) % count
    return result


def shuffle_keys(count: int, *, salt: int) -> npt.NDArray[np.uint64]:
    """A fixed random-looking number for each index, uint64 [count]; all different. Sorting by them shuffles.

    SplitMix64 (Steele, Lea and Flood 2014), written out because the streams of NumPy's generators may change
    between its versions, and then every recorded accuracy would belong to another split. Each salt begins
    2^32 numbers further on.
    """
    z = np.arange(count, dtype=np.uint64) + np.uint64((salt << 32) + 1)
    z = z * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
