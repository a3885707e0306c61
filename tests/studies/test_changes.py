"""What a variant's changes make of the baseline, and what is said where they fit nothing."""

from typing import Any

import pytest

from nas.arch import ArchSpec
from nas.errors import NasError
from nas.space import rebuild
from search_spaces import find_reference, find_space
from studies.ablation import HIGHEST, LOWEST, Built, Facts, Grid, choices, reference
from studies.ablations.changes import Changeable, changed
from studies.ablations.resolve import Resolved, resolve
from tests.studies.tiny_ablation import BASE, ablation, tiny_among_spaces

__all__ = ["tiny_among_spaces"]  # a fixture for all of this file


def small() -> Changeable:
    found = find_reference("mobilenet_v3_small")
    return Changeable(
        spec=found.spec(),
        space=find_space("mobilenet_v3"),
        choices=found.choices,
        space_name="mobilenet_v3",
        reference=found,
    )


def squeezed(spec: ArchSpec) -> list[bool]:
    return [block.squeeze > 0 for block in spec.blocks if block.kind == "inverted_residual"]


def resolved(**variants: Any) -> Resolved:
    return resolve(ablation(variants))


# ---- decisions


def test_a_pattern_changes_every_decision_that_it_matches_and_nothing_else() -> None:
    made = changed(small(), {"*.se": False})
    assert not any(squeezed(made.spec))
    assert made.choices == {
        name: False if name.endswith(".se") else value for name, value in (small().choices or {}).items()
    }
    assert made.spec == rebuild(find_space("mobilenet_v3"), made.choices or {})
    assert made.words == {"*.se": "False"}


def test_of_several_patterns_the_last_one_counts() -> None:
    made = changed(small(), {"*.se": False, "stage[12].*.se": True})
    assert squeezed(made.spec) == [True] * 3 + [False] * 8


def test_lowest_and_highest_are_each_decisions_own() -> None:
    made = changed(small(), {"stage2.*.expansion": HIGHEST, "stage5.*.expansion": LOWEST}).choices or {}
    assert [made[f"stage2.block{at}.expansion"] for at in range(2)] == [6.0, 6.0]
    assert [made[f"stage5.block{at}.expansion"] for at in range(3)] == [3.0] * 3
    made = changed(small(), {"stage3.*.expansion": LOWEST}).choices or {}
    assert [made[f"stage3.block{at}.expansion"] for at in range(3)] == [3.0, 2.5, 2.25]


def test_decisions_that_exist_no_more_are_dropped() -> None:
    made = changed(small(), {"small.stage5.depth": 1}).choices or {}
    assert not any(name.startswith("stage5.block1") for name in made)
    assert made["stage5.block0.kernel"] == 5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"*.sse": True}, r"'\*\.sse' matches no decision of mobilenet_v3; the nearest are .*\.se"),
        ({"stage3.*.kernal": 5}, r"the nearest are stage3.block\d.kernel"),
        ({"stage9.*.kernel": 5}, r"'stage9\.\*\.kernel' matches no decision"),
        ({"*.kernel": 4}, r"stage1.block0.kernel: 4 is not among its options; there are 3, 5, 7"),
        ({"*.se": 1}, r"stage1.block0.se: 1 is not among its options; there are False, True"),
        ({"*.activation": "relu6"}, r"'relu6' is not among its options; there are 'relu', 'hardswish'"),
        ({"small.stage4.depth": 2, "small.stage1.depth": 2}, r"stage1.block1.kernel: is decided only with these"),
        ({}, "changes nothing"),
    ],
)
def test_a_change_that_fits_nothing_says_what_there_is(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(NasError, match=message):
        changed(small(), changes)


# ---- facts, arguments and functions


def test_facts_change_every_block_of_a_kind() -> None:
    made = changed(small(), Facts({"inverted_residual": {"out_activation": "relu6"}}))
    assert {block.out_activation for block in made.spec.blocks if block.kind == "inverted_residual"} == {"relu6"}
    assert made.words == {"inverted_residual.out_activation": "relu6"}
    v2 = find_reference("mobilenet_v2")
    as_decided = {**(v2.choices or {}), "bottleneck": "relu6"}
    both = changed(Changeable(spec=v2.spec()), Facts({"inverted_residual": {"out_activation": "relu6"}}))
    assert both.spec == rebuild(find_space("mobilenet_v2"), as_decided)


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"fire": {"squeeze": 8}}, "'fire': the baseline has no such block; it has classifier, convolution, inverted"),
        (
            {"inverted_residual": {"squeze": 8}},
            "inverted_residual.squeze: no such fact to change; did you mean squeeze",
        ),
        ({"inverted_residual": {"stride": 1}}, "inverted_residual.stride: no such fact to change"),
        ({"inverted_residual": {"kernel": 4}}, "kernel: 4: must be odd"),
        ({"inverted_residual": {"activation": "tanh"}}, "blocks.*activation: 'tanh': input should be"),
        ({"inverted_residual": {"kernel": "5"}}, "blocks.*kernel: '5': input should be a valid integer"),
        ({"inverted_residual": {"squeeze": 8.0}}, "blocks.*squeeze: 8.0: input should be"),
    ],
)
def test_facts_that_fit_nothing_say_what_there_is(facts: Any, message: str) -> None:
    with pytest.raises(NasError, match=message):
        changed(small(), Facts(facts))


