"""Weights in and out: with the originals' weights our networks give the originals' outputs, and the other way round."""

from __future__ import annotations

import argparse
import copy
import math
import random
import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import timm
import torch
import torchvision
from torch import nn
from torchvision.models.densenet import DenseNet
from torchvision.models.mobilenetv3 import InvertedResidualConfig, MobileNetV3

import nas
from nas.arch import ArchSpec
from nas.blocks import Classifier, Convolution, InvertedResidual
from nas.errors import NasError
from nas.model import Network, build, load_torchvision
from nas.weights import WeightsError, export_weights, load_weights
from search_spaces import SPACES, densenet, find_reference, mobilenet_v2
from tests.nas.test_model import ORIGINALS, assert_same_outputs, randomise
from tests.networks import network_on_meta, on_meta, random_specs

TIMM_EPS = 1e-5  # of its batch norms; torchvision's V3 has 1e-3
TIMMS = {
    "mobilenetv3_small_100": "mobilenet_v3_small",
    "mobilenetv3_small_075": "mobilenet_v3_small@0.75",
    "mobilenetv3_large_100": "mobilenet_v3_large",
    "mobilenetv3_large_075": "mobilenet_v3_large@0.75",
}
SMALL_DENSENET = {
    "skeleton": "imagenet",
    **{f"imagenet.block{number}.layers": count for number, count in enumerate((2, 4, 8, 4), start=1)},
    "growth": 8,
    "bottleneck": 4,
    "compression": 0.5,
}
TINY = find_reference("mobilenet_v3_small@0.25").spec().at(resolution=32, classes=10)


def images(resolution: int, count: int = 2) -> torch.Tensor:
    """Noise of rising contrast: networks that average over the map see little difference in equal noise."""
    contrast = torch.linspace(0.5, 2, count)[:, None, None, None]
    return contrast * torch.randn(count, 3, resolution, resolution, generator=torch.Generator().manual_seed(2))


