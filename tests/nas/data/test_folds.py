"""Five folds: fair to every class, and the same for ever."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.data import folds
from nas.data.folds import shuffle_keys
from nas.errors import NasError

GOLDEN_START = [3, 2, 2, 2, 2, 2, 0, 0, 1, 1, 0, 3, 1, 4, 2, 2, 1, 2, 0, 3]
GOLDEN_HASH = "cb66f3ec2516d867b375e7a9d2a20a60474690a4a6fde05c7445c8e2e7405a56"

some_labels = st.lists(st.integers(0, 12), min_size=5, max_size=300).map(lambda numbers: np.array(numbers))


@given(some_labels, st.integers(2, 5))
def test_folds_are_even_in_every_class_and_over_all(labels: np.ndarray, count: int) -> None:
    fold = folds(labels, count)
    assert fold.dtype == np.int8
    groups = [np.full(len(labels), True)] + [labels == name for name in np.unique(labels)]
    for group in groups:
        sizes = np.bincount(fold[group], minlength=count)
        assert sizes.sum() == group.sum()
        assert sizes.max() - sizes.min() <= 1


def test_classes_smaller_than_the_folds_do_not_crowd_into_one() -> None:
    labels = np.arange(50)  # one image a class
    assert np.bincount(folds(labels)).tolist() == [10, 10, 10, 10, 10]


def test_folds_do_not_follow_the_order_of_the_images() -> None:
    fold = folds(np.zeros(1000, dtype=np.int64))
    later = fold[1:] - fold[:-1]
    assert not np.array_equal(fold, np.arange(1000) % 5)
    # dealt in file order the fold would step by 1 (or -4) each time; shuffled, in one step of five
    assert np.mean((later == 1) | (later == -4)) == pytest.approx(0.2, abs=6 * np.sqrt(0.2 * 0.8 / 999))


def test_folds_are_what_they_have_always_been() -> None:
    """Were this to fail, accuracies recorded before and after could not be compared."""
    fold = folds(np.arange(1000) % 7)
    assert fold[:20].tolist() == GOLDEN_START
    assert hashlib.sha256(fold.tobytes()).hexdigest() == GOLDEN_HASH


def test_shuffle_keys_are_splitmix64() -> None:
    published = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]  # its first outputs from seed 0
    assert shuffle_keys(3, salt=0).tolist() == published


def test_fewer_images_than_folds_are_refused() -> None:
    with pytest.raises(NasError, match="4 images cannot be dealt into 5 folds"):
        folds(np.zeros(4, dtype=np.int64))


@pytest.mark.parametrize("count", [-1, 0, 1, 101])
def test_a_senseless_number_of_folds_is_refused(count: int) -> None:
    with pytest.raises(NasError, match=f"folds: {count}; choose 2 to 100"):
        folds(np.zeros(500, dtype=np.int64), count)
