"""The storage: safe and quick for one writer and many readers, and clear about what it will not open."""

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.storages import InMemoryStorage, RDBStorage

from nas.errors import NasError, StorageError
from nas.record import FACTS, RECORD, SearchFacts
from nas.storage import (
    close_orphans,
    counted,
    default_url,
    open_existing,
    open_storage,
    open_study,
    read_run,
    records,
    study_name,
    study_names,
    update_facts,
)
from tests.nas.fast import Budget, FakeTraining, driver, study_facts
from tests.nas.test_record import record


def url(path: Path) -> str:
    return f"sqlite:///{path}"


@pytest.fixture
def storage(tmp_path: Path) -> RDBStorage:
    return open_storage(url(tmp_path / "nas.db"))


def test_the_default_is_one_file_under_runs(tmp_path: Path) -> None:
    assert default_url(tmp_path) == url(tmp_path / "nas.db")


def test_an_sqlite_file_is_in_wal_mode_and_every_connection_is_quick(storage: RDBStorage, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "nas.db") as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()
    raw = storage.engine.raw_connection()
    assert raw.cursor().execute("PRAGMA synchronous").fetchone() == (1,)  # NORMAL
    raw.close()


def test_folders_on_the_way_are_made(tmp_path: Path) -> None:
    open_storage(url(tmp_path / "a" / "b" / "nas.db"))
    assert (tmp_path / "a" / "b" / "nas.db").exists()


def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("remember the milk\n" * 100)
    with pytest.raises(StorageError, match="not a database"):
        open_storage(url(path))
    assert path.read_text() == "remember the milk\n" * 100
    assert [entry.name for entry in tmp_path.iterdir()] == ["notes.txt"]


def test_a_database_of_something_else_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "photos.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE photos (name TEXT)")
    connection.commit()
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StorageError, match="database of something else"):
        open_storage(url(path))
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["photos.db"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"cannot be opened for writing.*--runs"):
        open_storage(url(tmp_path / "file" / "runs" / "nas.db"))


@pytest.mark.parametrize("text", ["runs/nas.db", "nosuch://host/db", "", "sqlite//x"])
def test_what_is_no_storage_url_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(StorageError, match="sqlite:///FILE or postgresql://"):
        open_storage(text)


def test_a_missing_driver_is_named() -> None:
    with pytest.raises(StorageError, match="its driver is not installed"):
        open_storage("mssql+pymssql://host/db")


