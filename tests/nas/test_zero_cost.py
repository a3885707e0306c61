"""Scores of untrained networks against closed forms on tiny ones."""

import math
import random
from collections.abc import Sequence
from zlib import crc32

import numpy as np
import optuna
import pytest
import torch
from torch import nn

from nas.arch import ArchSpec
from nas.draw import Draw, draw
from nas.layers import Residual, SqueezeExcite
from nas.model import build
from nas.samplers import SAMPLERS, InsideSampler, ask, block
from nas.samplers.kernel import Encoder, Floats, domains_of
from nas.samplers.scores import scores, training_costs
from nas.samplers.surrogate import learn
from nas.zero_cost import agreement, flow, naswot, synflow
from search_spaces import find_reference
from tests.nas.fast import BUDGET, tiny_space

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


# ---- as a sampler uses one


def points(count: int) -> list[Draw]:
    rng = random.Random(0)
    return [draw(tiny_space, rng) for _ in range(count)]


def test_a_first_explanation_more_is_a_slope_more() -> None:
    """Values that are a line in the score are predicted from it, where nothing else is alike."""
    known, new = points(60)[:40], points(60)[40:]
    rng = np.random.default_rng(0)
    told, unseen = rng.normal(0, 1, 40), rng.normal(0, 1, 20)
    encoder = Encoder(domains_of(known))
    nothing = [0.0] * 40
    learned = learn(encoder(known, nothing).and_by(told), 3 - 2 * told)
    mean, _ = learned.predict(encoder(new, nothing[:20]).and_by(unseen))
    assert mean == pytest.approx(3 - 2 * unseen, abs=1e-6)
    blind, _ = learn(encoder(known, nothing), 3 - 2 * told).predict(encoder(new, nothing[:20]))
    assert np.abs(blind - (3 - 2 * unseen)).max() > 1


@pytest.mark.parametrize(
    ("sampler", "known", "most"), [("block_scores", "scores", 24), ("block_training", "training_costs", 500)]
)
def test_a_sampler_is_led_by_what_is_known_of_untrained_networks_and_only_when_asked(
    sampler: str, known: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing but the made-up score, and noise, is what values depend on: with it better networks are found."""
    asked: list[int] = []

    def made_up(spec: ArchSpec, salt: str = "") -> float:
        return crc32((salt + repr(spec.blocks)).encode()) / 2**32

    def counting(found: Sequence[Draw]) -> Floats:
        asked.append(len(found))
        return np.array([made_up(one.spec) for one in found])

    monkeypatch.setattr(block, known, counting)

    def mean_of(name: str) -> float:
        values = []
        for seed in range(2):
            inside = InsideSampler(tiny_space, BUDGET, seed=seed, make_inner=SAMPLERS[name], name=name)
            study = optuna.create_study(direction="maximize", sampler=inside)
            for number in range(24):
                trial, _, spec = ask(study, tiny_space)
                study.tell(trial, made_up(spec) + 0.2 * made_up(spec, "noise"))
                if number >= 8:
                    values.append(made_up(spec))
        return float(np.mean(values))

    without = mean_of("block")
    assert not asked
    # the mean of 32 even draws has a deviation of 0.05
    assert mean_of(sampler) > without + 0.15
    assert max(asked) <= most


def test_what_is_no_architecture_and_what_nothing_flows_through_have_scores_too() -> None:
    some = points(2)
    odd = Draw(choices={}, domains={}, spec="a text")  # type: ignore[arg-type]  # as a table's networks
    found = scores([*some, odd])
    assert found[2] == 0
    assert np.all(np.isfinite(found))
    assert found[:2].tolist() == scores(some).tolist()


def test_what_training_costs_is_counted_in_the_form_for_small_images() -> None:
    small = find_reference("mobilenet_v3_small").spec()
    on_cifar = 17_507_328  # multiply-adds at 32 px with ten classes
    odd = Draw(choices={}, domains={}, spec="a text")  # type: ignore[arg-type]
    found = training_costs([Draw(choices={}, domains={}, spec=small), odd])
    assert found.tolist() == [(on_cifar + 990 * 1024) / 1e6, 0]
