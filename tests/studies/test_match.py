"""Variants brought to the baseline's cost by their expansion widths, and kernels that small maps cannot judge."""

import pytest

from nas.cost import cost
from nas.errors import NasError
from studies.ablation import Facts, reference
from studies.ablations.find import find
from studies.ablations.match import NEAR, STEP, matched
from studies.ablations.resolve import resolve
from studies.ablations.small_images import wider_than_their_maps
from tests.studies.tiny_ablation import ablation


@pytest.mark.parametrize("name", ["expansion", "kernel_size", "stem", "last_stage", "squeeze_excitation"])
def test_every_dearer_or_cheaper_variant_gets_a_twin_at_the_baselines_cost(name: str) -> None:
    networks = resolve(find(name).study).networks
    target = cost(networks[0].spec).macs
    twins = {one.match_of: one for one in matched(networks)}
    for one in networks:
        far = abs(cost(one.spec).macs / target - 1) > NEAR
        assert (one.name in twins) == (far and one.width is None)
    for twin in twins.values():
        # the widths move in eights: a hundredth of the cost is what the coarsest of these networks comes to
        assert cost(twin.spec).macs == pytest.approx(target, rel=0.01)


def test_only_expansion_widths_move_and_where_they_went_is_told() -> None:
    networks = resolve(find("expansion").study).networks
    before = next(one for one in networks if one.name == "narrow late")
    (twin,) = (one for one in matched(networks) if one.match_of == "narrow late")
    moved = {}
    for at, (was, now) in enumerate(zip(before.spec.blocks, twin.spec.blocks, strict=True)):
        if was.kind == "inverted_residual" and now.kind == "inverted_residual":
            assert (was.kernel, was.out, was.stride) == (now.kernel, now.out, now.stride)
            assert (was.squeeze == 0) == (now.squeeze == 0)
            if was.mid != now.mid:
                assert now.mid % STEP == 0
                moved[f"blocks[{at}].mid"] = f"{was.mid} → {now.mid}"
        else:
            assert was == now
    assert moved
    assert {name: value for name, value in twin.changes.items() if name.startswith("blocks")} == moved
    assert twin.title.startswith("narrow late, matched (")


def test_a_twin_still_expands_where_its_variant_did() -> None:
    networks = resolve(find("expansion").study).networks
    by_name = {one.name: one for one in networks}
    for twin in matched(networks):
        for was, now in zip(by_name[twin.match_of or ""].spec.rows(), twin.spec.rows(), strict=True):
            if was.block.kind == "inverted_residual" and now.block.kind == "inverted_residual":
                assert was.block.expands(was.shape) == now.block.expands(now.shape)


def test_a_network_without_expansions_cannot_be_matched() -> None:
    with pytest.raises(NasError, match="--match: variant 'shallow' has no expansion widths to move"):
        matched(resolve(find("shallow_or_narrow").study).networks)


# ---- small images


def test_kernels_that_are_wider_than_their_map_are_told_with_the_networks() -> None:
    networks = resolve(
        ablation(
            {
                "late 7": {"stage5.*.kernel": 7},
                "early 7": {"stage1.*.kernel": 7},
                "3": Facts({"inverted_residual": {"kernel": 3}}),
            },
            baseline=reference("mobilenet_v3_small"),
            curve=(0.5, 1.0),
        )
    ).networks
    # stage 5 enters at 8 px and has maps of 4 px at 32
    told = wider_than_their_maps(networks, 32, 10)
    assert [one.partition(",")[0] for one in told] == ["5×5 kernels on 4×4 maps", "7×7 kernels on 4×4 maps"]
    assert told[0].endswith("(MobileNetV3 small, MobileNetV3 small ×0.5, early 7)")
    assert told[1].endswith("(late 7)")
    assert wider_than_their_maps(networks, 224, 10) == ()


def test_where_all_networks_have_such_kernels_that_is_said_once() -> None:
    networks = resolve(find("squeeze_excitation").study).networks
    (told,) = wider_than_their_maps(networks, 24, 10)
    assert told.startswith("5×5 kernels on 3×3 maps, at 24 px, see mostly padding")
    assert told.endswith("(all networks)")