def test_arguments_go_to_what_builds_the_reference() -> None:
    made = changed(small(), Built({"stem": 32, "stem_activation": "relu"}))
    stem = made.spec.blocks[0]
    assert (stem.out, stem.activation) == (32, "relu")  # type: ignore[union-attr]  # a convolution
    assert made.spec.blocks[2:] == small().spec.blocks[2:]


def test_arguments_that_are_none_say_which_there_are() -> None:
    with pytest.raises(
        NasError, match="'steem': no argument of what builds mobilenet_v3_small; there are minimalistic"
    ):
        changed(small(), Built({"steem": 32}))
    with pytest.raises(NasError, match="Built is for a baseline that is a reference"):
        changed(Changeable(spec=small().spec), Built({"stem": 32}))


def test_a_function_makes_a_network_of_the_baselines() -> None:
    def without_shortcuts(spec: ArchSpec) -> ArchSpec:
        return changed(Changeable(spec=spec), Facts({"inverted_residual": {"shortcut": False}})).spec

    made = changed(small(), without_shortcuts)
    assert made.words == {"function": "without_shortcuts"}
    assert made.spec != small().spec
    with pytest.raises(NasError, match="its function returned int, and not an ArchSpec"):
        changed(small(), lambda spec: 3)  # type: ignore[arg-type,return-value]


# ---- a whole study


def test_networks_are_the_baseline_its_widths_and_the_variants() -> None:
    found = resolve(ablation())
    assert [one.name for one in found.networks] == ["baseline", "baseline ×0.5", "baseline ×2", "wide", "se"]
    assert found.curve == {"baseline": 1.0, "baseline ×0.5": 0.5, "baseline ×2": 2.0}
    assert [one.name for one in found.variants] == ["wide", "se"]
    assert found.networks[0].choices == BASE


def test_a_grid_has_every_option_in_every_stage_but_those_of_the_baseline() -> None:
    grid = Grid(decision="kernel", options=(3, 5, 7), stages=(2, 5))
    found = resolve(ablation({}, baseline=reference("mobilenet_v3_small"), grid=grid))
    assert [one.name for one in found.variants] == [
        *("stage2 kernel 5", "stage2 kernel 7"),
        *("stage5 kernel 3", "stage5 kernel 7"),
    ]
    kernels = [block.kernel for block in found.variants[-1].spec.blocks if block.kind == "inverted_residual"]
    assert kernels == [3, 3, 3, 5, 5, 5, 5, 5, 7, 7, 7]


@pytest.mark.parametrize(
    ("variants", "message"),
    [
        ({"same": {"*.se": False}}, "variant 'same': is the baseline again; every variant must differ"),
        ({"a": {"*.se": True}, "b": {"block*.se": True}}, "variant 'b': is variant 'a' again"),
        ({"baseline": {"*.se": True}}, "variant 'baseline': this name is not free"),
        ({" ": {"*.se": True}}, "variant ' ': this name is not free"),
        ({"x": {"*.sse": True}}, r"variant 'x': '\*\.sse' matches no decision of tiny"),
        ({}, "no variant differs from the baseline"),
    ],
)
def test_variants_that_do_not_differ_are_refused(variants: dict[str, Any], message: str) -> None:
    with pytest.raises(NasError, match=message):
        resolve(ablation(variants))


@pytest.mark.parametrize(
    ("others", "message"),
    [
        ({"curve": (1.0, 0.0)}, "curve: 0.0: a width must be above zero"),
        ({"curve": (1.0, 1.01)}, "curve: widths 1 and 1.01 are the same network"),
        ({"baseline": reference("mobilnet_v3_small")}, "baseline mobilnet_v3_small: no reference.*did you mean"),
        ({"baseline": choices("tinny", BASE)}, "baseline: --space tinny: unknown"),
        ({"baseline": choices("tiny", {**BASE, "width": 9})}, "baseline: width: 9: not among its options"),
        ({"baseline": choices("tiny", {"width": 8})}, "baseline: depth: missing"),
    ],
)
def test_a_baseline_or_a_curve_that_cannot_be_is_refused(others: dict[str, Any], message: str) -> None:
    with pytest.raises(NasError, match=message):
        resolve(ablation(**others))


def test_the_curve_always_has_the_baseline_itself() -> None:
    assert resolve(ablation(curve=(0.5, 2.0))).curve["baseline"] == 1.0