def test_a_storage_to_read_from_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"nas\.db: no such file; nothing has been run here"):
        open_existing(url(tmp_path / "nas.db"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("tables", range(1, 12))
def test_a_process_that_died_while_the_tables_were_made_does_no_harm(tables: int, tmp_path: Path) -> None:
    """SQLite makes each table by itself; whatever is missing is made the next time."""
    open_storage(url(tmp_path / "whole.db"))
    whole = sqlite3.connect(tmp_path / "whole.db")
    made = [row[0] for row in whole.execute("SELECT sql FROM sqlite_master WHERE sql NOT NULL ORDER BY rowid")]
    whole.close()
    part = sqlite3.connect(tmp_path / "part.db")
    for statement in made[:tables]:
        part.execute(statement)
    part.commit()
    part.close()
    storage = open_storage(url(tmp_path / "part.db"))
    open_study(storage, "run", study_facts())
    assert study_names(storage) == ["run"]


def facts_of(study: optuna.Study) -> SearchFacts:
    return SearchFacts.from_json(study.user_attrs[FACTS])


CHANGES: dict[str, Callable[[SearchFacts], Any]] = {
    "space": lambda facts: "other_space",
    "space_fingerprint": lambda facts: "other",
    "budget": lambda facts: Budget(macs=150_001, resolution=16, classes=3),
    "data": lambda facts: replace(facts.data, fingerprint="other"),
    "recipe": lambda facts: replace(facts.recipe, batch=20),
    "sampler": lambda facts: "random",
    "seed": lambda facts: 1,
}


@pytest.mark.parametrize("field", CHANGES)
def test_a_study_of_another_question_is_refused_and_nothing_is_written(
    field: str, storage: RDBStorage, tmp_path: Path
) -> None:
    facts = study_facts()
    open_study(storage, "run", facts)
    before = _dump(tmp_path / "nas.db")
    other = replace(facts, **{field: CHANGES[field](facts)})
    with pytest.raises(StorageError, match=f"study run: was made with another {field.replace('_', ' ')} .*--study"):
        open_study(storage, "run", other)
    assert _dump(tmp_path / "nas.db") == before


def test_the_difference_is_named(storage: RDBStorage) -> None:
    facts = study_facts()
    open_study(storage, "run", facts)
    with pytest.raises(StorageError, match=r"\(batch: 16, now 20\)"):
        open_study(storage, "run", replace(facts, recipe=replace(facts.recipe, batch=20)))


def test_what_is_no_part_of_the_question_may_change_and_is_written_down(storage: RDBStorage) -> None:
    facts = study_facts(trials=6)
    open_study(storage, "run", facts)
    more = replace(facts, trials=12, confirm=5, command="nas search …")
    study = open_study(storage, "run", more)
    assert facts_of(study).trials == 6
    update_facts(study, more)
    assert facts_of(open_study(storage, "run", more)) == more


def test_trials_of_another_program_are_not_continued(storage: RDBStorage) -> None:
    study = optuna.create_study(storage=storage, study_name="run", direction="maximize")
    study.tell(study.ask(), 0.5)
    with pytest.raises(StorageError, match="holds trials of another program"):
        open_study(storage, "run", study_facts())


def test_a_study_whose_maker_died_before_its_facts_were_written_is_taken_over(storage: RDBStorage) -> None:
    optuna.create_study(storage=storage, study_name="run", direction="maximize")
    assert facts_of(open_study(storage, "run", study_facts())) == study_facts()


def test_a_run_reads_as_its_search_with_both_siblings(storage: RDBStorage) -> None:
    for role in ("search", "references", "confirmation"):
        study = open_study(storage, study_name("run", role), replace(study_facts(), role=role))  # type: ignore[arg-type]
        trial = study.ask()
        trial.set_user_attr(RECORD, record(title=role).to_json())
        study.tell(trial, 0.5)
    run = read_run(storage, "run")
    assert [one.title for one in (*run.trials, *run.references, *run.confirmations)] == [
        "search",
        "references",
        "confirmation",
    ]
    assert run.facts.role == "search"
    assert study_names(storage) == ["run"]


def test_a_run_with_no_trial_yet_can_be_read(storage: RDBStorage) -> None:
    open_study(storage, "run", study_facts())
    assert read_run(storage, "run").trials == ()


def test_trials_are_read_by_number_without_orphans_and_unfinished_ones(storage: RDBStorage) -> None:
    study = open_study(storage, "run", study_facts())
    for number in (0, None, 1):  # the second is cut off
        trial = study.ask()
        if number is not None:
            trial.set_user_attr(RECORD, record(number=number).to_json())
            study.tell(trial, 0.5)
        else:
            trial.set_user_attr(RECORD, record(number=99).to_json())  # even between its record and its end
    assert [one.number for one in records(study)] == [0, 1]
    close_orphans(study)
    assert [one.number for one in records(study)] == [0, 1]
    assert len(counted(study)) == 2


def test_an_unknown_study_names_the_nearest(storage: RDBStorage) -> None:
    open_study(storage, "mobilenet-60", study_facts())
    with pytest.raises(StorageError, match=r"study mobilnet-60: not in this storage; did you mean mobilenet-60\?"):
        read_run(storage, "mobilnet-60")
    with pytest.raises(StorageError, match="study x: not in this storage; `nas list`"):
        read_run(storage, "x")


def test_studies_of_other_programs_are_no_runs(storage: RDBStorage) -> None:
    optuna.create_study(storage=storage, study_name="theirs")
    assert study_names(storage) == []
    with pytest.raises(NasError):
        read_run(storage, "theirs")


def test_a_run_can_be_read_while_it_is_being_written(tmp_path: Path) -> None:
    """Another connection, in the middle of every training: it never waits, and sees what is finished."""
    seen: list[int] = []

    def read(call: int) -> None:
        reader = open_storage(url(tmp_path / "nas.db"))
        run = read_run(reader, "run")
        seen.append(len(run.trials) + len(run.references) + len(run.confirmations))
        reader.engine.dispose()

    facts = study_facts(sampler="random", trials=3, confirm=0)
    driver(open_storage(url(tmp_path / "nas.db")), FakeTraining(before=read), facts=facts).run()
    assert seen == list(range(8))  # five references and three trials, each seen once it is done


def test_a_reader_does_not_wait_for_an_open_write(storage: RDBStorage, tmp_path: Path) -> None:
    open_study(storage, "run", study_facts())
    writer = sqlite3.connect(tmp_path / "nas.db")
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("UPDATE studies SET study_name = 'renamed'")
    assert read_run(storage, "run").name == "run"
    writer.rollback()
    writer.close()


def test_facts_are_an_attribute_that_a_dashboard_shows() -> None:
    study = open_study(InMemoryStorage(), "run", study_facts())
    assert study.user_attrs[FACTS]["space"] == "tiny"
    assert study.metric_names == ["val_accuracy"]


def _dump(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    lines = list(connection.iterdump())
    connection.close()
    return lines
