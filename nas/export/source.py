"""What is taken away: a network with weights, from a study, a published name or a file, and what is known of it."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.arch import ArchSpec, Strides
from nas.data import ImageSet
from nas.errors import NasError, StorageError
from nas.export import images
from nas.export.asked import Asked
from nas.model import Network, build
from nas.plan import WEIGHTS, Task, weights_name
from nas.preprocessing import Preprocessing
from nas.profile.network import find
from nas.record import Record, RunRecords
from nas.storage import default_url, open_existing, read_run
from nas.weights import load_weights
from nas.weights_file import About, read_about
from reports import standing, words
from reports.sentences import confirmed_words

if TYPE_CHECKING:
    from nas.data.request import Say


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A network to export. ``notes`` are sentences for its README."""

    title: str
    network: Network  # in evaluation mode, on the CPU
    about: About
    weights: str  # a sentence: where they come from
    trained: bool
    notes: tuple[str, ...] = ()
    data: ImageSet | None = None  # the study's images, where they are there

    @property
    def spec(self) -> ArchSpec:
        return self.network.spec


def find_source(asked: Asked, say: "Say") -> Source:
    """Raises ``NasError`` for what is not there or does not fit."""
    return _network(asked) if asked.names_network else _study(asked, say)


# ---- a published network, or a file


def _network(asked: Asked) -> Source:
    found = find(asked.source, resolution=asked.resolution, classes=asked.classes, strides=asked.strides)
    network = build(found.spec).eval()
    source = found.source or f"the file {Path(asked.source).name}"
    about = About(name=found.name, spec=found.spec)
    if asked.weights is None:
        return Source(
            title=found.title,
            network=network,
            about=about,
            weights="The weights are untrained: random numbers, of use to nobody before training.",
            trained=False,
            notes=(f"Architecture: {source}.",),
        )
    layout = load_weights(network, asked.weights)
    known = read_about(asked.weights) if asked.weights.suffix == ".safetensors" else None
    if known is not None:
        about = replace(
            known, name=found.name, spec=found.spec, preprocessing=_prepared(known.preprocessing, found.spec)
        )
    notes = [f"Architecture: {source}."]
    if layout == "timm":
        notes.append("The batch norms' epsilon is this architecture's; some of timm's own networks have another.")
    return Source(
        title=found.title,
        network=network.eval(),
        about=about,
        weights=f"The weights are those of the file {asked.weights.name} (names as {_whose(layout)}).",
        trained=True,
        notes=tuple(notes),
    )


def _whose(layout: str) -> str:
    ours = {"own": "in this project's networks", "exported": "in an export of this project"}
    return ours.get(layout, f"{layout} has them")


# ---- a study


def _study(asked: Asked, say: "Say") -> Source:
    run = _run(asked)
    chosen = _chosen(run, asked)
    fresh = first_fresh(run, chosen)
    record = fresh or chosen
    facts = run.facts
    form = record.spec.trained_on(resolution=facts.recipe.resolution, classes=facts.data.classes)
    kept = asked.runs / run.name / (record.weights or f"{WEIGHTS}/{weights_name(record.key, record.seed)}")
    again = not kept.exists()
    if again:
        if not asked.train:
            raise NasError(_missing(run, record, kept))
        _train(run, record, kept, asked, say)
    about = read_about(kept)
    if about is None or (about.spec, about.seed) != (form, record.seed):
        raise NasError(
            f"{kept}: is not of this training ({record.key}, seed {record.seed}); move it away and use --train"
        )
    spec = _form(form, asked)
    network = build(spec)
    load_weights(network, kept, "own")
    notes = [f"Found by the search {run.name}: {facts.space} under {facts.budget}, on {facts.data.label}."]
    notes += [confirmed_words(run, record)] if fresh else []
    if standing.is_demo(facts):
        notes.append(f"This was a {standing.demo_words(facts)}: its accuracies rank nothing.")
    if spec != form:
        notes.append(
            f"Trained and confirmed at {form.resolution} px with {form.strides} strides; "
            f"exported at {spec.resolution} px with {spec.strides} strides, where nothing was measured."
        )
    notes.append(f"As the budget counts it, {words.cost(run, record)}.")
    return Source(
        title=f"{words.capital(record.title)} of {run.name}",
        network=network.eval(),
        about=replace(about, study=run.name, spec=spec, preprocessing=_prepared(about.preprocessing, spec)),
        weights=_which(about, fresh=fresh is not None, again=again),
        trained=True,
        notes=tuple(notes),
        data=images.study_images(facts.data, asked.data_dir),
    )


