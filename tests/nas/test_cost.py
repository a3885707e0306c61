"""Costs in closed form: the published networks' numbers, and the built networks' by two independent counters."""

from __future__ import annotations

import pickle
from dataclasses import astuple, replace

import pytest
import torch
from hypothesis import given, settings
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from nas.arch import ArchSpec
from nas.blocks import Classifier, InvertedResidual, Shape
from nas.cost import Cost, cost, ledger
from nas.model import build
from search_spaces import REFERENCES, SPACES, find_reference
from tests.networks import ARCHITECTURES, image_on_meta, network_on_meta, parameters, random_specs

# Howard et al. 2019 (arXiv 1905.02244), tables 3 to 5, print 56 M, 219 M, 44 M, 155 M multiply-adds. The integers are
# fvcore's conv and linear operators on torchvision's networks (width 1), and on timm's (0.75), at 1000 classes; so are
# those of the other families, on the original implementations.
#   reference, px, MACs, parameters
PUBLISHED = [
    ("mobilenet_v3_small", 224, 56_510_400, 2_542_856),
    ("mobilenet_v3_small@0.75", 224, 43_399_344, 2_041_872),
    ("mobilenet_v3_large", 224, 216_589_760, 5_483_032),
    ("mobilenet_v3_large@0.75", 224, 154_560_624, 3_993_528),
    ("mobilenet_v3_large", 256, 281_663_360, 5_483_032),
    ("mobilenet_v3_large", 192, 160_192_640, 5_483_032),
    ("mobilenet_v3_large", 160, 112_472_000, 5_483_032),
    ("mobilenet_v3_large", 128, 73_427_840, 5_483_032),
    ("mobilenet_v3_large", 96, 43_060_160, 5_483_032),
    ("mobilenet_v2", 224, 300_774_272, 3_504_872),
    ("mobilenet_v2@1.4", 224, 582_195_824, 6_108_776),
    ("mobilenet_v1", 224, 568_740_352, 4_231_976),
    ("mobilenet_v1@0.75", 224, 325_400_448, 2_585_560),
    ("mobilenet_v1@0.5", 224, 149_497_088, 1_331_592),
    ("mobilenet_v1@0.25", 224, 41_030_272, 470_072),
    ("mobilenet_v1", 192, 418_121_728, 4_231_976),
    ("mobilenet_v1", 160, 290_675_200, 4_231_976),
    ("mobilenet_v1", 128, 186_400_768, 4_231_976),
    ("squeezenet_1_0", 224, 818_924_576, 1_248_424),
    ("squeezenet_1_1", 224, 349_151_936, 1_235_496),
    ("densenet_121", 224, 2_834_161_664, 7_978_856),
    ("alexnet", 224, 714_188_480, 61_100_840),
]

# MobileNetV3 (torchvision's, strides set by hand) at 32 px and 10 classes, counted in the same way.
#   reference, how many leading strides are 1 instead of 2, MACs, parameters
CIFAR = [
    ("mobilenet_v3_small", 0, 2_169_792, 1_528_106),
    ("mobilenet_v3_small", 1, 5_502_720, 1_528_106),
    ("mobilenet_v3_small", 2, 17_507_328, 1_528_106),
    ("mobilenet_v3_large", 0, 7_087_040, 4_214_842),
    ("mobilenet_v3_large", 1, 20_101_760, 4_214_842),
    ("mobilenet_v3_large", 2, 66_459_008, 4_214_842),
]


@pytest.mark.parametrize(("reference", "resolution", "macs", "params"), PUBLISHED)
def test_published_networks_cost_what_is_published(reference: str, resolution: int, macs: int, params: int) -> None:
    found = cost(find_reference(reference).spec().at(resolution=resolution))
    assert (found.macs, found.params) == (macs, params)


@pytest.mark.parametrize(("reference", "steps", "macs", "params"), CIFAR)
def test_published_networks_on_small_images_cost_what_was_counted(
    reference: str, steps: int, macs: int, params: int
) -> None:
    spec = REFERENCES[reference].spec().at(resolution=32, classes=10)
    found = cost(replace(spec, strides="cifar", cifar_steps=steps))
    assert (found.macs, found.params) == (macs, params)


