"""Images of a training: which, their mean and deviation, and what becomes of them on the way to a network."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from nas.batches import TrainData, augment, epoch_batches, normalise, resize
from nas.data import split
from nas.recipe import Recipe
from tests.nas.fast import RECIPE, digits


def digits_data(train_images: int = 512, val_images: int = 300) -> TrainData:
    found = digits()
    parts = split(found, fold=0, train_images=train_images, val_images=val_images)
    images, labels = torch.from_numpy(found.images.copy()), torch.from_numpy(found.labels.copy())
    return TrainData.of(
        (images[parts.train_index], labels[parts.train_index]), (images[parts.val_index], labels[parts.val_index])
    )


def noise_data(count: int, *, size: int = 8) -> TrainData:
    rng = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (count, 3, size, size), dtype=torch.uint8, generator=rng)
    labels = torch.arange(count) % 10
    return TrainData.of((images, labels), (images, labels))


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


def test_indexes_into_all_images_are_the_same_as_images_of_their_own() -> None:
    found = digits()
    parts = split(found, fold=1, train_images=400, val_images=100)
    images, labels = torch.from_numpy(found.images.copy()), torch.from_numpy(found.labels.copy())
    train_index, val_index = torch.from_numpy(parts.train_index), torch.from_numpy(parts.val_index)
    at = TrainData.at(images, labels, train_index, val_index)
    of = TrainData.of((images[train_index], labels[train_index]), (images[val_index], labels[val_index]))
    for name in ("mean", "std", "train_images", "train_labels", "val_images", "val_labels"):
        assert torch.equal(getattr(at, name), getattr(of, name)), name
    assert at.images.data_ptr() == images.data_ptr()  # not copied
    for one, other in zip(at.validation(30), of.validation(30), strict=True):
        assert torch.equal(one[0], other[0])
        assert torch.equal(one[1], other[1])


def test_mean_and_deviation_do_not_depend_on_the_slices_they_are_summed_in() -> None:
    images = noise_data(1500, size=4).train_images  # more than one slice
    data = TrainData.at(images, torch.zeros(1500), torch.arange(1500), torch.arange(3))
    whole = images.double()
    assert data.mean.flatten().double() == pytest.approx(whole.mean((0, 2, 3)), rel=1e-6)
    assert data.std.flatten().double() == pytest.approx(whole.std((0, 2, 3), correction=0), rel=1e-6)


def test_validation_images_come_in_order_the_last_batch_incomplete() -> None:
    data = noise_data(50)
    batches = list(data.validation(16))
    assert [len(images) for images, _ in batches] == [16, 16, 16, 2]
    assert torch.equal(torch.cat([images for images, _ in batches]), data.val_images)
    assert torch.equal(torch.cat([labels for _, labels in batches]), data.val_labels)


def test_an_epoch_is_a_fresh_order_without_its_incomplete_batch() -> None:
    rng = torch.Generator().manual_seed(0)
    first, second = (list(epoch_batches(50, 16, rng)) for _ in range(2))
    assert [len(batch) for batch in first] == [16, 16, 16]
    assert len(torch.cat(first).unique()) == 48
    assert torch.cat(first).max() < 50
    assert not torch.equal(torch.cat(first), torch.cat(second))
    assert [sorted(batch.tolist()) for batch in epoch_batches(5, 16, rng)] == [[0, 1, 2, 3, 4]]
    assert [len(batch) for batch in epoch_batches(32, 16, rng)] == [16, 16]


def test_batches_of_another_side_are_resized_after_normalising() -> None:
    data = noise_data(20)
    own = normalise(data.train_images, data)
    assert torch.equal(normalise(data.train_images, data, side=8), own)
    assert torch.equal(normalise(data.train_images, data, side=None), own)
    half = normalise(data.train_images, data, side=4)
    assert half.shape == (20, 3, 4, 4)
    assert half.is_contiguous(memory_format=torch.channels_last)
    assert half.mean().item() == pytest.approx(own.mean().item(), abs=0.02)
    # antialiased: half the side averages, so that noise becomes weaker
    assert half.std() < 0.7 * own.std()
    flat = torch.full((2, 3, 8, 8), 99, dtype=torch.uint8)
    assert normalise(flat, data, side=5)[:, :, 2, 3] == pytest.approx(normalise(flat, data)[:, :, 0, 0], rel=1e-5)
