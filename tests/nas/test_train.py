"""One training: what it learns, what it depends on, and what every image goes through."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nas.blocks import InvertedResidual
from nas.data import split
from nas.model import build
from nas.recipe import Recipe
from nas.train import Diverged, Result, TrainData, augment, evaluate, normalise, one_cycle, resize, train
from tests.nas.fast import RECIPE, digits, network

SPEC = network(16, InvertedResidual(kernel=3, mid=32, out=16), resolution=8, classes=10)


def digits_data(train_images: int = 512, val_images: int = 300) -> TrainData:
    found = digits()
    parts = split(found, fold=0, train_images=train_images, val_images=val_images)
    images, labels = torch.from_numpy(found.images.copy()), torch.from_numpy(found.labels.copy())
    return TrainData.of(
        (images[parts.train_index], labels[parts.train_index]), (images[parts.val_index], labels[parts.val_index])
    )


def run(recipe: Recipe = RECIPE, *, seed: int = 0, data: TrainData | None = None, report: Any = None) -> Result:
    return train(build(SPEC, seed=seed), data or digits_data(), recipe, seed, report=report)


def accuracies(result: Result) -> list[tuple[float, float]]:
    return [(epoch.train_loss, epoch.val_accuracy) for epoch in result.curve]


def noise_data(count: int, *, size: int = 8) -> TrainData:
    rng = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (count, 3, size, size), dtype=torch.uint8, generator=rng)
    labels = torch.arange(count) % 10
    return TrainData.of((images, labels), (images, labels))


def test_a_few_epochs_on_digits_are_far_above_chance() -> None:
    result = run(replace(RECIPE, epochs=4))
    assert len(result.curve) == 4
    # 300 images at chance, 10%: six standard deviations are 6 × √(.1 × .9 / 300) = 10 points
    assert result.val_accuracy > 0.5
    assert result.curve[-1].train_loss < result.curve[0].train_loss
    assert not result.stopped


def test_the_same_seed_gives_exactly_the_same_curve_and_another_seed_another() -> None:
    data = digits_data(128, 100)
    assert accuracies(run(data=data)) == accuracies(run(data=data))
    assert accuracies(run(data=data)) != accuracies(run(data=data, seed=1))


def test_a_curve_does_not_depend_on_random_numbers_drawn_elsewhere_nor_change_them() -> None:
    data = digits_data(128, 100)
    torch.manual_seed(1)
    first = accuracies(run(data=data))
    torch.rand(17)
    before = torch.get_rng_state()
    second = accuracies(run(data=data))
    assert first == second
    assert torch.equal(torch.get_rng_state(), before)


def test_dropout_follows_the_seed() -> None:
    def with_dropout(seed: int) -> list[tuple[float, float]]:
        model = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(192, 10))
        with torch.no_grad():
            model[2].weight.fill_(0.01)
            model[2].bias.zero_()
        return accuracies(train(model, noise_data(32), replace(RECIPE, crop=0, batch=32), seed))

    torch.manual_seed(5)
    first = with_dropout(0)
    torch.manual_seed(6)
    assert with_dropout(0) == first
    assert with_dropout(1) != first  # one batch of everything, no crop: nothing but dropout differs


def test_the_value_is_the_last_epochs_and_not_the_best_ones() -> None:
    class Fading(Spy):
        """After the first epoch it says 0, which is right for two thirds of the images; later 1."""

        def forward(self, images: Tensor) -> Tensor:
            if self.training:
                return super().forward(images)
            answer = torch.full((len(images),), 0 if len(self.batches) <= 3 else 1)
            return nn.functional.one_hot(answer, 10).float()

    data = noise_data(48)
    data.val_labels.copy_((torch.arange(48) % 3 == 0).long())
    result = train(Fading(), data, replace(RECIPE, epochs=3), 0)
    assert [epoch.val_accuracy for epoch in result.curve] == pytest.approx([2 / 3, 1 / 3, 1 / 3])
    assert result.val_accuracy == pytest.approx(1 / 3)


def test_every_epoch_is_reported_and_a_report_can_stop_the_training() -> None:
    seen: list[tuple[int, float]] = []

    def stop_after_two(epoch: int, accuracy: float) -> bool:
        seen.append((epoch, accuracy))
        return epoch == 2

    result = run(replace(RECIPE, epochs=5), data=digits_data(64, 50), report=stop_after_two)
    assert result.stopped
    assert seen == [(number, epoch.val_accuracy) for number, epoch in enumerate(result.curve, 1)]
    assert len(seen) == 2


def test_stopping_after_the_last_epoch_is_no_stopping() -> None:
    result = run(replace(RECIPE, epochs=1), data=digits_data(64, 50), report=lambda *_: True)
    assert not result.stopped


def test_the_learning_rate_goes_up_and_down_in_straight_lines() -> None:
    rates = [one_cycle(step, 100, 0.25) for step in range(100)]
    top = rates.index(max(rates))
    assert top in (24, 25)
    assert max(rates) == pytest.approx(1, abs=1 / 25)
    assert rates[0] == pytest.approx(0.5 / 25)  # the middle of the first of 25 steps up
    assert rates[-1] == pytest.approx(0.5 / 75)  # the middle of the last of 75 steps down
    ups = [b - a for a, b in pairwise(rates[:25])]
    downs = [a - b for a, b in pairwise(rates[25:])]
    assert ups == pytest.approx([1 / 25] * 24)
    assert downs == pytest.approx([1 / 75] * 74)


@pytest.mark.parametrize("warmup", [0.0, 0.25, 1.0])
@pytest.mark.parametrize("steps", [1, 2, 3, 7])
def test_the_learning_rate_is_never_zero_or_above_its_top_however_few_the_steps(steps: int, warmup: float) -> None:
    assert all(0 < one_cycle(step, steps, warmup) <= 1 for step in range(steps))


def _crops(image: Tensor, recipe: Recipe) -> list[Tensor]:
    """All that may become of one image, the slow way: pad, cut out, perhaps mirror."""
    channels, height, width = image.shape
    padded = torch.zeros(channels, height + 2 * recipe.crop, width + 2 * recipe.crop, dtype=image.dtype)
    padded[:, recipe.crop : recipe.crop + height, recipe.crop : recipe.crop + width] = image
    found = []
    for top in range(2 * recipe.crop + 1):
        for left in range(2 * recipe.crop + 1):
            cut = padded[:, top : top + height, left : left + width]
            found.append(cut)
            if recipe.flip:
                found.append(cut.flip(-1))
    return found


@pytest.mark.parametrize(("crop", "flip"), [(2, True), (2, False), (0, True), (0, False)])
def test_an_augmented_image_is_a_crop_of_the_padded_one_mirrored_or_not(crop: int, flip: bool) -> None:
    recipe = replace(RECIPE, crop=crop, flip=flip)
    images = noise_data(400).train_images
    out = augment(images, recipe, torch.Generator().manual_seed(3))
    assert out.shape == images.shape
    assert out.dtype == torch.uint8
    which = []
    for image, result in zip(images, out, strict=True):
        matches = [place for place, crop_ in enumerate(_crops(image, recipe)) if torch.equal(crop_, result)]
        assert len(matches) == 1
        which += matches
    # every one of the at most 50 ways comes up among 400 images: a given one is missed with (49/50)⁴⁰⁰ = 0.03%
    ways = (2 * crop + 1) ** 2 * (2 if flip else 1)
    assert len(set(which)) >= ways - 1


def test_without_flip_no_image_is_mirrored_and_with_it_half_are() -> None:
    images = noise_data(400).train_images
    plain = augment(images, replace(RECIPE, crop=0, flip=False), torch.Generator().manual_seed(0))
    assert torch.equal(plain, images)
    mirrored = augment(images, replace(RECIPE, crop=0, flip=True), torch.Generator().manual_seed(0))
    share = (mirrored != images).flatten(1).any(1).float().mean().item()
    assert share == pytest.approx(0.5, abs=6 * 0.5 / 400**0.5)  # six standard deviations
    assert torch.equal(
        torch.where((mirrored != images).flatten(1).any(1).view(-1, 1, 1, 1), mirrored.flip(-1), mirrored), images
    )


def test_augmentation_depends_on_its_generator_only() -> None:
    images, recipe = noise_data(50).train_images, replace(RECIPE, flip=True)
    first, again, other = (augment(images, recipe, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


class Spy(nn.Module):
    """Scores from the mean of an image; remembers what it was shown while training."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 10)
        self.batches: list[Tensor] = []

    def forward(self, images: Tensor) -> Tensor:
        if self.training:
            self.batches.append(images.detach().clone())
        scores: Tensor = self.linear(images.mean((2, 3)))
        return scores


