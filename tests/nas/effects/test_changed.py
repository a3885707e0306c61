"""As changed: by hand, and what cannot be said."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t, ttest_rel

from nas.effects import as_changed, spent
from nas.effects.simultaneous import critical
from nas.effects.table import Table
from nas.effects.two_way import fit
from nas.effects.verdict import verdict
from tests.nas.effects.tables import table

FOUR = {"base": 0.6, "a": 0.6, "b": 0.62, "c": 0.59, "d": 0.601}


def test_one_variant_is_a_paired_t_test() -> None:
    scores = table({"base": 0.6, "a": 0.61}, seeds=6)
    (effect,) = as_changed(scores, baseline="base", variants=["a"]).effects
    theirs = ttest_rel([*scores["a"].values()], [*scores["base"].values()])
    low, high = theirs.confidence_interval(0.95)
    assert effect.ci == pytest.approx((low, high))
    assert effect.p == pytest.approx(theirs.pvalue)
    assert effect.delta == pytest.approx((low + high) / 2)
    assert effect.seeds == (1, 2, 3, 4, 5, 6)


def test_several_variants_by_hand() -> None:
    scores = table(FOUR, seeds=5)
    family = as_changed(scores, baseline="base", variants=["a", "b", "c", "d"])
    values = np.array([[*by_seed.values()] for by_seed in scores.values()])
    rest = values - values.mean(axis=1, keepdims=True) - values.mean(axis=0) + values.mean()
    sigma = math.sqrt((rest**2).sum() / 16)
    assert (family.method, family.df) == ("pooled", 16)
    assert family.sigma == pytest.approx(sigma)
    assert family.critical == pytest.approx(2.7079, abs=0.001)  # Dunnett, four against one, 16 df
    for effect, row in zip(family.effects, values[1:], strict=True):
        delta, half = row.mean() - values[0].mean(), (family.critical or 0) * sigma * math.sqrt(2 / 5)
        assert effect.delta == pytest.approx(delta)
        assert effect.ci == pytest.approx((delta - half, delta + half))
    assert family["b"].verdict == "helps"


def test_what_is_common_to_a_seed_does_not_count() -> None:
    calm, rough = (
        as_changed(table(FOUR, seeds=5, seed=seed), baseline="base", variants=["a", "b", "c", "d"])
        for seed in (0.0, 0.5)
    )
    for one, other in zip(calm.effects, rough.effects, strict=True):
        assert one.ci == pytest.approx(other.ci)


def test_trainings_that_are_missing_are_least_squares() -> None:
    scores = table(FOUR, seeds=6)
    del scores["b"][6], scores["b"][5], scores["base"][2], scores["d"][1]
    family = as_changed(scores, baseline="base", variants=["a", "b", "c", "d"])
    cells = [(key, seed, one) for key, by_seed in scores.items() for seed, one in by_seed.items()]
    keys = [*FOUR]
    design = np.zeros((len(cells), 4 + 6))  # variants minus the baseline, and seeds
    for place, (key, seed, _) in enumerate(cells):
        if key != "base":
            design[place, keys.index(key) - 1] = 1
        design[place, 4 + seed - 1] = 1
    y = np.array([one for *_, one in cells])
    found, squares, rank, _ = np.linalg.lstsq(design, y)
    sigma = math.sqrt(squares[0] / (len(y) - rank))
    error = sigma * np.sqrt(np.diag(np.linalg.inv(design.T @ design)))
    assert family.df == len(y) - rank == 26 - 10
    for at, effect in enumerate(family.effects):
        assert effect.delta == pytest.approx(found[at])
        assert effect.ci is not None
        assert effect.ci[1] - effect.delta == pytest.approx((family.critical or 0) * error[at])
    assert family["b"].seeds == (1, 3, 4)


def test_where_variances_differ_intervals_are_by_each_variants_own_scatter() -> None:
    rest = {"base": 0.002, "a": 0.002, "b": 0.04, "c": 0.002}
    scores = table(dict.fromkeys(rest, 0.6), seeds=10, rest=rest)
    family = as_changed(scores, baseline="base", variants=["a", "b", "c"])
    assert family.method == "per variant"
    assert family.agree is not None
    assert family.agree < 0.05
    assert family.critical is None
    assert family.sigma is not None
    own = {
        key: t.ppf(1 - 0.025 / 3, 9)
        * np.std([scores[key][s] - scores["base"][s] for s in range(1, 11)], ddof=1)
        / 10**0.5
        for key in "abc"
    }
    pooled = critical((np.eye(3) + 1) / 2, 27, 0.05) * family.sigma * (2 / 10) ** 0.5
    for effect in family.effects:
        assert effect.ci is not None
        assert effect.ci[1] - effect.delta == pytest.approx(max(own[effect.name], pooled), rel=1e-6)
    assert own["b"] > pooled > own["a"]
    assert (family["b"].detectable or 0) > (family["a"].detectable or 1) > 0


@pytest.mark.parametrize("draw", range(30))
@pytest.mark.parametrize("rest", [0.006, {"base": 0.004, "a": 0.03, "b": 0.004, "c": 0.004, "d": 0.004}])
def test_p_interval_and_verdict_never_contradict_each_other(draw: int, rest: float | dict[str, float]) -> None:
    family = as_changed(table(FOUR, seeds=4, rest=rest, draw=draw), baseline="base", variants=["a", "b", "c", "d"])
    for effect in family.effects:
        assert effect.ci is not None
        assert effect.p is not None
        assert (effect.p < 0.05) == (not effect.ci[0] <= 0 <= effect.ci[1])
        assert effect.verdict == verdict(effect.ci)


@given(st.floats(-0.1, 0.1), st.floats(1e-5, 0.1), st.floats(1e-4, 0.05))
def test_a_verdict_says_what_its_interval_says(middle: float, half: float, margin: float) -> None:
    ci = (middle - half, middle + half)
    found = verdict(ci, margin)
    if found == "no practical difference":
        assert max(abs(end) for end in ci) < margin
    elif found == "helps":
        assert ci[0] > 0
        assert ci[1] >= margin
    elif found == "hurts":
        assert ci[1] < 0
        assert ci[0] <= -margin
    else:
        assert ci[0] <= 0 <= ci[1]
        assert max(-ci[0], ci[1]) >= margin


def test_a_small_difference_that_is_surely_there_makes_no_practical_difference() -> None:
    assert verdict((0.001, 0.002), 0.003) == "no practical difference"
    assert verdict((0.001, 0.003), 0.003) == "helps"
    assert verdict(None, 0.003) == "not shown"


@pytest.mark.parametrize("scores", [table(FOUR, seeds=1), {key: {1: 0.5, 2: 0.51, 3: 0.49} for key in FOUR}])
def test_one_seed_or_no_scatter_is_no_evidence(scores: dict[str, dict[int, float]]) -> None:
    family = as_changed(scores, baseline="base", variants=["a", "b"])
    assert (family.sigma, family.df, family.critical) == (None, None, None)
    for effect in family.effects:
        assert effect.delta == pytest.approx(scores[effect.name][1] - scores["base"][1])
        assert (effect.ci, effect.p, effect.detectable, effect.settles) == (None, None, None, None)
        assert effect.verdict == "not shown"


def test_variants_that_share_no_seed_with_the_baseline_are_left_out() -> None:
    scores = table(FOUR, seeds=4)
    scores["a"] = {9: 0.6}
    family = as_changed(scores, baseline="base", variants=["a", "b", "nowhere"])
    assert [effect.name for effect in family.effects] == ["b"]
    with pytest.raises(KeyError):
        family["a"]
    assert as_changed({}, baseline="base", variants=["a"]).effects == ()


def test_other_networks_of_the_table_play_no_part() -> None:
    scores = table(FOUR, seeds=4)
    alone = as_changed({key: scores[key] for key in ("base", "a")}, baseline="base", variants=["a"])
    assert as_changed(scores, baseline="base", variants=["a"]) == alone


def test_a_look_that_may_spend_little_has_wide_intervals() -> None:
    scores = table(FOUR, seeds=5)
    whole, first = (
        as_changed(scores, baseline="base", variants=["a", "b"], alpha_spent=alpha) for alpha in (None, spent(5))
    )
    assert first.spent == spent(5)
    assert (whole.critical, first.critical) == (
        pytest.approx(critical((np.eye(2) + 1) / 2, 8, 0.05)),
        pytest.approx(critical((np.eye(2) + 1) / 2, 8, spent(5))),
    )
    assert first["b"].p == whole["b"].p


def test_what_seeds_could_show_does_not_depend_on_what_was_found() -> None:
    scores = table(FOUR, seeds=5)
    moved = scores | {"a": {seed: one + 0.05 for seed, one in scores["a"].items()}}
    before, after = (as_changed(one, baseline="base", variants=["a", "b"])["a"] for one in (scores, moved))
    assert after.delta == pytest.approx(before.delta + 0.05)
    assert (after.detectable, after.settles) == (pytest.approx(before.detectable), before.settles)


def test_a_complete_tables_means_are_plain_means() -> None:
    scores = table(FOUR, seeds=4)
    fitted = fit(Table.of(scores, [*FOUR]))
    assert fitted.means == pytest.approx([np.mean([*by_seed.values()]) for by_seed in scores.values()])


def test_the_residual_is_that_of_the_searchs_evidence() -> None:
    from nas.evidence import difference

    scores = table(FOUR, seeds=4)
    family = as_changed(scores, baseline="base", variants=["a", "b", "c", "d"])
    theirs = difference(scores, "a", "base")
    assert theirs is not None
    assert theirs.ci is not None
    assert family.sigma is not None
    half = t.ppf(0.975, 12) * family.sigma * (2 / 4) ** 0.5
    assert theirs.ci[1] - theirs.value == pytest.approx(half)
