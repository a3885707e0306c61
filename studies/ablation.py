"""What an ablation is made of: a question, a baseline, and variants that list only what differs.

A study's file holds one ``Ablation`` under the name ``STUDY``; ``python -m studies FILE.py`` runs a file of your own.
Nothing is looked up here: ``studies.ablations.resolve`` makes networks of it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Literal

from nas.arch import ArchSpec
from nas.paper import Claim, Paper
from nas.space import Choices, Option


class Extreme(Enum):
    """An option by its place, for decisions whose options differ from block to block."""

    LOWEST = "lowest"
    HIGHEST = "highest"


LOWEST, HIGHEST = Extreme.LOWEST, Extreme.HIGHEST


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts of all blocks of a kind: ``Facts({"inverted_residual": {"out_activation": "relu6"}})``.

    For what the space does not decide. The stride, and the classifier's number of classes, are none of it.
    """

    of: Mapping[str, Mapping[str, Option]]


@dataclass(frozen=True, slots=True)
class Built:
    """Arguments of the function that builds the published baseline: ``Built({"hardswish_from": 40})``."""

    arguments: Mapping[str, Option]


Decisions = Mapping[str, Option | Extreme]
"""Pattern of names → option: ``{"*.se": False}``, ``{"stage3.*.kernel": 5}``. Of several matches the last counts."""
Changes = Decisions | Facts | Built | Callable[[ArchSpec], ArchSpec]


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The network that all variants are compared with."""

    kind: Literal["reference", "recorded", "choices"]
    name: str  # of a reference, of a search, of a space
    choices: Choices = field(default_factory=dict)


def reference(name: str) -> Baseline:
    """A published network: ``NAME`` or ``NAME@WIDTH``."""
    return Baseline(kind="reference", name=name)


def recorded(study: str) -> Baseline:
    """The winner of a search in the same storage."""
    return Baseline(kind="recorded", name=study)


def choices(space: str, made: Choices) -> Baseline:
    """A point of a space: all of its decisions."""
    return Baseline(kind="choices", name=space, choices=made)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Every option of a decision in every stage, each a variant of its own: "stage2 kernel 3" is
    ``{"stage2.*.kernel": 3}``. Where the baseline already has it there is no such variant."""

    decision: str
    options: tuple[Option, ...]
    stages: tuple[int, ...]

    def variants(self) -> dict[str, Decisions]:
        return {
            f"stage{stage} {self.decision} {option}": {f"stage{stage}.*.{self.decision}": option}
            for stage in self.stages
            for option in self.options
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """How a study trains: the short form, and how many times its epochs the long one has. Images as in ``Recipe``."""

    epochs: int
    longer: int  # times
    train_images: int | None
    val_images: int | None
    batch: int
    max_lr: float
    seeds: int
    resolution: int = 24  # px, where the images have as many
    baseline: Baseline | None = None  # a smaller one, to train more often; None: the study's


# The short trainings are those of a brief search. Validation is on twice its images: at 45% accuracy, which 2,500 they
# are is a point of scatter by itself (√(0.45 · 0.55 / 2500)).
BRIEF = Length(epochs=2, longer=4, train_images=3000, val_images=5000, batch=64, max_lr=0.1, seeds=5)
# MobileNetV3 small at half its width trains twice as fast, so twice as often.
HALF_SMALL = replace(BRIEF, baseline=reference("mobilenet_v3_small@0.5"))
# For a GPU; the figures are not measured yet and err on the long side.
FULL = Length(epochs=10, longer=3, train_images=None, val_images=None, batch=256, max_lr=0.4, seeds=10, resolution=32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ablation:
    """A question about a network, and the trainings that answer it.

    Every variant is trained on the same seeds and folds as the baseline, and so is the baseline at the widths of
    ``curve``: what a variant is worth at equal cost is read against these. ``margin``: differences inside ± this, a
    fraction, are of no practical importance.
    """

    question: str
    baseline: Baseline
    variants: Mapping[str, Changes] = field(default_factory=dict)
    grid: Grid | None = None
    curve: tuple[float, ...] = (0.5, 0.75, 1.0, 1.25)
    margin: float = 0.003
    paper: Paper | None = None
    notes: tuple[str, ...] = ()  # what people should know of it, whatever comes out
    minutes: int | None = None  # of the short form by itself on two cores, measured (docs/results.md)
    brief: Length = BRIEF
    full: Length = FULL

    def at(self, length: Length) -> "Ablation":
        """With the baseline that it has in this form."""
        return replace(self, baseline=length.baseline or self.baseline)

    def declared(self) -> dict[str, Changes]:
        """Variants and the grid's, by name."""
        return {**self.variants, **(self.grid.variants() if self.grid else {})}


__all__ = [
    "BRIEF",
    "FULL",
    "HALF_SMALL",
    "HIGHEST",
    "LOWEST",
    "Ablation",
    "Baseline",
    "Built",
    "Changes",
    "Claim",
    "Facts",
    "Grid",
    "Length",
    "Paper",
    "choices",
    "recorded",
    "reference",
]
