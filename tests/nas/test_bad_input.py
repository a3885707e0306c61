"""What a user can mend is one line on stderr and exit status 2; nothing is written, nothing is lost."""

import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nas.request import request_search
from tests.nas.cli import files, nas
from tests.nas.fast import FakeTraining, python


@pytest.fixture(scope="module", autouse=True)
def _quick() -> Iterator[None]:
    """Nothing here gets as far as a training, except to have a study that is there already."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nas.train.train", FakeTraining())
        patch.setattr("nas.executor.measure", lambda *_: 0.01)
        patch.setattr("nas.workers.default_workers", lambda *_: 1)  # where the fake training is
        yield


START = ("search", "--dataset", "digits", "--resolution", "8", "--effort", "demo", "--device", "cpu")
SIXTY = (*START, "--budget-mflops", "60")


def refused(folder: Path, *words: str, runs: Path | None = None) -> str:
    """The one line, of a command that must fail and leave everything in ``folder`` as it was."""
    before = files(folder)
    done = nas(*words, "--runs", str(runs or folder / "runs"))
    assert done.status == 2, done
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("error: ")
    assert files(folder) == before
    return lines[0]


@pytest.mark.parametrize("value", ["-60", "0", "-0.0", "nan", "inf", "-inf"])
def test_a_budget_that_is_no_positive_number(value: str, tmp_path: Path) -> None:
    line = refused(tmp_path, *START, "--budget-mflops", value)
    assert "--budget-mflops" in line
    assert "must be above zero" in line


@pytest.mark.parametrize(("flag", "value"), [("--budget-mflops", "sixty"), ("--budget-params", "1.5")])
def test_a_budget_that_is_no_number_at_all(flag: str, value: str, tmp_path: Path) -> None:
    assert flag in refused(tmp_path, *START, flag, value)


@pytest.mark.parametrize("value", ["-1", "0"])
def test_a_parameter_budget_that_is_not_positive(value: str, tmp_path: Path) -> None:
    assert f"--budget-params {value}: must be above zero" in refused(tmp_path, *START, "--budget-params", value)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--objectives", "accuracy,mac"), "did you mean macs?"),
        (("--objectives", "macs"), "accuracy must be among them"),
        (("--objective", "mnasnet"), "give --target-latency-ms"),
        (("--objective", "mnasnet", "--target-latency-ms", "5", "--mnasnet-w", "0.07"), "must be below zero"),
        (("--objectives", "accuracy,macs", "--objective", "mnasnet"), "give one of them"),
        (("--target-latency-ms", "five"), "--target-latency-ms"),
    ],
)
def test_what_cannot_be_searched_for(words: tuple[str, ...], message: str, tmp_path: Path) -> None:
    assert message in refused(tmp_path, *SIXTY, *words)


def test_a_front_needs_a_budget_too(tmp_path: Path) -> None:
    assert "no budget: give --budget-mflops" in refused(tmp_path, *START, "--objectives", "accuracy,macs")


def test_no_budget(tmp_path: Path) -> None:
    assert "no budget: give --budget-mflops" in refused(tmp_path, *START)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--budget-mflops", "5"), "--budget-mflops 5: the cheapest network of mobilenet_v3 costs 6."),
        (("--budget-params", "1000"), "--budget-params 1,000: the cheapest network of mobilenet_v3 costs"),
        (("--budget-mflops", "0.000001"), "--budget-mflops 1e-06: the cheapest"),
    ],
)
def test_an_impossible_budget_ends_at_once_with_the_cheapest_network(
    words: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    begin = time.process_time()
    line = refused(tmp_path, *START, *words)
    assert time.process_time() - begin < 3
    assert message in line
    assert "raise the budget" in line


def test_the_cheapest_network_that_is_named_really_fits(tmp_path: Path) -> None:
    line = refused(tmp_path, *START, "--budget-mflops", "5")
    cheapest = float(line.split("costs ")[1].split()[0])
    request_search(budget_mflops=cheapest + 0.01, dataset="digits", resolution=8, device="cpu")
    refused(tmp_path, *START, "--budget-mflops", str(cheapest - 0.01))


@pytest.mark.parametrize(
    ("words", "messages"),
    [
        (("--space", "mobilnet_v3"), ["did you mean mobilenet_v3?", "squeezenet", "module:function"]),
        (("--space", "nowhere:f"), ["--space nowhere:f", "cannot import nowhere"]),
        (("--space", "math:nothing"), ["math has no function nothing"]),
        (("--sampler", "grid"), ["--sampler grid", "tpe, random, nsga2"]),
        (("--control", "tpe"), ["--control tpe: unknown; there is random"]),
        (("--control", "random", "--sampler", "random"), ["--control random: --sampler random draws the very same"]),
        (("--dataset", "cifar"), ["--dataset cifar", "cifar10, folder, digits", "did you mean cifar10?"]),
        (("--dataset", "imagenet"), ["--dataset imagenet", "cifar10, folder, digits"]),
        (("--device", "gpu"), ["--device gpu", "auto, cuda, mps, cpu"]),
        (("--effort", "huge"), ["--effort huge", "demo, brief, full"]),
        (("--trials", "0"), ["--trials 0: must be at least 1"]),
        (("--trials", "-3"), ["--trials -3: must be at least 1"]),
        (("--trials", "many"), ["--trials"]),
        (("--confirm", "-1"), ["--confirm -1: must be at least 0"]),
        (("--seed", "-1"), ["--seed -1: must be at least 0"]),
        (("--epochs", "0"), ["--epochs 0: must be at least 1"]),
        (("--train-images", "0"), ["--train-images 0: must be at least 1"]),
        (("--resolution", "4"), ["--resolution 4", "8 to 1024"]),
        (("--budget-resolution", "0"), ["--budget-resolution 0: must be at least 1 px"]),
        (("--budget-classes", "0"), ["--budget-classes 0: must be at least 1"]),
        (("--time", "soon"), ["--time soon: write it as 90s, 30m, 2h or 1h30m"]),
        (("--time", "30"), ["--time 30: write it as"]),
        (("--time", "0m"), ["--time 0m: write it as"]),
        (("--time", "-5m"), ["--time -5m: write it as"]),
        (("--time", ""), ["--time"]),
        (("--study", "a/b"), ["--study 'a/b'", "use letters, digits, - and _"]),
        (("--study", "../up"), ["--study '../up'"]),
        (("--study", "a\\b"), ["--study"]),
        (("--study", ".hidden"), ["--study '.hidden'"]),
        (("--study", " "), ["--study ' '"]),
        (("--study", ""), ["--study ''"]),
        (("--data-dir", "/nonexistent", "--dataset", "folder"), ["--data-dir /nonexistent: no such folder"]),
        (("--dataset", "folder"), ["--dataset folder: which folder?"]),
        (("--storage", "nosuch://x"), ["--storage nosuch://x", "write sqlite:///FILE or postgresql://"]),
        (("--storage", "nas.db"), ["--storage nas.db", "write sqlite:///FILE"]),
        (("--budgt-mflops", "60"), ["--budgt-mflops"]),
        (("surplus",), ["surplus"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_each_mistake_is_one_line_that_names_it(words: tuple[str, ...], messages: list[str], tmp_path: Path) -> None:
    line = refused(tmp_path, *SIXTY, *words)
    assert all(message in line for message in messages), line


def test_a_device_that_this_machine_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert "--device cuda: not available on this machine" in refused(tmp_path, *SIXTY, "--device", "cuda")


def picture(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(path)


def no_classes(root: Path) -> str:
    (root / "train").mkdir()
    return "no classes; at least two are needed"


def one_class(root: Path) -> str:
    for number in range(10):
        picture(root / "train" / "cat" / f"{number}.png", number)
    return "only one class, 'cat'; at least two are needed"


def unreadable_image(root: Path) -> str:
    for number in range(10):
        picture(root / "train" / "cat" / f"{number}.png", number)
        picture(root / "train" / "dog" / f"{number}.png", 100 + number)
    (root / "train" / "dog" / "3.png").write_bytes(b"no picture")
    return "3.png"


def truncated_image(root: Path) -> str:
    unreadable_image(root)
    whole = (root / "train" / "cat" / "0.png").read_bytes()
    (root / "train" / "dog" / "3.png").write_bytes(whole[: len(whole) // 2])
    return "3.png"


@pytest.mark.parametrize("make", [no_classes, one_class, unreadable_image, truncated_image])
def test_a_data_folder_that_cannot_be_used(
    make: Callable[[Path], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    monkeypatch.setenv("NAS_CACHE_DIR", str(tmp_path_factory.mktemp("own_cache")))
    message = make(tmp_path)
    before = files(tmp_path)
    done = nas("search", "--budget-mflops", "60", "--dataset", "folder", "--data-dir", str(tmp_path), "--device", "cpu")
    assert done.status == 2
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert message in errors[0]
    assert done.stderr.splitlines()[-1] == errors[0]  # before it may stand what was being read
    assert "Traceback" not in done.stderr
    assert files(tmp_path) == before


def test_runs_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    line = refused(tmp_path, *SIXTY, runs=tmp_path / "file" / "runs")
    assert "file/runs" in line
    line = refused(tmp_path, *SIXTY, runs=tmp_path / "file")
    assert str(tmp_path / "file") in line


def test_runs_that_cannot_be_written_beside_a_storage_that_can(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    refused(tmp_path, *SIXTY, "--storage", f"sqlite:///{tmp_path / 'new.db'}", runs=tmp_path / "file" / "runs")


def test_a_storage_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "notes.db").write_text("remember the milk\n" * 50)
    assert "not a database" in refused(tmp_path, *SIXTY, "--storage", f"sqlite:///{tmp_path / 'notes.db'}")


def test_a_storage_of_something_else(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "photos.db")
    connection.execute("CREATE TABLE photos (name TEXT)")
    connection.commit()
    connection.close()
    line = refused(tmp_path, *SIXTY, "--storage", f"sqlite:///{tmp_path / 'photos.db'}")
    assert "database of something else" in line


def test_a_nas_db_under_runs_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "nas.db").write_text("remember the milk\n" * 50)
    assert "not a database" in refused(tmp_path, *SIXTY)


@pytest.fixture(scope="module")
def studied(_quick: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished study called ``mine``."""
    folder = tmp_path_factory.mktemp("studied")
    assert nas(*SIXTY, "--trials", "1", "--study", "mine", "--runs", str(folder / "runs")).status == 0
    return folder


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--epochs", "7"), "another recipe (epochs: 2, now 7)"),
        (("--budget-mflops", "70"), "another budget (macs: 60000000, now 70000000)"),
        (("--resolution", "9"), "another data (fingerprint: "),
        (("--sampler", "random"), "another sampler (block, now random)"),
        (("--seed", "3"), "another seed (0, now 3)"),
        (("--space", "tests.nas.fast:tiny_space"), "another space (mobilenet_v3, now tests.nas.fast:tiny_space)"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_name_that_another_study_has(words: tuple[str, ...], message: str, studied: Path) -> None:
    line = refused_but_for_wal(studied, *SIXTY, "--trials", "1", "--study", "mine", *words)
    assert message in line
    assert "choose another --study" in line


def refused_but_for_wal(folder: Path, *words: str) -> str:
    """SQLite's own working files come and go with connections; what is in the database must be the same."""

    def state() -> tuple[list[str], dict[str, bytes]]:
        connection = sqlite3.connect(folder / "runs" / "nas.db")
        dump = list(connection.iterdump())
        connection.close()
        return dump, {name: data for name, data in files(folder).items() if "nas.db" not in name}

    before = state()
    done = nas(*words, "--runs", str(folder / "runs"))
    assert done.status == 2
    assert state() == before
    (line,) = done.stderr.splitlines()[-1:]
    assert [text for text in done.stderr.splitlines() if text.startswith("error: ")] == [line]
    return line


@pytest.mark.parametrize(
    "words",
    [("--budget-mflops", "x"), ("--budget-mflops", "3")],
    ids=" ".join,
)
def test_a_real_process_ends_the_same_way(words: tuple[str, ...], tmp_path: Path) -> None:
    done = python("-m", "nas.search", "--dataset", "digits", *words, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("error: ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "near"), [(("serach", "--budget-mflops", "60"), "search"), (("study", "basline"), "baselines")]
)
def test_an_unknown_command_is_one_line_with_the_nearest(words: tuple[str, ...], near: str) -> None:
    ended = nas(*words)
    assert ended.status == 2
    assert ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    assert line.startswith("error: ")
    assert re.search(rf"[Dd]id you mean '?{near}'?\?", line)