def snapshot(network: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def assert_identical(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    assert list(found) == list(expected)
    for name, tensor in expected.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor), name


@pytest.fixture(scope="module")
def tiny() -> Network:
    network = build(TINY, seed=1)
    randomise(network, seed=1)
    return network


# ---- the originals


@pytest.fixture(
    scope="module",
    params=[
        *(("torchvision", name, reference) for reference, name in zip(ORIGINALS, ORIGINALS, strict=True)),
        *(("timm", name, reference) for name, reference in TIMMS.items()),
    ],
    ids=lambda one: f"{one[0]} {one[1]}",
)
def pair(request: pytest.FixtureRequest) -> tuple[nn.Module, Network, str]:
    """The original, ours without a single number, and the library; built once for both directions."""
    library, name, reference = request.param
    spec = find_reference(reference).spec()
    if library == "timm":
        spec = spec.with_norm(eps=TIMM_EPS)
    theirs = ORIGINALS[name]() if library == "torchvision" else timm.create_model(name)
    randomise(theirs, seed=1)
    ours = network_on_meta(spec).to_empty(device="cpu")
    for tensor in ours.state_dict().values():
        tensor.fill_(math.nan if tensor.is_floating_point() else -1)
    return theirs.eval(), ours, library


def test_with_the_originals_weights_the_outputs_are_the_originals(pair: tuple[nn.Module, Network, str]) -> None:
    theirs, ours, library = pair
    assert load_weights(ours, theirs.state_dict()) == library
    assert_same_outputs(theirs, ours, images(224))


def test_the_original_takes_our_weights_and_gives_our_outputs(pair: tuple[nn.Module, Network, str]) -> None:
    theirs, ours, library = pair
    load_weights(ours, theirs.state_dict())
    randomise(ours, seed=3)
    exported = export_weights(ours, library)
    assert list(exported) == list(theirs.state_dict())
    theirs.load_state_dict(exported, strict=True)
    assert_same_outputs(theirs, ours, images(224))


@pytest.mark.parametrize(
    ("theirs", "spec"),
    [
        (partial(torchvision.models.mobilenet_v2, width_mult=0.35, num_classes=7), mobilenet_v2.published(0.35)),
        (partial(torchvision.models.mobilenet_v3_small, num_classes=7), find_reference("mobilenet_v3_small").spec()),
        (partial(torchvision.models.squeezenet1_1, num_classes=7), find_reference("squeezenet_1_1").spec()),
        (
            partial(DenseNet, growth_rate=8, block_config=(2, 4, 8, 4), num_init_features=16, num_classes=7),
            densenet.densenet(lambda name, options: SMALL_DENSENET[name]),
        ),
        (
            partial(timm.create_model, "mobilenetv3_small_100", num_classes=7),
            find_reference("mobilenet_v3_small").spec().with_norm(eps=TIMM_EPS),
        ),
    ],
    ids=["mobilenet_v2", "mobilenet_v3", "squeezenet", "densenet", "timm"],
)
def test_other_widths_depths_and_class_counts_fit_as_well(theirs: Callable[[], nn.Module], spec: ArchSpec) -> None:
    original = theirs().eval()
    randomise(original, seed=1)
    ours = Network(spec.at(resolution=64, classes=7)).eval()
    load_weights(ours, original.state_dict())
    assert_same_outputs(original, ours, images(64))
    assert_identical(export_weights(ours, load_weights(ours, original.state_dict())), original.state_dict())


def torchvision_like(spec: ArchSpec) -> MobileNetV3:
    """torchvision's own class from the table of a network of the V3 space."""
    rows = []
    for _, block, shape, _ in spec.rows():
        if isinstance(block, InvertedResidual):
            name = "HS" if block.activation == "hardswish" else "RE"
            facts = (shape.channels, block.kernel, block.mid, block.out, block.squeeze > 0, name, block.stride)
            rows.append(InvertedResidualConfig(*facts, dilation=1, width_mult=1.0))
    classifier = spec.blocks[-1]
    assert isinstance(classifier, Classifier)
    return MobileNetV3(rows, last_channel=classifier.hidden, num_classes=classifier.classes)


@pytest.mark.parametrize("spec", random_specs("mobilenet_v3", 3), ids=lambda spec: f"{len(spec.blocks)} blocks")
def test_networks_of_the_v3_space_are_torchvisions_wherever_squeeze_excite_sits(spec: ArchSpec) -> None:
    spec = spec.at(resolution=64)
    original = torchvision_like(spec).eval()
    randomise(original, seed=1)
    ours = Network(spec).eval()
    assert load_weights(ours, original.state_dict()) == "torchvision"
    assert_same_outputs(original, ours, images(64))


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("mobilenetv3_small_050", "mobilenet_v3_small@0.5"),  # two stages of equal width
        ("mobilenetv3_small_075", "mobilenet_v3_small@0.75"),
        ("mobilenetv3_large_100", "mobilenet_v3_large@0.35"),
    ],
)
def test_timms_stages_keep_their_numbers_at_every_width(name: str, reference: str) -> None:
    ours = network_on_meta(find_reference(reference).spec())
    assert isinstance(ours, Network)
    assert list(export_weights(ours, "timm")) == list(on_meta(lambda: timm.create_model(name)).state_dict())


def test_timms_stages_begin_at_strides_and_new_widths_in_a_network_that_timm_has_not() -> None:
    tails = [
        InvertedResidual(kernel=3, mid=32, out=16, stride=2),
        InvertedResidual(kernel=3, mid=32, out=16),
        InvertedResidual(kernel=3, mid=32, out=24),
        InvertedResidual(kernel=3, mid=48, out=24, stride=2),
    ]
    blocks = (Convolution(kernel=3, out=8), *tails, Convolution(kernel=1, out=32), Classifier(classes=3, hidden=16))
    names = export_weights(Network(ArchSpec(resolution=16, blocks=blocks)), "timm")
    assert [one for one in names if one.endswith("conv_dw.weight")] == [
        f"blocks.{place}.conv_dw.weight" for place in ("0.0", "0.1", "1.0", "2.0")
    ]
    assert "blocks.3.0.conv.weight" in names


