"""Looks that share alpha, two training lengths, and what pairing gains."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm, ttest_rel

from nas.effects import LOOKS, Effect, Verdict, interaction, length_verdict, pairing, spent
from tests.nas.effects.tables import table


def test_looks_spend_alpha_and_no_more() -> None:
    assert sum(spent(look) for look in LOOKS) == pytest.approx(0.05)
    assert sum(spent(look, (3, 6, 9, 12), 0.9) for look in (3, 6, 9, 12)) == pytest.approx(0.1)
    assert spent(7, (7,)) == pytest.approx(0.05)


def test_the_first_looks_spend_what_obrien_and_fleming_would() -> None:
    """2 − 2 Φ(1.96 / √t) at a quarter and a half of the seeds (Lan and DeMets 1983)."""
    assert spent(5) == pytest.approx(2 * norm.sf(1.959964 / 0.5), rel=1e-5)
    assert spent(5) + spent(10) == pytest.approx(2 * norm.sf(1.959964 / 0.5**0.5), rel=1e-5)


@pytest.mark.parametrize(("look", "looks"), [(6, LOOKS), (5, (10, 5)), (5, (5, 5, 10)), (0, (0, 5)), (-5, (-5, 5))])
def test_only_at_looks(look: int, looks: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="looks"):
        spent(look, looks)


def effect(verdict: Verdict) -> Effect:
    return Effect(name="a", delta=0.0, ci=None, p=None, verdict=verdict, detectable=None, settles=None, seeds=())


@pytest.mark.parametrize(
    ("short", "long", "expected"),
    [
        ("helps", "hurts", "depends on training length"),
        ("hurts", "helps", "depends on training length"),
        ("helps", "helps", "helps"),
        ("helps", "not shown", "not shown"),
        ("not shown", "hurts", "hurts"),
        ("hurts", "no practical difference", "no practical difference"),
    ],
)
def test_a_sign_that_flips_is_a_verdict_of_its_own(short: Verdict, long: Verdict, expected: Verdict) -> None:
    assert length_verdict(effect(short), replace(effect(long))) == expected


def test_the_interaction_is_a_paired_difference_of_differences() -> None:
    short = table({"base": 0.5, "a": 0.52}, seeds=6, draw=1)
    long = table({"base": 0.7, "a": 0.71}, seeds=7, draw=2)
    (found,) = interaction(short, long, baseline="base", variants=["a"]).effects
    gain = {key: [long[key][seed] - short[key][seed] for seed in range(1, 7)] for key in ("base", "a")}
    theirs = ttest_rel(gain["a"], gain["base"])
    assert found.seeds == (1, 2, 3, 4, 5, 6)
    assert found.p == pytest.approx(theirs.pvalue)
    assert found.ci == pytest.approx(tuple(theirs.confidence_interval(0.95)))


def test_pairing_by_the_mean_squares_of_seeds_and_rest() -> None:
    scores = table({"base": 0.6, "a": 0.61, "b": 0.5}, seeds=8)
    values = np.array([[*one.values()] for one in scores.values()])
    rest = values - values.mean(axis=1, keepdims=True) - values.mean(axis=0) + values.mean()
    between, within = 3 * values.mean(axis=0).var(ddof=1), (rest**2).sum() / 14
    found = pairing(scores)
    assert found is not None
    assert found.correlation == pytest.approx((between - within) / (between + 2 * within))
    assert found.factor == pytest.approx(1 / (1 - found.correlation))
    assert found.residual_sd == pytest.approx(within**0.5)
    assert found.seed_sd == pytest.approx(((between - within) / 3) ** 0.5)
    assert found.ci[0] < found.correlation < found.ci[1]
    assert (found.networks, found.seeds) == (3, 8)


def test_pairings_interval_covers_what_is_so() -> None:
    """Of 400 tables with a correlation of 0.64, 95% within four standard errors."""
    covered = 0
    for draw in range(400):
        found = pairing(table(dict.fromkeys("abcd", 0.6), seeds=6, rest=0.006, seed=0.008, draw=draw))
        assert found is not None
        covered += found.ci[0] <= 0.64 <= found.ci[1]
    assert abs(covered / 400 - 0.95) < 4 * (0.95 * 0.05 / 400) ** 0.5


def test_only_seeds_that_all_have_count_and_too_few_say_nothing() -> None:
    scores = table({"base": 0.6, "a": 0.61}, seeds=5)
    del scores["a"][2]
    found = pairing(scores)
    assert found is not None
    assert found.seeds == 4
    assert pairing({"base": scores["base"]}) is None
    assert pairing(table({"base": 0.6, "a": 0.61}, seeds=2)) is None
    assert pairing({key: dict.fromkeys(range(5), 0.5) for key in "ab"}) is None
    assert pairing(scores | {"c": {}}, ["base", "a"]) == found