@pytest.mark.parametrize("reference", ["mobilenet_v3_small", "mobilenet_v3_large"])
def test_mobilenet_v3_is_trained_with_its_first_two_strides_left_out(reference: str) -> None:
    trained = REFERENCES[reference].spec().trained_on(resolution=32, classes=10)
    by_hand = [macs for name, steps, macs, _ in CIFAR if (name, steps) == (reference, 2)]
    assert [cost(trained).macs] == by_hand


# ---- against the built network


def counted_macs(network: nn.Module, image: torch.Tensor) -> float:
    """Convolutions and matrix products by torch's own counter, which counts a multiply-add as two operations."""
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network(image)
    return counter.get_total_flops() / 2


UNCOUNTED = (nn.BatchNorm2d, nn.ReLU, nn.ReLU6, nn.Hardswish, nn.Hardsigmoid, nn.Sigmoid)


def without_uncounted(network: nn.Module) -> nn.Module:
    """What the counter does not count anyway left out: on the meta device it takes most of the time."""
    for module in network.modules():
        for name, child in list(module.named_children()):
            if isinstance(child, UNCOUNTED):
                if isinstance(module, nn.Sequential):
                    delattr(module, name)
                else:
                    setattr(module, name, nn.Identity())
    return network


# 1,000 random networks in all, half of them in either form; a DenseNet takes a quarter of a second
RANDOM = {"mobilenet_v3": 200, "mobilenet_v2": 75, "mobilenet_v1": 100, "squeezenet": 75, "densenet": 50}


def assert_counted(spec: ArchSpec) -> None:
    """The closed form and the built network have the same multiply-adds and the same parameters, exactly."""
    network = network_on_meta(spec)
    stated = cost(spec)
    assert stated.params == parameters(network)
    assert stated.kernels == sum(one.numel() for one in network.parameters() if one.ndim > 1)
    assert stated.macs == counted_macs(without_uncounted(network), image_on_meta(spec))


@pytest.mark.parametrize("form", ["published", "cifar"])
@pytest.mark.parametrize("space", SPACES)
def test_random_networks_cost_what_the_built_ones_are_counted_at(space: str, form: str) -> None:
    for spec in random_specs(space, RANDOM[space]):
        spec = spec if form == "published" else spec.trained_on(resolution=32, classes=10)
        assert spec.strides == form
        assert_counted(spec)


@pytest.mark.slow
@pytest.mark.parametrize("space", SPACES)
def test_a_thousand_random_networks_of_every_space_cost_what_the_built_ones_are_counted_at(space: str) -> None:
    for spec in random_specs(space, 1000, seed=3):
        assert_counted(spec)


@pytest.mark.parametrize("reference", REFERENCES)
def test_references_cost_what_the_built_ones_are_counted_at(reference: str) -> None:
    assert_counted(REFERENCES[reference].spec())


@settings(deadline=None, max_examples=50)
@given(ARCHITECTURES)
def test_any_table_of_blocks_costs_what_the_built_network_is_counted_at(spec: ArchSpec) -> None:
    assert_counted(spec)


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:FutureWarning")
@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
@pytest.mark.parametrize("space", SPACES)
def test_fvcore_counts_the_same_convolutions_and_linear_layers(space: str) -> None:
    from fvcore.nn import FlopCountAnalysis  # warns while it is imported: it compiles with torch.jit

    for number, spec in enumerate(random_specs(space, 5, seed=1)):
        spec = spec if number % 2 else spec.trained_on(resolution=32, classes=10)
        network = build(spec).eval()
        analysis = FlopCountAnalysis(network, torch.zeros(1, 3, spec.resolution, spec.resolution))
        analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False).tracer_warnings("none")
        operators = analysis.by_operator()
        assert cost(spec).macs == operators["conv"] + operators["linear"]


# ---- the ledger


def assert_sums(spec: ArchSpec) -> None:
    rows = ledger(spec)
    total = cost(spec)
    assert [row.name for row in rows] == [f"blocks[{index}]" for index in range(len(spec.blocks))]
    assert [row.kind for row in rows] == [block.kind for block in spec.blocks]
    assert sum(row.cost.macs for row in rows) == total.macs
    assert sum(row.cost.params for row in rows) == total.params
    assert sum(row.cost.kernels for row in rows) == total.kernels
    assert max(row.cost.peak_activation_bytes for row in rows) == total.peak_activation_bytes


