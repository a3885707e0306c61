"""What the baselines are asked to do: networks, families, seeds, folds and recipes, decided before anything runs."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nas.cost import cost
from nas.data import ImageSet
from nas.errors import NasError
from nas.plan import confirmation_fold, training_seed
from search_spaces import REFERENCES, find_reference
from studies.baselines import LENGTHS, BaselineRequest, family, request_baselines
from studies.run import execute
from tests.nas.fast import noise
from tests.studies.tiny import MIDDLE, THIN, WIDE, request


def asked(*only: str, **options: Any) -> BaselineRequest:
    defaults = {"dataset": noise(), "effort": "brief", "device": "cpu"}
    return request_baselines(only=only or None, **{**defaults, **options})


def cifar_like() -> ImageSet:
    pixels = np.random.default_rng(0).integers(0, 256, (20, 3, 32, 32), dtype=np.uint8)
    return ImageSet.from_arrays(pixels, np.arange(20) % 10, name="noise32")


# ---- networks and families


@pytest.mark.parametrize("effort", LENGTHS)
def test_every_efforts_networks_exist_and_take_32_px(effort: str) -> None:
    made = request_baselines(dataset=cifar_like(), effort=effort, device="cpu")
    assert made.facts.networks == LENGTHS[effort].networks
    assert made.facts.effort == effort
    assert all(made.trained(reference).resolution == 32 for reference in made.references)


def test_on_a_cpu_the_short_form_is_the_default() -> None:
    made = request_baselines(dataset=cifar_like(), device="cpu")
    assert (made.facts.effort, made.facts.recipe.epochs) == ("brief", LENGTHS["brief"].epochs)


def test_any_reference_at_any_width_may_be_asked_for() -> None:
    made = asked("mobilenet_v2@0.3", "squeezenet_1_1")
    assert [reference.title for reference in made.references] == ["MobileNetV2 ×0.3", "SqueezeNet 1.1"]


def test_a_network_asked_for_twice_is_one() -> None:
    assert asked("mobilenet_v1@0.5", "mobilenet_v1@0.50", "mobilenet_v1@0.5").facts.networks == ("mobilenet_v1@0.5",)


def test_a_family_is_checked_on_its_cheapest_network() -> None:
    made = asked("mobilenet_v1@0.5", "mobilenet_v3_large", "mobilenet_v1@0.25", "mobilenet_v3_small")
    found = made.families()
    assert list(found) == ["mobilenet_v1", "mobilenet_v3"]  # in the order they were asked for
    assert [reference.name for reference in found.values()] == ["mobilenet_v1@0.25", "mobilenet_v3_small"]
    for reference in made.references:
        cheapest = found[family(reference)]
        assert cost(made.trained(cheapest)).macs <= cost(made.trained(reference)).macs


def test_the_name_of_a_network_begins_with_its_familys_and_with_no_others() -> None:
    """Reports tell families by it."""
    families = {family(reference) for reference in REFERENCES.values()}
    for name, reference in REFERENCES.items():
        assert [one for one in families if name.startswith(one)] == [family(reference)]


# ---- trainings


def test_all_networks_share_seeds_and_folds_and_fold_0_is_none_of_them() -> None:
    made = request(WIDE, THIN, seeds=6, seed=2)
    tasks = made.tasks({"left": MIDDLE})
    assert len(tasks) == 12
    pairs = [[(task.seed, task.fold) for task in tasks if task.name == name] for name in ("left_wide", "left_thin")]
    expected = [(training_seed(2, k), confirmation_fold(k)) for k in range(1, 7)]
    assert pairs == [expected, expected]
    assert {fold for _, fold in expected} == {1, 2, 3, 4}
    assert [task.seed for task in tasks] == sorted(task.seed for task in tasks)  # seed by seed


def test_a_check_is_on_fold_0_with_a_seed_of_its_own_and_a_third_of_the_epochs() -> None:
    made = request(epochs=9)
    check = made.check_task("left", 0.3)
    assert (check.fold, check.seed) == (0, training_seed(0, 0))
    assert check.recipe is not None
    assert (check.recipe.epochs, check.recipe.max_lr) == (3, 0.3)
    assert check.spec == THIN.spec()
    assert check.seed not in {task.seed for task in made.tasks({"left": 0.3, "right": 0.3})}


@pytest.mark.parametrize(("epochs", "checked"), [(1, 1), (2, 2), (4, 2), (60, 20)])
def test_a_check_has_two_epochs_at_least_where_there_are_two(epochs: int, checked: int) -> None:
    assert request(epochs=epochs).check_recipe.epochs == checked


def test_a_family_is_trained_at_its_own_rate_and_one_without_is_left_out() -> None:
    tasks = request().tasks({"left": 0.3})
    assert {task.name for task in tasks} == {"left_wide", "left_thin"}
    assert {task.recipe.max_lr for task in tasks if task.recipe} == {0.3}


def test_a_mirrored_digit_is_no_digit() -> None:
    digits = ImageSet.from_arrays(noise().images, noise().labels, name="digits")
    assert not asked("mobilenet_v1@0.25", dataset=digits).facts.recipe.flip
    assert asked("mobilenet_v1@0.25").facts.recipe.flip


# ---- which study it is


def test_networks_and_seeds_may_grow_within_a_study() -> None:
    first = asked("mobilenet_v1@0.25")
    assert asked("mobilenet_v1@0.5", "squeezenet_1_1", seeds=7).name == first.name


@pytest.mark.parametrize(
    "options", [{"epochs": 5}, {"train_images": 30}, {"seed": 1}, {"max_lr": 0.2}, {"dataset": cifar_like()}]
)
def test_another_recipe_seed_rate_or_data_is_another_study(options: dict[str, Any]) -> None:
    assert asked("mobilenet_v1@0.25", **options).name != asked("mobilenet_v1@0.25").name


def test_a_name_can_be_given() -> None:
    assert asked("mobilenet_v1@0.25", study="mine").folder == Path("runs/mine")


# ---- what the caller can mend


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seeds": 0}, "--seeds 0: must be at least 1"),
        ({"seed": -1}, "--seed -1: must be at least 0"),
        ({"epochs": 0}, "--epochs 0: must be at least 1"),
        ({"train_images": 0}, "--train-images 0: must be at least 1"),
        ({"val_images": 0}, "--val-images 0: must be at least 1"),
        ({"effort": "foo"}, "--effort foo: unknown; there are brief, full"),
        ({"max_lr": -1.0}, "--lr -1: must be above zero"),
        ({"max_lr": 0.0}, "--lr 0: must be above zero"),
        ({"max_lr": float("nan")}, "--lr nan: must be above zero"),
        ({"max_lr": float("inf")}, "--lr inf: must be above zero"),
        ({"study": "a/b"}, "--study 'a/b': a name becomes a folder"),
        ({"only": ()}, "--only: names no network; there are mobilenet_v3_small, "),
        ({"only": ("mobilnet_v3_small",)}, r"--only mobilnet_v3_small: .* did you mean mobilenet_v3_small\?"),
        ({"only": ("mobilenet_v1@wide",)}, "--only mobilenet_v1@wide: the width multiplier"),
        ({"dataset": "cifar11"}, "--dataset cifar11: .* did you mean cifar10"),
    ],
)
def test_a_value_that_makes_no_sense_is_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(NasError, match=message):
        request_baselines(**{"dataset": noise(), "device": "cpu", **options})


def test_an_unknown_reference_lists_all_there_are() -> None:
    with pytest.raises(NasError) as refused:
        asked("resnet18")
    assert all(name in str(refused.value) for name in REFERENCES)


def test_a_network_that_cannot_take_these_images_says_from_which_resolution_it_can() -> None:
    smallest = find_reference("alexnet").spec().smallest_resolution("published")
    with pytest.raises(NasError, match=rf"alexnet at 32 px: .*smallest resolution it can take is {smallest} px"):
        asked("mobilenet_v1@0.25", "alexnet", dataset=cifar_like())


# ---- and one that is really trained


def test_a_real_training_from_end_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made = request(THIN, seeds=1, epochs=2)
    run = execute(made)
    (record,) = run.trainings
    assert record.state == "complete"
    assert record.recipe is not None
    assert record.recipe.max_lr in {float(one.key.split()[-1]) for one in run.rates}
    assert len(record.curve) == 2
    assert all(0 <= epoch.val_accuracy <= 1 and epoch.train_loss > 0 for epoch in record.curve)
    assert len(run.rates) >= 3
    assert json.dumps(run.facts.to_json())


def test_a_larger_resolution_is_room_for_networks_that_need_it() -> None:
    made = request_baselines(only=("alexnet",), dataset="digits", resolution=64, device="cpu")
    assert (made.facts.recipe.resolution, made.facts.recipe.crop) == (64, 8)
    assert made.trained(made.references[0]).resolution == 64
