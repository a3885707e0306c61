"""ONNX graphs put out what the modules do, for any number of images."""

import numpy as np
import onnxruntime
import pytest
import torch

from nas.arch import ArchSpec
from nas.blocks import Resize, Shape
from nas.onnx_graph import to_onnx
from search_spaces import SPACES
from tests.nas.test_model_py import randomised, small
from tests.networks import random_specs


def by_onnx(content: bytes, images: torch.Tensor) -> np.ndarray:
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    found: np.ndarray = session.run(None, {"images": images.numpy()})[0]
    return found


def relative_error(spec: ArchSpec) -> float:
    network = randomised(spec)
    content = to_onnx(network, (spec.channels, spec.resolution, spec.resolution), dynamic_batch=True)
    worst = 0.0
    for count in (1, 3):
        images = torch.randn(count, spec.channels, spec.resolution, spec.resolution)
        with torch.no_grad():
            wanted = network(images).numpy()
        found = by_onnx(content, images)
        assert found.shape == wanted.shape
        worst = max(worst, float(abs(found - wanted).max() / abs(wanted).max()))
    return worst


@pytest.mark.parametrize("space", SPACES)
def test_a_network_of_every_space_for_one_image_and_for_several(space: str) -> None:
    assert relative_error(small(random_specs(space, 1, seed=6)[0])) <= 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("space", SPACES)
def test_many_networks_of_every_space(space: str) -> None:
    for spec in random_specs(space, 12, seed=7):
        assert relative_error(small(spec)) <= 1e-5


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize(("multiplier", "side"), [(0.571, 57), (0.857, 32), (0.3, 21), (1.0, 16), (0.01, 20)])
def test_resizing_is_the_same_bilinear_antialiased_resizing(multiplier: float, side: int, dynamic: bool) -> None:
    module = Resize(multiplier=multiplier).module(Shape(3, side, side))
    images = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(0))
    found = by_onnx(to_onnx(module, (3, side, side), dynamic_batch=dynamic), images)
    wanted = module(images).numpy()
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, atol=1e-6)
