"""Training and validation images: never shared, fixed, in proportion."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.data import ImageSet, folds, split
from nas.data.split import subset
from nas.errors import NasError


def image_set(labels: list[int]) -> ImageSet:
    images = np.zeros((len(labels), 3, 8, 8), dtype=np.uint8)
    return ImageSet.from_arrays(images, np.array(labels))


def with_two_of_each(labels: list[int]) -> list[int]:
    """Class numbers without gaps, each at least twice."""
    numbers = {label: number for number, label in enumerate(sorted({*labels, 97, 98, 99, 100, 101}))}
    return [numbers[label] for label in labels] + 2 * list(numbers.values())


GOLDEN_TRAIN = [28, 29, 42, 43, 47, 48, 60, 63, 74, 76, 100, 116]
GOLDEN_VAL = [13, 36, 41, 67, 80, 111]

data_sets = st.lists(st.integers(0, 20), max_size=150).map(with_two_of_each).map(image_set)
sizes = st.none() | st.integers(1, 200)


@given(data_sets, st.integers(0, 4), sizes, sizes)
def test_no_image_is_both_trained_and_validated_on(
    data: ImageSet, fold: int, train: int | None, val: int | None
) -> None:
    parts = split(data, fold=fold, train_images=train, val_images=val)
    fold_of = folds(data.labels)
    assert not set(parts.train_index) & set(parts.val_index)
    assert set(fold_of[parts.val_index]) == {fold}
    assert fold not in fold_of[parts.train_index]
    for index in (parts.train_index, parts.val_index):
        assert np.all(np.diff(index) > 0)


@given(data_sets, st.integers(0, 4))
def test_every_class_is_trained_on_whichever_fold_is_held_out(data: ImageSet, fold: int) -> None:
    parts = split(data, fold=fold, train_images=1)
    assert set(data.labels[parts.train_index]) == set(range(len(data.classes)))


@given(data_sets, st.integers(1, 300), st.integers(1, 300))
def test_a_smaller_subset_lies_inside_a_larger_one(data: ImageSet, one: int, other: int) -> None:
    small, large = (split(data, fold=2, train_images=size, val_images=size) for size in sorted((one, other)))
    assert set(small.train_index) <= set(large.train_index)
    assert set(small.val_index) <= set(large.val_index)


@given(data_sets, st.integers(1, 300))
def test_a_subset_has_the_size_asked_for_and_each_class_in_proportion(data: ImageSet, wanted: int) -> None:
    everything = np.arange(len(data))
    index = subset(everything, data.labels, wanted)
    assert len(index) == min(max(wanted, len(data.classes)), len(data))
    available = np.bincount(data.labels)
    taken = np.bincount(data.labels[index], minlength=len(available))
    assert np.all(taken >= 1)
    # Webster's condition for fair rounding: some share t of every class, rounded, is what was taken, unless the class
    # got its one image regardless. So no class may have been rounded up from less than another was rounded down to.
    rounded_from_at_least = np.where(taken > 1, (taken - 0.5) / available, 0)
    rounded_from_at_most = np.where(taken < available, (taken + 0.5) / available, 1)
    assert rounded_from_at_least.max() <= rounded_from_at_most.min() + 1e-12


def test_equal_classes_get_equal_shares() -> None:
    data = image_set(list(range(10)) * 100)
    parts = split(data, fold=0, train_images=200, val_images=50)
    assert np.bincount(data.labels[parts.train_index]).tolist() == [20] * 10
    assert np.bincount(data.labels[parts.val_index]).tolist() == [5] * 10


def test_without_limits_every_image_is_used() -> None:
    data = image_set(list(range(10)) * 10)
    parts = split(data, fold=1)
    assert (len(parts.train_index), len(parts.val_index)) == (80, 20)


def test_asking_for_more_than_there_is_gives_everything() -> None:
    data = image_set(list(range(10)) * 10)
    parts = split(data, fold=1, train_images=10**9, val_images=10**9)
    assert (len(parts.train_index), len(parts.val_index)) == (80, 20)


def test_the_same_question_has_the_same_answer() -> None:
    data = image_set(list(range(10)) * 20)
    one, other = (split(data, fold=3, train_images=30) for _ in range(2))
    assert np.array_equal(one.train_index, other.train_index)


def test_subsets_are_what_they_have_always_been() -> None:
    parts = split(image_set([0, 1, 2] * 40), fold=0, train_images=12, val_images=6)
    assert parts.train_index.tolist() == GOLDEN_TRAIN
    assert parts.val_index.tolist() == GOLDEN_VAL


@pytest.mark.parametrize("fold", [-1, 5])
def test_a_fold_that_does_not_exist_is_refused(fold: int) -> None:
    with pytest.raises(NasError, match=f"fold {fold}: there are 5; choose 0 to 4"):
        split(image_set([0, 1] * 10), fold=fold)


@pytest.mark.parametrize("size", [0, -3])
@pytest.mark.parametrize("name", ["train_images", "val_images"])
def test_no_images_at_all_is_refused(name: str, size: int) -> None:
    with pytest.raises(NasError, match=f"{name} {size}: choose at least 1"):
        split(image_set([0, 1] * 10), fold=0, **{name: size})
