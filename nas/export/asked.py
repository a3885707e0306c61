"""What was asked to be exported, checked before anything heavy is imported."""

from dataclasses import dataclass
from pathlib import Path

from nas.errors import NasError
from search_spaces import REFERENCES


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The command's options. Raises ``NasError`` where they do not belong together."""

    source: str
    trial: int | None = None
    network: str | None = None
    train: bool = False
    weights: Path | None = None
    resolution: int | None = None
    classes: int | None = None
    strides: str | None = None
    data_dir: Path | None = None
    runs: Path = Path("runs")
    storage: str | None = None

    def __post_init__(self) -> None:
        if self.names_network:
            for flag, value in (("--trial", self.trial), ("--network", self.network), ("--train", self.train or None)):
                if value is not None:
                    raise NasError(f"{flag}: is for a study, and {self.source} is a network; leave it out")
            return
        if self.trial is not None and self.network is not None:
            raise NasError(f"--trial {self.trial} --network {self.network}: which of the two? Leave one out")
        if self.weights is not None:
            raise NasError(f"--weights {self.weights}: a study has its own; leave it out")
        if self.classes is not None:
            raise NasError(f"--classes {self.classes}: a study's weights are for its own classes; leave it out")

    @property
    def names_network(self) -> bool:
        """A published network or a file; otherwise it is a study's name."""
        return self.source.endswith(".json") or self.source.partition("@")[0] in REFERENCES
