"""Scores of untrained networks against closed forms on tiny ones."""

import math

import pytest
import torch
from torch import nn

from nas.layers import Residual, SqueezeExcite
from nas.model import build
from nas.zero_cost import agreement, flow, naswot, synflow
from tests.nas.fast import tiny_space

TINY = tiny_space(lambda name, options: options[0])
OTHER = tiny_space(lambda name, options: options[-1])


def chain(*weights: list[list[float]], between: type[nn.Module] = nn.Identity) -> nn.Sequential:
    """Linear layers of these matrices, [out, in]."""
    layers: list[nn.Module] = []
    for rows in weights:
        layer = nn.Linear(len(rows[0]), len(rows)).double()
        layer.weight.data = torch.tensor(rows, dtype=torch.float64)
        layers += [layer, between()]
    return nn.Sequential(*layers)


def ones(count: int) -> torch.Tensor:
    return torch.ones(1, count, dtype=torch.float64)


# ---- synflow


def test_of_a_chain_of_single_weights_every_layers_flow_is_the_product_of_their_sizes() -> None:
    assert flow(chain([[2.0]], [[-3.0]], [[0.5]]), ones(1)) == pytest.approx(math.log(3 * 2 * 3 * 0.5))


def test_of_a_chain_of_matrices_it_is_the_product_of_the_matrices_of_sizes() -> None:
    first, second = [[1.0, -2.0], [0.5, 3.0], [-1.0, 0.0]], [[2.0, -1.0, 4.0]]
    product = torch.tensor(second).abs() @ torch.tensor(first).abs() @ torch.ones(2)
    found = flow(chain(first, second, between=nn.Hardswish), ones(2))
    assert found == pytest.approx(math.log(2 * float(product.sum())))


def test_a_shortcut_adds_paths_that_only_one_layer_weighs() -> None:
    body = chain([[-2.0]])
    network = nn.Sequential(Residual(body), chain([[5.0]]))
    # R = 5 · (2 + 1); the body's weight has a part of 2 · 5, the last one 5 · 3
    assert flow(network, ones(1)) == pytest.approx(math.log(10 + 15))


def test_batch_norms_gates_and_biases_do_not_count() -> None:
    plain = nn.Conv2d(2, 2, 1, bias=False).double()
    dressed = nn.Conv2d(2, 2, 1).double()
    dressed.weight.data = plain.weight.data.clone()
    image = torch.ones(1, 2, 3, 3, dtype=torch.float64)
    network = nn.Sequential(dressed, nn.BatchNorm2d(2), SqueezeExcite(2, 2, "sigmoid"), nn.ReLU()).double().eval()
    expected = math.log(9 * float(plain.weight.detach().abs().sum()))
    assert flow(network, image) == pytest.approx(expected)


def test_where_nothing_flows_it_is_minus_infinity() -> None:
    assert flow(chain([[0.0]], [[1.0]]), ones(1)) == -math.inf


# ---- naswot


def test_of_units_that_differ_the_log_determinant_is_that_of_their_agreement() -> None:
    network = chain([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], between=nn.ReLU).double()
    network[0].bias.data.zero_()
    images = torch.tensor([[1.0, 1.0], [1.0, -2.0], [-1.0, -1.0]], dtype=torch.float64)
    # on: (1, 1, 1), (1, 0, 0), (0, 0, 0)
    assert agreement(network, images).tolist() == [[3, 1, 0], [1, 3, 2], [0, 2, 3]]


def test_equal_images_cannot_be_told_apart() -> None:
    images = torch.randn(4, 3, TINY.resolution, TINY.resolution, generator=torch.Generator().manual_seed(0))
    images[2] = images[0]
    assert naswot(TINY, images=images) == -math.inf
    alike = agreement(build(TINY), images)
    assert torch.equal(alike[2], alike[0])


def test_its_value_is_the_log_determinant_and_its_diagonal_all_units() -> None:
    images = torch.randn(6, 3, TINY.resolution, TINY.resolution, generator=torch.Generator().manual_seed(3))
    alike = agreement(build(TINY, seed=5), images)
    assert len(set(alike.diagonal().tolist())) == 1
    eigenvalues = torch.linalg.eigvalsh(alike)
    assert naswot(TINY, seed=5, images=images) == pytest.approx(float(eigenvalues.log().sum()))


# ---- both


@pytest.mark.parametrize("score", [synflow, naswot])
def test_a_seed_decides_a_score_and_the_global_random_state_is_left_alone(score: object) -> None:
    before = torch.get_rng_state()
    one = score(TINY, seed=1)  # type: ignore[operator]
    assert one == score(TINY, seed=1)  # type: ignore[operator]
    assert one != score(TINY, seed=2)  # type: ignore[operator]
    assert math.isfinite(one)
    assert one != score(OTHER, seed=1)  # type: ignore[operator]
    assert torch.equal(torch.get_rng_state(), before)
