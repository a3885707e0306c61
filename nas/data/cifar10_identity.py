"""Are these pixels CIFAR-10's training images, or something near them?"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nas.data.image_set import Labels, Pixels

CLASSES = (  # in torchvision's order, which is the alphabet's
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
RESOLUTION = 32  # px
IMAGES_A_CLASS = 5_000

# Means and standard deviations over the 51,200,000 pixels of a channel, as published with 16 digits
# (.49139967861519607 .48215840839460783 .44653091444546567, .2470322324632819 .24348512800005573
# .26158784172796434; rounded to eight digits they are the usual ones). Sixteen digits are enough to go back
# to the integers they were computed from: mean × 51.2e6 × 255 and (std² + mean²) × 51.2e6 × 255² come within
# .0004 of whole numbers, all six of them, which figures of another origin would not.
CHANNEL_SUMS = (6_415_714_204, 6_295_060_180, 5_829_907_619)
CHANNEL_SQUARES = (1_007_102_432_534, 971_356_520_230, 891_641_299_129)


class Moments:
    """Exact sums and sums of squares of each channel.

    They do not depend on the order of the images, which an image folder does not keep. Re-encoding, resizing
    or leaving out a single image changes them: six numbers of 33 to 40 bits do not fit other photographs by
    chance. Somebody who exchanges pixels between images on purpose is not found out.
    """

    def __init__(self) -> None:
        self._sums = np.zeros(3, dtype=np.int64)
        self._squares = np.zeros(3, dtype=np.int64)

    def add(self, images: Pixels) -> None:
        """Count uint8 [n, 3, R, R] in."""
        values = np.arange(256, dtype=np.int64)
        for channel in range(3):
            histogram = np.bincount(images[:, channel].ravel(), minlength=256)
            self._sums[channel] += histogram @ values
            self._squares[channel] += histogram @ values**2

    def are_cifar10(self) -> bool:
        """Whether these are the moments of the original training set."""
        return tuple(self._sums.tolist()) == CHANNEL_SUMS and tuple(self._squares.tolist()) == CHANNEL_SQUARES


def label_of(moments: Moments, labels: Labels, *, all_jpeg: bool, resized: bool) -> str:
    """What to call images that came as files with CIFAR-10's class names."""
    per_class: npt.NDArray[np.int64] = np.bincount(labels, minlength=len(CLASSES))
    if bool(np.all(per_class == IMAGES_A_CLASS)) and moments.are_cifar10():
        return "CIFAR-10"
    return "CIFAR-10 (JPEG)" if all_jpeg and not resized else "CIFAR-10 (modified)"