@pytest.mark.parametrize("space", SPACES)
def test_random_networks_come_back_from_every_layout_they_have(space: str) -> None:
    layouts = []
    for spec in random_specs(space, 4):
        network = network_on_meta(spec)
        assert isinstance(network, Network)
        for layout in ("own", "torchvision", "timm"):
            try:
                exported = export_weights(network, layout)
            except NasError:
                continue
            layouts.append(layout)
            assert len(exported) == len(network.state_dict())
            # same tensors in the same order, but for timm's pointwise convolution
            shapes = [tuple(one.squeeze().shape) for one in exported.values()]
            assert shapes == [tuple(one.squeeze().shape) for one in network.state_dict().values()]
    expected = {"mobilenet_v3": {"own", "torchvision", "timm"}, "mobilenet_v1": {"own"}}
    # DenseNets without bottleneck and SqueezeNets with complex bypasses are none of torchvision's
    assert set(layouts) >= {"own"}
    assert set(layouts) <= expected.get(space, {"own", "torchvision"})
    assert space != "mobilenet_v3" or layouts == ["own", "torchvision", "timm"] * 4
    assert space != "mobilenet_v2" or layouts == ["own", "torchvision"] * 4


# ---- ways in


def test_a_file_of_our_own_comes_back_bit_for_bit(tiny: Network, tmp_path: Path) -> None:
    torch.save(tiny.state_dict(), tmp_path / "tiny.pth")
    other = build(TINY, seed=2)
    assert load_weights(other, tmp_path / "tiny.pth") == "own"
    assert_identical(other.state_dict(), tiny.state_dict())
    assert_identical(export_weights(other, "own"), tiny.state_dict())


@pytest.mark.parametrize("layout", ["own", "torchvision", "timm"])
def test_auto_finds_the_layout_and_naming_it_gives_the_same(tiny: Network, layout: str) -> None:
    exported = export_weights(tiny, layout)
    for asked in ("auto", layout):
        other = build(TINY, seed=2)
        assert load_weights(other, exported, asked) == layout
        assert_identical(other.state_dict(), tiny.state_dict())


WRAPPED: dict[str, Callable[[dict[str, torch.Tensor]], dict[str, object]]] = {
    "ordered": OrderedDict,
    "state_dict": lambda tensors: {"epoch": 3, "state_dict": tensors},
    "model": lambda tensors: {"model": tensors, "optimizer": {"lr": 0.1, "betas": (0.9, 0.99)}},
    "DataParallel": lambda tensors: {f"module.{name}": one for name, one in tensors.items()},
    "compiled": lambda tensors: {f"_orig_mod.{name}": one for name, one in tensors.items()},
    "both": lambda tensors: {"model": {f"module.{name}": one for name, one in tensors.items()}},
    "parameters": lambda tensors: {
        name: nn.Parameter(one) if one.is_floating_point() else one for name, one in tensors.items()
    },
    "double precision": lambda tensors: {
        name: one.double() if one.is_floating_point() else one for name, one in tensors.items()
    },
}


@pytest.mark.parametrize("wrapped", WRAPPED)
def test_what_training_scripts_put_around_a_state_dict_is_taken_off(
    tiny: Network, wrapped: str, tmp_path: Path
) -> None:
    torch.save(WRAPPED[wrapped](export_weights(tiny)), tmp_path / "checkpoint.pth")
    other = build(TINY, seed=2)
    assert load_weights(other, str(tmp_path / "checkpoint.pth")) == "torchvision"
    assert_identical(other.state_dict(), tiny.state_dict())


