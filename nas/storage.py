"""Optuna's storage, opened so that it is safe and quick, with its failures said in one line."""

import os
import sqlite3
import warnings
from collections.abc import Callable, Container
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar, get_args

import optuna
from optuna.storages import BaseStorage, RDBStorage
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import event
from sqlalchemy.exc import ArgumentError, DatabaseError, NoSuchModuleError, OperationalError

from nas.errors import StorageError
from nas.objectives import ACCURACY, Goal
from nas.recipe import Precision
from nas.record import (
    FACTS,
    ORPHAN,
    RECORD,
    AblationFacts,
    AblationRecords,
    BaselineFacts,
    BaselineRecords,
    Record,
    RunRecords,
    SearchFacts,
    StudyFacts,
)

AnyFacts = TypeVar("AnyFacts", SearchFacts, BaselineFacts, AblationFacts)

# what is appended to a run's name for each of its studies; the first of a kind of run has the name itself
SIBLINGS: dict[str, str] = {
    "search": "",
    "references": ".references",
    "control": ".control",
    "confirmation": ".confirmation",
    "trust": ".trust",
    "baselines": "",
    "learning_rates": ".learning_rates",
    "ablation": "",
    "longer": ".longer",
}
KINDS = ("search", "baselines", "ablation")  # of runs; each is also the role of its first study
SEARCH = ("search", "references", "control", "confirmation", "trust")


def default_url(runs: Path) -> str:
    return f"sqlite:///{runs / 'nas.db'}"


def open_storage(url: str) -> RDBStorage:
    """The storage at an SQLAlchemy URL; an SQLite file is put into WAL mode, where readers never wait for the writer.

    Raises ``StorageError`` for a URL that names no database, a file that is none, or one that cannot be reached.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    path = Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite:///") else None
    if path is not None:
        _prepare_sqlite(path)
    try:
        storage = RDBStorage(url, engine_kwargs={"connect_args": {"timeout": 60}} if path is not None else {})
    except (ArgumentError, NoSuchModuleError) as error:
        raise StorageError(f"--storage {url}: {_one_line(error)}; write sqlite:///FILE or postgresql://…") from None
    except ImportError as error:
        raise StorageError(f"--storage {url}: its driver is not installed ({error})") from None
    except (DatabaseError, RuntimeError) as error:
        raise StorageError(f"--storage {url}: {_one_line(error)}") from None
    if path is not None:

        @event.listens_for(storage.engine, "connect")
        def relax(connection: Any, _: Any) -> None:
            # in WAL mode NORMAL loses nothing when the process dies, and is more than twice as quick
            connection.execute("PRAGMA synchronous=NORMAL")

        storage.engine.dispose()
    return storage


def open_existing(url: str) -> RDBStorage:
    """A storage to read from. Raises ``StorageError`` rather than make an empty one."""
    path = Path(url.removeprefix("sqlite:///"))
    if url.startswith("sqlite:///") and not path.exists():
        raise StorageError(f"{path}: no such file; nothing has been run here yet (or give --runs or --storage)")
    return open_storage(url)


def _prepare_sqlite(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with sqlite3.connect(path, timeout=60) as connection:
            names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")}
            if names and "studies" not in names:  # before the mode is set: it is written into the file
                raise StorageError(f"{path}: a database of something else (no Optuna tables); choose another --storage")
            connection.execute("PRAGMA journal_mode=WAL").fetchone()
            connection.execute("BEGIN IMMEDIATE")  # a folder or file that cannot be written is found out here
            connection.rollback()
    except (sqlite3.OperationalError, OSError) as error:
        raise StorageError(
            f"{path}: cannot be opened for writing ({error}); choose another place with --runs"
        ) from None
    except sqlite3.DatabaseError as error:
        raise StorageError(f"{path}: not a database ({error}); move it away or choose another --storage") from None
    finally:
        if "connection" in locals():
            connection.close()


def _one_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]


def study_name(name: str, role: str) -> str:
    """A run's studies stand side by side in one storage: NAME, NAME.references, and so on (``SIBLINGS``)."""
    return name + SIBLINGS[role]


