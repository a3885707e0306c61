"""``python -m studies NAME`` as it is typed. Trainings are faked; all else is real."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from nas.cost import cost
from nas.storage import default_url, open_storage
from search_spaces import SPACES
from studies import STUDIES
from studies.__main__ import app, command_line
from studies.ablations.find import find
from studies.ablations.resolve import resolve
from studies.ablations.scatter import ASSUMED
from tests.nas.cli import Ended, files, nas
from tests.nas.fast import FakeTraining, python, study_facts, tiny_space
from tests.nas.fast import driver as search_driver
from tests.nas.test_imports import HEAVY, imported_by
from tests.studies.tiny_ablation import BASE

FILE = f'''"""What is squeeze-excite worth in a tiny network?"""

from studies.ablation import Ablation, Claim, Paper, choices

STUDY = Ablation(
    question="What is squeeze-excite worth in a tiny network?",
    baseline=choices("tests.nas.fast:tiny_space", {BASE!r}),
    variants={{"se": {{"*.se": True}}, "<b>wide</b>": {{"*.expansion": 3.0}}}},
    curve=(0.5, 1.0, 2.0),
    paper=Paper(source="nowhere", says="It helps.", claims={{"se": Claim(direction="helps", delta=0.01)}}),
)
'''
SMALL = ("--dataset", "digits", "--device", "cpu", "--precision", "fp32", "--train-images", "64", "--epochs", "2")


@pytest.fixture(scope="module")
def fake() -> FakeTraining:
    return FakeTraining()


@pytest.fixture(scope="module", autouse=True)
def faked(fake: FakeTraining) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nas.train.train", fake)
        patch.setattr("nas.executor.measure", lambda *_: 0.01)
        patch.setattr("nas.workers.default_workers", lambda *_: 1)  # where the fake training is
        patch.setitem(SPACES, "tiny", tiny_space)
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
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ablation")


@pytest.fixture(scope="module")
def own(folder: Path) -> str:
    file = folder / "tiny_se.py"
    file.write_text(FILE)
    return str(file)


@pytest.fixture(scope="module")
def runs(folder: Path) -> Path:
    return folder / "runs"


@pytest.fixture(scope="module")
def first(own: str, runs: Path) -> Ended:
    return studies(own, *SMALL, "--seeds", "3", "--check-lr", "--runs", str(runs), "--json")


@pytest.fixture(scope="module")
def document(first: Ended) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(first.stdout)
    return found


# ---- the document


def test_stdout_is_one_json_document_and_prose_goes_to_stderr(first: Ended, document: dict[str, Any]) -> None:
    assert first.status == 0
    assert document["study"].startswith("tiny_se-digits-brief-")
    assert f"study {document['study']}: 5 networks, 3 seeds each, digits" in first.stderr
    for text in ("What is squeeze-excite worth", "margin 0.3 points", "the paper (nowhere): It helps.", "<b>wide</b>"):
        assert text in first.stderr


def test_baseline_and_variants_have_costs_effects_and_verdicts(document: dict[str, Any], own: str) -> None:
    verdicts = {"helps", "hurts", "no practical difference", "not shown"}
    baseline = document["baseline"]
    assert {"macs", "params", "mean", "seeds", "curve"} <= set(baseline)
    assert baseline["seeds"] == [1, 2, 3]
    assert [one["width"] for one in baseline["curve"]] == [0.5, 1.0, 2.0]
    assert all(one["macs"] > 0 and 0 < one["mean"] < 1 for one in baseline["curve"])
    assert [one["name"] for one in document["variants"]] == ["se", "<b>wide</b>"]
    for one in document["variants"]:
        assert {"name", "macs", "params", "seeds", "delta", "ci", "p", "verdict", "detectable", "at_equal_cost"} <= set(
            one
        )
        assert one["verdict"] in verdicts
        assert one["seeds"] == [1, 2, 3]
        assert one["delta"] == pytest.approx(one["mean"] - baseline["mean"])
        assert one["ci"][0] < one["delta"] < one["ci"][1]
        equal = one["at_equal_cost"]
        assert {"delta", "ci", "worth", "verdict"} <= set(equal)
        assert (equal["cost"], equal["verdict"] in verdicts) == (one["macs"], True)
        assert one["at_equal_params"]["cost"] == one["params"]
        assert one["at_equal_latency"] is None
        assert set(one["lengths"]) == {"short", "long"}
        assert len(one["accuracies"]["short"]) == len(one["accuracies"]["long"]) == 3
    made = {one.name: one for one in resolve(find(own).study).networks}
    for one in document["variants"]:
        assert (one["macs"], one["params"]) == (cost(made[one["name"]].spec).macs, cost(made[one["name"]].spec).params)
    assert document["variants"][0]["paper"] == {"direction": "helps", "delta": 0.01}
    assert document["variants"][1]["paper"] is None


def test_the_document_says_what_was_asked_and_by_which_recipe(document: dict[str, Any]) -> None:
    assert (document["dataset"], document["effort"], document["length"]) == ("digits", "brief", "long")
    assert (document["recipe"]["epochs"], document["long_recipe"]["epochs"]) == (2, 8)
    assert (document["margin"], document["looks"], document["looked"]) == (0.003, [], [3])
    assert document["still_to_do"] == {"short": 0, "long": 0}
    assert {name: len(tried) for name, tried in document["learning_rates"].items()} == {
        "baseline": 3,
        "se": 3,
        "<b>wide</b>": 3,
    }
    assert document["families"]["as_changed"]["variants"] == 2
    assert document["pairing"]["seeds"] == 3


def test_the_same_again_trains_nothing_and_prints_the_same(
    own: str, document: dict[str, Any], runs: Path, fake: FakeTraining
) -> None:
    before = len(fake.calls)
    again = studies(own, *SMALL, "--seeds", "3", "--runs", str(runs), "--json")
    assert len(fake.calls) == before
    assert json.loads(again.stdout) == document


def test_another_study_of_the_storage_repeats_no_training(
    own: str, document: dict[str, Any], runs: Path, fake: FakeTraining
) -> None:
    other = Path(own).with_name("tiny_other.py")
    other.write_text(FILE.replace('"*.se": True', '"block0.se": True'))
    before = len(fake.calls)
    done = studies(str(other), *SMALL, "--seeds", "3", "--runs", str(runs), "--json")
    assert done.status == 0
    assert len(fake.calls) == before + 6  # one new variant, three seeds, two lengths
    assert f"24 trainings made by {document['study']}, not repeated" in " ".join(done.stderr.split())
    found = json.loads(done.stdout)
    assert found["baseline"]["mean"] == document["baseline"]["mean"]


def test_reports_reads_it_again(document: dict[str, Any], runs: Path) -> None:
    again = nas("report", document["study"], "--runs", str(runs), "--json")
    assert json.loads(again.stdout) == document


def test_lists_show_that_it_has_run(document: dict[str, Any], runs: Path) -> None:
    listed = json.loads(nas("list", "--runs", str(runs), "--json").stdout)["runs"]
    one = next(one for one in listed if one["study"] == document["study"])
    assert (one["kind"], one["trainings_done"], one["trainings_left"]) == ("ablation", 30, 0)
    assert "30/30" in nas("list", "--runs", str(runs)).stdout
    found = json.loads(studies("--json", "--runs", str(runs)).stdout)["studies"]
    assert [one["name"] for one in found][: len(STUDIES)] == list(STUDIES)
    ran = next(one for one in found if one["name"] == "tiny_se")
    assert [one["study"] for one in ran["runs"]] == [document["study"]]
    assert f"has run: {document['study']}, 3 seeds, digits" in studies("--runs", str(runs)).stdout


# ---- of a search


def test_the_winner_of_a_search_is_ablated_choice_by_choice(runs: Path, fake: FakeTraining, document: Any) -> None:
    storage = open_storage(default_url(runs))
    search_driver(storage, FakeTraining(), facts=study_facts(trials=4)).run()
    dry = studies("--of", "run", *SMALL, "--runs", str(runs), "--dry-run", "--json")
    assert dry.status == 0, dry.stderr
    planned = json.loads(dry.stdout)
    assert planned["baseline"].endswith(" of run")
    names = [one["name"] for one in planned["networks"] if one["width"] is None]
    assert len(names) > 5
    assert all(len(one["changes"]) >= 1 for one in planned["networks"] if one["width"] is None)
    words = (
        "--of=run",
        *SMALL,
        "--runs",
        str(runs),
        "--only",
        ",".join(names[:2]),
        "--seeds",
        "2",
        "--lengths",
        "short",
    )
    done = studies(*words, "--json")
    assert done.status == 0, done.stderr
    found = json.loads(done.stdout)
    assert [one["name"] for one in found["variants"]] == names[:2]
    assert found["study"].startswith("of-run-digits-brief-")


# ---- without training


def test_a_dry_run_tells_and_writes_nothing(own: str, tmp_path: Path, fake: FakeTraining) -> None:
    before = len(fake.calls)
    done = studies(own, *SMALL, "--runs", str(tmp_path / "runs"), "--dry-run")
    assert (done.status, len(fake.calls)) == (0, before)
    assert list(tmp_path.iterdir()) == []
    for text in ("50 trainings to be done (5 networks, 5 seeds, 2 lengths)", "with 80% power", "expected time", "*.se"):
        assert text in done.stdout


def test_a_dry_run_as_json_and_with_looks(own: str, tmp_path: Path) -> None:
    done = studies(own, *SMALL, "--runs", str(tmp_path / "runs"), "--dry-run", "--json", "--until-settled", "--match")
    found = json.loads(done.stdout)
    assert (found["looks"], found["seeds"]) == ([5, 10, 20], 20)
    # to the first look: short ones of 0.01 s, long ones of four times as many epochs
    networks = len(found["networks"])
    assert (networks, found["trainings"]) == (6, 6 * 5 * 2)
    assert found["expected_seconds"] == pytest.approx(6 * 5 * 0.05)
    shown = [one["difference"] for one in found["detectable"]]
    assert shown == sorted(shown, reverse=True)
    assert found["networks"][-1]["name"] == "<b>wide</b>, matched"
    macs = [one["macs"] for one in found["networks"]]
    assert macs[-1] == pytest.approx(macs[0], rel=0.2)


def test_a_question_can_be_asked_of_another_baseline_and_is_another_study(tmp_path: Path) -> None:
    def dry(*words: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(
            studies("stem", *words, *SMALL, "--runs", str(tmp_path / "runs"), "--dry-run", "--json").stdout
        )
        return found

    usual, other = dry(), dry("--baseline", "mobilenet_v3_small@0.75")
    assert (usual["baseline"], other["baseline"]) == ("mobilenet_v3_small@0.5", "mobilenet_v3_small@0.75")
    assert usual["study"] != other["study"]
    wider = {one["name"]: one["macs"] for one in other["networks"]}
    for one in usual["networks"]:
        assert one["macs"] < wider[one["name"]]


def test_a_dry_run_knows_what_is_done_already(own: str, document: dict[str, Any], runs: Path) -> None:
    before = files(runs)
    again = json.loads(studies(own, *SMALL, "--seeds", "4", "--runs", str(runs), "--dry-run", "--json").stdout)
    assert (again["study"], again["trainings"]) == (document["study"], 10)
    assert set(files(runs)) == set(before)
    measured = document["families"]["as_changed"]["sigma"]
    assert again["noise"] == {"sigma": measured, "measured_in": document["study"]}
    assert all(one["sigma"] == measured for one in again["detectable"])


def test_without_trainings_by_the_recipe_the_noise_is_assumed_and_said_to_be(own: str, runs: Path) -> None:
    other = json.loads(studies(own, *SMALL, "--lr", "0.2", "--runs", str(runs), "--dry-run", "--json").stdout)
    assert other["noise"] == {"sigma": ASSUMED, "measured_in": None}
    said = studies(own, *SMALL, "--lr", "0.2", "--runs", str(runs), "--dry-run").stdout
    assert f"{100 * ASSUMED:.1f} points of noise a training, assumed" in said


def test_without_a_name_the_studies_are_listed_with_questions_and_costs(tmp_path: Path) -> None:
    done = studies("--runs", str(tmp_path / "runs"))
    assert done.status == 0
    lines = done.stdout.splitlines()
    assert len(lines) == len(STUDIES) + 1
    for name, line in zip(STUDIES[1:], lines[1:], strict=False):
        assert line.startswith(f"{name}: {find(name).study.question} (")
        assert "trainings in short form" in line
    assert list(tmp_path.iterdir()) == []


# ---- what can be mended


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("squeze_excitation",), "study squeze_excitation: unknown; did you mean squeeze_excitation? there are"),
        (("nowhere.py",), "nowhere.py: no such file"),
        (("stem", "--only", "64*"), "--only 64*: no such variant; there are 32 ReLU, 32 h-swish, 16 ReLU"),
        (("stem", "--seeds", "0"), "--seeds 0: must be at least 1"),
        (("stem", "--seeds", "many"), "--seeds"),
        (("stem", "--lengths", "long"), "--lengths long: unknown; there are both, short"),
        (("stem", "--baseline", "mobilenet_v3_smal"), "baseline mobilenet_v3_smal: no reference of this name; did you"),
        (("stem", "--baseline", "mobilenet_v1"), "variant '32 ReLU': 'stem': no argument of what builds mobilenet_v1"),
        (("bypass", "--baseline", "mobilenet_v1"), "--baseline mobilenet_v1: this study's own is squeezenet, no"),
        (("stem", "--until-settled", "--seeds", "7"), "with --until-settled there are 5, 10, 20"),
        (("stem", "--effort", "demo"), "--effort demo: unknown; there are brief, full"),
        (("stem", "--lr", "0"), "--lr 0: must be above zero"),
        (("stem", "--study", "a/b"), "--study 'a/b': a name becomes a folder"),
        (("stem", "--latency-target", "abacus"), "--latency-target abacus: unknown"),
        (("--of", "nothing"), "nas.db: no such file; nothing has been run here yet"),
        (("stem", "--of", "nothing"), "--of nothing: ablates the winner of a search; leave out the study's name"),
        (("--proposed",), "--proposed: is what the trials of a search propose for its winner; add --of SEARCH"),
        (("stem", "--proposed"), "--proposed: is what the trials of a search propose for its winner; add --of SEARCH"),
        (("--of", "nothing", "--proposed"), "nas.db: no such file; nothing has been run here yet"),
        (("stem", "--data-dir", "nowhere", "--dataset", "folder"), "nowhere"),
        (("bypass", "--match"), "--match: variant 'complex' has no expansion widths to move"),
    ],
)
def test_what_a_user_can_mend_is_one_line_and_writes_nothing(
    words: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    data = () if "--dataset" in words else SMALL[:2]
    done = studies(*words, *data, "--runs", str(tmp_path / "runs"))
    assert (done.status, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert message in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1", "mine.py: has no STUDY; it is to hold STUDY = Ablation(…)"),
        ("STUDY = 3", "mine.py: its STUDY is of type int"),
        ("STUDY = Ablation(", "mine.py:1: SyntaxError"),
        ("import nothing_of_this_name", "mine.py:1: ModuleNotFoundError: No module named 'nothing_of_this_name'"),
        (FILE.replace("*.se", "*.sse"), r"mine.py: variant 'se': '*.sse' matches no decision of"),
        (FILE.replace("Ablation(\n", "Ablation(\n    quest=1,\n"), "mine.py:5: TypeError: Ablation.__init__() got an"),
        (FILE.replace("curve=(0.5, 1.0, 2.0)", "curve=(0.0,)"), "mine.py: curve: 0.0: a width must be above zero"),
    ],
)
def test_a_file_that_holds_no_study_names_the_line(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(text)
    done = studies(str(file), *SMALL, "--runs", str(tmp_path / "runs"))
    assert (done.status, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert message in line
    assert not (tmp_path / "runs").exists()


def test_a_file_may_not_have_the_name_of_a_study_that_comes_along(tmp_path: Path) -> None:
    (tmp_path / "stem.py").write_text(FILE)
    line = studies(str(tmp_path / "stem.py"), *SMALL).stderr
    assert "stem is a study that comes along; give the file another name" in line


# ---- imports


@pytest.mark.parametrize("words", [["stem", "--help"], ["--of", "x", "--help"], []], ids=["study", "of", "list"])
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
    assert not imported_by(code, tmp_path) & {*HEAVY, "optuna", "numpy", "sqlalchemy"}  # 0.3 s


def test_python_m_studies_is_a_command_for_every_study(tmp_path: Path) -> None:
    done = python("-m", "studies", "squeeze_excitation", "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.lstrip().startswith("Usage: python -m studies squeeze_excitation [OPTIONS]")
    assert "--until-settled" in done.stdout
    assert "--named" not in done.stdout


@pytest.mark.parametrize(
    ("argv", "recorded"),
    [
        (["/usr/bin/nas", "study", "stem", "--seeds", "7"], "nas study stem --seeds 7"),
        (["/lib/studies/__main__.py", "--of", "a b"], "python -m studies --of 'a b'"),
        (["/lib/studies/__main__.py", "my file.py"], "python -m studies 'my file.py'"),
    ],
)
def test_a_command_is_recorded_as_it_was_begun(argv: list[str], recorded: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", argv)
    assert command_line() == recorded
