"""The network that is asked for: a published one, or the architecture in a file, in the form wanted."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from nas.errors import NasError

if TYPE_CHECKING:
    from nas.arch import ArchSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Where the time of one image goes on a device, in milliseconds."""

    total_ms: float
    blocks_ms: Mapping[str, float]  # by the block's name, ``blocks[3]``
    device: str  # what people are shown of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Profiled:
    """What is shown: an architecture in one form, and what is known of it."""

    name: str
    title: str
    source: str | None  # of a published network; None: it is a file
    spec: "ArchSpec"
    latency: Latency | None = None  # None: no device was asked for; tables, documents and figures then have no times

    @property
    def form(self) -> str:
        return f"{self.spec.resolution} px, {self.spec.classes} classes, {self.spec.strides} strides"


def find(
    name: str, *, resolution: int | None = None, classes: int | None = None, strides: str | None = None
) -> Profiled:
    """A published network or the architecture in a file, in the form asked for; None: as it is.

    Raises ``NasError`` for an unknown name, a file that cannot be read or is no architecture, and an impossible form.
    """
    from nas.arch import Strides

    for option, value in (("--resolution", resolution), ("--classes", classes)):
        if value is not None and value < 1:
            raise NasError(f"{option} {value}: must be at least 1")
    if strides is not None and strides not in get_args(Strides):
        raise NasError(f"--strides {strides}: there are {' and '.join(get_args(Strides))}")
    found = _read(name) if name.endswith(".json") else _reference(name)
    form: Strides | None = strides  # type: ignore[assignment]  # the two names were checked above
    try:
        spec = found.spec.at(resolution=resolution, classes=classes, strides=form)
    except NasError as error:
        raise NasError(f"{name}: {error}") from None
    return Profiled(name=found.name, title=found.title, source=found.source, spec=spec)


def _reference(name: str) -> Profiled:
    from search_spaces import find_reference

    reference = find_reference(name)
    return Profiled(name=reference.name, title=reference.title, source=reference.source, spec=reference.spec())


def _read(name: str) -> Profiled:
    from nas.arch import ArchSpec

    try:
        spec = ArchSpec.from_json(Path(name).read_bytes())
    except OSError as error:
        raise NasError(f"{name}: {error.strerror or 'cannot be read'}") from None
    except NasError as error:
        raise NasError(f"{name}: {error}") from None
    return Profiled(name=name, title=Path(name).stem, source=None, spec=spec)