def open_study(
    storage: BaseStorage,
    name: str,
    facts: StudyFacts,
    *,
    sampler: optuna.samplers.BaseSampler | None = None,
    goal: Goal = ACCURACY,
) -> optuna.Study:
    """The study of this name, made if it is not there; ``goal``: what its trials are told. Raises ``StorageError`` when
    it holds another question."""
    try:
        study = optuna.create_study(
            storage=storage,
            study_name=name,
            directions=goal.directions,
            sampler=sampler or optuna.samplers.RandomSampler(),
            pruner=optuna.pruners.NopPruner(),  # hopeless trials are stopped by nas.stopping
            load_if_exists=True,
        )
        refuse_another(study, facts)
        if FACTS not in study.user_attrs:
            with warnings.catch_warnings():  # called experimental; it only names the dashboard's axis
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                study.set_metric_names(list(goal.metrics))
            study.set_user_attr(FACTS, facts.to_json())
        return study
    except (OperationalError, optuna.exceptions.StorageInternalError) as error:
        raise StorageError(f"study {name}: {_one_line(error)}") from None


def refuse_another(study: optuna.Study, facts: StudyFacts) -> None:
    """Raises ``StorageError`` when the study holds another question than these facts ask."""
    name = study.study_name
    stored = study.user_attrs.get(FACTS)
    if stored is None:
        if study.get_trials(deepcopy=False):
            raise StorageError(f"study {name}: holds trials of another program; choose another --study name")
        return
    kind = getattr(facts, "kind", None)
    if stored.get("kind", kind) != kind:
        raise StorageError(f"study {name}: is a run of another kind ({stored['kind']}); choose another --study name")
    known = type(facts).from_json(stored)
    for field in facts.IDENTITY:
        before, now = getattr(known, field), getattr(facts, field)
        if before != now:
            raise StorageError(
                f"study {name}: was made with another {field.replace('_', ' ')} ({_difference(before, now)}); "
                "choose another --study name"
            )


def ensure_usable(url: str, name: str, facts: StudyFacts) -> None:
    """Raises ``StorageError`` where a study could not be begun or continued in this storage; makes no file."""
    path = Path(url.removeprefix("sqlite:///"))
    if url.startswith("sqlite:///") and not os.path.exists(path):
        ensure_folder(path.parent, "--storage")
        return
    storage = open_storage(url)
    if name in optuna.get_all_study_names(storage):
        refuse_another(optuna.load_study(study_name=name, storage=storage), facts)


def as_begun(facts: AnyFacts, url: str, named: Callable[[AnyFacts], str]) -> AnyFacts:
    """These facts, with the precision of the study that they continue, if the storage has one in another.

    For a precision that was found and not asked for: the same command continues a study on another machine too, or
    with another torch. ``named``: the study's name by its facts. Raises ``StorageError``.
    """
    path = Path(url.removeprefix("sqlite:///"))
    if url.startswith("sqlite:///") and not os.path.exists(path):
        return facts
    storage = open_storage(url)
    known = study_names(storage)
    precisions: list[Precision] = sorted(get_args(Precision), key=lambda one: one != facts.recipe.precision)
    for precision in precisions:
        possible = replace(facts, recipe=replace(facts.recipe, precision=precision))
        name = named(possible)
        if name in known and stored_facts(storage, name)["recipe"].get("precision", "fp32") == precision:
            return possible
    return facts


def ensure_folder(folder: Path, flag: str) -> None:
    """Raises ``StorageError`` where files could not be written into a folder that may not be there yet; makes none."""
    # os.path answers no, where pathlib raises, for what lies below a folder that may not be entered
    there = next(place for place in (folder, *folder.absolute().parents) if os.path.lexists(place))
    reason = None if os.access(there, os.W_OK | os.X_OK) else "permission denied"
    reason = reason if there.is_dir() else f"{there} is no folder"
    if reason is not None:
        raise StorageError(f"{flag} {folder}: cannot be written ({reason})")


def _difference(before: object, now: object) -> str:
    """``batch: 64, now 128`` for facts with fields, ``mobilenet_v3, now mobilenet_v2`` otherwise."""
    # a name comes first among fields and explains least
    for field in sorted(getattr(before, "__dataclass_fields__", ()), key="name".__eq__):
        if getattr(before, field) != getattr(now, field):
            return f"{field}: {getattr(before, field)}, now {getattr(now, field)}"
    return f"{before}, now {now}"


def update_facts(study: optuna.Study, facts: StudyFacts) -> None:
    """Write down how the study was last continued (command, machine, number of trials)."""
    if study.user_attrs.get(FACTS) != facts.to_json():
        study.set_user_attr(FACTS, facts.to_json())


def is_orphan(trial: FrozenTrial) -> bool:
    return bool(trial.user_attrs.get(ORPHAN, False))


