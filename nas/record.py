"""The typed view of a trial in storage: everything a trained network left behind.

Reports read records and nothing else.
A record is one attribute of its Optuna trial, a study's facts one attribute of its Optuna study.
"""

import json
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, ClassVar, Literal, Self

from pydantic import TypeAdapter, ValidationError

from nas.arch import ArchSpec
from nas.budget import Budget
from nas.errors import StorageError
from nas.latency.value import Calibration, Latency
from nas.objectives import ACCURACY, Goal
from nas.paper import Paper
from nas.recipe import Recipe
from nas.space import Option

FORMAT = 2  # of records and facts
READABLE = (1, 2)  # format 1 is the same with fewer facts, all of which have defaults

RECORD = "record"  # the attribute's name, of a trial
FACTS = "nas"  # the attribute's name, of a study
ORPHAN = "orphan"  # attribute of a trial that was running when its driver died; it counts for nothing

Role = Literal[
    "search",
    "references",
    "control",
    "confirmation",
    "trust",
    "baselines",
    "learning_rates",
    "ablation",
    "longer",
]
Control = Literal["random"]
State = Literal["complete", "pruned", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochRecord:
    """One epoch of a curve."""

    train_loss: float
    val_accuracy: float  # fraction
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One trained network: choices + seed + recipe → what came out."""

    state: State
    number: int | None  # of a search's own trial or its control's, from 0 without orphans; None for references
    name: str | None  # of a reference ("mobilenet_v3_small@budget"), "control 17"; None for a search's own
    title: str  # what people are shown: "trial 17", "MobileNetV3 small ×1.03"
    origin: str  # what made it: "draw" (at random), a sampler's name, "published", "scaled"
    spec: ArchSpec  # as published; the budget's and the recipe's forms follow from it
    choices: dict[str, Option] | None  # None for a network that is no point of the space
    macs: int  # deployed form
    params: int  # deployed form
    peak_activation_bytes: int  # deployed form
    train_macs: int  # trained form
    latency: Latency | None = None  # deployed form, on the budget's target; None where there is none
    seed: int
    fold: int  # validated on; trained on the others
    curve: tuple[EpochRecord, ...] = ()
    reason: str | None = None  # why it failed
    recipe: Recipe | None = None  # where it is not the study's own
    train_seconds: float = 0.0  # building, training and validating
    device: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    started: str = ""  # ISO 8601, UTC
    weights: str | None = None  # file with the trained weights, in the run's folder; None: they were not kept
    source: str | None = None  # the study that trained it, where that is another one

    @property
    def latency_ms(self) -> float | None:
        return None if self.latency is None else self.latency.ms

    @property
    def val_accuracy(self) -> float | None:
        """Of the last epoch; None unless complete."""
        return self.curve[-1].val_accuracy if self.state == "complete" else None

    @property
    def last_accuracy(self) -> float | None:
        """Of the last epoch trained, stopped early or not; None before the first."""
        return self.curve[-1].val_accuracy if self.curve else None

    @property
    def key(self) -> str:
        """The same for every training of one network of a run: ``trial 17``, ``control 17`` or a reference's name."""
        return self.name if self.name is not None else f"trial {self.number}"

    def to_json(self) -> dict[str, Any]:
        """As stored in the trial."""
        return _dump(Record, self)

    @classmethod
    def from_json(cls, document: Any) -> "Record":
        record: Record = _load(Record, document)
        return record


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFacts:
    """The images a study was trained on."""

    name: str
    label: str  # what people are shown: "CIFAR-10 (JPEG)"
    fingerprint: str
    classes: int
    images: int  # training images, all folds
    resolution: int  # px as loaded


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyFacts:
    """What makes a study this study, and where it was run. The fields of ``IDENTITY`` are what it asks: another value
    is another study."""

    IDENTITY: ClassVar[tuple[str, ...]] = ("data", "recipe", "seed")

    data: DataFacts
    recipe: Recipe
    seed: int

    role: Role
    effort: str = "brief"
    fallback: bool = False  # asked for CIFAR-10 and got a demonstration on digits
    command: str = ""
    machine: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    started: str = ""  # ISO 8601, UTC
    format: int = FORMAT

    def to_json(self) -> dict[str, Any]:
        return _dump(type(self), self)

    @classmethod
    def from_json(cls, document: Any) -> Self:
        facts: Self = _load(cls, document)
        return facts


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchFacts(StudyFacts):
    """A search: the most accurate network of a space under a budget."""

    IDENTITY: ClassVar[tuple[str, ...]] = (
        *("space", "space_fingerprint", "budget", "data", "recipe", "sampler", "seed"),
        *("goal", "latency_fingerprint"),
    )

    kind: Literal["search"] = "search"
    space: str
    space_fingerprint: str
    budget: Budget
    sampler: str
    goal: Goal = ACCURACY

    role: Role = "search"
    names_winner: bool = True  # a demonstration names none
    confirm: int = 2  # fresh seeds for the finalists
    trials: int = 0  # asked for, across restarts
    trust: int = 0  # networks trained longer, to see whether the trials rank
    control: Control | None = None  # what spends the same trials beside the search, to be beaten
    latency_fingerprint: str | None = None  # what its latencies hold for: processor, runtime, threads; or a device
    calibration: Calibration | None = None  # how well they are predicted
    stopping: bool = True  # of hopeless trials


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineFacts(StudyFacts):
    """The baselines: published networks trained alike, each with the best of some learning rates."""

    IDENTITY: ClassVar[tuple[str, ...]] = ("data", "recipe", "seed", "max_lrs")

    kind: Literal["baselines"] = "baselines"
    max_lrs: tuple[float, ...]  # tried for each family

    role: Role = "baselines"
    seeds: int = 3  # asked for last
    networks: tuple[str, ...] = ()  # asked for last


@dataclass(frozen=True, slots=True)
class Estimate:
    """A difference of accuracies, in fractions, with its 95% interval; None where nothing tells how sure it is."""

    delta: float
    ci: tuple[float, float] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Observational:
    """What a search's trials suggested of a change before it was trained: no experiment. None: they cannot tell."""

    changed: Estimate | None  # as changed
    equal: Estimate | None  # at equal training cost
    trials: int  # that have an option which the change brings, out of
    of: int  # complete trials
    pairs: int  # of trials that differ in one such choice alone


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantFacts:
    """A network of an ablation that is compared with its baseline."""

    name: str  # of its records
    title: str  # what people are shown
    changes: dict[str, str]  # what differs, as it was declared: "*.se" → "False"
    match_of: str | None = None  # the variant that this is, with expansion widths that give it the baseline's cost
    observed: Observational | None = None  # of a search's winner: what that search's trials suggested


@dataclass(frozen=True, slots=True, kw_only=True)
class AblationFacts(StudyFacts):
    """An ablation: what each of some changes to a network is worth. Its recipe is that of the short trainings."""

    IDENTITY: ClassVar[tuple[str, ...]] = ("study", "baseline", "data", "recipe", "seed")

    kind: Literal["ablation"] = "ablation"
    study: str  # "squeeze_excitation", "of STUDY" for the winner of a search, or the name of a user's file
    question: str
    baseline: str  # what it is: "mobilenet_v3_small", "trial 17 of STUDY"
    baseline_title: str
    curve: dict[str, float] = field(default_factory=dict)  # name of records → width; at 1 the baseline itself
    variants: tuple[VariantFacts, ...] = ()
    margin: float = 0.003  # differences inside ± this are of no practical importance; a fraction
    paper: Paper | None = None
    notes: tuple[str, ...] = ()  # what people should know before they read on

    role: Role = "ablation"
    long: Recipe | None = None  # of the long trainings; None: there are none
    seeds: int = 5  # asked for last
    looks: tuple[int, ...] = ()  # numbers of seeds at which a verdict may be read; (): at the number asked for
    looked: tuple[int, ...] = ()  # numbers of seeds after which the study ended until now, one after the other
    latency_target: str | None = None
    latency_fingerprint: str | None = None  # what its latencies hold for
    latencies: dict[str, Latency] = field(default_factory=dict)  # by name of records, in the native form

    @property
    def baseline_name(self) -> str:
        """Of its records."""
        return next(name for name, width in self.curve.items() if width == 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecords:
    """All that one run left behind: the search's facts and trials, its references, its control, and the confirmations
    of all."""

    name: str
    facts: SearchFacts
    trials: tuple[Record, ...]  # by number
    references: tuple[Record, ...]
    confirmations: tuple[Record, ...]
    trust: tuple[Record, ...] = ()  # of trials, trained longer
    control: tuple[Record, ...] = ()  # by number: networks drawn at random, trained as the trials are

    def latency(self, record: Record) -> Latency | None:
        """What is known of a network's latency by now: measured, if any of its records has that."""
        others = (one.latency for one in self.confirmations if one.key == record.key)
        return next((known for known in others if known is not None and known.measured), record.latency)

    def known(self, record: Record) -> Record:
        """With that latency: what is said of a network goes by what is known now, what was chosen by what was known
        then."""
        latency = self.latency(record)
        return record if latency is record.latency else replace(record, latency=latency)


@cache
def _adapter(kind: type) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _dump(kind: type, value: object) -> dict[str, Any]:
    document: dict[str, Any] = _adapter(kind).dump_python(value, mode="json")
    return document


def _load(kind: type, document: Any) -> Any:
    if isinstance(document, dict) and document.get("format", FORMAT) not in READABLE:
        raise StorageError(f"{kind.__name__} of format {document['format']}: written by another version of nas")
    try:
        return _adapter(kind).validate_json(json.dumps(document))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise StorageError(f"{kind.__name__} in storage: {place}: {first['msg']}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineRecords:
    """All that the baselines left behind: the check of learning rates, and the trainings themselves."""

    name: str
    facts: BaselineFacts
    rates: tuple[Record, ...]
    trainings: tuple[Record, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AblationRecords:
    """All that an ablation left behind: its trainings at both lengths, and the check of learning rates."""

    name: str
    facts: AblationFacts
    short: tuple[Record, ...]
    long: tuple[Record, ...] = ()
    rates: tuple[Record, ...] = ()