def test_files_from_before_batches_were_counted_are_read_and_the_counts_are_zero(tiny: Network) -> None:
    old = {name: one for name, one in export_weights(tiny).items() if not name.endswith("num_batches_tracked")}
    assert 0 < len(old) < len(tiny.state_dict())
    other = build(TINY, seed=2)
    randomise(other, seed=9)
    load_weights(other, old)
    for name, tensor in other.state_dict().items():
        counts = name.endswith("num_batches_tracked")
        assert torch.equal(tensor, torch.zeros_like(tensor) if counts else tiny.state_dict()[name])


def test_the_names_in_torchvisions_published_densenets_are_known() -> None:
    network = build(densenet.published("densenet_121", 0.25), seed=1)
    old = {
        re.sub(r"(denselayer\d+\.(norm|conv))(\d)", r"\1.\3", name): tensor
        for name, tensor in export_weights(network).items()
        if not name.endswith("num_batches_tracked")
    }
    assert "features.denseblock1.denselayer1.norm.1.running_mean" in old
    other = build(network.spec, seed=2)
    load_weights(other, old)
    assert_identical(other.state_dict(), network.state_dict())


def test_what_is_exported_is_a_copy(tiny: Network) -> None:
    before = snapshot(tiny)
    for layout in ("own", "torchvision", "timm"):
        for tensor in export_weights(tiny, layout).values():
            assert not tensor.requires_grad
            tensor.zero_()
    assert_identical(tiny.state_dict(), before)


def test_a_loaded_network_can_be_trained(tiny: Network) -> None:
    other = build(TINY, seed=2)
    load_weights(other, export_weights(tiny))
    other.train()(torch.randn(2, 3, 32, 32)).square().sum().backward()
    assert all(one.grad is not None and one.grad.isfinite().all() for one in other.parameters())


# ---- refusals: one line, and nothing is changed


def refused(network: Network, source: object, layout: str = "auto") -> str:
    """The message; the network is bit for bit what it was."""
    before = snapshot(network)
    with pytest.raises(NasError) as caught:
        load_weights(network, source, layout)  # type: ignore[arg-type]
    assert_identical(network.state_dict(), before)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 500
    return message


def changed(tensors: dict[str, torch.Tensor], **changes: torch.Tensor | None) -> dict[str, torch.Tensor]:
    """With other tensors under these names, or without those that are None."""
    merged = {**tensors, **changes}
    return {name: one for name, one in merged.items() if one is not None}


LAST = "classifier.3.weight"  # after every other weight: what is copied first would be changed by then


def test_a_missing_tensor_is_named(tiny: Network) -> None:
    message = refused(build(TINY, seed=2), changed(export_weights(tiny), **{LAST: None}))
    assert message == (
        "the state dict: not the weights of this network in the layout 'torchvision': 1 missing (classifier.3.weight)"
    )


def test_an_unknown_tensor_is_named(tiny: Network) -> None:
    message = refused(build(TINY, seed=2), changed(export_weights(tiny), **{"aux.weight": torch.zeros(1)}))
    assert message.endswith(": 1 unknown (aux.weight)")


def test_a_misshapen_tensor_is_named_with_both_shapes(tiny: Network) -> None:
    message = refused(build(TINY, seed=2), changed(export_weights(tiny), **{LAST: torch.zeros(1000, 1024)}))
    assert message.endswith(": 1 of another shape or type (classifier.3.weight is 1000×1024 and should be 10×1024)")


def test_a_transposed_matrix_is_no_matrix_of_the_same_size(tiny: Network) -> None:
    assert "1024×10 and should be 10×1024" in refused(
        build(TINY, seed=2), changed(export_weights(tiny), **{LAST: torch.zeros(1024, 10)})
    )


def test_whole_numbers_are_no_weights(tiny: Network) -> None:
    tensors = export_weights(tiny)
    message = refused(build(TINY, seed=2), changed(tensors, **{LAST: tensors[LAST].to(torch.int8)}))
    assert "classifier.3.weight is int8 and should be float32" in message


