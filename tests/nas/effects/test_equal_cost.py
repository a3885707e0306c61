"""At equal cost: the curve as a weighted sum, the gap as a contrast, worth as its inversion."""

import math

import numpy as np
import pytest

from nas.effects import as_changed, at_equal_cost
from nas.effects.curve import between, degree_for, weights
from tests.nas.effects.tables import table

WIDTHS = {"w0.5": 20.0, "w0.75": 42.0, "w1": 56.0, "w1.25": 91.0}


def on_a_parabola(cost: float) -> float:
    return 0.6 + 0.05 * math.log(cost / 40) - 0.01 * math.log(cost / 40) ** 2


def study(gaps: dict[str, tuple[float, float]], **noise: float) -> dict[str, dict[int, float]]:
    """``gaps``: variant → its cost and how far it is above the curve."""
    means = {key: on_a_parabola(cost) for key, cost in WIDTHS.items()}
    means |= {key: on_a_parabola(cost) + gap for key, (cost, gap) in gaps.items()}
    return table(means, seeds=int(noise.pop("seeds", 5)), **noise)  # type: ignore[arg-type]


def test_a_parabola_is_read_exactly_anywhere() -> None:
    for degree in (1, 2):
        (row,) = weights([*WIDTHS.values()], [70.0], degree)
        assert row.sum() == pytest.approx(1)
        assert row @ np.log([*WIDTHS.values()]) == pytest.approx(math.log(70))
    assert row @ [on_a_parabola(cost) for cost in WIDTHS.values()] == pytest.approx(on_a_parabola(70))


def test_the_curves_shape_depends_on_how_many_costs_there_are() -> None:
    assert [degree_for(costs) for costs in ([1, 2], [1, 2, 3], [1, 2, 3, 4], [1, 2, 2])] == [1, 2, 2, 1]
    with pytest.raises(ValueError, match="two costs or more"):
        degree_for([3, 3])


def test_the_gap_by_hand() -> None:
    scores = study({"a": (50.0, 0.01), "b": (30.0, -0.02)})
    family = at_equal_cost(scores, baseline_curve=[*WIDTHS.items()], variants={"a": 50.0, "b": 30.0}, axis="macs")
    values = np.array([[*by_seed.values()] for by_seed in scores.values()])
    rest = values - values.mean(axis=1, keepdims=True) - values.mean(axis=0) + values.mean()
    sigma = math.sqrt((rest**2).sum() / 20)
    assert (family.df, family.sigma) == (20, pytest.approx(sigma))
    x = np.log([*WIDTHS.values()])
    for effect, row, cost in zip(family.effects, values[4:], (50.0, 30.0), strict=True):
        gaps = [
            one - np.polyval(np.polyfit(x, seed[:4], 2), math.log(cost))
            for one, seed in zip(row, values.T, strict=True)
        ]
        assert effect.delta == pytest.approx(np.mean(gaps))
        heights = np.array([np.polyval(np.polyfit(x, unit, 2), math.log(cost)) for unit in np.eye(4)])
        error = sigma * math.sqrt((1 + heights @ heights) / 5)
        assert effect.ci is not None
        assert effect.ci[1] - effect.delta == pytest.approx((family.critical or 0) * error)
        assert (effect.axis, effect.cost, effect.extrapolated) == ("macs", cost, False)
    assert family.critical is not None
    assert 2.0 < family.critical < 2.5


def test_with_one_variant_and_the_baseline_at_its_cost_a_line_reads_like_as_changed() -> None:
    scores = study({"a": (91.0, 0.01)})
    curve = [("w0.5", 20.0), ("w1.25", 91.0)]
    family = at_equal_cost(scores, baseline_curve=curve, variants={"a": 91.0}, axis="macs")
    plain = as_changed(scores, baseline="w1.25", variants=["w0.5", "a"])
    assert family["a"].delta == pytest.approx(plain["a"].delta)
    assert family.sigma == pytest.approx(plain.sigma)


def test_worth_is_where_the_curve_is_as_good() -> None:
    gaps = {"a": (40.0, on_a_parabola(60) - on_a_parabola(40)), "b": (60.0, on_a_parabola(40) - on_a_parabola(60))}
    scores = study(gaps, rest=1e-5, seeds=4)
    family = at_equal_cost(scores, baseline_curve=[*WIDTHS.items()], variants={"a": 40.0, "b": 60.0}, axis="macs")
    assert family["a"].worth == pytest.approx(0.5, abs=0.003)
    assert family["b"].worth == pytest.approx(-1 / 3, abs=0.003)
    for effect in family.effects:
        assert effect.worth_ci is not None
        low, high = effect.worth_ci
        assert low is not None
        assert high is not None
        assert effect.worth is not None
        assert low < effect.worth < high < low + 0.01