def first_fresh(run: RunRecords, chosen: Record) -> Record | None:
    """A network's confirmation with the lowest seed: by rule, and not the one with the best score."""
    found = [one for one in run.confirmations if one.key == chosen.key and one.state == "complete"]
    return min(found, key=lambda one: one.seed, default=None)


def _run(asked: Asked) -> RunRecords:
    try:
        return read_run(open_existing(asked.storage or default_url(asked.runs)), asked.source)
    except StorageError as error:
        raise NasError(
            f"{error}; nor is {asked.source} a published network (nas profile --list) or a .json file"
        ) from None


def _chosen(run: RunRecords, asked: Asked) -> Record:
    """The network that was asked for; the winner where none was."""
    if asked.trial is None and asked.network is None:
        best = standing.winner(run)
        if best is None:
            why = (
                f"a {standing.demo_words(run.facts)} names none"
                if standing.is_demo(run.facts)
                else "the search is not finished; its own command continues it"
            )
            raise NasError(f"study {run.name}: has no winner ({why}); --trial N or --network NAME takes another")
        return best
    key = asked.network if asked.network is not None else f"trial {asked.trial}"
    every = (*run.references, *run.control, *run.trials)
    known = {record.key: record for record in every if record.state == "complete"}
    if key not in known:
        flag = f"--network {asked.network}" if asked.network is not None else f"--trial {asked.trial}"
        there = list(dict.fromkeys(one.key for one in run.confirmations)) or list(known)
        raise NasError(f"{flag}: not a trained network of {run.name}; confirmed are {', '.join(there) or 'none'}")
    return known[key]


def _form(form: ArchSpec, asked: Asked) -> ArchSpec:
    """The trained form, or the one asked for."""
    for flag, value in (("--resolution", asked.resolution),):
        if value is not None and value < 1:
            raise NasError(f"{flag} {value}: must be at least 1")
    if asked.strides not in (None, "published", "cifar"):
        raise NasError(f"--strides {asked.strides}: there are published and cifar")
    strides: Strides | None = asked.strides  # type: ignore[assignment]  # checked above
    return form.at(resolution=asked.resolution, strides=strides)


def _prepared(given: Preprocessing | None, spec: ArchSpec) -> Preprocessing | None:
    """For the resolution that is exported; another than the trained one is reached in one step."""
    if given is None or given.resolution == spec.resolution:
        return given
    return replace(given, sides=(spec.resolution,))


def _which(about: About, *, fresh: bool, again: bool) -> str:
    accuracy = "" if about.val_accuracy is None else f", {words.percent(about.val_accuracy)} on fold {about.fold}"
    rule = "the first fresh seed, by rule and not by its score" if fresh else "the seed the search itself used"
    trained = " They were trained again for an export, by the study's recipe." if again else ""
    return f"The weights are of seed {about.seed} ({rule}{accuracy}).{trained}"


# ---- weights that are not there


def _missing(run: RunRecords, record: Record, kept: Path) -> str:
    if record.weights is not None:
        why = f"{kept} is gone"
    elif record in run.confirmations:
        why = "they were not kept when it was trained"
    else:
        why = "it was not confirmed on fresh seeds, and only confirmed networks keep theirs"
    took = f" (it took {record.train_seconds:,.0f} s)" if record.train_seconds >= 1 else ""
    return (
        f"study {run.name}: no weights of {record.key}, seed {record.seed}: {why}; "
        f"--train trains it again by the study's recipe{took}"
    )


def _train(run: RunRecords, record: Record, kept: Path, asked: Asked, say: "Say") -> None:
    from nas.trial import Trainer, find_device

    facts = run.facts
    data = images.load_again(facts.data, asked.data_dir, say)
    say(f"training {record.key} again, seed {record.seed}: {facts.recipe.name}")
    trainer = Trainer(data=data, recipe=facts.recipe, budget=None, device=find_device("auto"))
    known: dict[str, Any] = {name: getattr(record, name) for name in ("number", "name", "choices", "seed", "fold")}
    task = Task(spec=record.spec, title=record.title, origin=record.origin, weights=kept.absolute(), **known)
    done = trainer.run(task)
    if done.val_accuracy is None:
        raise NasError(f"study {run.name}: {record.key} could not be trained again: {done.reason}")
    say(f"trained: {words.percent(done.val_accuracy)} (recorded: {words.percent(record.val_accuracy or 0)})")
    if done.weights is None:
        raise NasError(f"{kept}: cannot be written; free some space, or give --runs a place that can")