def test_some_counts_of_batches_without_the_others_are_missing_tensors(tiny: Network) -> None:
    message = refused(build(TINY, seed=2), changed(export_weights(tiny), **{"features.0.1.num_batches_tracked": None}))
    assert message.endswith(": 1 missing (features.0.1.num_batches_tracked)")


def test_of_many_faults_the_first_are_named_and_all_are_counted(tiny: Network) -> None:
    foreign = dict(list(export_weights(tiny).items())[:100]) | {f"head.{number}": torch.zeros(1) for number in range(5)}
    message = refused(build(TINY, seed=2), foreign)
    missing = len(tiny.state_dict()) - 100
    assert f"{missing} missing (" in message
    assert f", … and {missing - 3} more)" in message
    assert "5 unknown (head.0, head.1, head.2, … and 2 more)" in message


@pytest.mark.parametrize("other", ["mobilenet_v3_large", "mobilenet_v2", "squeezenet_1_1"])
@pytest.mark.parametrize("layout", ["auto", "torchvision"])
def test_the_weights_of_another_network_are_refused(other: str, layout: str) -> None:
    theirs = {name: torch.zeros(one.shape) for name, one in on_meta(ORIGINALS[other]).state_dict().items()}
    message = refused(build(TINY, seed=2), theirs, layout)
    assert "the state dict: not the weights of this network in the layout" in message


def test_nothing_is_copied_before_everything_is_checked(tiny: Network) -> None:
    """Whatever single tensor is at fault."""
    network, tensors = build(TINY, seed=2), export_weights(tiny)
    for name in random.Random(1).sample(list(tensors), 20):
        refused(network, changed(tensors, **{name: torch.zeros(3, 3, 3)}))


@pytest.mark.parametrize(
    ("tensor", "reason"),
    [
        (torch.zeros(10, 1024).to_sparse(), "is sparse or has no values"),
        (torch.empty(10, 1024, device="meta"), "is sparse or has no values"),
        ([0.0] * 10, "is a list and no tensor"),
    ],
    ids=["sparse", "meta", "list"],
)
def test_only_plain_tensors_are_weights(tiny: Network, tensor: object, reason: str) -> None:
    message = refused(build(TINY, seed=2), {**export_weights(tiny), LAST: tensor})
    assert "classifier.3.weight" in message
    assert reason in message


