"""Networks that nobody published at other widths: every channel scaled, every shortcut still there."""

import random

import pytest

from nas.blocks import DenseLayer, Fire, InvertedResidual
from nas.cost import cost
from nas.draw import draw
from search_spaces import REFERENCES, SPACES
from search_spaces.channels import divisible
from studies.ablations.widths import widened


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("times", [0.5, 0.75, 1.25, 2.0])
def test_any_network_can_be_widened_and_keeps_its_shortcuts(name: str, times: float) -> None:
    for seed in range(6):
        spec = draw(SPACES[name], random.Random(seed)).spec
        made = widened(spec, times)
        assert (cost(made).macs < cost(spec).macs) == (times < 1)
        for before, after in zip(spec.rows(), made.rows(), strict=True):
            assert before.block.kind == after.block.kind
            if isinstance(before.block, InvertedResidual) and isinstance(after.block, InvertedResidual):
                assert after.block.out == divisible(times * before.block.out)
                assert before.block.has_shortcut(before.shape) <= after.block.has_shortcut(after.shape)
                assert before.block.expands(before.shape) >= after.block.expands(after.shape)
                assert bool(before.block.squeeze) == bool(after.block.squeeze)
            if isinstance(before.block, Fire) and isinstance(after.block, Fire):
                assert before.block.bypass == after.block.bypass
            if isinstance(before.block, DenseLayer) and isinstance(after.block, DenseLayer):
                assert (before.block.bottleneck == 0) == (after.block.bottleneck == 0)


@pytest.mark.parametrize("name", REFERENCES)
def test_at_width_one_it_is_the_network_itself(name: str) -> None:
    assert widened(REFERENCES[name].spec(), 1.0) == REFERENCES[name].spec()


@pytest.mark.parametrize("width", [0.5, 0.75, 1.25])
@pytest.mark.parametrize("name", ["mobilenet_v3_small", "mobilenet_v3_large", "mobilenet_v2", "mobilenet_v1"])
def test_published_widths_come_out_nearly_as_published(name: str, width: float) -> None:
    """Not exactly: small's ratio of 3.5 was itself rounded, and V2's last convolution never shrinks."""
    ours, theirs = cost(widened(REFERENCES[name].spec(), width)).macs, cost(REFERENCES[name].scaled(width)).macs
    assert ours == pytest.approx(theirs, rel=0.03 if name != "mobilenet_v2" else 0.25)
