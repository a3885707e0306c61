"""The same trainings on a GPU; skipped where there is none."""

from dataclasses import replace

import pytest
import torch

from nas.model import build
from nas.recipe import Recipe
from nas.train import Result, train
from nas.trial import Trainer, find_device
from tests.nas.fast import SMALL, digits

RECIPE = Recipe(
    name="gpu", epochs=2, train_images=512, val_images=300, resolution=8, batch=64, max_lr=0.1, crop=1, flip=False
)

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")


def trained(device: str, recipe: Recipe = RECIPE) -> Result:
    trainer = Trainer(data=digits(), recipe=recipe, budget=None, device=device)
    model = build(trainer.form(SMALL.scaled(1.0)), seed=0)
    return train(model, trainer.train_data(0), recipe, 0)


def test_losses_and_accuracies_are_those_of_the_cpu() -> None:
    """In fp32, before rounding has had the time to grow: the first epoch's losses agree to a thousandth."""
    here, there = trained("cpu"), trained("cuda")
    assert there.curve[0].train_loss == pytest.approx(here.curve[0].train_loss, rel=1e-3)
    assert there.val_accuracy == pytest.approx(here.val_accuracy, abs=0.05)


def test_bf16_learns_as_well() -> None:
    fp32, bf16 = trained("cuda"), trained("cuda", replace(RECIPE, precision="bf16"))
    assert bf16.curve[-1].train_loss == pytest.approx(fp32.curve[-1].train_loss, rel=0.05)


def test_images_stay_on_the_gpu_whatever_the_fold() -> None:
    trainer = Trainer(data=digits(), recipe=RECIPE, budget=None, device="cuda")
    first, second = trainer.train_data(0), trainer.train_data(1)
    assert first.device.type == "cuda"
    assert first.images.data_ptr() == second.images.data_ptr()


def test_auto_finds_it() -> None:
    assert find_device("auto") == "cuda"
