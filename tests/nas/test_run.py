"""The Python interface: what the command does, with one's own space, data, recipe, sampler and training."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
import torch
from filelock import FileLock
from optuna.samplers import RandomSampler

import nas
from nas import Budget, ImageSet, NasError, Run, run_search
from nas.objectives import Goal
from nas.record import FACTS, SearchFacts
from nas.request import Request, derived_name, request_search
from nas.run import expected_seconds
from nas.storage import open_storage, open_study
from tests.nas.cli import nas as typed
from tests.nas.fast import BUDGET, RECIPE, FakeTraining, Log, noise, study_facts, tiny_space

OPTIONS: dict[str, Any] = {
    "budget": BUDGET,
    "dataset": noise(),
    "recipe": RECIPE,
    "trials": 4,
    "confirm": 1,
    "device": "cpu",
}


def search(runs: Path, train: Any = None, **options: Any) -> Run:
    return run_search(tiny_space, train=train or FakeTraining(), runs=runs, **{**OPTIONS, **options})


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Path]:
    runs = tmp_path_factory.mktemp("python") / "runs"
    return search(runs), runs


def test_a_search_with_ones_own_space_data_recipe_and_training(finished: tuple[Run, Path]) -> None:
    run, _ = finished
    assert len(run.trials) == 4
    assert {found.record.name for found in run.references} >= {"mobilenet_v3_small", "mobilenet_v3_large"}
    assert all(BUDGET.fits(found.spec) for found in run.trials)
    assert run.records.facts.space == "tests.nas.fast:tiny_space"
    assert run.records.facts.data.label == "noise"


def test_the_best_network_can_be_built(finished: tuple[Run, Path]) -> None:
    best = finished[0].best
    assert best is not None
    assert best.confirmed is not None
    assert best.confirmed.seeds == (1,)
    assert best.build().eval()(torch.zeros(2, 3, 16, 16)).shape == (2, 3)


def test_a_run_is_loaded_by_its_name(finished: tuple[Run, Path]) -> None:
    run, runs = finished
    assert Run.load(run.name, runs=runs) == run
    with pytest.raises(NasError, match=f"did you mean {run.name}"):
        Run.load(run.name + "x", runs=runs)
    with pytest.raises(NasError, match="no such file"):
        Run.load(run.name, runs=runs / "nowhere")


def test_a_run_is_a_data_frame_with_a_row_for_each_network(finished: tuple[Run, Path]) -> None:
    run, _ = finished
    frame = run.dataframe()
    assert len(frame) == len(run.trials) + len(run.references)
    best = run.best
    assert best is not None
    assert frame.iloc[0]["network"] == best.record.key
    assert frame.iloc[0]["role"] == "winner"
    assert frame["macs"].dtype == np.int64
    assert frame["val_accuracy"].between(0, 1).all()


def test_the_report_lies_in_the_studys_folder(finished: tuple[Run, Path]) -> None:
    run, runs = finished
    assert run.report() == runs / run.name / "report" / "index.html"
    assert run.report().stat().st_size > 1000


def test_the_same_call_continues_and_a_finished_run_trains_nothing(finished: tuple[Run, Path]) -> None:
    run, runs = finished
    fake = FakeTraining()
    assert search(runs, fake).records.trials == run.records.trials
    assert fake.calls == []


def test_a_run_is_one_drivers_at_a_time(tmp_path: Path) -> None:
    request = request_search(tiny_space, runs=tmp_path, **OPTIONS)
    request.folder.mkdir(parents=True)
    with (
        FileLock(request.folder / "lock"),
        pytest.raises(NasError, match="is being run by another process; wait for it, or choose --study"),
    ):
        search(tmp_path)


def test_an_interruption_loses_nothing(tmp_path: Path) -> None:
    def interrupt(call: int) -> None:
        if call == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(tmp_path, FakeTraining(before=interrupt))
    log = Log()
    fake = FakeTraining()
    search(tmp_path, fake, watch=log)
    assert "1 training cut off last time will be done again" in log.said
    assert len(fake.calls) == len(set(fake.calls))


def test_an_inner_sampler_of_ones_own(tmp_path: Path) -> None:
    def mine(seed: int) -> RandomSampler:
        return RandomSampler(seed=seed)

    run = search(tmp_path, sampler=mine, trials=12, confirm=0)
    assert run.records.facts.sampler == "mine"
    assert [found.record.origin for found in run.trials] == ["draw"] * 10 + ["mine"] * 2


def test_real_trainings_on_tensors(tmp_path: Path) -> None:
    """Nothing faked: fourteen trainings of three steps."""
    images = ImageSet.from_arrays(torch.from_numpy(noise().images.copy()), torch.arange(60) % 3)
    run = run_search(
        tiny_space, budget=BUDGET, dataset=images, recipe=RECIPE, trials=2, confirm=1, device="cpu", runs=tmp_path
    )
    assert run.best is not None
    assert all(found.record.state == "complete" for found in (*run.trials, *run.references))
    assert all(0 <= (found.record.val_accuracy or 0) <= 1 for found in run.trials)


def test_expecting_writes_nothing(tmp_path: Path) -> None:
    request = request_search(tiny_space, runs=tmp_path / "runs", **OPTIONS)
    assert expected_seconds(request) > 0
    assert list(tmp_path.iterdir()) == []


def _name(**options: Any) -> str:
    space = options.pop("space", tiny_space)
    return request_search(space, **{**OPTIONS, **options}).name


def test_a_name_says_space_budget_data_and_effort() -> None:
    budget = Budget(macs=1_500_000, params=20_000, resolution=16, classes=3)
    name = _name(budget=budget)
    assert name.startswith("tests.nas.fast.tiny_space-1.5mflops-20000params-noise-brief-")


@pytest.mark.parametrize("field", SearchFacts.IDENTITY)
def test_a_name_follows_everything_that_makes_another_study(field: str) -> None:
    from dataclasses import replace

    other: dict[str, Any] = {
        "budget": replace(BUDGET, macs=150_001),
        "data": replace(request_search(tiny_space, **OPTIONS).facts.data, fingerprint="other"),
        "recipe": replace(RECIPE, epochs=3),
        "seed": 1,
        "goal": Goal(objectives=("accuracy", "macs")),
    }
    facts = request_search(tiny_space, **OPTIONS).facts
    assert derived_name(replace(facts, **{field: other.get(field, "other")})) != derived_name(facts)


def test_trials_and_fresh_seeds_are_no_part_of_the_name() -> None:
    assert _name() == _name(trials=99, confirm=5, command="x")
    assert _name(study="mine") == "mine"


def test_no_budget_at_all_is_refused() -> None:
    with pytest.raises(NasError, match="no budget: give --budget-mflops"):
        request_search(tiny_space, dataset=noise())


def test_a_budget_counts_at_the_datas_size_unless_told_otherwise() -> None:
    options = {**OPTIONS, "budget": None, "budget_mflops": 0.5}
    assert request_search(tiny_space, **options).facts.budget == Budget(macs=500_000, resolution=8, classes=3)
    told = request_search(tiny_space, **options, budget_resolution=16, budget_classes=7).facts.budget
    assert told == Budget(macs=500_000, resolution=16, classes=7)


def test_the_interface_is_what_the_package_says() -> None:
    assert nas.run_search is run_search
    assert nas.Run is Run


def test_a_run_that_cannot_be_read_does_not_hide_the_others(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    storage = open_storage(f"sqlite:///{tmp_path / 'nas.db'}")
    for name, number in (("later", 99), ("now", 2)):
        study = optuna.create_study(storage=storage, study_name=name)
        study.set_user_attr(FACTS, {**study_facts().to_json(), "format": number})
    done = typed("list", "--json", "--runs", str(runs), "--storage", f"sqlite:///{tmp_path / 'nas.db'}")
    assert done.status == 0
    assert [run["study"] for run in json.loads(done.stdout)["runs"]] == ["now"]
    assert "later: SearchFacts of format 99: written by another version" in done.stderr


def test_an_arithmetic_that_was_found_and_not_asked_for_is_that_of_the_study_that_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same command continues where a probe would now find otherwise: on another machine, with another torch."""

    def asked(gain: float, **options: Any) -> Request:
        monkeypatch.setattr("nas.find_precision._bf16_gain", lambda: gain)
        given = {key: value for key, value in OPTIONS.items() if key != "recipe"}
        return request_search(tiny_space, runs=tmp_path, **{**given, **options})

    slow, fast = asked(1.0), asked(2.0)
    assert (slow.facts.recipe.precision, fast.facts.recipe.precision) == ("fp32", "bf16")
    assert slow.name != fast.name
    storage = open_storage(slow.storage)
    open_study(storage, slow.name, slow.facts)
    again = asked(2.0)
    assert (again.name, again.facts.recipe) == (slow.name, slow.facts.recipe)
    assert asked(2.0, precision="bf16").name == fast.name
    assert asked(2.0, seed=5).facts.recipe.precision == "bf16"
    open_study(storage, "named", slow.facts)
    assert asked(2.0, study="named").facts.recipe.precision == "fp32"
    open_study(storage, fast.name, fast.facts)  # where there are both, the one that was found
    assert asked(2.0).name == fast.name
    assert asked(1.0).name == slow.name


def test_an_unknown_precision_is_refused_before_images_are_looked_for() -> None:
    with pytest.raises(NasError, match="--precision fp16: unknown"):
        request_search(budget_mflops=60, dataset="folder", data_dir="/nowhere", device="cpu", precision="fp16")
