"""An architecture is a table of facts: JSON both ways, faults named by their place, other forms and back."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from nas.arch import SMALL_IMAGE, ArchSpec
from nas.blocks import (
    Block,
    Classifier,
    Convolution,
    ConvolutionClassifier,
    DenseLayer,
    Fire,
    InvertedResidual,
    Linear,
    Normalisation,
    Pooling,
    Resize,
    Shape,
)
from nas.errors import NasError, SpecError
from search_spaces import REFERENCES, SPACES
from tests.networks import ARCHITECTURES, network_on_meta, random_specs

STEM = Convolution(kernel=3, out=8, stride=2)
BODY = InvertedResidual(kernel=3, mid=16, out=8)
HEAD = Classifier(classes=10)
SPEC = ArchSpec(resolution=32, blocks=(STEM, BODY, BODY, replace(BODY, kernel=5), Pooling(), HEAD))

# AlexNet's way with maps: large steps, no padding to speak of, and no rule for small images
CONVOLUTIONS: tuple[Block, ...] = (
    Convolution(kernel=11, out=8, stride=4, padding=2, bias=True, norm=False),
    Pooling(operation="max", kernel=3, stride=2),
    Convolution(kernel=5, out=8, bias=True, norm=False),
    Pooling(operation="max", kernel=3, stride=2),
    Pooling(operation="max", kernel=3, stride=2),
)
ALEXNET = ArchSpec(
    resolution=224,
    blocks=(*CONVOLUTIONS, Pooling(size=6), Linear(out=16, dropout=0.5), HEAD),
    cifar_steps=None,
    initialisation="torch",
)

Document = dict[str, Any]


def document(spec: ArchSpec = SPEC) -> Document:
    found: Document = json.loads(spec.to_json())
    return found


# ---- facts


@pytest.mark.parametrize("field", ["resolution", "blocks", "channels", "strides", "cifar_steps", "initialisation"])
def test_an_architecture_cannot_be_changed(field: str) -> None:
    with pytest.raises(FrozenInstanceError):
        setattr(SPEC, field, getattr(SPEC, field))


def test_facts_are_given_by_name() -> None:
    with pytest.raises(TypeError):
        ArchSpec(32, (HEAD,))  # type: ignore[misc]


def test_equal_facts_are_the_same_architecture() -> None:
    again = ArchSpec(resolution=32, blocks=tuple(replace(block) for block in SPEC.blocks))
    assert again == SPEC
    assert len({again, SPEC}) == 1


@pytest.mark.parametrize(
    "other",
    [
        SPEC.at(resolution=33),
        SPEC.at(classes=11),
        SPEC.at(strides="cifar"),
        replace(SPEC, cifar_steps=1),
        replace(SPEC, cifar_steps=None),
        replace(SPEC, initialisation="uniform"),
        replace(SPEC, channels=1),
        replace(SPEC, blocks=SPEC.blocks[1:]),
    ],
)
def test_one_different_fact_is_another_architecture(other: ArchSpec) -> None:
    assert other != SPEC


def test_rows_chain_each_blocks_output_into_the_next() -> None:
    rows = list(SPEC.rows())
    assert [row.name for row in rows] == [f"blocks[{index}]" for index in range(6)]
    assert [row.block for row in rows] == list(SPEC.blocks)
    assert rows[0].shape == Shape(3, 32, 32)
    assert [row.shape for row in rows[1:]] == [row.out for row in rows[:-1]]
    assert rows[0].out == Shape(8, 16, 16)
    assert rows[-1].out == Shape(10, 1, 1)


# ---- JSON


@settings(deadline=None)
@given(ARCHITECTURES)
def test_json_gives_back_exactly_what_was_written(spec: ArchSpec) -> None:
    again = ArchSpec.from_json(spec.to_json())
    assert again == spec
    assert again.to_json() == spec.to_json()
    assert [type(block) for block in again.blocks] == [type(block) for block in spec.blocks]


@pytest.mark.parametrize("space", SPACES)
def test_json_gives_back_every_network_of_a_space(space: str) -> None:
    for spec in random_specs(space, 100):
        small = spec.trained_on(resolution=32, classes=10)
        assert ArchSpec.from_json(spec.to_json()) == spec
        assert ArchSpec.from_json(small.to_json().encode()) == small


def test_indented_json_says_the_same() -> None:
    text = SPEC.to_json(indent=2)
    assert text.count("\n") > 20
    assert ArchSpec.from_json(text) == SPEC


def test_json_names_every_fact() -> None:
    found = document()
    assert set(found) == {"resolution", "blocks", "channels", "strides", "cifar_steps", "initialisation"}
    assert found["blocks"][0] == {
        "kind": "convolution",
        "kernel": 3,
        "out": 8,
        "stride": 2,
        "padding": "same",
        "activation": "relu",
        "bias": False,
        "norm": True,
        "norm_eps": 1e-5,
        "norm_momentum": 0.1,
    }


def test_a_missing_rule_for_small_images_is_null_in_json() -> None:
    found = document(ALEXNET)
    assert found["cifar_steps"] is None
    assert found["initialisation"] == "torch"
    assert ArchSpec.from_json(json.dumps(found)) == ALEXNET


def test_a_padding_that_keeps_the_size_is_read_as_what_it_is() -> None:
    written = document()
    assert written["blocks"][0]["padding"] == "same"
    written["blocks"][0]["padding"] = 1  # of a 3×3 kernel
    assert ArchSpec.from_json(json.dumps(written)) == SPEC
    written["blocks"][0]["padding"] = 0
    unpadded = ArchSpec.from_json(json.dumps(written))
    assert unpadded != SPEC
    assert unpadded.blocks[0] == replace(STEM, padding=0)


def test_what_json_leaves_out_has_its_default() -> None:
    text = '{"resolution": 32, "blocks": [{"kind": "classifier", "classes": 10}]}'
    assert ArchSpec.from_json(text) == ArchSpec(resolution=32, blocks=(Classifier(classes=10),))


def put(*path: str | int, value: object) -> Callable[[Document], object]:
    def change(found: Any) -> None:
        for part in path[:-1]:
            found = found[part]
        found[path[-1]] = value

    return change


def drop(*path: str | int) -> Callable[[Document], object]:
    def change(found: Any) -> None:
        for part in path[:-1]:
            found = found[part]
        del found[path[-1]]

    return change


FAULTS: dict[str, tuple[Callable[[Document], object], str]] = {
    # a field nobody knows, or none where one is needed
    "unknown field": (put("depth", value=3), "depth: unknown field"),
    "unknown field of a block": (put("blocks", 3, "dilation", value=2), "blocks[3].dilation: unknown field"),
    "another block's field": (put("blocks", 0, "mid", value=16), "blocks[0].mid: unknown field"),
    "no resolution": (drop("resolution"), "resolution: missing"),
    "no kernel": (drop("blocks", 1, "kernel"), "blocks[1].kernel: missing"),
    "no kind": (drop("blocks", 2, "kind"), "blocks[2]: "),
    "unknown kind": (
        put("blocks", 2, "kind", value="convoluton"),
        "blocks[2].kind: 'convoluton': unknown; did you mean convolution? there are resize, convolution, ",
    ),
    # wrong types
    "text for a number": (put("blocks", 3, "kernel", value="3"), "blocks[3].kernel: '3': input should be a valid int"),
    "3.0 for 3": (put("blocks", 3, "kernel", value=3.0), "blocks[3].kernel: 3.0: input should be a valid int"),
    "true for 1": (put("blocks", 3, "stride", value=True), "blocks[3].stride: True: input should be a valid int"),
    "null": (put("resolution", value=None), "resolution: None: input should be a valid integer"),
    "text for the blocks": (put("blocks", value="all"), "blocks: 'all': input should be a valid array"),
    "number for a block": (put("blocks", 1, value=5), "blocks[1]: 5: input should be an object"),
    "unknown activation": (put("blocks", 0, "activation", value="tanh"), "blocks[0].activation: 'tanh': "),
    "unknown gate": (put("blocks", 1, "gate", value="tanh"), "blocks[1].gate: 'tanh': "),
    "unknown pooling": (put("blocks", 4, "operation", value="sum"), "blocks[4].operation: 'sum': "),
    "unknown padding": (
        put("blocks", 0, "padding", value="valid"),
        "blocks[0].padding: 'valid': input should be a valid integer or 'same'",
    ),
    "unknown bypass": (
        put("blocks", 1, value={"kind": "fire", "squeeze": 2, "expand1": 4, "expand3": 4, "bypass": "both"}),
        "blocks[1].bypass: 'both': input should be 'none', 'simple' or 'complex'",
    ),
    "unknown initialisation": (put("initialisation", value="xavier"), "initialisation: 'xavier': input should be 'fan"),
    "number for a yes or no": (put("blocks", 0, "bias", value=1), "blocks[0].bias: 1: input should be a valid boolean"),
    "text for the steps": (put("cifar_steps", value="2"), "cifar_steps: '2': input should be a valid integer"),
    "unknown strides": (put("strides", value="small"), "strides: 'small': input should be 'published' or 'cifar'"),
    # impossible values
    "even kernel": (
        put("blocks", 3, "kernel", value=4),
        "blocks[3].kernel: 4: must be odd, so that padding keeps the size",
    ),
    "even kernel of a convolution": (put("blocks", 0, "kernel", value=2), "blocks[0].kernel: 2: must be odd"),
    "negative kernel": (put("blocks", 0, "kernel", value=-1), "blocks[0].kernel: -1: must be at least 1"),
    "no channels out": (put("blocks", 1, "out", value=0), "blocks[1].out: 0: must be at least 1"),
    "no channels inside": (put("blocks", 1, "mid", value=0), "blocks[1].mid: 0: must be at least 1"),
    "negative squeeze": (put("blocks", 1, "squeeze", value=-8), "blocks[1].squeeze: -8: must be a number of channels"),
    "stride 0": (put("blocks", 0, "stride", value=0), "blocks[0].stride: 0: must be at least 1"),
    "epsilon 0": (put("blocks", 0, "norm_eps", value=0.0), "blocks[0].norm_eps: 0.0: must be between 0 and 1"),
    "epsilon infinite": (put("blocks", 1, "norm_eps", value=float("inf")), "blocks[1].norm_eps: inf: must be between"),
    "epsilon not a number": (put("blocks", 1, "norm_eps", value=float("nan")), "blocks[1].norm_eps: nan: must be"),
    "dropout 1": (put("blocks", 5, "dropout", value=1.0), "blocks[5].dropout: 1.0: must be a probability below 1"),
    "dropout below 0": (put("blocks", 5, "dropout", value=-0.1), "blocks[5].dropout: -0.1: must be a probability"),
    "momentum 0": (put("blocks", 0, "norm_momentum", value=0.0), "blocks[0].norm_momentum: 0.0: must be above 0"),
    "negative padding": (put("blocks", 0, "padding", value=-1), "blocks[0].padding: -1: must be a number of pixels"),
    "a stride without a window": (put("blocks", 4, "stride", value=2), "blocks[4].stride: 2: needs a kernel"),
    "a larger image": (
        put("blocks", 0, value={"kind": "resize", "multiplier": 2.0}),
        "blocks[0].multiplier: 2.0: must be above 0 and at most 1",
    ),
    "no classes": (put("blocks", 5, "classes", value=0), "blocks[5].classes: 0: must be at least 1"),
    "negative hidden": (put("blocks", 5, "hidden", value=-1), "blocks[5].hidden: -1: must be a number of channels"),
    "resolution 0": (put("resolution", value=0), "resolution: 0: must be at least 1"),
    "no input channels": (put("channels", value=0), "channels: 0: must be at least 1"),
    "negative steps": (put("cifar_steps", value=-1), "cifar_steps: -1: must be 0 or more"),
    # impossible tables
    "no blocks": (put("blocks", value=[]), "blocks: the last block must be a classifier"),
    "no classifier": (drop("blocks", 5), "blocks: the last block must be a classifier"),
    "unequal widths around a simple bypass": (
        put("blocks", 1, value={"kind": "fire", "squeeze": 2, "expand1": 4, "expand3": 8, "bypass": "simple"}),
        "blocks[1].bypass: 'simple': needs equal widths, here 8 → 12 channels; use 'complex' or 'none'",
    ),
    "cifar strides without a rule for them": (
        lambda found: found.update(strides="cifar", cifar_steps=None),
        "strides: 'cifar': this network has no rule for small images; use its published strides: the smallest",
    ),
    "another classifier in the middle": (
        put("blocks", 2, value={"kind": "convolution_classifier", "classes": 3}),
        "blocks[2]: a classifier can only be the last block",
    ),
    "a classifier in the middle": (
        put("blocks", 2, value={"kind": "classifier", "classes": 3}),
        "blocks[2]: a classifier can only be the last block",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_refused_naming_its_place_and_value(fault: str) -> None:
    change, message = FAULTS[fault]
    found = document()
    change(found)
    with pytest.raises(SpecError) as refused:
        ArchSpec.from_json(json.dumps(found))
    assert str(refused.value).startswith(message)
    assert "\n" not in str(refused.value)


def test_several_faults_are_the_first_one_and_a_number() -> None:
    found = document()
    found["blocks"][0]["kernel"] = 4
    found["blocks"][1]["mid"] = 0
    found["depth"] = 3
    with pytest.raises(SpecError, match=r"\(and 2 more\)$"):
        ArchSpec.from_json(json.dumps(found))


def test_a_long_value_is_cut_short_in_the_message() -> None:
    found = document()
    found["strides"] = "x" * 5000
    with pytest.raises(SpecError) as refused:
        ArchSpec.from_json(json.dumps(found))
    assert len(str(refused.value)) < 150


@settings(deadline=None)
@given(st.data())
def test_truncated_json_is_refused(data: st.DataObject) -> None:
    text = SPEC.to_json()
    kept = data.draw(st.integers(0, len(text) - 1))
    with pytest.raises(SpecError, match=r"^the document: .*invalid JSON"):
        ArchSpec.from_json(text[:kept])


@pytest.mark.parametrize("text", ["[]", "null", "3", '"spec"', b"\xff", SPEC.to_json() + "}"])
def test_a_document_of_another_kind_is_refused(text: str | bytes) -> None:
    with pytest.raises(SpecError, match=r"^the document: "):
        ArchSpec.from_json(text)


def test_a_spec_error_is_a_mistake_that_the_user_can_mend() -> None:
    assert issubclass(SpecError, NasError)
    with pytest.raises(SpecError, match=r"^kernel: 4: must be odd"):
        Convolution(kernel=4, out=8)


# ---- tables built in Python are held to the same rules


def test_the_last_block_must_be_a_classifier() -> None:
    for blocks in ((), (STEM,), (HEAD, STEM)):
        with pytest.raises(SpecError, match="the last block must be a classifier"):
            ArchSpec(resolution=32, blocks=blocks)


def test_a_classifier_can_only_be_last() -> None:
    with pytest.raises(SpecError, match=r"^blocks\[1\]: a classifier can only be the last block"):
        ArchSpec(resolution=32, blocks=(STEM, HEAD, HEAD))


def test_either_classifier_can_be_last() -> None:
    spec = ArchSpec(resolution=32, blocks=(STEM, ConvolutionClassifier(classes=7, dropout=0.5)))
    assert spec.classes == 7
    changed = spec.at(classes=100)
    assert changed.classes == 100
    assert changed.blocks == (STEM, ConvolutionClassifier(classes=100, dropout=0.5))


def test_a_simple_bypass_with_unequal_widths_is_refused_naming_the_block() -> None:
    fire = Fire(squeeze=2, expand1=4, expand3=4, bypass="simple")
    assert ArchSpec(resolution=8, blocks=(STEM, fire, fire, HEAD)).blocks[1] == fire
    with pytest.raises(SpecError, match=r"^blocks\[1\]\.bypass: 'simple': needs equal widths, here 8 → 12 channels"):
        ArchSpec(resolution=8, blocks=(STEM, replace(fire, expand3=8), HEAD))
    with pytest.raises(SpecError, match=r"^blocks\[2\]\.bypass: 'simple': needs equal widths, here 9 → 8 channels"):
        ArchSpec(resolution=8, blocks=(STEM, DenseLayer(growth=1), fire, HEAD))


# ---- how small an image can be


def test_maps_shrunk_to_nothing_are_refused_naming_the_block_and_the_smallest_resolution() -> None:
    # 224 → 55 → 27 → 27 → 13 → 6; 63 → 15 → 7 → 7 → 3 → 1
    assert [row.out.height for row in ALEXNET.rows()] == [55, 27, 27, 13, 6, 6, 1, 1]
    assert [row.out.height for row in ALEXNET.at(resolution=63).rows()] == [15, 7, 7, 3, 1, 6, 1, 1]
    with pytest.raises(SpecError) as refused:
        ALEXNET.at(resolution=32)  # 32 → 7 → 3 → 3 → 1, where a window of 3 does not fit
    assert str(refused.value) == (
        "blocks[4]: a map of 1×1 px is too small for this block; the smallest resolution it can take is 63 px"
    )
    with pytest.raises(SpecError, match=r"the smallest resolution it can take is 63 px$"):
        ALEXNET.at(resolution=62)


def test_a_network_without_a_rule_for_small_images_says_so_and_what_it_can_take() -> None:
    for refuse in (
        lambda: ALEXNET.at(strides="cifar"),
        lambda: replace(SPEC, cifar_steps=None, strides="cifar"),
    ):
        with pytest.raises(SpecError, match=r"this network has no rule for small images; .* it can take is [0-9]+ px$"):
            refuse()


def test_without_a_rule_a_network_is_trained_with_its_published_strides_or_not_at_all() -> None:
    assert ALEXNET.trained_on(resolution=63, classes=7) == ALEXNET.at(resolution=63, classes=7)
    with pytest.raises(SpecError, match=r"too small for this block; the smallest resolution it can take is 63 px$"):
        ALEXNET.trained_on(resolution=62, classes=7)


def test_the_message_offers_cifar_strides_where_they_would_help() -> None:
    spec = replace(ALEXNET, blocks=(*CONVOLUTIONS[1:], HEAD), cifar_steps=2)
    # three poolings of 3 by 2: 1 ← 3 ← 7 ← 15; without the first two, 3
    with pytest.raises(SpecError, match=r"it can take is 15 px, and 3 px with strides='cifar'$"):
        spec.at(resolution=14)
    assert spec.at(resolution=14, strides="cifar").resolution == 14
    with pytest.raises(SpecError, match=r"it can take is 3 px$"):
        spec.at(resolution=2, strides="cifar")


def test_a_table_for_which_no_image_is_large_enough_is_refused() -> None:
    blocks = (STEM, Pooling(), Convolution(kernel=3, out=8, padding=0), HEAD)
    with pytest.raises(SpecError, match=r"^blocks\[2\]: a map of 1×1 px is too small .*; no image is large enough$"):
        ArchSpec(resolution=224, blocks=blocks)


def takes(spec: ArchSpec, resolution: int, strides: Any) -> bool:
    try:
        spec.at(resolution=resolution, strides=strides)
    except SpecError:
        return False
    return True


@settings(deadline=None)
@given(ARCHITECTURES, st.sampled_from(("published", "cifar")))
def test_the_smallest_resolution_is_the_smallest_that_can_be_built(spec: ArchSpec, strides: Any) -> None:
    smallest = spec.smallest_resolution(strides)
    if strides == "cifar" and spec.cifar_steps is None:
        assert smallest is None
        return
    assert smallest is not None
    assert smallest <= spec.resolution  # which can be built
    assert [takes(spec, resolution, strides) for resolution in range(1, 33)] == [
        resolution >= smallest for resolution in range(1, 33)
    ]


# ---- the same network for other images


@settings(deadline=None)
@given(ARCHITECTURES, st.integers(1, 40), st.integers(1, 40), st.sampled_from(("published", "cifar")))
def test_another_form_and_back_is_the_original(spec: ArchSpec, resolution: int, classes: int, strides: Any) -> None:
    smallest = spec.smallest_resolution(strides)
    assume(smallest is not None and resolution >= smallest)
    other = spec.at(resolution=resolution, classes=classes, strides=strides)
    assert (other.resolution, other.classes, other.strides) == (resolution, classes, strides)
    assert other.blocks[:-1] == spec.blocks[:-1]
    assert (other.channels, other.cifar_steps) == (spec.channels, spec.cifar_steps)
    assert other.initialisation == spec.initialisation
    assert other.at(resolution=spec.resolution, classes=spec.classes, strides=spec.strides) == spec


def test_what_is_not_named_stays() -> None:
    assert SPEC.at() == SPEC
    assert SPEC.at(resolution=64) == replace(SPEC, resolution=64)
    assert SPEC.at(strides="cifar") == replace(SPEC, strides="cifar")
    changed = SPEC.at(classes=100)
    assert changed.blocks[-1] == replace(HEAD, classes=100)
    assert changed.blocks[:-1] == SPEC.blocks[:-1]


def test_impossible_forms_are_refused() -> None:
    with pytest.raises(SpecError, match=r"^resolution: 0: "):
        SPEC.at(resolution=0)
    with pytest.raises(SpecError, match=r"^classes: 0: "):
        SPEC.at(classes=0)


def strides_in_force(spec: ArchSpec) -> list[int]:
    return [getattr(row.block, "stride", 1) for row in spec.rows()]


@settings(deadline=None)
@given(ARCHITECTURES)
def test_cifar_strides_soften_exactly_the_first_strided_blocks(spec: ArchSpec) -> None:
    assume(spec.cifar_steps is not None)
    published = [getattr(block, "stride", 1) for block in spec.blocks]
    strided = [index for index, stride in enumerate(published) if stride > 1]
    softened = strided[: spec.cifar_steps]
    expected = [1 if index in softened else stride for index, stride in enumerate(published)]
    cifar = spec.at(strides="cifar")
    assert strides_in_force(cifar) == expected
    for index, row in enumerate(cifar.rows()):
        if index in softened:
            assert row.out[1:] == row.shape[1:]
    assert strides_in_force(spec.at(strides="published")) == published


def test_cifar_strides_change_nothing_else_about_a_block() -> None:
    spec = replace(SPEC, strides="cifar", cifar_steps=1)
    rows = list(spec.rows())
    assert rows[0].block == replace(STEM, stride=1)
    assert [row.block for row in rows[1:]] == list(spec.blocks[1:])
    assert spec.blocks[0] == STEM  # the table itself keeps its published strides


def test_small_images_are_trained_with_cifar_strides_and_larger_ones_with_the_published() -> None:
    assert SPEC.trained_on(resolution=SMALL_IMAGE - 1, classes=7) == SPEC.at(resolution=63, classes=7, strides="cifar")
    large = SPEC.at(strides="cifar").trained_on(resolution=SMALL_IMAGE, classes=7)
    assert large == SPEC.at(resolution=64, classes=7, strides="published")


def test_an_unpadded_stem_is_padded_where_it_does_not_stride() -> None:
    blocks = (Convolution(kernel=7, out=8, stride=2, padding=0), Pooling(operation="max", kernel=3, stride=2), HEAD)
    spec = ArchSpec(resolution=32, blocks=blocks, cifar_steps=2)
    assert [row.out.height for row in spec.rows()] == [13, 6, 1]
    assert [row.out.height for row in spec.at(strides="cifar").rows()] == [32, 32, 1]


def test_an_even_kernel_that_would_have_to_keep_its_size_is_refused_naming_the_block() -> None:
    spec = ArchSpec(resolution=32, blocks=(Convolution(kernel=2, out=8, stride=2, padding=0), HEAD), cifar_steps=1)
    with pytest.raises(SpecError, match=r"^blocks\[0\]\.kernel: 2: must be odd"):
        spec.at(strides="cifar")
    assert spec.smallest_resolution("cifar") is None
    with pytest.raises(SpecError, match=r"too small for this block; the smallest resolution it can take is 2 px$"):
        spec.at(resolution=1)


WITH_A_RULE = [name for name in REFERENCES if REFERENCES[name].spec().cifar_steps is not None]


@pytest.mark.parametrize("reference", WITH_A_RULE)
def test_a_reference_with_a_rule_for_small_images_still_has_a_map_at_its_end(reference: str) -> None:
    spec = REFERENCES[reference].spec()
    trained = spec.trained_on(resolution=32, classes=10)
    assert trained.classes == 10
    *body, _ = (row.out.height for row in trained.rows() if not isinstance(row.block, Pooling) or row.block.kernel)
    assert body[0] == 32
    assert min(body) >= 4  # of the five halvings two are left out


# ---- batch norms of another implementation


def test_epsilon_and_momentum_can_be_changed_everywhere_at_once() -> None:
    blocks = (Resize(multiplier=0.5), STEM, BODY, DenseLayer(growth=2, bottleneck=4), Normalisation(), Pooling(), HEAD)
    spec = ArchSpec(resolution=16, blocks=blocks)
    changed = spec.with_norm(eps=0.25, momentum=0.5)
    found = [one for one in network_on_meta(changed).modules() if isinstance(one, nn.BatchNorm2d)]
    assert len(found) == 1 + 3 + 2 + 1
    assert {(one.eps, one.momentum) for one in found} == {(0.25, 0.5)}
    assert changed.with_norm(eps=1e-5, momentum=0.1) == spec
    assert spec.with_norm() == spec
    only = {(getattr(block, "norm_eps", 1e-5), getattr(block, "norm_momentum", 0.5)) for block in changed.blocks}
    assert only == {(0.25, 0.5), (1e-5, 0.5)}
    assert {getattr(block, "norm_momentum", 0.1) for block in spec.with_norm(eps=0.25).blocks} == {0.1}
