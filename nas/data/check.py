"""What every data set must have, wherever it comes from, for five folds to mean anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nas.errors import NasError

FEWEST_IMAGES = 10  # two an average fold: below that no fold can tell one network from another
FEWEST_IN_A_CLASS = 2  # one to train on whichever fold holds the other


def check_classes(labels: npt.NDArray[np.int64], classes: Sequence[str], *, where: str) -> None:
    """Refuse labels [N] that do not fit the class names, or too few images.

    ``where`` begins the message: "labels", or the folder that holds the classes.

    Raises:
        NasError: see the messages below.
    """
    twice = [name for name, times in Counter(classes).items() if times > 1]
    if twice:
        raise NasError(f"{where}: two classes are named {twice[0]!r}; give each class its own name")
    if len(classes) < 2:
        found = f"only one class, {classes[0]!r}" if classes else "no classes"
        raise NasError(f"{where}: {found}; at least two are needed")
    if len(labels) and not 0 <= labels.min() <= labels.max() < len(classes):
        low, high, last = int(labels.min()), int(labels.max()), len(classes) - 1
        raise NasError(f"{where}: labels run from {low} to {high}; with {len(classes)} classes give 0 to {last}")
    counts = np.bincount(labels, minlength=len(classes))
    for name, count in zip(classes, counts, strict=True):
        if count == 0:
            raise NasError(f"{where}: class {name!r} has no images; add some or leave the class out")
        if count < FEWEST_IN_A_CLASS:
            raise NasError(
                f"{where}: class {name!r} has {count} image; "
                f"at least {FEWEST_IN_A_CLASS} are needed, one to train on and one to validate on"
            )
    if len(labels) < FEWEST_IMAGES:
        raise NasError(f"{where}: {len(labels)} images in all; at least {FEWEST_IMAGES} are needed")


def small_class_notes(labels: npt.NDArray[np.int64], classes: Sequence[str], *, folds: int) -> tuple[str, ...]:
    """One sentence when some classes cannot be in every fold."""
    counts = np.bincount(labels, minlength=len(classes))
    small = [f"{name} ({count})" for name, count in zip(classes, counts, strict=True) if count < folds]
    if not small:
        return ()
    shown = ", ".join(small[:5]) + (", …" if len(small) > 5 else "")
    return (f"{len(small)} of {len(classes)} classes have fewer images than there are folds: {shown}",)
