"""``nas export``: a study's winner, a published network or a file to take away; nothing that was not compared."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import onnx
import pytest
import torch
from safetensors import safe_open

from nas import Run, run_search
from nas.arch import ArchSpec
from nas.batches import normalise, resize
from nas.data import load, split
from nas.export import check, package
from nas.export.images import prepared
from nas.export.source import first_fresh
from nas.model import build
from nas.trial import Trainer
from nas.weights import load_weights
from nas.weights_file import read_about
from tests.nas.cli import files, nas
from tests.nas.fast import BUDGET, RECIPE, SMALL, FakeTraining, python, tiny_space

FILES = {"README.md", "model.onnx", "model.py", "spec.json", "weights.safetensors"}
DIGITS = replace(RECIPE, train_images=64, val_images=64)  # at 8 px
HELD_AGAINST = "nas.run.held_against"


@dataclass(frozen=True)
class Study:
    """A finished search on real digits, and its winner's export."""

    run: Run
    runs: Path
    out: Path
    document: dict[str, Any]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    runs = tmp_path_factory.mktemp("export") / "runs"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HELD_AGAINST, lambda space: ([SMALL], []))
        run = run_search(
            tiny_space,
            budget=replace(BUDGET, resolution=16, classes=10),
            dataset="digits",
            resolution=16,  # of the images as they are loaded; the recipe trains at 8
            recipe=DIGITS,
            trials=2,
            confirm=1,
            device="cpu",
            workers=1,
            runs=runs,
            study="mine",
            command=f"nas search --runs '{runs}' --trials 2",
        )
    out = runs.parent / "out"
    ended = nas("export", "mine", "--to", str(out), "--runs", str(runs), "--json")
    assert ended.status == 0, ended.stderr
    return Study(run=run, runs=runs, out=out, document=json.loads(ended.stdout))


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the processes that load files again: they take seconds, and have tests of their own."""
    monkeypatch.setattr(package, "check", lambda *_: {"onnx": 0.0})


def refused(*words: str) -> str:
    ended = nas("export", *words)
    assert ended.status == 2, ended
    assert ended.stdout == ""
    lines = [line for line in ended.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, ended.stderr
    assert ended.stderr.splitlines()[-1] == lines[0]
    return lines[0].removeprefix("error: ")


# ---- what a search keeps


def test_confirmed_networks_keep_their_weights_and_say_what_they_are(study: Study) -> None:
    records = study.run.records.confirmations
    assert records
    folder = study.runs / "mine"
    assert {folder / str(record.weights) for record in records} == set((folder / "weights").iterdir())
    data = load("digits", resolution=16)
    for record in records:
        about = read_about(folder / str(record.weights))
        assert about is not None
        assert (about.name, about.seed, about.fold, about.val_accuracy) == (
            record.key,
            record.seed,
            record.fold,
            record.val_accuracy,
        )
        assert about.spec == record.spec.trained_on(resolution=8, classes=10)
        assert about.classes == tuple("0123456789")
        assert about.fingerprint == data.fingerprint
    assert all(record.weights is None for record in (*study.run.records.trials, *study.run.records.references))


def test_kept_weights_are_those_that_were_validated(study: Study) -> None:
    """Loaded again, prepared as the file says, they reach the recorded accuracy exactly."""
    for record in study.run.records.confirmations:
        file = study.runs / "mine" / str(record.weights)
        about = read_about(file)
        assert about is not None
        assert about.preprocessing is not None
        network = build(about.spec, seed=9)
        load_weights(network, file)
        data = load("digits", resolution=16)
        index = split(data, fold=record.fold, train_images=64, val_images=64).val_index
        with torch.no_grad():
            scores = network.eval()(prepared(torch.from_numpy(data.images[index].copy()), about.preprocessing))
        labels = torch.from_numpy(data.labels[index].copy())
        assert (scores.argmax(1) == labels).double().mean().item() == pytest.approx(record.val_accuracy, abs=1.5 / 64)


def test_images_are_prepared_as_training_does_it(study: Study) -> None:
    record = study.run.records.confirmations[0]
    about = read_about(study.runs / "mine" / str(record.weights))
    assert about is not None
    assert about.preprocessing is not None
    assert about.preprocessing.sides == (16, 8)
    data = load("digits", resolution=16)
    trainer = Trainer(data=data, recipe=DIGITS, budget=None)
    raw = torch.from_numpy(data.images[:20].copy())
    wanted = normalise(resize(raw, 8), trainer.train_data(record.fold))
    assert torch.equal(prepared(raw, about.preprocessing), wanted)


def test_the_training_function_of_ones_own_leaves_weights_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HELD_AGAINST, lambda space: ([SMALL], []))
    run = run_search(
        tiny_space, budget=BUDGET, dataset="digits", resolution=8, recipe=DIGITS, trials=1, confirm=1,
        train=FakeTraining(), storage=f"sqlite:///{tmp_path / 'other.db'}", runs=tmp_path / "runs",
    )  # fmt: skip
    assert {str(record.weights) for record in run.records.confirmations} == {
        f"weights/{file.name}" for file in (run.folder / "weights").iterdir()
    }


# ---- a study's winner


def test_the_winners_files_are_there_and_were_compared(study: Study) -> None:
    assert set(files(study.out)) == FILES == set(study.document["files"])
    assert set(study.document["relative_errors"]) == {"safetensors", "onnx", "model.py"}
    assert all(0 <= error <= 1e-5 for error in study.document["relative_errors"].values())
    assert study.document["compared_on"] == "8 validation images of digits"
    assert study.run.best is not None
    record = study.run.best.record
    assert (study.document["study"], study.document["network"], study.document["seed"]) == ("mine", record.key, 1)
    assert (study.document["resolution"], study.document["classes"]) == (8, 10)
    assert "the first fresh seed, by rule and not by its score" in study.document["weights"]
    assert [one.name for one in study.out.parent.iterdir() if one.name.endswith(".part")] == []


def test_the_first_fresh_seed_is_taken_whatever_it_scored(study: Study) -> None:
    run = study.run.records
    first = run.confirmations[0]
    better = replace(first, seed=2, curve=(replace(first.curve[-1], val_accuracy=1.0),))
    failed = replace(first, seed=0, state="failed", curve=())
    several = replace(run, confirmations=(better, failed, first, *run.confirmations[1:]))
    assert first_fresh(several, first) is first
    assert first_fresh(replace(run, confirmations=()), first) is None


def test_the_exported_network_is_the_trained_one(study: Study) -> None:
    """By hand, without the command's own comparison."""
    network = build(ArchSpec.from_json((study.out / "spec.json").read_bytes()), seed=3)
    load_weights(network, study.out / "weights.safetensors")
    kept = build(network.spec, seed=4)
    best = study.document["network"]
    record = next(one for one in study.run.records.confirmations if one.key == best)
    load_weights(kept, study.runs / "mine" / str(record.weights))
    assert all(tensor.equal(kept.state_dict()[name]) for name, tensor in network.state_dict().items())


