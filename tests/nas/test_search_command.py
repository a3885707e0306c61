"""``nas search``, ``nas list`` and ``nas report`` as they are typed. Trainings are faked; all else is real."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nas.request import request_search
from nas.run import Run
from tests.nas.cli import Ended, files, nas
from tests.nas.fast import FakeTraining, python

SMALL_SEARCH = (
    *("search", "--budget-mflops", "60", "--dataset", "digits", "--effort", "brief", "--epochs", "1"),
    *("--train-images", "64", "--trials", "4", "--confirm", "2", "--resolution", "8", "--device", "cpu"),
)
NETWORK_KEYS = {"macs", "params", "train_macs", "val_accuracy", "confirmed", "choices", "spec"}


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


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("command") / "runs"


@pytest.fixture(scope="module")
def first(runs: Path) -> Ended:
    return nas(*SMALL_SEARCH, "--runs", str(runs), "--json")


@pytest.fixture(scope="module")
def document(first: Ended) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(first.stdout)
    return found


def test_stdout_is_one_json_document_and_prose_goes_to_stderr(first: Ended, document: dict[str, Any]) -> None:
    assert first.status == 0
    assert document["trials"]
    assert "trial 3" in first.stderr
    assert "report: " in first.stderr
    assert "Next: nas search" in first.stderr


def test_the_document_has_what_machines_are_promised(document: dict[str, Any]) -> None:
    assert {"study", "dataset", "fallback", "budget", "trials", "references", "best"} <= set(document)
    assert document["study"].startswith("mobilenet_v3-60mflops-digits-brief-")
    assert (document["dataset"], document["fallback"]) == ("digits", False)
    assert document["budget"] == {"resolution": 224, "classes": 1000, "macs": 60_000_000}


def test_trials_are_the_searchs_own_with_number_and_state(document: dict[str, Any]) -> None:
    assert [trial["number"] for trial in document["trials"]] == [0, 1, 2, 3]
    for trial in document["trials"]:
        assert set(trial) >= {*NETWORK_KEYS, "number", "state"}
        assert trial["state"] == "complete"
        assert isinstance(trial["macs"], int)
        assert trial["macs"] <= 60_000_000
        assert trial["train_macs"] < trial["macs"]
        assert 0 <= trial["val_accuracy"] <= 1
        assert trial["spec"]["resolution"] == 224
        assert trial["choices"]


def test_references_have_names(document: dict[str, Any]) -> None:
    assert {reference["name"] for reference in document["references"]} == {
        "mobilenet_v3_small",
        "mobilenet_v3_small@budget",
        "mobilenet_v3_large",
        "mobilenet_v3_large@budget",
        "largest_draw",
    }
    assert all(set(reference) >= NETWORK_KEYS for reference in document["references"])
    macs = {reference["name"]: reference["macs"] for reference in document["references"]}
    assert (macs["mobilenet_v3_small"], macs["mobilenet_v3_large"]) == (56_510_400, 216_589_760)


def test_confirmed_is_a_mean_with_interval_and_seeds_or_null(document: dict[str, Any]) -> None:
    found = [network["confirmed"] for network in (*document["trials"], *document["references"])]
    assert None in found  # published networks are not confirmed
    for confirmed in filter(None, found):
        assert set(confirmed) == {"mean", "ci", "seeds"}
        assert confirmed["ci"][0] < confirmed["mean"] < confirmed["ci"][1]
        assert confirmed["seeds"] == [1, 2]


def test_the_best_is_one_of_the_trials(document: dict[str, Any]) -> None:
    assert document["best"] in document["trials"]
    assert document["best"]["confirmed"] is not None


def test_a_finished_search_prints_its_table_again_and_says_how_to_go_on(
    first: Ended, document: dict[str, Any], runs: Path, fake: FakeTraining
) -> None:
    before = len(fake.calls)
    again = nas(*SMALL_SEARCH, "--runs", str(runs))
    assert len(fake.calls) == before
    assert again.status == 0
    assert "validation accuracy on digits" in again.stdout
    assert f"trial {document['best']['number']} *" in again.stdout
    assert "MobileNetV3 small" in again.stdout
    lines = again.stdout.strip().splitlines()
    assert lines[-3].startswith("Winner: trial ")
    assert lines[-1].startswith("Next: nas search --budget-mflops 60")
    assert lines[-1].count("--trials") == 1
    assert "--trials 8" in lines[-1]


def test_the_command_is_recorded_as_it_was_typed(runs: Path, first: Ended, document: dict[str, Any]) -> None:
    page = (runs / document["study"] / "report" / "index.html").read_text()
    assert "nas search --budget-mflops 60 --dataset digits" in page


def test_the_report_is_written_below_the_study_and_again_on_demand(document: dict[str, Any], runs: Path) -> None:
    page = runs / document["study"] / "report" / "index.html"
    assert page.exists()
    page.unlink()
    done = nas("report", document["study"], "--runs", str(runs))
    assert done.status == 0
    assert page.exists()
    assert "validation accuracy on digits" in done.stdout
    assert (page.parent / "networks.csv").read_text().count("\n") == 1 + 4 + 5


def test_the_report_as_json_is_the_searchs_own_document(document: dict[str, Any], runs: Path) -> None:
    again = json.loads(nas("report", document["study"], "--runs", str(runs), "--json").stdout)
    assert document["objectives"] == ["accuracy"]
    assert {**again, "next": ""} == {**document, "next": ""}  # what is next depends on what was typed last


def test_python_m_reports_is_the_same_command(document: dict[str, Any], runs: Path) -> None:
    done = python("-m", "reports", document["study"], "--runs", str(runs), "--json", cwd=runs.parent)
    assert done.returncode == 0
    assert json.loads(done.stdout)["trials"] == document["trials"]


def test_list_shows_what_is_there(document: dict[str, Any], runs: Path) -> None:
    found = json.loads(nas("list", "--runs", str(runs), "--json").stdout)["runs"]
    (run,) = [run for run in found if run["study"] == document["study"]]
    assert (run["trials_done"], run["trials_asked"]) == (4, 4)
    assert run["best"] == document["best"]
    plain = nas("list", "--runs", str(runs))
    assert plain.status == 0
    assert "4/4" in plain.stdout


def test_list_and_report_of_nothing_say_so_and_write_nothing(tmp_path: Path) -> None:
    for words in (("list",), ("report", "x")):
        done = nas(*words, "--runs", str(tmp_path / "runs"))
        assert done.status == 2
        assert done.stderr.startswith("error: ")
        assert "nothing has been run here yet" in done.stderr
    assert files(tmp_path) == {}


def test_an_unknown_study_names_the_nearest(document: dict[str, Any], runs: Path) -> None:
    done = nas("report", document["study"][:-1], "--runs", str(runs))
    assert done.status == 2
    assert f"did you mean {document['study']}?" in done.stderr


def test_a_dry_run_tells_and_writes_nothing(tmp_path: Path, fake: FakeTraining) -> None:
    before = len(fake.calls)
    done = nas(*SMALL_SEARCH, "--runs", str(tmp_path / "runs"), "--dry-run")
    assert done.status == 0
    assert files(tmp_path) == {}
    assert len(fake.calls) == before
    for word in (
        "least",
        "median",
        "most",
        "parameters",
        "MB of activations",
        "random draws",
        "networks in the space",
        "4 trials",
    ):
        assert word in " ".join(done.stdout.split())


def test_a_dry_run_as_json(tmp_path: Path) -> None:
    done = nas(*SMALL_SEARCH, "--runs", str(tmp_path / "runs"), "--dry-run", "--json")
    found = json.loads(done.stdout)
    space = found["space"]
    costs = {one["quantity"]: one for one in space["costs"]}
    assert set(costs) == {"mflops", "params", "size-mb", "memory-mb"}
    assert all(one["minimum"] < one["median"] < one["maximum"] for one in costs.values())
    assert (costs["mflops"]["limit"], costs["params"]["limit"]) == (60, None)
    assert costs["mflops"]["share_that_fits"] == space["share_that_fits"]
    assert space["cheapest"]["macs"] < 1e6 * costs["mflops"]["median"] < space["dearest"]["macs"]
    assert 0.3 < space["share_that_fits"] < 0.6  # 45% of draws cost at most 60
    assert 1e23 < space["networks"] < 1e26
    assert found["expected_seconds"] > 0
    assert files(tmp_path) == {}


def test_a_control_is_added_to_a_finished_search(
    document: dict[str, Any], runs: Path, tmp_path: Path, fake: FakeTraining
) -> None:
    shutil.copytree(runs, tmp_path / "runs")
    words = (*SMALL_SEARCH, "--control", "random", "--runs", str(tmp_path / "runs"))
    dry = json.loads(nas(*words, "--dry-run", "--json").stdout)
    assert dry["control"] == {"sampler": "random", "trials": 4}
    plain = json.loads(nas(*SMALL_SEARCH, "--runs", str(tmp_path / "runs"), "--dry-run", "--json").stdout)
    assert plain["control"] is None
    assert dry["expected_seconds"] - plain["expected_seconds"] == pytest.approx(0.01 * (4 + 2 * 3))
    assert "4 trials by block, a control of 4 random draws" in " ".join(nas(*words, "--dry-run").stdout.split())
    before = len(fake.calls)
    done = nas(*words, "--json")
    assert done.status == 0
    trained = len(fake.calls) - before
    found = json.loads(done.stdout)
    assert found["study"] == document["study"]
    assert [one["choices"] for one in found["trials"]] == [one["choices"] for one in document["trials"]]
    control = found["control"]
    assert [one["name"] for one in control["networks"]] == [f"control {number}" for number in range(4)]
    assert all(one["macs"] <= 60_000_000 for one in control["networks"])
    new = [one for one in control["networks"] if one["spec"] not in [trial["spec"] for trial in found["trials"]]]
    assert 0 < len(new) <= trained <= len(new) + 2 * 3
    assert set(control["comparison"]) >= {"winner", "control", "difference", "ci", "verdict", "seeds", "candidates"}
    said = done.stderr.strip().splitlines()
    assert [line for line in said[-2:-1] if "control" in line]
    assert "control 4/4" in done.stderr
    assert "--control random" in said[-1]
    run = Run.load(found["study"], runs=tmp_path / "runs")
    assert [one.record.key for one in run.control] == [one["name"] for one in control["networks"]]
    listed = json.loads(nas("list", "--runs", str(tmp_path / "runs"), "--json").stdout)["runs"]
    assert [one["study"] for one in listed] == [found["study"]]
    assert listed[0]["trials_done"] == 4
    confirmed = [one for one in run.records.confirmations if one.key == control["best"]]
    assert len(confirmed) == 2
    assert all((tmp_path / "runs" / found["study"] / str(one.weights)).exists() for one in confirmed)


FRONT_SEARCH = (*SMALL_SEARCH, "--objectives", "accuracy,macs", "--confirm", "1")


def test_a_search_for_a_front_says_so_and_names_no_winner(runs: Path) -> None:
    done = nas(*FRONT_SEARCH, "--runs", str(runs), "--json")
    assert done.status == 0
    document = json.loads(done.stdout)
    assert document["study"].startswith("mobilenet_v3-60mflops-accuracy-macs-digits-brief-")
    assert document["objectives"] == ["accuracy", "macs"]
    assert document["best"] is None
    assert len(document["hypervolume"]) == 4
    macs = {trial["number"]: trial["macs"] for trial in document["trials"]}
    assert set(document["front"]) <= set(macs)
    assert min(macs.values()) < 30_000_000  # not all near the budget
    assert {"mobilenet_v3_small@budget/2", "mobilenet_v3_small@thinnest"} <= {
        reference["name"] for reference in document["references"]
    }
    assert "for accuracy,macs: suggestions are spread over cost" in done.stderr
    assert [line for line in done.stderr.splitlines() if line.startswith("Front: ")]
    assert "Winner" not in done.stderr
    again = nas("report", document["study"], "--runs", str(runs), "--json")
    assert json.loads(again.stdout)["front"] == document["front"]
    assert f"a front of {len(document['front'])}" in " ".join(nas("list", "--runs", str(runs)).stdout.split())
    run = Run.load(document["study"], runs=runs)
    assert [found.record.number for found in run.front] == document["front"]
    assert run.best is None


def test_the_help_shows_its_options_in_groups() -> None:
    assert "--budget-mmacs" in nas("search", "--help").stdout


DEFAULT = (
    "search",
    "--budget-mflops",
    "60",
    "--trials",
    "3",
    "--epochs",
    "1",
    "--train-images",
    "32",
    "--device",
    "cpu",
)


@pytest.fixture(scope="module")
def fallback(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ended, Path]:
    """The default command where CIFAR-10 is neither present nor can be downloaded."""
    folder = tmp_path_factory.mktemp("fallback")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NAS_CIFAR10_MIRRORS", "")
        patch.setenv("NAS_CACHE_DIR", str(folder / "cache"))
        patch.delenv("NAS_DATA_DIR", raising=False)
        return nas(*DEFAULT, "--runs", str(folder / "runs"), "--json"), folder


def test_without_cifar10_the_default_command_is_a_loud_demonstration_on_digits(fallback: tuple[Ended, Path]) -> None:
    done, _ = fallback
    assert done.status == 0
    loud = [line for line in done.stderr.splitlines() if line.startswith("DEMO ON DIGITS")]
    assert len(loud) == 1
    assert "could not be downloaded" in loud[0]
    assert "demo on digits" in done.stderr.splitlines()[-3].lower()


def test_a_demonstration_names_no_winner_anywhere(fallback: tuple[Ended, Path]) -> None:
    done, folder = fallback
    document = json.loads(done.stdout)
    assert document["fallback"] is True
    assert document["best"] is None
    assert document["dataset"] == "digits"
    assert document["effort"] == "demo"
    assert "Winner" not in done.stderr
    page = (folder / "runs" / document["study"] / "report" / "index.html").read_text()
    assert "demo on digits" in page.lower()
    listed = json.loads(nas("list", "--runs", str(folder / "runs"), "--json").stdout)["runs"]
    assert [(run["fallback"], run["best"]) for run in listed] == [(True, None)]


def test_a_demonstration_asks_for_the_images_next(fallback: tuple[Ended, Path]) -> None:
    last = fallback[0].stderr.strip().splitlines()[-1]
    assert last.startswith("Next: nas search")
    assert last.endswith("--dataset cifar10 --data-dir DIR")


def test_cifar10_asked_for_by_name_is_an_error_with_advice(
    fallback: tuple[Ended, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAS_CACHE_DIR", str(tmp_path / "cache"))
    done = nas(*DEFAULT, "--dataset", "cifar10", "--runs", str(tmp_path / "runs"))
    assert done.status == 2
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert "--data-dir" in line
    assert done.stdout == ""
    assert not (tmp_path / "runs").exists()


def test_another_budget_recipe_or_seed_is_another_study(document: dict[str, Any], tmp_path: Path) -> None:
    def name(**more: Any) -> str:
        options: dict[str, Any] = {"budget_mflops": 60, "epochs": 1, "train_images": 64, "resolution": 8, **more}
        return request_search(dataset="digits", device="cpu", runs=tmp_path, **options).name

    assert name() == document["study"]
    assert name(trials=9, confirm=5) == document["study"]
    assert len({name(), name(budget_mflops=61), name(epochs=2), name(seed=1)}) == 4


def test_real_images_are_labelled_by_what_they_are(cifar10_folder: str, tmp_path: Path) -> None:
    done = nas(
        *("search", "--budget-mflops", "60", "--data-dir", cifar10_folder, "--effort", "demo"),
        *("--dry-run", "--json", "--device", "cpu", "--runs", str(tmp_path)),
    )
    assert json.loads(done.stdout)["dataset"] in ("CIFAR-10", "CIFAR-10 (JPEG)", "CIFAR-10 (modified)")
    assert json.loads(done.stdout)["fallback"] is False
