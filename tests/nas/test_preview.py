"""What is said of a space under a budget before anything is trained is true of it."""

from __future__ import annotations

import math
import statistics

import pytest

from nas.arch import ArchSpec
from nas.blocks import Block, Classifier, Convolution, Pooling
from nas.budget import Budget
from nas.draw import NEAR, walk
from nas.errors import BudgetError
from nas.preview import ensure_possible, preview
from nas.space import Pick
from tests.nas.test_draw import SIXTY, V3, plain, three, tiny


def test_ranges_are_those_of_the_cheapest_and_dearest_networks() -> None:
    found = preview(V3, Budget(macs=60_000_000, size_bytes=4_000_000), seed=1, draws=200)
    ranges = {one.quantity.flag: one for one in found.ranges}
    assert list(ranges) == ["--budget-mflops", "--budget-params", "--budget-size-mb", "--budget-memory-mb"]
    macs = ranges["--budget-mflops"]
    assert macs.maximum == 590.070464
    assert macs.minimum < 6.485 < macs.median < macs.maximum
    assert macs.limited
    assert not ranges["--budget-params"].limited
    assert ranges["--budget-params"].share == 1
    assert found.share <= min(one.share for one in found.ranges)


def test_a_budget_below_the_cheapest_network_is_refused_with_its_cost() -> None:
    expected = (
        r"^--budget-mflops 5: the cheapest network of mobilenet_v3 costs 6\.48\d* MFLOPs at 224 px and 1000 classes; "
        "raise the budget"
    )
    with pytest.raises(BudgetError, match=expected):
        ensure_possible(V3, Budget(macs=5_000_000), name="mobilenet_v3")


def test_every_impossible_ceiling_is_named() -> None:
    with pytest.raises(BudgetError, match=r"--budget-mflops 5: .*; --budget-params 1,000: the cheapest network"):
        ensure_possible(V3, Budget(macs=5_000_000, params=1000), name="mobilenet_v3")
    with pytest.raises(BudgetError) as refused:
        ensure_possible(V3, Budget(macs=60_000_000, params=1000), name="mobilenet_v3")
    assert "--budget-mflops" not in str(refused.value)


def test_ceilings_that_no_network_meets_together_are_refused_as_such() -> None:
    def either(pick: Pick) -> ArchSpec:
        """Many multiply-adds and few parameters, or few and many."""
        early = pick("early", (False, True))
        block = Convolution(kernel=1, out=2) if early else Pooling()
        head = Classifier(classes=2, hidden=0 if early else 50)
        return ArchSpec(resolution=8, channels=2, blocks=(block, Pooling(), head))

    ends = [tiny(1).cost(walk(either, lambda name, options, early=early: early).spec) for early in (True, False)]
    assert ends[0].macs > ends[1].macs
    assert ends[0].params < ends[1].params
    budget = Budget(macs=ends[1].macs, params=ends[0].params, resolution=8, classes=2)
    with pytest.raises(BudgetError, match="every ceiling can be met in either, but not all of them by one network"):
        ensure_possible(either, budget, name="either")


@pytest.mark.parametrize("macs", [6_490_000, 60_000_000, 10**12])
def test_a_possible_budget_is_let_through_however_tight(macs: int) -> None:
    ensure_possible(V3, Budget(macs=macs), name="mobilenet_v3")


def test_preview_agrees_with_plain_counting() -> None:
    """Both are shares of independent draws: within six standard deviations of their difference."""
    found = preview(V3, SIXTY, seed=1, draws=1000)
    uses = [SIXTY.use(point.spec) for point in plain()]
    for share, counted in (
        (found.share, statistics.fmean(use <= 1 for use in uses)),
        (found.share_near, statistics.fmean(NEAR <= use <= 1 for use in uses)),
    ):
        deviation = math.sqrt(counted * (1 - counted) * (1 / found.draws + 1 / len(uses)))
        assert abs(share - counted) < 6 * deviation
    # half of the draws lie on either side of the median, again within six standard deviations
    below = statistics.fmean(SIXTY.cost(point.spec).macs < 1e6 * found.ranges[0].median for point in plain())
    assert abs(below - 0.5) < 6 * math.sqrt(0.25 * (1 / found.draws + 1 / len(uses)))
    below = statistics.fmean(SIXTY.cost(point.spec).params < found.ranges[1].median for point in plain())
    assert abs(below - 0.5) < 6 * math.sqrt(0.25 * (1 / found.draws + 1 / len(uses)))
    assert SIXTY.cost(found.dearest).macs == 590_070_464
    assert SIXTY.cost(found.cheapest).macs < 6_485_000


def test_preview_knows_the_size_of_a_space_whose_decisions_depend_on_each_other() -> None:
    def conditional(pick: Pick) -> ArchSpec:
        blocks: list[Block] = []
        for index in range(pick("depth", (0, 1, 2))):
            blocks.append(Convolution(kernel=1, out=pick(f"out{index}", (1, 2, 3, 4))))
        return ArchSpec(resolution=2, channels=1, blocks=(*blocks, Pooling(), Classifier(classes=2)))

    draws = 2000
    found = preview(conditional, Budget(macs=10_000, resolution=2, classes=2), draws=draws)
    size = 1 + 4 + 16
    # a walk's product is 3, 12 or 48, each with probability a third
    deviation = statistics.pstdev([3, 12, 48]) / math.sqrt(draws)
    assert abs(found.size - size) < 6 * deviation
    assert found.share == 1


def test_preview_of_three_networks_is_exact() -> None:
    found = preview(three, tiny(132), draws=300)
    assert found.size == 3
    assert (tiny(1).cost(found.cheapest).macs, tiny(1).cost(found.dearest).macs) == (66, 198)
    assert abs(found.share - 2 / 3) < 6 * math.sqrt(2 / 9 / 300)
    assert abs(found.share_near - 1 / 3) < 6 * math.sqrt(2 / 9 / 300)


def test_preview_is_decided_by_its_seed() -> None:
    first, again, other = (preview(three, tiny(132), seed=seed, draws=300) for seed in (1, 1, 2))
    assert (first.share, first.share_near) == (again.share, again.share_near)
    assert (first.share, first.share_near) != (other.share, other.share_near)
