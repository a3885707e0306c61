"""A search runs in every space that comes along: draws, references, trials, confirmation and report."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from nas.budget import Budget
from nas.data import ImageSet
from nas.errors import NasError
from nas.request import request_search
from nas.run import run_search
from search_spaces import OWN, POINTS, SPACES
from tests.nas.fast import FakeTraining

BUDGETS = {"mobilenet_v1": 60, "mobilenet_v2": 60, "mobilenet_v3": 60, "squeezenet": 100, "densenet": 150}  # MFLOPs

every_space = pytest.mark.parametrize("space", SPACES)


@cache
def pictures(resolution: int = 32) -> ImageSet:
    """Images that mean nothing, of the size that counts."""
    pixels = np.random.default_rng(0).integers(0, 256, (60, 3, resolution, resolution), dtype=np.uint8)
    return ImageSet.from_arrays(pixels, np.arange(60) % 3, name="pictures")


@every_space
def test_a_search_runs_in_the_space_and_every_trial_fits(
    space: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    monkeypatch.setattr("nas.executor.measure", lambda *_: 0.01)
    budget = Budget(macs=BUDGETS[space] * 1_000_000)
    run = run_search(
        space, budget=budget, dataset=pictures(), trials=3, confirm=2, runs=tmp_path, train=FakeTraining(), device="cpu"
    )
    assert len({trial.spec for trial in run.trials}) == 3
    assert all(budget.fits(trial.spec) for trial in run.trials)
    assert all(trial.record.val_accuracy is not None for trial in run.trials)
    names = {one.record.name for one in run.references}
    assert names >= {*POINTS, "largest_draw"} | ({f"{OWN[space]}@budget"} if space in OWN else set())
    assert run.best is not None
    assert run.report().exists()


@every_space
def test_one_real_epoch_trains_a_network_of_the_space(space: str, tmp_path: Path) -> None:
    import random

    from nas.draw import draw_inside
    from nas.plan import trial_task
    from nas.recipe import Recipe
    from nas.trial import Trainer

    budget = Budget(macs=BUDGETS[space] * 1_000_000)
    point = draw_inside(SPACES[space], budget, random.Random(0))
    recipe = Recipe(name="one", epochs=1, train_images=None, val_images=None, resolution=32, batch=16, max_lr=0.01)
    trainer = Trainer(data=pictures(), recipe=recipe, budget=budget)
    record = trainer.run(trial_task(0, point.spec, point.choices, "draw", seed=0))
    assert record.state == "complete"
    assert record.train_macs > 0


def test_images_too_small_for_a_space_are_refused_with_the_smallest_it_takes(tmp_path: Path) -> None:
    options = {"budget_mflops": 100, "budget_resolution": 224, "runs": tmp_path, "device": "cpu"}
    with pytest.raises(NasError, match=r"^--resolution 2: networks of squeezenet need (\d+) px") as refused:
        request_search("squeezenet", dataset=pictures(2), **options)  # type: ignore[arg-type]
    smallest = int(str(refused.value).split(" need ")[1].split()[0])
    assert 2 < smallest <= 8
    request_search("squeezenet", dataset=pictures(smallest), **options)  # type: ignore[arg-type]


def test_a_budget_counted_at_a_resolution_too_small_for_the_space_says_so(tmp_path: Path) -> None:
    with pytest.raises(NasError, match=r"^--budget-resolution 4: blocks\[\d+\]: a map of .* smallest resolution"):
        request_search(
            "squeezenet", dataset=pictures(), budget_mflops=100, budget_resolution=4, runs=tmp_path, device="cpu"
        )