def test_metadata_say_classes_preprocessing_and_source(study: Study) -> None:
    graph = onnx.load(study.out / "model.onnx")
    facts = {one.key: one.value for one in graph.metadata_props}
    assert json.loads(facts["classes"]) == list("0123456789")
    about = read_about(study.out / "weights.safetensors")
    assert about is not None
    assert about.preprocessing is not None
    assert json.loads(facts["preprocessing"])["mean"] == list(about.preprocessing.mean)
    assert "resized to 8×8 px" in facts["preprocessing_steps"]
    assert "mine" in facts["source"]
    (images,) = graph.graph.input
    assert [one.dim_param or one.dim_value for one in images.type.tensor_type.shape.dim] == ["batch", 3, 8, 8]
    with safe_open(study.out / "weights.safetensors", framework="pt") as file:
        assert file.metadata()["format"] == "pt"
    assert (about.study, about.name, about.seed) == ("mine", study.document["network"], 1)


def test_the_readme_says_how_accurate_and_how_images_are_prepared(study: Study) -> None:
    text = (study.out / "README.md").read_text(encoding="utf-8")
    record = next(one for one in study.run.records.confirmations if one.key == study.document["network"])
    assert record.val_accuracy is not None
    assert f"Confirmed validation accuracy: {100 * record.val_accuracy:.1f}%" in text
    assert "one seed gives no interval" in text
    assert "resized to 8×8 px (bilinear, antialiased) and rounded" in text
    assert "8 validation images of digits" in text
    assert "0. 0\n" in text
    assert "untrained" not in text


