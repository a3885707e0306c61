"""``nas latency`` and searches with a latency, as they are typed. The runtime is a formula; all else is real."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nas.draw import extreme
from nas.latency.table import folder, read
from nas.latency.targets import TARGETS
from tests.nas.cli import Ended, nas
from tests.nas.fast import FakeTraining, tiny_space
from tests.nas.latency.fakes import NAME, FakeTarget, put_in_place, specs_of, total

SPACE = ("--space", "tests.nas.fast:tiny_space", "--budget-resolution", "16", "--budget-classes", "3")
MEDIAN = sorted(total(spec) for spec in specs_of(tiny_space, 100))[50]
LIMIT = f"{MEDIAN:.4g}"
SEARCH = (
    *("search", *SPACE, "--dataset", "digits", "--effort", "brief", "--epochs", "1", "--train-images", "64"),
    *("--trials", "4", "--confirm", "2", "--resolution", "8", "--device", "cpu"),
)
TIMED = (*SEARCH, "--budget-latency-ms", LIMIT)


@pytest.fixture(scope="module", autouse=True)
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeTarget]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NAS_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        patch.setattr("nas.train.train", FakeTraining())
        patch.setattr("nas.executor.measure", lambda *_: 0.01)
        patch.setattr("nas.workers.default_workers", lambda *_: 1)  # where the fake training is
        patch.setattr("nas.find_precision._bf16_gain", lambda: 1.0)
        yield put_in_place(patch, FakeTarget(), networks=6)


def refused(*words: str) -> str:
    done = nas(*words)
    assert done.status == 2, done
    assert done.stdout == ""
    (line,) = [text for text in done.stderr.splitlines() if text.startswith("error: ")]
    assert done.stderr.splitlines()[-1] == line
    assert "Traceback" not in done.stderr
    return line


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("timed") / "runs"


@pytest.fixture(scope="module")
def first(runs: Path, target: FakeTarget) -> Ended:
    return nas(*TIMED, "--runs", str(runs), "--json")


@pytest.fixture(scope="module")
def document(first: Ended) -> dict[str, Any]:
    assert first.status == 0, first.stderr
    found: dict[str, Any] = json.loads(first.stdout)
    return found


# ---- tables


def test_build_measures_a_table_and_list_shows_it() -> None:
    built = nas("latency", "build", *SPACE, "--json")
    assert built.status == 0, built.stderr
    found = json.loads(built.stdout)
    assert found["name"] == NAME
    assert set(found["calibration"]) >= {"error", "error_95", "spearman", "macs_error"}
    assert Path(found["path"]).parent == folder()
    shown = nas("latency", "list", "--json")
    (table,) = [one for one in json.loads(shown.stdout) if one["name"] == NAME]
    assert table["blocks"] == len(read(Path(found["path"])).blocks) > 0
    assert nas("latency", "list").stdout.startswith(f"{NAME}: ")
    again = nas("latency", "build", *SPACE)
    assert f"table: {found['path']}" in again.stdout
    assert "measuring" not in again.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("build", "--latency-target", "onnxruntime-cup"), "did you mean onnxruntime-cpu?"),
        (("build", "--space", "mobilenet_v9"), "--space mobilenet_v9: unknown"),
        (("build", "--budget-resolution", "0"), "--budget-resolution 0: must be at least 1"),
        (("build", "--budget-classes", "0"), "--budget-classes 0: must be at least 1"),
        (("build", "--budget-classes", "many"), "--budget-classes"),
        (("pack", "--space", "mobilenet_v9"), "--space mobilenet_v9: unknown"),
        (("import", "nowhere.csv", "--name", "phone"), "nowhere.csv: cannot be read"),
        (("import", "nowhere.csv", "--name", "a/b"), "--name 'a/b'"),
        (("import", "nowhere.csv", "--name", ".hidden"), "--name '.hidden'"),
        (("import", "nowhere.csv", "--name", " "), "--name ' '"),
        *((("import", "nowhere.csv", "--name", name), "begins as a target of this machine does") for name in TARGETS),
        (("import", "nowhere.csv", "--name", "torch-cpu-of-mine"), "begins as a target of this machine does"),
        (("import", "nowhere.csv"), "--name"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_each_mistake_is_one_line(words: tuple[str, ...], message: str) -> None:
    assert message in refused("latency", *words)


# ---- searches


def test_every_network_of_a_search_has_a_latency_and_every_trial_fits(document: dict[str, Any]) -> None:
    networks = [*document["trials"], *document["references"]]
    assert len(document["trials"]) == 4
    assert all(network["latency_ms"] > 0 for network in networks)
    assert all(trial["latency_ms"] <= float(LIMIT) for trial in document["trials"])
    assert document["budget"]["latency_ms"] == float(LIMIT)
    assert document["budget"]["latency_target"] == NAME


def test_records_are_certain_to_fit_and_finalists_were_measured_as_a_whole(
    document: dict[str, Any], runs: Path
) -> None:
    from nas.run import Run

    run = Run.load(document["study"], runs=runs).records
    assert all(record.latency is not None for record in (*run.trials, *run.references, *run.confirmations))
    certain = [record.latency for record in (*run.trials, *run.confirmations) if record.origin != "published"]
    assert all(known is not None and known.high <= float(LIMIT) for known in certain)
    assert run.confirmations
    assert all(record.latency is not None and record.latency.measured for record in run.confirmations)
    assert run.facts.calibration is not None
    assert run.facts.latency_fingerprint == "a processor, 1 thread"


def test_the_report_has_latencies(document: dict[str, Any], runs: Path) -> None:
    page = (runs / document["study"] / "report" / "index.html").read_text()
    assert "Latency by multiply-adds" in page
    assert "Milliseconds a million multiply-adds" in page


def test_an_interrupted_search_ends_as_one_that_was_not(document: dict[str, Any], tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:

        def interrupt(call: int) -> None:
            if call == 7:
                raise KeyboardInterrupt

        patch.setattr("nas.train.train", FakeTraining(before=interrupt))
        assert nas(*TIMED, "--runs", str(tmp_path), "--json").status == 130
    again = json.loads(nas(*TIMED, "--runs", str(tmp_path), "--json").stdout)
    assert again["study"] == document["study"]
    for part in ("trials", "references"):
        assert [(one["spec"], one["val_accuracy"]) for one in again[part]] == [
            (one["spec"], one["val_accuracy"]) for one in document[part]
        ]


def test_another_machine_is_another_study(document: dict[str, Any], runs: Path, target: FakeTarget) -> None:
    study = document["study"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(target, "processor", "another processor")
        other = json.loads(nas(*TIMED, "--runs", str(runs), "--dry-run", "--json").stdout)
        assert other["study"] != study
        line = refused(*TIMED, "--runs", str(runs), "--study", study)
    assert "another latency fingerprint (a processor, 1 thread, now another processor, 1 thread)" in line


def test_a_target_without_a_budget_records_latency_and_limits_nothing(tmp_path: Path) -> None:
    done = nas(*SEARCH, "--budget-mflops", "0.15", "--latency-target", NAME, "--runs", str(tmp_path), "--json")
    assert done.status == 0, done.stderr
    found = json.loads(done.stdout)
    assert all(trial["latency_ms"] > 0 for trial in found["trials"])
    assert "latency_ms" not in found["budget"]


def test_a_dry_run_shows_the_range_of_latencies(runs: Path) -> None:
    found = json.loads(nas(*TIMED, "--runs", str(runs), "--dry-run", "--json").stdout)
    (ms,) = [one for one in found["space"]["costs"] if one["quantity"] == "latency-ms"]
    assert 0 < ms["minimum"] < ms["median"] < ms["maximum"]
    assert ms["limit"] == float(LIMIT)
    assert 0.3 < ms["share_that_fits"] < 0.7
    shown = nas(*TIMED, "--runs", str(runs), "--dry-run")
    assert f"ms on {NAME}" in shown.stdout


def test_a_latency_that_no_network_has_is_refused_with_that_of_the_fastest(tmp_path: Path) -> None:
    import random

    fastest = total(extreme(tiny_space, total, random.Random(0)).spec)
    line = refused(*SEARCH, "--budget-latency-ms", "0.005", "--runs", str(tmp_path))
    assert "--budget-latency-ms 0.005: the cheapest network of tests.nas.fast:tiny_space costs " in line
    said = float(line.split("costs ")[1].split()[0])
    assert said == pytest.approx(fastest, abs=0.01)
