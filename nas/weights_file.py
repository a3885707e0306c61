"""Weights as a safetensors file that says what they are: of which network, trained how, for which images."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from nas.arch import ArchSpec
from nas.preprocessing import Preprocessing
from nas.weights import WeightsError

ABOUT = "about"  # the entry of the file's metadata


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What stands beside the tensors; None where it is not known."""

    name: str  # "trial 17", or a reference's name
    spec: ArchSpec  # in the form the weights are for
    study: str | None = None
    seed: int | None = None
    fold: int | None = None  # validated on; trained on the others
    val_accuracy: float | None = None  # on that fold, fraction
    data: str | None = None  # the images' label
    fingerprint: str | None = None  # of the images
    classes: tuple[str, ...] | None = None  # names, in the order of the scores
    preprocessing: Preprocessing | None = None


def write_weights(path: Path, tensors: Mapping[str, Tensor], about: About) -> None:
    """Whole or not at all: beside ``path``, then moved over it. Raises ``OSError``."""
    content = save(
        {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()},
        metadata={"format": "pt", ABOUT: _adapter().dump_json(about).decode()},
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        beside.write_bytes(content)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def read_about(path: Path) -> About | None:
    """None for a file that does not say. Raises ``WeightsError`` where it cannot be read."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"{path}: no file of weights that can be read ({error})") from None
    if ABOUT not in metadata:
        return None
    try:
        return _adapter().validate_json(metadata[ABOUT])
    except ValidationError as error:
        raise WeightsError(
            f"{path}: says something of its weights that cannot be read ({error.errors()[0]['msg']})"
        ) from None


@cache
def _adapter() -> TypeAdapter[About]:
    return TypeAdapter(About)