def test_the_report_and_the_document_say_how_to_export(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reports.page.figures_of", lambda run: {})
    page = study.run.report().read_text(encoding="utf-8")
    command = f"python -m nas.export mine --to mine --runs {study.runs}"
    assert command in page
    from nas.show import run_json

    assert run_json(study.run.records)["export"] == command


@pytest.mark.usefixtures("unchecked")
def test_another_trial_or_reference_of_the_study(study: Study, tmp_path: Path) -> None:
    record = study.run.records.confirmations[-1]
    which = ["--network", record.name] if record.name else ["--trial", str(record.number)]
    ended = nas("export", "mine", *which, "--to", str(tmp_path / "o"), "--runs", str(study.runs), "--json")
    assert ended.status == 0, ended.stderr
    assert json.loads(ended.stdout)["network"] == record.key


@pytest.mark.usefixtures("unchecked")
def test_another_form_is_said_to_be_unmeasured(study: Study, tmp_path: Path) -> None:
    ended = nas(
        "export", "mine", "--resolution", "24", "--to", str(tmp_path / "o"), "--runs", str(study.runs), "--json"
    )
    document = json.loads(ended.stdout)
    assert document["resolution"] == 24
    assert any("where nothing was measured" in note for note in document["notes"])
    about = read_about(tmp_path / "o" / "weights.safetensors")
    assert about is not None
    assert about.preprocessing is not None
    assert about.preprocessing.sides == (24,)


# ---- weights that are not there


@pytest.fixture
def without_weights(study: Study, tmp_path: Path) -> Iterator[Path]:
    """The same study as before weights were kept, or with its files deleted."""
    runs = tmp_path / "runs"
    shutil.copytree(study.runs, runs)
    shutil.rmtree(runs / "mine" / "weights")
    return runs


def test_weights_that_are_gone_are_named_and_training_is_offered(without_weights: Path, tmp_path: Path) -> None:
    line = refused("mine", "--to", str(tmp_path / "o"), "--runs", str(without_weights))
    assert "no weights of" in line
    assert "is gone" in line
    assert "--train trains it again by the study's recipe" in line
    assert not (tmp_path / "o").exists()
    assert not (without_weights / "mine" / "weights").exists()


@pytest.mark.usefixtures("unchecked")
def test_training_again_gives_the_recorded_network(without_weights: Path, study: Study, tmp_path: Path) -> None:
    ended = nas("export", "mine", "--train", "--to", str(tmp_path / "o"), "--runs", str(without_weights), "--json")
    assert ended.status == 0, ended.stderr
    document = json.loads(ended.stdout)
    assert "They were trained again for an export" in document["weights"]
    assert document["val_accuracy"] == study.document["val_accuracy"]
    assert [one.name for one in (without_weights / "mine" / "weights").iterdir()] == [
        f"{document['network'].replace(' ', '-')}-seed-1.safetensors"
    ]


def test_a_file_of_another_training_is_refused(without_weights: Path, study: Study, tmp_path: Path) -> None:
    other = next(one for one in study.run.records.confirmations if one.key != study.document["network"])
    wrong = f"weights/{study.document['network'].replace(' ', '-')}-seed-1.safetensors"
    (without_weights / "mine" / "weights").mkdir()
    shutil.copy(study.runs / "mine" / str(other.weights), without_weights / "mine" / wrong)
    assert "is not of this training" in refused("mine", "--to", str(tmp_path / "o"), "--runs", str(without_weights))


def test_a_trial_that_was_not_confirmed(study: Study, tmp_path: Path) -> None:
    known = {record.key for record in study.run.records.confirmations}
    published = next(one.key for one in study.run.records.references if one.key not in known)
    line = refused("mine", "--network", published, "--to", str(tmp_path / "o"), "--runs", str(study.runs))
    assert "it was not confirmed on fresh seeds" in line


# ---- published networks and files


@pytest.mark.usefixtures("unchecked")
def test_a_published_network_without_weights_is_said_to_be_untrained(tmp_path: Path) -> None:
    ended = nas("export", "squeezenet_1_1", "--resolution", "64", "--classes", "7", "--to", str(tmp_path / "o"))
    assert ended.status == 0, ended.stderr
    assert "untrained" in ended.stdout
    assert "untrained" in (tmp_path / "o" / "README.md").read_text(encoding="utf-8")
    assert "untrained" in (tmp_path / "o" / "model.py").read_text(encoding="utf-8")
    spec = ArchSpec.from_json((tmp_path / "o" / "spec.json").read_bytes())
    assert (spec.resolution, spec.classes) == (64, 7)


@pytest.mark.usefixtures("unchecked")
def test_weights_under_torchvisions_names_are_taken(tmp_path: Path) -> None:
    from torchvision.models import squeezenet1_1

    theirs = squeezenet1_1(weights=None)
    torch.save(theirs.state_dict(), tmp_path / "theirs.pth")
    done = nas(
        "export", "squeezenet_1_1", "--weights", str(tmp_path / "theirs.pth"), "--to", str(tmp_path / "o"), "--json"
    )
    assert done.status == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["trained"] is True
    assert "torchvision has them" in document["weights"]
    network = build(ArchSpec.from_json((tmp_path / "o" / "spec.json").read_bytes()), seed=1)
    load_weights(network, tmp_path / "o" / "weights.safetensors")
    image = torch.rand(1, 3, 224, 224)
    assert torch.allclose(network.eval()(image), theirs.eval()(image))


@pytest.mark.usefixtures("unchecked")
def test_an_export_is_a_source_again(study: Study, tmp_path: Path) -> None:
    words = (str(study.out / "spec.json"), "--weights", str(study.out / "weights.safetensors"))
    ended = nas("export", *words, "--to", str(tmp_path / "o"), "--json")
    assert ended.status == 0, ended.stderr
    assert json.loads(ended.stdout)["class_names"] == list("0123456789")
    first, again = (read_about(folder / "weights.safetensors") for folder in (study.out, tmp_path / "o"))
    assert first is not None
    assert again is not None
    assert first.preprocessing == again.preprocessing


# ---- what can be mended


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nothing_of_this_name",), "nor is nothing_of_this_name a published network"),
        (("no.json",), "no.json: No such file"),
        (("alexnet@x",), "the width multiplier after @"),
        (("alexnet", "--trial", "1"), "--trial: is for a study, and alexnet is a network"),
        (("alexnet", "--train"), "--train: is for a study"),
        (("alexnet", "--strides", "none"), "--strides none: there are"),
        (("alexnet", "--resolution", "0"), "--resolution 0: must be at least 1"),
        (("alexnet", "--resolution", "8"), "the smallest resolution it can take"),
        (("alexnet", "--weights", "no.pth"), "no.pth: No such file"),
        (("alexnet", "--weights", "no.safetensors"), "no.safetensors: No such file"),
        (("mine", "--weights", "x.pth"), "--weights x.pth: a study has its own"),
        (("mine", "--classes", "5"), "--classes 5: a study's weights are for its own classes"),
        (("mine", "--trial", "1", "--network", "x"), "which of the two?"),
        (("mine", "--trial", "99"), "--trial 99: not a trained network of mine; confirmed are"),
        (("mine", "--network", "small"), "--network small: not a trained network of mine"),
        (("mine", "--resolution", "0"), "--resolution 0: must be at least 1"),
        (("mine", "--strides", "none"), "--strides none: there are"),
    ],
)
def test_what_cannot_be_exported_is_one_line(
    words: tuple[str, ...], message: str, study: Study, tmp_path: Path
) -> None:
    assert message in refused(*words, "--to", str(tmp_path / "o"), "--runs", str(study.runs))
    assert list(tmp_path.iterdir()) == []


