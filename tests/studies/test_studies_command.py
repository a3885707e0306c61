"""``python -m studies`` as it is typed. Trainings are faked; all else is real."""

import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from nas.cost import cost
from search_spaces import REFERENCES, find_reference
from studies.__main__ import app, command_line
from tests.nas.cli import Ended, files, nas
from tests.nas.fast import FakeTraining, python
from tests.nas.test_imports import HEAVY, imported_by

SMALL = ("baselines", "--dataset", "digits", "--device", "cpu", "--epochs", "2", "--train-images", "64")
TWO = ("--only", "mobilenet_v1@0.25, squeezenet_1_1", "--only", "mobilenet_v1@0.25")
NETWORK = {
    *("name", "title", "resolution", "classes", "macs", "params", "train_macs", "train_params", "size_bytes"),
    *("max_lr", "val_accuracy", "ci", "seeds", "accuracies", "train_seconds", "failed", "choices", "spec"),
}


@pytest.fixture(scope="module")
def fake() -> FakeTraining:
    return FakeTraining()


@pytest.fixture(scope="module", autouse=True)
def faked(fake: FakeTraining) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nas.train.train", fake)
        patch.setattr("nas.executor.measure", lambda *_: 0.01)
        patch.setattr("nas.workers.default_workers", lambda *_: 1)  # where the fake training is
        yield