def test_the_interval_of_worth_is_where_the_gap_is_not_shown() -> None:
    scores = study({"a": (50.0, 0.01)}, seeds=8)
    curve = [*WIDTHS.items()]
    effect = at_equal_cost(scores, baseline_curve=curve, variants={"a": 50.0}, axis="macs")["a"]
    assert effect.worth_ci is not None
    for end in effect.worth_ci:
        assert end is not None
        moved = at_equal_cost(scores, baseline_curve=curve, variants={"a": 50 * (1 + end)}, axis="macs")["a"]
        assert moved.ci is not None
        assert min(abs(moved.ci[0]), abs(moved.ci[1])) == pytest.approx(0, abs=1e-6)  # one contrast: the same quantile


@pytest.mark.parametrize("draw", range(20))
def test_worth_and_gap_never_contradict_each_other(draw: int) -> None:
    scores = study({"a": (50.0, 0.01), "b": (60.0, 0.0), "c": (35.0, -0.01)}, draw=draw)
    variants = {"a": 50.0, "b": 60.0, "c": 35.0}
    for effect in at_equal_cost(scores, baseline_curve=[*WIDTHS.items()], variants=variants, axis="params").effects:
        assert effect.ci is not None
        assert effect.worth_ci is not None
        low, high = effect.worth_ci
        if effect.ci[0] > 0:
            assert low is not None
            assert low > 0
        elif effect.ci[1] < 0:
            assert high is not None
            assert high < 0
        else:
            assert low is None or low <= 1e-6
            assert high is None or high >= -1e-6


def test_what_lies_beyond_the_curve_has_an_open_end() -> None:
    scores = study({"best": (60.0, 0.2), "worst": (60.0, -0.2)}, seeds=6)
    variants = {"best": 60.0, "worst": 60.0}
    family = at_equal_cost(scores, baseline_curve=[*WIDTHS.items()], variants=variants, axis="macs")
    assert (family["best"].worth, family["worst"].worth) == (None, None)
    assert family["best"].worth_ci == (pytest.approx(91 / 60 - 1), None)
    assert family["worst"].worth_ci == (None, pytest.approx(20 / 60 - 1))


def test_a_variant_outside_the_curve_is_said_to_be_and_far_outside_has_no_interval() -> None:
    costs = {"inside": 50.0, "outside": 100.0, "far": 200.0}
    scores = study({key: (cost, 0.0) for key, cost in costs.items()})
    family = at_equal_cost(scores, baseline_curve=[*WIDTHS.items()], variants=costs, axis="macs")
    assert [effect.extrapolated for effect in family.effects] == [False, True, True]
    assert family["outside"].ci is not None
    far = family["far"]
    assert (far.ci, far.p, far.verdict, far.worth, far.worth_ci) == (None, None, "not shown", None, None)
    inside = at_equal_cost(
        {key: value for key, value in scores.items() if key != "far"},
        baseline_curve=[*WIDTHS.items()],
        variants={"inside": 50.0, "outside": 100.0},
        axis="macs",
    )
    assert (family.df, inside.df) == (24, 20)  # it still tells something of the noise


def test_a_curve_that_does_not_fit_is_said() -> None:
    scores = study({"a": (50.0, 0.0)}, rest=0.001, seeds=8)
    straight = at_equal_cost(scores, baseline_curve=[*WIDTHS.items()], variants={"a": 50.0}, axis="macs")
    assert straight["a"].misfit is None
    assert straight.curve is not None
    assert straight.curve.p is not None
    scores["w0.75"] = {seed: one + 0.02 for seed, one in scores["w0.75"].items()}
    kinked = at_equal_cost(scores, baseline_curve=[*WIDTHS.items()], variants={"a": 50.0}, axis="macs")
    assert kinked["a"].misfit is not None
    worst = max(kinked.curve.points if kinked.curve else (), key=lambda point: abs(point.mean - point.fitted))
    assert kinked["a"].misfit.endswith(
        f"up to {100 * abs(worst.mean - worst.fitted):.2f} points off it, at {worst.name}), so they are joined by "
        "straight lines"
    )
    assert kinked.curve is not None
    assert (kinked.curve.p or 1) < 0.001
    three = at_equal_cost(scores, baseline_curve=[*WIDTHS.items()][1:], variants={"a": 50.0}, axis="macs")
    assert three["a"].misfit == "whether a parabola fits was not checked: 3 widths"