def test_weights_of_another_network_or_none_at_all(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(1)}, tmp_path / "a.pth")
    (tmp_path / "b.safetensors").write_bytes(b"nothing of the kind")
    for name, message in (("a.pth", "not the weights of this network"), ("b.safetensors", "it is damaged")):
        words = ("alexnet", "--weights", str(tmp_path / name), "--to", str(tmp_path / "o"))
        assert message in refused(*words)
    assert not (tmp_path / "o").exists()


def test_a_folder_that_is_not_empty_needs_force(tmp_path: Path, unchecked: None) -> None:
    (tmp_path / "o").mkdir()
    (tmp_path / "o" / "notes.txt").write_text("mine")
    words = ("squeezenet_1_1", "--resolution", "64", "--to", str(tmp_path / "o"))
    assert "is not empty; name another folder, or replace its files with --force" in refused(*words)
    assert set(files(tmp_path / "o")) == {"notes.txt"}
    assert nas("export", *words, "--force").status == 0
    assert set(files(tmp_path / "o")) == FILES | {"notes.txt"}
    assert "is a file; name a folder" in refused(*words[:-1], str(tmp_path / "o" / "notes.txt"))


def test_a_command_without_a_place_says_so(tmp_path: Path) -> None:
    assert "--to" in refused("alexnet")


# ---- the comparison


def test_relative_errors() -> None:
    ones = torch.ones(2, 3)
    assert check.relative_error(ones, ones) == 0
    assert check.relative_error(1e-10 * ones, 1e-10 * ones) == 0
    assert check.relative_error(1.5e-10 * ones, 1e-10 * ones) == pytest.approx(0.5)
    assert check.relative_error(ones * 0, ones * 0) == 0
    assert check.relative_error(ones, ones * 0) == float("inf")
    assert check.relative_error(ones[:1], ones) == float("inf")
    assert check.relative_error(ones, ones * float("nan")) == float("inf")
    assert not check.relative_error(ones * float("nan"), ones) <= check.LARGEST


