"""Recipes and efforts: a name, a hash, and what overrides what."""

import json
import re
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from nas.data import ImageSet
from nas.effort import EFFORTS, find_effort, recipe_for
from nas.errors import NasError
from nas.recipe import Recipe
from tests.nas.fast import RECIPE, digits, noise

OTHER: dict[str, Any] = {
    "epochs": 3,
    "train_images": 10,
    "val_images": 10,
    "resolution": 16,
    "batch": 17,
    "max_lr": 0.3,
    "warmup": 0.5,
    "momentum": 0.5,
    "weight_decay": 0.1,
    "label_smoothing": 0.0,
    "norm_momentum": None,
    "crop": 2,
    "flip": True,
    "sides": (4, 8),
    "precision": "bf16",
}


@pytest.mark.parametrize("field", [field.name for field in fields(Recipe) if field.name != "name"])
def test_every_fact_of_a_recipe_is_in_its_hash(field: str) -> None:
    changed = replace(RECIPE, **{field: OTHER[field]})
    assert changed.hash != RECIPE.hash
    assert len(changed.hash) == 8


def test_the_name_is_not_in_the_hash() -> None:
    assert replace(RECIPE, name="other").hash == RECIPE.hash


def test_a_recipe_as_a_document_has_its_hash() -> None:
    assert RECIPE.to_dict()["hash"] == RECIPE.hash
    assert RECIPE.to_dict()["epochs"] == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, "--epochs 0: must be at least 1"),
        ({"batch": 1}, "--batch 1: must be at least 2"),
        ({"resolution": 0}, "--resolution 0: must be at least 1"),
        ({"crop": -1}, "--crop -1: must be at least 0"),
        ({"train_images": 0}, "--train-images 0: must be at least 1"),
        ({"val_images": -5}, "--val-images -5: must be at least 1"),
        ({"max_lr": 0.0}, "max_lr 0.0: must be above zero"),
        ({"max_lr": float("nan")}, "max_lr nan: must be above zero"),
        ({"sides": (0,)}, "sides (0,): must be from 1 to the resolution, 8"),
        ({"sides": (4, -1, 8)}, "sides (4, -1, 8): must be from 1 to the resolution, 8"),
        ({"sides": (4, 9)}, "sides (4, 9): must be from 1 to the resolution, 8"),
        ({"sides": (4, 8), "resolution": 6}, "sides (4, 8): must be from 1 to the resolution, 6"),
    ],
)
def test_a_recipe_no_training_could_have_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(NasError, match=f"^{re.escape(message)}$"):
        replace(RECIPE, **change)


def test_sides_are_those_of_the_first_epochs_and_the_last_one_of_all_further_epochs() -> None:
    recipe = replace(RECIPE, sides=(4, 6, 8))
    assert [recipe.side(epoch) for epoch in range(1, 6)] == [4, 6, 8, 8, 8]
    assert [replace(RECIPE, sides=(5,)).side(epoch) for epoch in (1, 2, 9)] == [5, 5, 5]


def test_without_sides_every_epoch_has_the_resolution() -> None:
    assert RECIPE.sides == ()
    assert [RECIPE.side(epoch) for epoch in (1, 2, 9)] == [8, 8, 8]


def test_sides_in_another_order_and_the_resolution_as_a_side_have_a_hash_of_their_own() -> None:
    recipes = [replace(RECIPE, sides=sides) for sides in ((), (8,), (4, 8), (8, 4), (4, 4, 8))]
    assert len({recipe.hash for recipe in recipes}) == len(recipes)


@pytest.mark.parametrize("change", [{}, {"sides": (4, 8), "precision": "bf16"}])
def test_a_recipe_read_back_from_json_is_the_same(change: dict[str, Any]) -> None:
    recipe, adapter = replace(RECIPE, **change), TypeAdapter(Recipe)
    again = adapter.validate_json(adapter.dump_json(recipe))
    assert again == recipe
    assert again.hash == recipe.hash


def test_a_recipe_written_before_there_were_sides_and_precision_is_one_without_them() -> None:
    facts = {field.name: getattr(RECIPE, field.name) for field in fields(Recipe)}
    del facts["sides"], facts["precision"]
    assert TypeAdapter(Recipe).validate_json(json.dumps(facts)) == RECIPE


@pytest.mark.parametrize("effort", EFFORTS)
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_every_effort_has_a_recipe_for_cpu_and_gpu_under_its_name(effort: str, device: str) -> None:
    recipe = recipe_for(effort, noise(), device=device)
    assert recipe.name == f"{effort}-{'cpu' if device == 'cpu' else 'gpu'}"
    assert recipe.resolution == 8  # never more than the images have


def test_efforts_grow_and_only_the_demonstration_names_no_winner() -> None:
    demo, brief, full = (EFFORTS[name] for name in ("demo", "brief", "full"))
    assert demo.trials < brief.trials < full.trials
    assert (demo.confirm, brief.confirm, full.confirm) == (0, 2, 5)
    assert [effort.names_winner for effort in (demo, brief, full)] == [False, True, True]
    assert brief.trials == 24


def test_overrides_replace_what_they_name_and_mark_the_recipe() -> None:
    recipe = recipe_for("brief", noise(), epochs=7, train_images=11, val_images=12)
    assert (recipe.epochs, recipe.train_images, recipe.val_images) == (7, 11, 12)
    assert recipe.name == "brief-cpu, changed"
    assert recipe.batch == EFFORTS["brief"].cpu.batch


@pytest.mark.parametrize(("own", "trained"), [(8, 8), (28, 24), (32, 24), (48, 48), (224, 224)])
def test_brief_trainings_reduce_small_images_only_and_none_where_a_resolution_is_asked_for(
    own: int, trained: int
) -> None:
    images = ImageSet.from_arrays(np.zeros((10, 3, own, own), dtype=np.uint8), np.arange(10) % 2)
    usual, asked = recipe_for("brief", images), recipe_for("brief", images, resolution=own)
    assert (usual.resolution, usual.crop, usual.name) == (trained, trained // 8, "brief-cpu")
    assert (asked.resolution, asked.crop) == (own, own // 8)
    assert asked.name == ("brief-cpu" if own == trained else "brief-cpu, changed")
    assert recipe_for("brief", images, resolution=1000).resolution == own


def test_an_override_that_changes_nothing_is_the_same_recipe() -> None:
    length = EFFORTS["brief"].cpu
    assert recipe_for("brief", noise(), epochs=length.epochs, batch=length.batch) == recipe_for("brief", noise())


def test_the_learning_rate_follows_the_batch() -> None:
    length = EFFORTS["brief"].cpu
    assert recipe_for("brief", noise(), batch=2 * length.batch).max_lr == pytest.approx(2 * length.max_lr)


def test_digits_are_never_mirrored_and_other_images_are() -> None:
    assert not recipe_for("brief", digits()).flip
    assert recipe_for("brief", noise()).flip


def test_an_unknown_effort_lists_those_there_are() -> None:
    with pytest.raises(NasError, match="--effort long: unknown; there are demo, brief, full"):
        find_effort("long")