def test_where_a_parabola_is_shown_not_to_fit_the_curve_goes_from_width_to_width() -> None:
    """At a width's own cost the gap is the difference to that width, and in between by linear interpolation."""
    scores = study({"a": (56.0, 0.0), "b": (50.0, 0.01)}, rest=0.001, seeds=8)
    scores["w0.75"] = {seed: one + 0.02 for seed, one in scores["w0.75"].items()}
    for widths in ([*WIDTHS.items()], [*WIDTHS.items()][::-1]):
        family = at_equal_cost(scores, baseline_curve=widths, variants={"a": 56.0, "b": 50.0}, axis="macs")
        means = {name: float(np.mean([*by_seed.values()])) for name, by_seed in scores.items()}
        costs, heights = [*WIDTHS.values()], [means[name] for name in WIDTHS]
        for effect, cost in zip(family.effects, (56.0, 50.0), strict=True):
            read = float(np.interp(math.log(cost), np.log(costs), heights))
            assert effect.delta == pytest.approx(means[effect.name] - read, abs=1e-12)
            assert family.curve is not None
            assert family.curve.at(cost) == pytest.approx(read)
        alike = as_changed(scores, baseline="w1", variants=["a"])
        assert family["a"].delta == pytest.approx(alike["a"].delta, abs=1e-12)


def test_straight_lines_go_on_beyond_the_ends_and_widths_of_one_cost_share_their_weight() -> None:
    found = between([10.0, 20.0, 40.0], [80.0, 5.0, 20.0])
    assert np.allclose(found, [[0, -1, 2], [2, -1, 0], [0, 1, 0]])
    assert between([10.0, 20.0, 20.0], [20.0])[0].tolist() == [0.0, 0.5, 0.5]


def test_lack_of_fit_is_the_t_test_of_what_a_parabola_leaves() -> None:
    from scipy.stats import t

    scores = study({"a": (50.0, 0.0)}, seeds=6)
    family = at_equal_cost(scores, baseline_curve=[*WIDTHS.items()], variants={"a": 50.0}, axis="macs")
    x = np.log([*WIDTHS.values()])
    left = np.linalg.svd(np.vander(x, 3).T)[2][3]  # orthogonal to every parabola, length 1
    means = np.array([np.mean([*scores[key].values()]) for key in WIDTHS])
    score = (left @ means) / ((family.sigma or 0) / 6**0.5)
    assert family.curve is not None
    assert family.curve.p == pytest.approx(2 * t.sf(abs(score), family.df or 0))


def test_the_curve_can_be_drawn() -> None:
    scores = study({"a": (50.0, 0.0)})
    family = at_equal_cost(scores, baseline_curve=[*reversed(WIDTHS.items())], variants={"a": 50.0}, axis="latency")
    assert family.curve is not None
    assert [point.name for point in family.curve.points] == [*WIDTHS]
    assert family.curve.degree == 2
    mean = np.mean([*scores["a"].values()])
    assert mean - family.curve.at(50.0) == pytest.approx(family["a"].delta)
    for point in family.curve.points:
        assert point.mean == pytest.approx(np.mean([*scores[point.name].values()]))
        assert point.fitted == pytest.approx(family.curve.at(point.cost))


def test_until_the_whole_curve_is_trained_there_is_nothing_to_read() -> None:
    scores = study({"a": (50.0, 0.0)})
    del scores["w0.5"]
    family = at_equal_cost(scores, baseline_curve=[*WIDTHS.items()], variants={"a": 50.0}, axis="macs")
    assert (family.effects, family.curve) == ((), None)


def test_where_variances_differ_gaps_are_never_narrower_than_pooled() -> None:
    means = {key: on_a_parabola(cost) for key, cost in WIDTHS.items()} | {"a": 0.6, "b": 0.6}
    rest = dict.fromkeys(means, 0.002) | {"a": 0.04}
    scores = table(means, seeds=10, rest=rest)
    family = at_equal_cost(scores, baseline_curve=[*WIDTHS.items()], variants={"a": 50.0, "b": 50.0}, axis="macs")
    assert family.method == "per variant"
    wide, narrow = (effect.ci for effect in family.effects)
    assert wide is not None
    assert narrow is not None
    assert wide[1] - wide[0] > 1.5 * (narrow[1] - narrow[0])


@pytest.mark.parametrize("cost", [0.0, -3.0, math.nan])
def test_costs_are_above_zero(cost: float) -> None:
    with pytest.raises(ValueError, match="a costs"):
        at_equal_cost({}, baseline_curve=[*WIDTHS.items()], variants={"a": cost}, axis="latency")
