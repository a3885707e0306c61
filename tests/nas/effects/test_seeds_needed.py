"""What seeds can show: against scipy's noncentral t, and against their own definition."""

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import nct, norm, t

from nas.effects import as_changed, seeds_to_settle, smallest_shown
from nas.effects.plan import Plan, chance_equivalent, chance_shown, detectable, settling
from nas.effects.simultaneous import critical
from nas.effects.spread import spread_of
from nas.effects.table import Table
from tests.nas.effects.tables import table


@pytest.mark.parametrize(("df", "c"), [(4, 2.776), (16, 2.708), (200, 2.5)])
@pytest.mark.parametrize("truth", [0.0, 0.004, 0.012])
def test_power_without_a_margin_is_the_noncentral_ts(df: int, c: float, truth: float) -> None:
    plan = Plan(se=0.004, df=df, critical=c)
    theirs = nct.sf(c, df, truth / 0.004) + nct.cdf(-c, df, truth / 0.004)
    assert chance_shown(plan, truth, margin=0.0) == pytest.approx(theirs, abs=2e-4)


def test_a_difference_inside_the_margin_is_not_shown_by_an_interval_inside_it() -> None:
    """With a known spread: shown only where the estimate is further out than the margin less the half width."""
    plan = Plan(se=0.0005, df=1_000_000, critical=2.0)
    assert chance_shown(plan, 0.0025, margin=0.003) == pytest.approx(norm.sf((0.002 - 0.0025) / 0.0005), abs=1e-3)
    assert chance_shown(plan, 0.0025, margin=0.0) == pytest.approx(1, abs=1e-2)


def test_the_chance_of_equivalence_is_two_one_sided_tests() -> None:
    plan = Plan(se=0.001, df=1_000_000, critical=2.0)
    assert chance_equivalent(plan, 0.0, margin=0.003) == pytest.approx(1 - 2 * norm.sf(1.0), abs=1e-3)
    assert chance_equivalent(plan, 0.003, margin=0.003) == pytest.approx(norm.cdf(-2) - norm.cdf(-4), abs=1e-3)
    assert chance_equivalent(Plan(se=0.002, df=1_000_000, critical=2.0), 0.0, margin=0.003) == 0


def test_the_smallest_difference_is_shown_with_80_percent_power() -> None:
    plan = Plan(se=0.004, df=16, critical=2.708)
    found = detectable(plan, margin=0.003)
    assert chance_shown(plan, found, 0.003) == pytest.approx(0.8, abs=1e-5)
    by_scipy = brentq(lambda truth: nct.sf(2.708, 16, truth / 0.004) - 0.8, 0, 0.1)
    assert found == pytest.approx(by_scipy, rel=1e-3)


def test_a_study_says_before_it_starts_what_it_says_afterwards() -> None:
    scores = table(dict.fromkeys(("base", "a", "b", "c"), 0.6), seeds=6)
    family = as_changed(scores, baseline="base", variants=["a", "b", "c"])
    assert (family.method, family.sigma is None) == ("pooled", False)
    before = smallest_shown(seeds=6, variants=3, sigma=family.sigma or 0)
    assert [effect.detectable for effect in family.effects] == pytest.approx([before] * 3)
    assert {effect.settles for effect in family.effects} == {seeds_to_settle(variants=3, sigma=family.sigma or 0)}


def test_more_seeds_than_there_are_have_their_own_degrees_of_freedom() -> None:
    scores = table(dict.fromkeys(("base", "a", "b", "c"), 0.6), seeds=6)
    spread, _ = spread_of(Table.of(scores, ["base", "a", "b", "c"]))
    family = np.array([[-1.0, 1, 0, 0], [-1, 0, 1, 0], [-1, 0, 0, 1]])
    later = spread.plan(family, 1, 0.05, seeds=9)
    sigma = spread.fitted.sigma or 0
    assert (later.df, later.se) == (3 * 8, pytest.approx(sigma * (2 / 9) ** 0.5))
    assert later.critical == pytest.approx(critical(np.full((3, 3), 0.5) + np.eye(3) / 2, 24, 0.05))
    assert spread.plan(family, 1, 0.05).df == 3 * 5


def test_one_seed_shows_nothing() -> None:
    assert smallest_shown(seeds=1, variants=3, sigma=0.006) is None


def test_more_seeds_show_less_and_more_variants_need_more() -> None:
    by_seeds = [smallest_shown(seeds=n, variants=4, sigma=0.006) or 0 for n in (2, 5, 10, 40)]
    assert by_seeds == sorted(by_seeds, reverse=True)
    assert (smallest_shown(seeds=5, variants=20, sigma=0.006) or 0) > by_seeds[1]


def test_the_fewest_seeds_that_settle_by_definition() -> None:
    def plan(seeds: int) -> Plan:
        df = 4 * (seeds - 1)
        return Plan(se=0.002 * (2 / seeds) ** 0.5, df=df, critical=critical((np.eye(4) + 1) / 2, df, 0.05))

    found = seeds_to_settle(variants=4, sigma=0.002)
    assert found is not None
    enough = [
        chance_equivalent(plan(n), 0.0, 0.003) >= 0.8 and chance_shown(plan(n), 0.003, 0.003) >= 0.8
        for n in range(2, found + 3)
    ]
    assert enough == [False] * (found - 2) + [True] * 3


def test_what_would_take_ten_thousand_seeds_is_unknown() -> None:
    assert settling(lambda seeds: Plan(se=0.2 / seeds**0.5, df=9, critical=2.3), margin=0.003) is None
    assert seeds_to_settle(variants=1, sigma=0.006, margin=0.0) is None


def test_two_seeds_can_be_enough() -> None:
    assert settling(lambda seeds: Plan(se=1e-6, df=50, critical=float(t.ppf(0.975, 50))), margin=0.003) == 2
