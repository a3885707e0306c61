"""A network fits its budget or it does not, to the last multiply-add, counted in the deployed form."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from nas.arch import ArchSpec
from nas.blocks import Classifier
from nas.budget import Budget
from nas.cost import cost
from nas.errors import BudgetError, NasError
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
        ({"macs": 60_000_000, "resolution": 0}, "--budget-resolution 0: must be at least 1 px"),
        ({"macs": 60_000_000, "classes": 0}, "--budget-classes 0: must be at least 1"),
    ],
)
def test_a_budget_that_makes_no_sense_is_refused_naming_its_flag(facts: dict[str, int], message: str) -> None:
    with pytest.raises(BudgetError, match="^" + re.escape(message)):
        Budget(**facts)
    assert issubclass(BudgetError, NasError)


def test_a_ceiling_says_what_a_cost_is_in_its_unit() -> None:
    macs, params = Budget(macs=60_000_000, params=3_000_000).ceilings()
    assert (macs.flag, macs.limit, macs.of(cost(SMALL))) == ("--budget-mflops", 60, 56.5104)
    assert (params.flag, params.limit, params.of(cost(SMALL))) == ("--budget-params", 3_000_000, PARAMS)


def test_a_budget_reads_as_it_was_typed() -> None:
    assert str(Budget(macs=60_000_000)) == "60 MFLOPs at 224 px, 1000 classes"
    assert (
        str(Budget(macs=4_500_000, params=2_000_000, resolution=96, classes=10))
        == "4.5 MFLOPs and 2,000,000 parameters at 96 px, 10 classes"
    )