def close_orphans(study: optuna.Study, *, running: Container[int] = ()) -> int:
    """Trials left running by a driver that died are closed, and counted for nothing. Returns how many.

    What was put in by hand and is still waiting stays: it is asked for next. Only the one driver of a study may call
    this; ``running`` are the numbers of its own that still do.
    """
    unfinished = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    orphans = [trial for trial in unfinished if trial.number not in running]
    for trial in orphans:
        study._storage.set_trial_user_attr(trial._trial_id, ORPHAN, True)
        study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)
    return len(orphans)


def counted(study: optuna.Study) -> list[FrozenTrial]:
    """The trials that count, finished or running: all but the orphans, in order."""
    return [trial for trial in study.get_trials(deepcopy=False) if not is_orphan(trial)]


def records(study: optuna.Study) -> tuple[Record, ...]:
    """Records of the finished trials that count."""
    return tuple(
        Record.from_json(trial.user_attrs[RECORD])
        for trial in counted(study)
        if trial.state.is_finished() and RECORD in trial.user_attrs
    )


def read_run(storage: BaseStorage, name: str) -> RunRecords:
    """Everything one search left behind, while it runs or after. Raises ``StorageError`` if there is no such run."""
    _ensure_there(storage, name, "search")
    parts = {role: _read(storage, name, role) for role in SEARCH}
    return RunRecords(
        name=name,
        facts=SearchFacts.from_json(stored_facts(storage, name)),
        trials=tuple(sorted(parts["search"], key=lambda record: record.number or 0)),
        references=parts["references"],
        confirmations=parts["confirmation"],
        trust=parts["trust"],
        control=tuple(sorted(parts["control"], key=lambda record: record.number or 0)),
    )


def read_baselines(storage: BaseStorage, name: str) -> BaselineRecords:
    """Everything the baselines left behind, while they run or after. Raises ``StorageError`` if there are none."""
    _ensure_there(storage, name, "baselines")
    return BaselineRecords(
        name=name,
        facts=BaselineFacts.from_json(stored_facts(storage, name)),
        rates=_read(storage, name, "learning_rates"),
        trainings=_read(storage, name, "baselines"),
    )


def read_ablation(storage: BaseStorage, name: str) -> AblationRecords:
    """Everything an ablation left behind, while it runs or after. Raises ``StorageError`` if there is none."""
    _ensure_there(storage, name, "ablation")
    return AblationRecords(
        name=name,
        facts=AblationFacts.from_json(stored_facts(storage, name)),
        short=_read(storage, name, "ablation"),
        long=_read(storage, name, "longer"),
        rates=_read(storage, name, "learning_rates"),
    )


def read_any(storage: BaseStorage, name: str) -> RunRecords | BaselineRecords | AblationRecords:
    """A run of whatever kind. Raises ``StorageError`` if there is none."""
    kind = kind_of(storage, name)
    if kind == "baselines":
        return read_baselines(storage, name)
    return read_ablation(storage, name) if kind == "ablation" else read_run(storage, name)


def stored_facts(storage: BaseStorage, name: str) -> dict[str, Any]:
    found: dict[str, Any] = optuna.load_study(study_name=name, storage=storage).user_attrs[FACTS]
    return found


def kind_of(storage: BaseStorage, name: str) -> str:
    """What kind of run a study is, one of ``KINDS``. Raises ``StorageError`` if there is none."""
    _ensure_there(storage, name)
    return str(stored_facts(storage, name).get("kind", "search"))


def _ensure_there(storage: BaseStorage, name: str, kind: str | None = None) -> None:
    known = study_names(storage) if kind is None else study_names(storage, kind)
    if name in known:
        return
    others = study_names(storage)
    if name in others:
        raise StorageError(f"study {name}: is a run of another kind ({kind_of(storage, name)}), not a {kind}")
    from difflib import get_close_matches

    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    raise StorageError(f"study {name}: not in this storage; {hint}`nas list` shows what is there")


def _read(storage: BaseStorage, name: str, role: str) -> tuple[Record, ...]:
    """The records of one of a run's studies; none where it has not begun."""
    if study_name(name, role) not in optuna.get_all_study_names(storage):
        return ()
    return records(optuna.load_study(study_name=study_name(name, role), storage=storage))


def study_names(storage: BaseStorage, *kinds: str) -> list[str]:
    """The runs in this storage, oldest first, or those of these kinds; siblings belong to their run."""
    summaries = optuna.get_all_study_summaries(storage, include_best_trial=False)
    return [
        summary.study_name
        for summary in summaries
        if FACTS in summary.user_attrs
        and summary.user_attrs[FACTS].get("role") in (kinds or KINDS)  # a kind's main role
    ]
