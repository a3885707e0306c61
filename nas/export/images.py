"""Images to compare on: the study's own, where they are there without downloading; otherwise digits."""

from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from nas.arch import ArchSpec
from nas.batches import resize
from nas.data import DATASETS, ImageSet, Loader, load, split
from nas.data.cifar10 import load_cifar10
from nas.data.request import Say, request
from nas.errors import NasError
from nas.preprocessing import Preprocessing
from nas.record import DataFacts

COMPARED = 8  # images; also one of them alone
OWN_DIGIT = 8  # px

HERE: dict[str, Loader] = {**DATASETS, "cifar10": partial(load_cifar10, mirrors=())}


def study_images(facts: DataFacts, data_dir: Path | None) -> ImageSet | None:
    """The images of a study; None where they are not here, or are others. Nothing is downloaded."""
    if facts.name not in HERE:
        return None
    try:
        found = HERE[facts.name](
            request(data_dir=data_dir, resolution=facts.resolution, cache_dir=None, say=lambda line: None)
        )
    except NasError:
        return None
    return found if found.fingerprint == facts.fingerprint else None


def load_again(facts: DataFacts, data_dir: Path | None, say: Say) -> ImageSet:
    """The images of a study, to train on. Raises ``NasError`` where there are none, or others."""
    if facts.name not in DATASETS:
        raise NasError(f"--train: the images of this study ({facts.label}) were given from Python; train it there")
    found = load(facts.name, data_dir=data_dir, resolution=facts.resolution, say=say)
    if found.fingerprint != facts.fingerprint:
        raise NasError(
            f"--train: these images ({found.label}) are not the study's ({facts.label}, fingerprint "
            f"{facts.fingerprint[:12]}); give --data-dir"
        )
    return found


def compared(
    data: ImageSet | None, fold: int | None, spec: ArchSpec, given: Preprocessing | None
) -> tuple[Tensor | None, Tensor, str]:
    """Images as they are loaded, uint8 [N, 3, H, H] (None where nobody knows how they are prepared), as the network
    takes them, float [N, channels, R, R], and what they are."""
    if data is not None:
        index = split(data, fold=fold or 0).val_index[:: max(1, len(data) // 50)][:COMPARED]
        pixels, what = data.images[index], f"validation images of {data.label}"
    else:
        pixels = load("digits", resolution=OWN_DIGIT, say=lambda line: None).images[: 50 * COMPARED : 50]
        what = "digits of scikit-learn, enlarged"
    side = given.sides[0] if given else spec.resolution
    images = _enlarged(pixels, side)
    if given is None:
        values = images.float()
        inputs = (values - values.mean()) / values.std()
        return None, inputs[:, [channel % 3 for channel in range(spec.channels)]].contiguous(), f"{len(images)} {what}"
    return images, prepared(images, given), f"{len(images)} {what}"


def prepared(images: Tensor, given: Preprocessing) -> Tensor:
    """As training prepares them (``nas.batches``)."""
    for side in given.sides:
        if images.shape[-1] != side:
            images = resize(images, side)
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (given.mean, given.std))
    return (images.float() - mean) / std


def _enlarged(pixels: npt.NDArray[np.uint8], side: int) -> Tensor:
    """uint8 [N, 3, side, side]; pixels are repeated."""
    images = torch.from_numpy(np.array(pixels))
    return images if images.shape[-1] == side else F.interpolate(images, size=(side, side), mode="nearest")