@settings(deadline=None)
@given(ARCHITECTURES)
def test_the_rows_of_the_ledger_sum_to_the_cost(spec: ArchSpec) -> None:
    assert_sums(spec)


@pytest.mark.parametrize("reference", REFERENCES)
def test_the_ledger_of_a_reference_sums_to_its_cost_in_every_form(reference: str) -> None:
    spec = REFERENCES[reference].spec()
    assert_sums(spec)
    if spec.cifar_steps is not None:
        assert_sums(spec.trained_on(resolution=32, classes=10))


def test_the_ledger_counts_the_stride_in_force() -> None:
    spec = REFERENCES["mobilenet_v3_small"].spec()
    published = ledger(spec.at(resolution=32))[0]
    softened = ledger(spec.at(resolution=32, strides="cifar"))[0]
    assert (published.out.height, softened.out.height) == (16, 32)
    assert softened.cost.macs == 4 * published.cost.macs


# ---- peak activation bytes


def test_the_peak_of_mobilenet_v3_small_is_in_its_second_strided_block() -> None:
    rows = ledger(REFERENCES["mobilenet_v3_small"].spec())
    fullest = max(rows, key=lambda row: row.cost.peak_activation_bytes)
    # 16@112 → 16 depthwise at 56, squeezed → 16: depthwise 16·112² + 16·56² = 250,880 numbers;
    # 16@56 → 72@56 → 72@28: depthwise 72·56² + 72·28² = 282,240; expansion (16 + 72)·56² = 275,968;
    # 24@28, the stem (3·224² + 16·112² = 351,232) is the most
    assert fullest.name == "blocks[0]"
    assert fullest.cost.peak_activation_bytes == 4 * (3 * 224**2 + 16 * 112**2)


@settings(deadline=None)
@given(ARCHITECTURES)
def test_the_peak_holds_at_least_any_block_s_input_and_any_block_s_output(spec: ArchSpec) -> None:
    """Not their sum: a block without an expansion is done with its input before it writes its output."""
    peak = cost(spec).peak_activation_bytes
    for row in spec.rows():
        assert peak >= 4 * max(row.shape.elements, row.out.elements)


# ---- remembered costs


def afresh(spec: ArchSpec) -> Cost:
    return sum((row.block.cost(row.shape) for row in spec.rows()), start=Cost())


def test_remembered_costs_are_the_costs() -> None:
    for space in SPACES:
        for spec in random_specs(space, 200, seed=2):
            assert cost(spec) == cost(spec) == afresh(spec)
            small = spec.trained_on(resolution=32, classes=10)  # the same blocks on other maps
            assert cost(small) == afresh(small)


def test_equal_blocks_are_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a search pays: a fresh spec of blocks that were seen before is not counted again."""
    counted = []
    count = InvertedResidual.operators
    monkeypatch.setattr(InvertedResidual, "operators", lambda self, shape: counted.append(shape) or count(self, shape))

    def fresh() -> ArchSpec:
        blocks = [InvertedResidual(kernel=5, mid=77, out=13, squeeze=3), InvertedResidual(kernel=5, mid=77, out=13)]
        return ArchSpec(resolution=19, blocks=(*blocks, Classifier(classes=3)))

    first = cost(fresh())
    assert counted == [Shape(3, 19, 19), Shape(13, 19, 19)]
    assert cost(fresh()) == cost(pickle.loads(pickle.dumps(fresh()))) == first
    assert len(counted) == 2
    cost(fresh().at(resolution=20))
    assert counted[2:] == [Shape(3, 20, 20), Shape(13, 20, 20)]


def test_what_is_remembered_is_no_fact() -> None:
    block = InvertedResidual(kernel=3, mid=16, out=16)
    text, said = pickle.dumps(block), repr(block)
    block.placed(Shape(16, 8, 8))
    assert (pickle.dumps(block), repr(block)) == (text, said)
    assert block == replace(block) == pickle.loads(text)
    assert hash(block) == hash(replace(block))


def test_costs_are_whole_numbers() -> None:
    for spec in random_specs("mobilenet_v3", 20):
        found = cost(spec)
        assert all(type(one) is int for one in astuple(found))