def studies(*words: str) -> Ended:
    """``python -m studies WORDS``; exceptions that are no exit propagate."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["studies/__main__.py", *words])
        result = CliRunner().invoke(app, list(words), prog_name="python -m studies")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Ended(status=result.exit_code, stdout=result.stdout, stderr=result.stderr)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("studies") / "runs"


@pytest.fixture(scope="module")
def first(runs: Path) -> Ended:
    return studies(*SMALL, *TWO, "--seeds", "2", "--runs", str(runs), "--json")


@pytest.fixture(scope="module")
def document(first: Ended) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(first.stdout)
    return found


# ---- the document


def test_stdout_is_one_json_document_and_prose_goes_to_stderr(first: Ended, document: dict[str, Any]) -> None:
    assert first.status == 0
    assert document["study"].startswith("baselines-digits-brief-")
    assert f"study {document['study']}: 2 networks, 2 seeds each, digits" in first.stderr
    assert "learning rates of squeezenet, on SqueezeNet 1.1: 0.017: " in first.stderr
    assert "report: " in first.stderr


def test_the_document_says_what_was_asked_and_by_which_recipe(document: dict[str, Any]) -> None:
    assert (document["dataset"], document["effort"], document["left_out"]) == ("digits", "brief", [])
    assert document["recipe"]["epochs"] == 2
    assert document["recipe"]["train_images"] == 64
    assert len(document["recipe"]["hash"]) == 8
    assert set(document["learning_rates"]) == {"mobilenet_v1", "squeezenet"}
    for tried in document["learning_rates"].values():
        assert {entry["max_lr"] for entry in tried} >= {0.017, 0.05, 0.15}
        assert all(0 <= entry["val_accuracy"] <= 1 for entry in tried)


def test_networks_have_exact_costs_in_both_forms_and_accuracies_by_seed(document: dict[str, Any]) -> None:
    assert {one["name"] for one in document["networks"]} == {"mobilenet_v1@0.25", "squeezenet_1_1"}
    for one in document["networks"]:
        assert set(one) == NETWORK
        spec = find_reference(one["name"]).spec()
        trained = cost(spec.trained_on(resolution=32, classes=10))
        assert (one["macs"], one["params"]) == (cost(spec).macs, cost(spec).params)
        assert (one["train_macs"], one["train_params"]) == (trained.macs, trained.params)
        assert one["size_bytes"] == 4 * trained.params
        assert (one["resolution"], one["classes"], one["spec"]["resolution"]) == (224, 1000, 224)
        assert one["seeds"] == [1, 2]
        assert one["val_accuracy"] == pytest.approx(sum(one["accuracies"]) / 2)
        assert one["ci"][0] < one["val_accuracy"] < one["ci"][1]
        assert (one["max_lr"], one["failed"]) == (0.05, [])
    assert document["networks"][0]["val_accuracy"] >= document["networks"][1]["val_accuracy"]


def test_the_same_again_trains_nothing_and_prints_the_same(
    document: dict[str, Any], runs: Path, fake: FakeTraining, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reports.baseline_page.draw_all", lambda *_: [])  # drawn once is enough here
    before = len(fake.calls)
    again = studies(*SMALL, *TWO, "--seeds", "2", "--runs", str(runs), "--json")
    assert len(fake.calls) == before
    assert json.loads(again.stdout) == document
    assert "SqueezeNet 1.1" in again.stderr  # the table


# ---- the report


def test_the_report_is_written_below_the_study_with_a_line_a_training(document: dict[str, Any], runs: Path) -> None:
    folder = runs / document["study"] / "report"
    assert (folder / "index.html").is_file()
    lines = list(csv.DictReader((folder / "trainings.csv").read_text().splitlines()))
    assert [(one["network"], one["seed"], one["fold"], one["state"]) for one in lines] == [
        ("mobilenet_v1@0.25", "1", "1", "complete"),
        ("mobilenet_v1@0.25", "2", "2", "complete"),
        ("squeezenet_1_1", "1", "1", "complete"),
        ("squeezenet_1_1", "2", "2", "complete"),
    ]


def test_the_command_is_recorded_as_it_can_be_typed_again(document: dict[str, Any], runs: Path) -> None:
    text = (runs / document["study"] / "report" / "index.html").read_text()
    assert "python -m studies baselines --dataset digits" in text
    assert "--only &#39;mobilenet_v1@0.25, squeezenet_1_1&#39;" in text


def test_reports_writes_it_again_from_what_is_recorded(
    document: dict[str, Any], runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reports.baseline_page.draw_all", lambda *_: [])
    folder = runs / document["study"] / "report"
    before = files(folder)
    (folder / "index.html").unlink()
    again = nas("report", document["study"], "--runs", str(runs), "--json")
    assert json.loads(again.stdout) == document
    assert files(folder).keys() == before.keys()
    assert files(folder)["trainings.csv"] == before["trainings.csv"]


def test_list_shows_baselines(document: dict[str, Any], runs: Path) -> None:
    (listed,) = json.loads(nas("list", "--runs", str(runs), "--json").stdout)["runs"]
    assert (listed["study"], listed["kind"]) == (document["study"], "baselines")
    assert listed["networks"] == ["mobilenet_v1@0.25", "squeezenet_1_1"]
    assert (listed["trainings_done"], listed["trainings_left"]) == (4, 0)
    assert "4/4" in nas("list", "--runs", str(runs)).stdout


def test_a_search_of_the_same_name_is_refused(document: dict[str, Any], runs: Path) -> None:
    words = ("search", "--budget-mflops", "60", "--dataset", "digits", "--effort", "demo", "--device", "cpu")
    done = nas(*words, "--study", document["study"], "--runs", str(runs))
    assert done.status == 2
    assert "is a run of another kind (baselines)" in done.stderr


# ---- without training


def test_a_dry_run_tells_and_writes_nothing(tmp_path: Path, fake: FakeTraining) -> None:
    before = len(fake.calls)
    done = studies(*SMALL, *TWO, "--runs", str(tmp_path / "runs"), "--dry-run")
    assert done.status == 0
    assert len(fake.calls) == before
    assert list(tmp_path.iterdir()) == []
    for text in ("SqueezeNet 1.1", "0.017, 0.05, 0.15", "mobilenet_v1, squeezenet", "expected time", "3 seeds each"):
        assert text in done.stdout


def test_a_dry_run_as_json(tmp_path: Path) -> None:
    done = studies(*SMALL, *TWO, "--runs", str(tmp_path / "runs"), "--dry-run", "--json")
    found = json.loads(done.stdout)
    assert [one["name"] for one in found["networks"]] == ["mobilenet_v1@0.25", "squeezenet_1_1"]
    assert (found["max_lrs"], found["seeds"]) == ([0.017, 0.05, 0.15], 3)
    # three checks of each family and three trainings of each network, of 0.01 s; 2 epochs are no more than a check has
    assert found["expected_seconds"] == pytest.approx(0.12)


def test_without_a_name_the_studies_are_listed(tmp_path: Path) -> None:
    done = studies("--runs", str(tmp_path / "runs"))
    assert done.status == 0
    first, *_, last = done.stdout.splitlines()
    assert first == "baselines: What do published networks reach here, trained alike?"
    assert "python -m studies NAME [--dry-run]" in last


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--only", "mobilnet_v3_small"), "did you mean mobilenet_v3_small?"),
        (("--only", ""), "--only: names no network"),
        (("--only", "mobilenet_v1,alexnet"), "alexnet at 32 px: "),
        (("--seeds", "0"), "--seeds 0: must be at least 1"),
        (("--seeds", "many"), "--seeds"),
        (("--effort", "foo"), "--effort foo: unknown; there are brief, full"),
        (("--lr", "-1"), "--lr -1: must be above zero"),
        (("--device", "abacus"), "--device abacus: unknown"),
        (("--data-dir", "nowhere", "--dataset", "folder"), "nowhere"),
    ],
)
def test_what_a_user_can_mend_is_one_line_and_writes_nothing(
    words: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    done = studies(*SMALL, "--runs", str(tmp_path / "runs"), *words)
    assert (done.status, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert message in line
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_reference_lists_those_there_are(tmp_path: Path) -> None:
    line = studies(*SMALL, "--only", "resnet18", "--runs", str(tmp_path / "runs")).stderr
    assert all(name in line for name in REFERENCES)


# ---- imports


@pytest.mark.parametrize("words", [["--help"], ["baselines", "--help"], []], ids=["studies", "baselines", "list"])
def test_help_and_list_need_no_library_but_the_command_lines(words: list[str], tmp_path: Path) -> None:
    code = f"""
import sys
sys.argv = ["x", *{words}]
from studies.__main__ import app
try:
    app()
except SystemExit as end:
    assert end.code == 0
"""
    # pydantic is typer's own, for a command below another
    assert not imported_by(code, tmp_path) & {*HEAVY, "optuna", "numpy", "sqlalchemy"}  # 0.3 s


def test_python_m_studies_is_a_command_with_examples(tmp_path: Path) -> None:
    done = python("-m", "studies", "baselines", "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.lstrip().startswith("Usage: python -m studies baselines")
    assert "python -m studies baselines --dry-run" in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("argv", "recorded"),
    [
        (["/usr/bin/nas", "study", "baselines", "--study", "a b"], "nas study baselines --study 'a b'"),
        (["/lib/nas/__main__.py", "study", "baselines"], "python -m nas study baselines"),
        (["/lib/studies/__main__.py", "baselines", "--seeds", "2"], "python -m studies baselines --seeds 2"),
    ],
)
def test_a_command_is_recorded_as_it_was_begun(argv: list[str], recorded: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", argv)
    assert command_line() == recorded