FILES: dict[str, tuple[Callable[[Path, Network], object], str]] = {
    "absent": (lambda path, _: None, "No such file or directory"),
    "a folder": (lambda path, _: path.mkdir(), "Is a directory"),
    "empty": (lambda path, _: path.write_bytes(b""), "torch cannot read it"),
    "text": (lambda path, _: path.write_text("weights"), "torch cannot read it"),
    "noise": (lambda path, _: path.write_bytes(random.Random(1).randbytes(5000)), "torch cannot read it"),
    "an object": (lambda path, _: torch.save(argparse.Namespace(a=1), path), "it holds objects besides tensors"),
    "a whole network": (lambda path, network: torch.save(network, path), "it holds objects besides tensors"),
    "an object beside the weights": (
        lambda path, network: torch.save({"args": argparse.Namespace(a=1), "model": network.state_dict()}, path),
        "it holds objects besides tensors",
    ),
    "a list": (lambda path, network: torch.save(list(network.state_dict().values()), path), "a list instead"),
    "nothing": (lambda path, _: torch.save({}, path), "an empty collection instead"),
    "a tensor": (lambda path, _: torch.save(torch.zeros(3), path), "a Tensor instead"),
    "numbers": (lambda path, _: torch.save({"epoch": 3}, path), "'epoch' is a int and no tensor"),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_file_without_weights_is_refused_in_one_line(tiny: Network, kind: str, tmp_path: Path) -> None:
    write, reason = FILES[kind]
    path = tmp_path / "weights.pth"
    write(path, tiny)
    message = refused(build(TINY, seed=2), path)
    assert message.startswith(f"{path}: ")
    assert reason in message


def test_a_file_cut_off_anywhere_is_refused(tiny: Network, tmp_path: Path) -> None:
    torch.save(tiny.state_dict(), tmp_path / "whole.pth")
    content = (tmp_path / "whole.pth").read_bytes()
    for share in (0.01, 0.3, 0.6, 0.99):
        (tmp_path / "cut.pth").write_bytes(content[: int(share * len(content))])
        assert "torch cannot read it" in refused(build(TINY, seed=2), tmp_path / "cut.pth")


class Trap:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


def test_no_code_in_a_file_is_run(tiny: Network, tmp_path: Path) -> None:
    torch.save({**tiny.state_dict(), "trap": Trap(tmp_path / "sprung")}, tmp_path / "weights.pth")
    refused(build(TINY, seed=2), tmp_path / "weights.pth")
    assert not (tmp_path / "sprung").exists()
    torch.load(tmp_path / "weights.pth", weights_only=False)
    assert (tmp_path / "sprung").exists()  # it would have


# ---- layouts


def test_an_unknown_layout_is_refused_with_those_that_exist(tiny: Network) -> None:
    expected = "layout: 'keras': unknown; there are own, torchvision, timm, exported"
    assert refused(copy.deepcopy(tiny), tiny.state_dict(), "keras") == expected
    for unknown in ("keras", "auto"):  # nothing to guess from on the way out
        with pytest.raises(NasError, match=f"layout: '{unknown}': unknown; there are own, torchvision, timm, exported"):
            export_weights(tiny, unknown)


def test_a_network_that_a_library_has_not_is_refused_with_the_layouts_it_has() -> None:
    network = Network(mobilenet_v2.published(0.35))
    with pytest.raises(NasError) as caught:
        export_weights(network, "timm")
    assert str(caught.value) == (
        "layout: 'timm': this network is none of its families (mobilenetv3); layouts it has: own, torchvision, exported"
    )
    # no hidden layer: neither V2 (it has squeeze-excite) nor V3
    spec = ArchSpec(
        resolution=8,
        blocks=(
            Convolution(kernel=3, out=8),
            InvertedResidual(kernel=3, mid=16, out=8, squeeze=8),
            Convolution(kernel=1, out=16),
            Classifier(classes=3),
        ),
    )
    message = refused(Network(spec), {"features.0.0.weight": torch.zeros(8, 3, 3, 3)}, "torchvision")
    assert message.endswith(
        "none of its families (mobilenet_v2, mobilenet_v3, squeezenet, densenet, alexnet); "
        "layouts it has: own, exported"
    )


def test_where_no_layout_agrees_the_message_names_those_that_were_tried(tiny: Network) -> None:
    message = refused(build(TINY, seed=2), {"conv1.weight": torch.zeros(3)})
    assert message.endswith("; layouts tried: own, torchvision, timm, exported")
    message = refused(build(mobilenet_v2.published(0.35), seed=2), {"conv1.weight": torch.zeros(3)})
    assert message.endswith("; layouts tried: own, torchvision, exported")


def test_the_models_own_loader_takes_torchvisions_names_and_no_others(tiny: Network) -> None:
    source = build(tiny.spec, seed=7)
    load_torchvision(tiny, export_weights(source, "torchvision"))
    assert all(torch.equal(a, b) for a, b in zip(tiny.parameters(), source.parameters(), strict=True))
    with pytest.raises(WeightsError, match="'torchvision'"):
        load_torchvision(tiny, source.state_dict())


def test_both_functions_are_public() -> None:
    assert nas.load_weights is load_weights
    assert nas.export_weights is export_weights


def test_small_images_change_no_name(tiny: Network) -> None:
    cifar = Network(replace(TINY, strides="cifar"))
    assert load_weights(cifar, export_weights(tiny)) == "torchvision"
    assert load_weights(cifar, export_weights(tiny, "timm")) == "timm"
