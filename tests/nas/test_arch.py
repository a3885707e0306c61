"""An architecture is a table of facts: JSON both ways, faults named by their place, other forms and back."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import FrozenInstanceError, dataclass, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.arch import SMALL_IMAGE, ArchSpec
from nas.blocks import Classifier, Convolution, Cost, InvertedResidual, Pooling, Shape
from nas.errors import NasError, SpecError
from search_spaces import REFERENCES, SPACES
from tests.networks import ARCHITECTURES, random_specs

STEM = Convolution(kernel=3, out=8, stride=2)
BODY = InvertedResidual(kernel=3, mid=16, out=8)
HEAD = Classifier(classes=10)
SPEC = ArchSpec(resolution=32, blocks=(STEM, BODY, BODY, replace(BODY, kernel=5), Pooling(), HEAD))

Document = dict[str, Any]


def document(spec: ArchSpec = SPEC) -> Document:
    found: Document = json.loads(spec.to_json())
    return found


# ---- facts


@pytest.mark.parametrize("field", ["resolution", "blocks", "channels", "strides", "cifar_steps"])
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
    assert set(found) == {"resolution", "blocks", "channels", "strides", "cifar_steps"}
    assert found["blocks"][0] == {
        "kind": "convolution",
        "kernel": 3,
        "out": 8,
        "stride": 2,
        "activation": "relu",
        "norm_eps": 1e-5,
    }


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
    "unknown kind": (put("blocks", 2, "kind", value="fire"), "blocks[2]: "),
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
    "no classes": (put("blocks", 5, "classes", value=0), "blocks[5].classes: 0: must be at least 1"),
    "negative hidden": (put("blocks", 5, "hidden", value=-1), "blocks[5].hidden: -1: must be a number of channels"),
    "resolution 0": (put("resolution", value=0), "resolution: 0: must be at least 1"),
    "no input channels": (put("channels", value=0), "channels: 0: must be at least 1"),
    "negative steps": (put("cifar_steps", value=-1), "cifar_steps: -1: must be 0 or more"),
    # impossible tables
    "no blocks": (put("blocks", value=[]), "blocks: the last block must be a classifier"),
    "no classifier": (drop("blocks", 5), "blocks: the last block must be a classifier"),
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpadded:
    """A block that shrinks its map by two pixels, as no registered kind does: theirs pad."""

    kind: str = "unpadded"

    def out_shape(self, shape: Shape) -> Shape:
        return Shape(shape.channels, shape.height - 2, shape.width - 2)

    def cost(self, shape: Shape) -> Cost:
        return Cost()


def test_maps_shrunk_to_nothing_are_refused_naming_the_block() -> None:
    narrowing: Any = (Unpadded(), Unpadded(), HEAD)
    assert [row.out.height for row in ArchSpec(resolution=5, blocks=narrowing).rows()] == [3, 1, 1]
    with pytest.raises(SpecError, match=r"^blocks\[1\]: a map of 2×2 px is too small .*raise the resolution"):
        ArchSpec(resolution=4, blocks=narrowing)


# ---- the same network for other images


@settings(deadline=None)
@given(ARCHITECTURES, st.integers(1, 40), st.integers(1, 40), st.sampled_from(("published", "cifar")))
def test_another_form_and_back_is_the_original(spec: ArchSpec, resolution: int, classes: int, strides: Any) -> None:
    other = spec.at(resolution=resolution, classes=classes, strides=strides)
    assert (other.resolution, other.classes, other.strides) == (resolution, classes, strides)
    assert other.blocks[:-1] == spec.blocks[:-1]
    assert (other.channels, other.cifar_steps) == (spec.channels, spec.cifar_steps)
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
    published = [getattr(block, "stride", 1) for block in spec.blocks]
    strided = [index for index, stride in enumerate(published) if stride > 1]
    softened = strided[: spec.cifar_steps]
    expected = [1 if index in softened else stride for index, stride in enumerate(published)]
    assert strides_in_force(spec.at(strides="cifar")) == expected
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


@pytest.mark.parametrize("reference", REFERENCES)
def test_a_reference_keeps_32_px_maps_for_its_first_two_strides(reference: str) -> None:
    spec = REFERENCES[reference].spec()
    heights = [row.out.height for row in spec.trained_on(resolution=32, classes=10).rows()]
    assert heights[0] == 32
    assert min(heights[:-2]) == 4  # five halvings, two of them left out
    assert [row.out.height for row in spec.rows()][-3] == 7
