"""AlexNet, beside torchvision's."""

from __future__ import annotations

import pytest
import torch
import torchvision

from nas.blocks import Classifier, Convolution, Linear, Pooling
from nas.cost import cost, ledger
from nas.errors import SpecError
from nas.model import build
from search_spaces import REFERENCES, SPACES
from search_spaces.alexnet import published
from tests.nas.test_model import assert_same_outputs, copy_in_order, randomise
from tests.networks import image_on_meta, network_on_meta

SMALLEST = 63  # px


def test_counts_are_torchvisions_to_the_last_integer() -> None:
    found = cost(REFERENCES["alexnet"].spec())
    # Krizhevsky et al. 2012 print 60 million parameters for the network on two GPUs, and SqueezeNet's paper 240 MB
    assert (found.params, found.macs) == (61_100_840, 714_188_480)


# kernel, channels, stride, padding, side of the output at 224 px; p: a max pooling, 3×3 with stride 2
LAYERS = """
    11  64 4 2 55
    p              27
    5  192 1 2 27
    p              13
    3  384 1 1 13
    3  256 1 1 13
    3  256 1 1 13
    p               6"""


def test_the_network_is_the_table() -> None:
    spec = published()
    rows = ledger(spec)
    expected = [line.split() for line in LAYERS.strip().splitlines()]
    for row, block, facts in zip(rows, spec.blocks, expected, strict=False):
        assert (row.out.height, row.out.width) == (int(facts[-1]), int(facts[-1]))
        if facts[0] == "p":
            assert block == Pooling(operation="max", kernel=3, stride=2)
        else:
            kernel, out, stride, padding, _ = (int(one) for one in facts)
            assert block == Convolution(
                kernel=kernel, out=out, stride=stride, padding=padding, bias=True, norm=False, activation="relu"
            )
    assert spec.blocks[len(expected) :] == (
        Pooling(size=6),
        Linear(out=4096, dropout=0.5),
        Linear(out=4096, dropout=0.5),
        Classifier(classes=1000),
    )
    assert (spec.resolution, spec.strides, spec.initialisation) == (224, "published", "torch")


def test_nearly_all_parameters_are_in_the_linear_layers() -> None:
    rows = ledger(published())
    linear = sum(row.cost.params for row in rows if row.kind in ("linear", "classifier"))
    assert round(linear / cost(published()).params, 2) == 0.96


def test_alexnet_belongs_to_no_space() -> None:
    assert "alexnet" not in SPACES
    assert (REFERENCES["alexnet"].space, REFERENCES["alexnet"].choices) == (None, None)


def test_convolutions_and_hidden_layers_scale_with_the_width() -> None:
    assert published(1.0) == REFERENCES["alexnet"].spec()
    widths = [block.out for block in published(0.5).blocks if isinstance(block, Convolution | Linear)]
    assert widths == [32, 96, 192, 128, 128, 2048, 2048]
    widths = [block.out for block in published(0.3).blocks if isinstance(block, Convolution | Linear)]
    assert all(width % 8 == 0 for width in widths)


# ---- small images


def test_the_smallest_image_has_63_px_and_the_error_says_so() -> None:
    spec = published()
    assert spec.smallest_resolution("published") == SMALLEST
    with pytest.raises(SpecError, match=rf"the smallest resolution it can take is {SMALLEST} px$"):
        spec.at(resolution=SMALLEST - 1)


def test_there_is_no_rule_for_small_images_and_the_error_says_so() -> None:
    spec = published()
    assert spec.smallest_resolution("cifar") is None
    with pytest.raises(
        SpecError, match=rf"no rule for small images.*smallest resolution it can take is {SMALLEST} px$"
    ):
        spec.at(resolution=32, strides="cifar")


# ---- built networks


@pytest.mark.parametrize("resolution", [SMALLEST, 224])
def test_with_torchvisions_weights_the_outputs_are_torchvisions(resolution: int) -> None:
    theirs = torchvision.models.alexnet(weights=None, num_classes=10).eval()
    randomise(theirs, seed=1)
    ours = build(published().at(resolution=resolution, classes=10)).eval()
    assert copy_in_order(theirs, ours) == 16
    assert_same_outputs(
        theirs, ours, torch.randn(2, 3, resolution, resolution, generator=torch.Generator().manual_seed(2))
    )


def test_a_thousand_classes_are_scored_at_its_own_size() -> None:
    spec = published()
    assert network_on_meta(spec)(image_on_meta(spec)).shape == (1, 1000)