@pytest.mark.parametrize("kind", check.FILES)
@pytest.mark.parametrize("which", ["one", "all"])
def test_a_file_that_puts_out_something_else_leaves_nothing(
    kind: str, which: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two of a hundred thousand, in one of the files, for one image or for several."""
    true = check._scores

    def wrong(now: str, folder: Path, given: Path, output: Path) -> Any:
        inputs = torch.load(given, weights_only=True)["inputs"]
        network = build(ArchSpec.from_json((folder / "spec.json").read_bytes())).eval()
        with torch.no_grad():
            scores = {"one": network(inputs[:1]), "all": network(inputs)}
        if now == kind:
            scores[which] = scores[which] * (1 + 2e-5)
        return scores

    assert true is not wrong
    monkeypatch.setattr(check, "_scores", wrong)
    line = refused("squeezenet_1_1", "--resolution", "64", "--to", str(tmp_path / "a" / "b" / "o"))
    assert line.startswith(f"{check.FILES[kind]}: loaded again it gives other scores (relative error 2.0e-05")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", check.FILES)
def test_a_damaged_file_is_noticed(kind: str, study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the processes themselves: other weights, another graph, a changed line, a file that cannot be read."""
    shutil.copytree(study.out, tmp_path / "o")
    network = build(ArchSpec.from_json((study.out / "spec.json").read_bytes()))
    load_weights(network, study.out / "weights.safetensors")
    network.eval()
    inputs = torch.randn(3, 3, 8, 8)
    monkeypatch.setattr(check, "FILES", {kind: check.FILES[kind]})
    assert check.check(tmp_path / "o", network, None, inputs)[kind] <= 1e-5
    file = tmp_path / "o" / check.FILES[kind]
    if kind == "model.py":
        text = file.read_text(encoding="utf-8")
        file.write_text(
            text.replace("return self.activation(self.norm(self.conv(x)))", "return self.norm(self.conv(x))")
        )
    else:
        content = bytearray(file.read_bytes())
        content[-5000] ^= 0xFF
        file.write_bytes(content)
    with pytest.raises(check.NotEqual):
        check.check(tmp_path / "o", network, None, inputs)
    file.write_bytes(b"no")
    with pytest.raises(check.NotEqual, match="cannot be loaded again"):
        check.check(tmp_path / "o", network, None, inputs)


@pytest.mark.slow
def test_model_py_may_import_nothing_but_torch(study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(study.out, tmp_path / "o")
    file = tmp_path / "o" / "model.py"
    file.write_text(file.read_text(encoding="utf-8").replace("import torch\n", "import safetensors\nimport torch\n", 1))
    network = build(ArchSpec.from_json((study.out / "spec.json").read_bytes())).eval()
    monkeypatch.setattr(check, "FILES", {"model.py": "model.py"})
    with pytest.raises(check.NotEqual, match="needs more than torch: safetensors"):
        check.check(tmp_path / "o", network, None, torch.randn(3, 3, 8, 8))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mobilenet_v1", "densenet_40_12", "squeezenet_1_0_complex_bypass", "alexnet"])
def test_families_in_clean_processes(name: str, tmp_path: Path) -> None:
    done = python("-m", "nas.export", name, "--resolution", "64", "--to", "o", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert all(error <= 1e-5 for error in json.loads(done.stdout)["relative_errors"].values())


@pytest.mark.usefixtures("unchecked")
def test_a_demonstration_names_no_winner_but_its_networks_can_be_trained_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HELD_AGAINST, lambda space: ([SMALL], []))
    run_search(
        tiny_space, budget=BUDGET, dataset="digits", resolution=8, recipe=DIGITS, effort="demo", trials=1,
        train=FakeTraining(), runs=tmp_path / "runs", study="demo",
    )  # fmt: skip
    words = ("demo", "--to", str(tmp_path / "o"), "--runs", str(tmp_path / "runs"))
    assert "has no winner (a demo on digits names none); --trial N or --network NAME" in refused(*words)
    assert "it was not confirmed on fresh seeds" in refused(*words, "--trial", "0")
    ended = nas("export", *words, "--trial", "0", "--train")
    assert ended.status == 0, ended.stderr
    assert "the seed the search itself used" in ended.stdout
    assert "This was a demo on digits: its accuracies rank nothing." in ended.stdout