def test_an_incomplete_last_batch_is_left_out_and_every_epoch_has_another_order() -> None:
    spy = Spy()
    train(spy, noise_data(50), replace(RECIPE, epochs=2, batch=16, crop=0), 0)
    assert [len(batch) for batch in spy.batches] == [16] * 6
    assert not torch.equal(spy.batches[0], spy.batches[3])
    epoch = torch.cat(spy.batches[:3]).flatten(1)
    assert len(epoch.unique(dim=0)) == 48  # no image twice


def test_fewer_images_than_a_batch_are_one_batch() -> None:
    spy = Spy()
    train(spy, noise_data(5), replace(RECIPE, epochs=3, batch=16), 0)
    assert [len(batch) for batch in spy.batches] == [5, 5, 5]


def test_the_network_is_shown_training_images_of_mean_zero_and_deviation_one() -> None:
    data = digits_data(512)
    shown = normalise(data.train_images, data)
    assert shown.mean((0, 2, 3)).abs().max() < 1e-5
    assert shown.std((0, 2, 3), correction=0) == pytest.approx(torch.ones(3), abs=1e-4)
    assert shown.is_contiguous(memory_format=torch.channels_last)
    whole = data.train_images.double()
    assert data.mean.flatten().double() == pytest.approx(whole.mean((0, 2, 3)), rel=1e-6)
    assert data.std.flatten().double() == pytest.approx(whole.std((0, 2, 3), correction=0), rel=1e-6)


