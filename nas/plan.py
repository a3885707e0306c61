"""What a run consists of: which trainings there are beside the search's own trials, and with which seed and fold."""

from dataclasses import dataclass, replace
from pathlib import Path

from nas import evidence
from nas.arch import ArchSpec
from nas.latency.value import Latency
from nas.recipe import Recipe
from nas.record import Record, SearchFacts
from nas.space import Option

UNTIL_TIME = 100_000  # trials asked for where only the time limits them
LONGER = 4  # times, the trainings that short ones are checked by
TRUST_SEED, TRUST_FOLD = 500, 4  # the k of their training seed, and the fold they are validated on
WEIGHTS = "weights"  # the folder of a run that keeps those of confirmed networks
SEEDS_APART = 1000  # training seeds of one --seed; another --seed shares none of them


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A training to be done: which network, with which seed, on which fold."""

    spec: ArchSpec
    seed: int
    fold: int
    title: str
    origin: str
    number: int | None = None
    name: str | None = None
    choices: dict[str, Option] | None = None
    recipe: Recipe | None = None  # where it is not the study's own
    latency: Latency | None = None  # in the deployed form, where a target was chosen
    weights: Path | None = None  # the file its trained weights are kept in; None: they are not

    @property
    def any_cost(self) -> bool:
        """Published networks are trained whatever they cost; nothing else is trained over budget."""
        return self.origin == "published"

    @property
    def key(self) -> tuple[str, int]:
        """Which training this is, in its study."""
        return (self.name if self.name is not None else f"trial {self.number}", self.seed)


def training_seed(seed: int, k: int) -> int:
    """The k-th training seed of a study: 0 selects, 1, 2, … are fresh. All networks share them, so that they pair."""
    return seed * SEEDS_APART + k


def confirmation_fold(k: int) -> int:
    """Fold of the k-th fresh seed. Never fold 0, which chose the finalists: its sampling error is in their scores."""
    return 1 + (k - 1) % 4


def trial_task(number: int, spec: ArchSpec, choices: dict[str, Option], origin: str, *, seed: int) -> Task:
    return Task(
        spec=spec,
        choices=choices,
        seed=training_seed(seed, 0),
        fold=0,
        number=number,
        title=f"trial {number}",
        origin=origin,
    )


def control_task(number: int, spec: ArchSpec, choices: dict[str, Option], origin: str, *, seed: int) -> Task:
    """A network of the control: trained as a trial is, and named so that it is none."""
    name = f"control {number}"
    return replace(trial_task(number, spec, choices, origin, seed=seed), name=name, title=name)


def confirmation_tasks(
    trials: tuple[Record, ...],
    references: tuple[Record, ...],
    facts: SearchFacts,
    control: tuple[Record, ...] = (),
) -> list[Task]:
    """Seed by seed, not network by network, so that what an interruption leaves is paired."""
    return [
        Task(
            spec=record.spec,
            choices=record.choices,
            seed=training_seed(facts.seed, k),
            fold=confirmation_fold(k),
            number=record.number,
            name=record.name,
            title=record.title,
            origin=record.origin,
        )
        for k in range(1, facts.confirm + 1)
        for record in evidence.to_confirm(trials, references, facts, control)
    ]


def kept_in(folder: Path, task: Task) -> Task:
    """The same training, its weights kept in a file of this folder: ``trial-17-seed-1.safetensors``."""
    return replace(task, weights=folder / weights_name(*task.key))


def weights_name(key: str, seed: int) -> str:
    return f"{key.replace(' ', '-')}-seed-{seed}.safetensors"


def trust_tasks(trials: tuple[Record, ...], *, seed: int, count: int, recipe: Recipe, available: int) -> list[Task]:
    """The trials that are trained longer: half from the top of their ranking, the others spread over the rest of it.

    On a seed and a fold that neither the search nor its confirmation begins with. ``available``: training images.
    """
    ranked = evidence.finalists(trials, len(trials))
    top, rest = ranked[: (count + 1) // 2], ranked[(count + 1) // 2 :]
    others = min(len(rest), count - len(top))
    spread = [rest[(2 * k + 1) * len(rest) // (2 * others)] for k in range(others)]
    return [
        Task(
            spec=record.spec,
            choices=record.choices,
            seed=training_seed(seed, TRUST_SEED),
            fold=TRUST_FOLD,
            number=record.number,
            title=f"{record.title}, longer",
            origin=record.origin,
            recipe=longer(recipe, available),
        )
        for record in (*top, *spread)
    ]


def longer(recipe: Recipe, available: int) -> Recipe:
    """``LONGER`` times as many steps: more images as far as there are any, then more epochs."""
    images = available if recipe.train_images is None else min(recipe.train_images, available)
    more = min(LONGER * images, available)
    epochs = -(-LONGER * recipe.epochs * images // more)  # rounded up
    return replace(
        recipe,
        name=f"{recipe.name}, {LONGER} times longer",
        epochs=epochs,
        train_images=None if more == available else more,
    )


def undone(tasks: list[Task], records: tuple[Record, ...]) -> list[Task]:
    """Those with no record yet; a training that failed is not tried again."""
    have = {(record.key, record.seed) for record in records}
    return [task for task in tasks if task.key not in have]
