"""A network fits its budget or it does not, to the last multiply-add, counted in the deployed form."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, get_args

import pytest

from nas.arch import ArchSpec
from nas.blocks import Classifier
from nas.budget import Budget
from nas.cost import cost
from nas.errors import BudgetError, NasError
from nas.size import SizeAt, file_bytes
from search_spaces import REFERENCES, SPACES
from tests.networks import random_specs

SMALL = REFERENCES["mobilenet_v3_small"].spec()
LARGE = REFERENCES["mobilenet_v3_large"].spec()
MACS, PARAMS = 56_510_400, 2_542_856  # small's, at 224 px and 1000 classes (tests/nas/test_cost.py)


def test_a_network_fits_exactly_at_its_cost_and_not_one_below() -> None:
    assert Budget(macs=MACS).fits(SMALL)
    assert Budget(macs=MACS).use(SMALL) == 1
    assert not Budget(macs=MACS - 1).fits(SMALL)
    assert Budget(macs=MACS - 1).use(SMALL) > 1


@pytest.mark.parametrize("space", SPACES)
def test_every_network_fits_exactly_at_its_cost_and_not_one_below(space: str) -> None:
    for spec in random_specs(space, 200):
        spent = cost(spec)
        native = Budget(macs=spent.macs, params=spent.params, resolution=spec.resolution, classes=spec.classes)
        assert native.fits(spec)
        assert not replace(native, macs=spent.macs - 1).fits(spec)
        assert not replace(native, params=spent.params - 1).fits(spec)


def test_one_multiply_add_too_many_does_not_fit_where_a_fraction_would_round_to_one() -> None:
    macs = 2**60 + 1
    assert (macs + 1) / macs == 1
    wide = ArchSpec(resolution=1, channels=macs + 1, blocks=(Classifier(classes=1),))
    assert cost(wide).macs == macs + 1
    budget = Budget(macs=macs, resolution=1, classes=1)
    assert not budget.fits(wide)
    assert budget.fits(replace(wide, channels=macs))


def test_parameters_have_a_ceiling_of_their_own() -> None:
    assert Budget(params=PARAMS).fits(SMALL)
    assert not Budget(params=PARAMS - 1).fits(SMALL)
    assert not Budget(params=PARAMS).fits(LARGE)


def test_with_two_ceilings_both_must_hold() -> None:
    assert Budget(macs=MACS, params=PARAMS).fits(SMALL)
    assert not Budget(macs=MACS - 1, params=2 * PARAMS).fits(SMALL)
    assert not Budget(macs=2 * MACS, params=PARAMS - 1).fits(SMALL)


def test_use_is_the_share_of_the_tightest_ceiling() -> None:
    assert Budget(macs=2 * MACS).use(SMALL) == 0.5
    assert Budget(params=4 * PARAMS).use(SMALL) == 0.25
    assert Budget(macs=2 * MACS, params=4 * PARAMS).use(SMALL) == 0.5
    assert Budget(macs=8 * MACS, params=4 * PARAMS).use(SMALL) == 0.25


@pytest.mark.parametrize(
    "form",
    [
        SMALL.trained_on(resolution=32, classes=10),
        SMALL.at(resolution=320),
        SMALL.at(classes=2),
        SMALL.at(strides="cifar"),
    ],
)
def test_a_network_is_counted_in_the_deployed_form_whatever_form_it_is_in(form: ArchSpec) -> None:
    assert cost(form) != cost(SMALL)
    budget = Budget(macs=MACS, params=PARAMS)
    assert budget.deployed(form) == SMALL
    assert budget.cost(form) == cost(SMALL)
    assert budget.fits(form)
    assert not replace(budget, macs=MACS - 1).fits(form)


def test_the_deployed_form_is_the_budgets_to_choose() -> None:
    # small at 32 px, 10 classes and published strides (tests/nas/test_cost.py)
    budget = Budget(macs=2_169_792, params=1_528_106, resolution=32, classes=10)
    assert budget.use(SMALL) == 1
    assert not replace(budget, macs=2_169_791).fits(SMALL)
    assert not replace(budget, resolution=33).fits(SMALL)
    assert not replace(budget, classes=11).fits(SMALL)


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({}, "no budget: give --budget-mflops"),
        ({"macs": 0}, "--budget-mflops 0: must be above zero"),
        ({"macs": -5_000_000}, "--budget-mflops -5: must be above zero"),
        ({"params": 0}, "--budget-params 0: must be above zero"),
        ({"macs": 60_000_000, "params": -1}, "--budget-params -1: must be above zero"),
        ({"size_bytes": 0}, "--budget-size-mb 0: must be above zero"),
        ({"memory_bytes": -1_000_000}, "--budget-memory-mb -1: must be above zero"),
        ({"latency_ms": 0.0, "latency_target": "phone"}, "--budget-latency-ms 0: must be above zero"),
        ({"latency_ms": float("nan"), "latency_target": "phone"}, "--budget-latency-ms nan: must be above zero"),
        ({"latency_ms": 4.0}, "--budget-latency-ms: on what? give --latency-target"),
        ({"latency_target": "phone"}, "no budget: give --budget-mflops"),
        ({"macs": 1, "size_at": "int8"}, "--size-at int8: of which budget? give --budget-size-mb"),
        ({"size_bytes": 1, "size_at": "int4"}, "--size-at int4: unknown; there are fp32, fp16, int8"),
        ({"macs": 60_000_000, "resolution": 0}, "--budget-resolution 0: must be at least 1 px"),
        ({"macs": 60_000_000, "classes": 0}, "--budget-classes 0: must be at least 1"),
    ],
)
def test_a_budget_that_makes_no_sense_is_refused_naming_its_flag(facts: dict[str, Any], message: str) -> None:
    with pytest.raises(BudgetError, match="^" + re.escape(message)):
        Budget(**facts)
    assert issubclass(BudgetError, NasError)


def test_a_ceiling_says_what_a_cost_is_in_its_unit() -> None:
    macs, params = Budget(macs=60_000_000, params=3_000_000).ceilings()
    assert (macs.flag, macs.limit, macs.spent(SMALL)) == ("--budget-mflops", 60, 56.5104)
    assert (params.flag, params.limit, params.spent(SMALL)) == ("--budget-params", 3_000_000, PARAMS)


def test_a_budget_reads_as_it_was_typed() -> None:
    assert str(Budget(macs=60_000_000)) == "60 MFLOPs at 224 px, 1000 classes"
    assert (
        str(Budget(macs=4_500_000, params=2_000_000, resolution=96, classes=10))
        == "4.5 MFLOPs and 2,000,000 parameters at 96 px, 10 classes"
    )


@pytest.mark.parametrize("at", get_args(SizeAt))
def test_a_file_fits_exactly_at_its_size_and_not_a_byte_below(at: SizeAt) -> None:
    size = file_bytes(cost(SMALL), at)
    assert Budget(size_bytes=size, size_at=at).use(SMALL) == 1
    assert not Budget(size_bytes=size - 1, size_at=at).fits(SMALL)


def test_activations_fit_exactly_at_their_peak_and_not_a_byte_below() -> None:
    peak = cost(SMALL).peak_activation_bytes
    assert Budget(memory_bytes=peak).use(SMALL) == 1
    assert not Budget(memory_bytes=peak - 1).fits(SMALL)


def test_a_file_is_of_fp32_unless_told_otherwise() -> None:
    assert Budget(size_bytes=4_000_000) == Budget(size_bytes=4_000_000, size_at="fp32")


def test_a_latency_is_a_fact_here_and_no_ceiling() -> None:
    budget = Budget(macs=MACS, latency_ms=4.0, latency_target="phone")
    assert [ceiling.flag for ceiling in budget.ceilings()] == ["--budget-mflops"]
    assert budget.use(SMALL) == 1
    assert budget.latency(SMALL) is None
    assert str(budget) == "56.5104 MFLOPs and 4 ms on phone at 224 px, 1000 classes"


def test_what_names_come_from_is_unchanged_by_ceilings_that_are_not_there() -> None:
    assert repr(Budget(macs=1)) == "Budget(macs=1, params=None, resolution=224, classes=1000)"
    assert "latency_ms=4.0" in repr(Budget(latency_ms=4.0, latency_target="phone"))