def test_images_of_one_grey_do_not_divide_by_zero() -> None:
    images = torch.full((20, 3, 8, 8), 7, dtype=torch.uint8)
    data = TrainData.of((images, torch.arange(20) % 10), (images, torch.arange(20) % 10))
    assert torch.equal(normalise(images, data), torch.zeros(20, 3, 8, 8))


def test_mean_and_deviation_are_those_of_the_training_images_alone() -> None:
    dark, bright = (torch.full((20, 3, 8, 8), value, dtype=torch.uint8) for value in (10, 200))
    labels = torch.arange(20) % 10
    assert TrainData.of((dark, labels), (bright, labels)).mean.flatten().tolist() == [10, 10, 10]


def test_a_loss_that_becomes_no_number_is_a_divergence_with_its_epoch() -> None:
    class NanFrom(Spy):
        def forward(self, images: Tensor) -> Tensor:
            scores = super().forward(images)
            return scores * float("nan") if len(self.batches) > 3 else scores  # three batches an epoch

    with pytest.raises(Diverged, match="training loss became nan in epoch 2"):
        train(NanFrom(), noise_data(48), replace(RECIPE, epochs=3), 0)


def test_weights_decay_and_biases_and_batch_norm_do_not() -> None:
    """With a constant loss only decay moves parameters."""

    class Constant(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 1)
            self.norm = nn.BatchNorm2d(4)
            self.linear = nn.Linear(4, 10)

        def forward(self, images: Tensor) -> Tensor:
            scores: Tensor = self.linear(self.norm(self.conv(images)).mean((2, 3)))
            return scores * 0.0

    model = Constant()
    nn.init.ones_(model.conv.bias)  # type: ignore[arg-type]
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    train(model, noise_data(32), replace(RECIPE, epochs=1, weight_decay=0.1), 0)
    moved = {name for name, value in model.named_parameters() if not torch.equal(value, before[name])}
    assert moved == {"conv.weight", "linear.weight"}
    assert model.linear.weight.detach().norm() < before["linear.weight"].norm()


def test_validation_is_the_share_of_images_scored_right_batch_by_batch() -> None:
    class AlwaysThree(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return nn.functional.one_hot(torch.full((len(images),), 3), 10).float()

    assert evaluate(AlwaysThree(), noise_data(45), batch=16) == pytest.approx(5 / 45)  # labels 0…9 in turn


def test_validation_does_not_touch_batch_norm() -> None:
    model = build(SPEC, seed=0)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    evaluate(model, noise_data(40))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("resolution", [4, 8, 13, 16])
def test_resized_images_keep_their_brightness(resolution: int) -> None:
    images = noise_data(30).train_images
    out = resize(images, resolution)
    assert out.shape == (30, 3, resolution, resolution)
    assert out.dtype == torch.uint8
    flat = torch.full((2, 3, 8, 8), 137, dtype=torch.uint8)
    assert (resize(flat, resolution) == 137).all()
    assert out.float().mean() == pytest.approx(images.float().mean().item(), abs=2)


def test_halving_averages_rather_than_drops_pixels() -> None:
    board = torch.zeros(1, 3, 8, 8, dtype=torch.uint8)
    board[..., ::2, ::2] = board[..., 1::2, 1::2] = 200
    inner = resize(board, 4)[..., 1:-1, 1:-1].float()
    assert inner.min() > 80
    assert inner.max() < 120
