"""Sums of blocks, calibrated on whole networks; what was measured is not predicted."""

import random
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import spearmanr

from nas.arch import ArchSpec
from nas.cost import cost
from nas.latency import predict
from nas.latency.estimate import FEWEST, Estimate, _Model
from nas.latency.predict import LEAST_ERROR, Predictor, calibrate, placed
from nas.latency.table import Placed, Table
from nas.latency.value import Latency
from tests.nas.fast import tiny_space
from tests.nas.latency.fakes import block_ms, calibration, latency, predictor_of, specs_of, table_of, total

SPECS = specs_of(tiny_space, 60)


def test_where_blocks_are_known_and_times_add_up_the_prediction_is_exact() -> None:
    predict = predictor_of(SPECS)
    for spec in SPECS:
        known = predict(spec)
        assert known.ms == pytest.approx(total(spec))
        assert not known.measured
        assert (known.low, known.high) == pytest.approx((known.ms / 1.05, known.ms / 0.95))


def test_the_calibration_is_a_line_in_the_sum() -> None:
    predict = predictor_of(SPECS, slope=0.8, constant=0.03)
    assert predict(SPECS[0]).ms == pytest.approx(0.8 * total(SPECS[0]) + 0.03)


def test_a_network_measured_as_a_whole_is_not_predicted() -> None:
    table = table_of(SPECS)
    predict = Predictor(table=table, calibration=calibration())
    before = predict(SPECS[0])
    table.networks[SPECS[0]] = Latency(7.0, 6.5, 7.5)
    assert predict(SPECS[0]) == Latency(7.0, 6.5, 7.5)
    assert before.ms != 7.0
    assert not predict(SPECS[1]).measured


def test_nothing_is_faster_than_a_call() -> None:
    table = table_of(SPECS)
    table.overhead_ms = 100.0
    assert Predictor(table=table, calibration=calibration())(SPECS[0]).ms == 100.0
    table.overhead_ms = None
    assert Predictor(table=table, calibration=calibration(constant=-1e6))(SPECS[0]).ms > 0


def test_what_takes_no_time_changes_no_prediction() -> None:
    predict = predictor_of(SPECS)
    spec = SPECS[0]
    other = replace(spec, blocks=(replace(spec.blocks[0], norm_eps=1e-3, norm_momentum=0.01), *spec.blocks[1:]))
    assert other != spec
    assert predict(other) == predict(spec)


def test_unknown_blocks_are_estimated_with_the_wider_interval() -> None:
    known, new = SPECS[:50], next(spec for spec in SPECS[50:] if set(placed(spec)) - set(_blocks(SPECS[:50])))
    predict = predictor_of(known)
    found = predict(new)
    assert (found.low, found.high) == pytest.approx((found.ms / 1.2, found.ms / 0.8))
    measured = [known for _, known in predict.blocks(new)]
    assert measured == [one in predict.table.blocks for one in placed(new)]
    assert {True, False} == set(measured)
    assert found.ms == pytest.approx(total(new), rel=0.2)  # the formula is one that a line can tell


def _blocks(specs: list[ArchSpec]) -> dict[Placed, None]:
    return {one: None for spec in specs for one in placed(spec)}


def test_blocks_are_given_in_the_networks_order() -> None:
    predict = predictor_of(SPECS)
    assert [ms for ms, _ in predict.blocks(SPECS[0])] == pytest.approx([block_ms(one) for one in placed(SPECS[0])])


def measured_with_noise(seed: int = 0) -> Table:
    """Networks that take a little less than their blocks, each a little off by chance."""
    luck = random.Random(seed)
    table = table_of(SPECS)
    table.networks = {spec: latency((0.9 * total(spec) + 0.01) * luck.uniform(0.95, 1.05)) for spec in SPECS}
    return table


def test_the_errors_of_a_calibration_are_those_of_plain_numpy_on_networks_it_was_not_fitted_to() -> None:
    table = measured_with_noise()
    fitted, checked = SPECS[:30], SPECS[30:]
    found = calibrate(table, fitted, checked)
    sums = {spec: sum(table.blocks[one] for one in placed(spec)) for spec in SPECS}
    ms = {spec: table.networks[spec].ms for spec in SPECS}
    # least squares of relative errors: each row is divided by what it should give
    weights = np.array([1 / ms[spec] for spec in fitted])
    slope, constant = np.polyfit([sums[spec] for spec in fitted], [ms[spec] for spec in fitted], 1, w=weights)
    assert (found.slope, found.constant) == pytest.approx((slope, constant))
    predicted = np.array([slope * sums[spec] + constant for spec in checked])
    errors = abs(predicted / np.array([ms[spec] for spec in checked]) - 1)
    assert found.error == pytest.approx(np.median(errors))
    # the 30th of 30: a further network is above the 29th in two of 31 cases
    assert found.error_95 == pytest.approx(max(errors))
    assert found.spearman == pytest.approx(spearmanr(predicted, [ms[spec] for spec in checked]).statistic)
    assert (found.fitted, found.checked) == (30, 30)


def test_the_error_by_multiply_adds_is_that_of_a_line_in_them() -> None:
    table = measured_with_noise()
    fitted, checked = SPECS[:30], SPECS[30:]
    found = calibrate(table, fitted, checked)
    ms = {spec: table.networks[spec].ms for spec in SPECS}
    macs = {spec: cost(spec).macs / 1e6 for spec in SPECS}
    line = np.polyfit(
        [macs[spec] for spec in fitted], [ms[spec] for spec in fitted], 1, w=[1 / ms[spec] for spec in fitted]
    )
    errors = [abs(np.polyval(line, macs[spec]) / ms[spec] - 1) for spec in checked]
    assert found.macs_error == pytest.approx(np.median(errors))
    assert found.macs_error > found.error


def test_a_calibration_of_times_that_add_up_is_the_identity_and_claims_no_certainty() -> None:
    found = calibrate(table_of(SPECS, measured=SPECS), SPECS[:30], SPECS[30:])
    assert (found.slope, found.constant) == pytest.approx((1.0, 0.0), abs=1e-9)
    assert found.error == pytest.approx(0, abs=1e-9)
    assert found.error_95 == LEAST_ERROR
    assert found.spearman == pytest.approx(1)


@pytest.mark.parametrize(("known", "estimated", "told"), [(0.3, 0.1, 0.3), (0.1, 0.3, 0.3), (1e-4, 1e-5, LEAST_ERROR)])
def test_estimates_are_never_trusted_more_than_what_is_known(
    known: float, estimated: float, told: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors = iter([(0.02, known, 0.9), (0.01, estimated, 0.8), (0.4, 0.5, 0.7)])
    monkeypatch.setattr(predict, "_check", lambda *_: next(errors))
    found = calibrate(table_of(SPECS, measured=SPECS), SPECS[:30], SPECS[30:])
    assert (found.estimated_error, found.estimated_error_95) == (0.01, told)
    assert (found.macs_error, found.macs_spearman) == (0.4, 0.7)


def test_the_error_of_estimates_is_that_of_blocks_that_were_held_out() -> None:
    """Blocks differ by chance, which nobody can estimate; networks take what their blocks do."""
    luck, table = random.Random(0), table_of(SPECS)
    table.blocks = {one: ms * luck.uniform(0.5, 1.5) for one, ms in table.blocks.items()}
    table.networks = {spec: latency(sum(table.blocks[one] for one in placed(spec))) for spec in SPECS}
    found = calibrate(table, SPECS[:30], SPECS[30:])
    assert found.error == pytest.approx(0, abs=1e-9)
    assert found.estimated_error > 0.02


def test_estimates_rank_the_third_of_the_blocks_that_was_held_out() -> None:
    blocks = list(table_of(specs_of(tiny_space, 150)).blocks.items())
    random.Random(0).shuffle(blocks)
    third = len(blocks) // 3
    held_out, known = blocks[:third], dict(blocks[third:])
    estimate = Estimate(blocks=known)
    estimates = estimate.milliseconds([one for one, _ in held_out])
    assert spearmanr(estimates, [ms for _, ms in held_out]).statistic > 0.95
    assert min(estimates) > 0


def test_estimates_know_what_a_line_in_the_work_cannot() -> None:
    """Here a kernel of 5 takes three times as long as its multiply-adds say."""
    blocks = [
        (one, ms * (3 if getattr(one.block, "kernel", 0) == 5 else 1)) for one, ms in table_of(SPECS).blocks.items()
    ]
    random.Random(0).shuffle(blocks)
    third = len(blocks) // 3
    found = Estimate(blocks=dict(blocks[third:])).milliseconds([one for one, _ in blocks[:third]])
    errors = [abs(ms / true - 1) for ms, (_, true) in zip(found, blocks[:third], strict=True)]
    assert np.median(errors) < 0.05  # by the line alone it is 0.18


def test_small_blocks_count_as_much_as_large_ones() -> None:
    """Each is off by up to 40%; in milliseconds only the large ones would count (0.24 for 0.06)."""
    luck, true = random.Random(0), table_of(SPECS).blocks
    small = sorted(true, key=lambda one: true[one])[: len(true) // 2]
    line = _Model({one: ms * luck.uniform(0.6, 1.4) for one, ms in true.items()}, facts=False)
    assert np.median([abs(ms / true[one] - 1) for one, ms in zip(small, line(small), strict=True)]) < 0.12


def test_estimates_do_not_depend_on_the_order_in_which_blocks_were_measured() -> None:
    blocks = list(table_of(SPECS).blocks.items())
    known, asked = blocks[::2], [one for one, _ in blocks[1::2]]
    assert max(Counter(one.block.kind for one, _ in known).values()) >= FEWEST  # trees are grown
    first = Estimate(blocks=dict(known)).milliseconds(asked)
    random.Random(0).shuffle(known)
    assert Estimate(blocks=dict(known)).milliseconds(asked) == first


def test_a_kind_nobody_measured_is_estimated_by_the_others() -> None:
    blocks = {one: ms for one, ms in table_of(SPECS).blocks.items() if one.block.kind != "classifier"}
    one = next(one for one in table_of(SPECS).blocks if one.block.kind == "classifier")
    (found,) = Estimate(blocks=blocks).milliseconds([one])
    assert 0 < found < max(blocks.values())


def test_95_percent_of_further_networks_are_inside_their_intervals() -> None:
    inside = []
    luck = np.random.default_rng(5)
    for _ in range(40):
        table = table_of(SPECS)
        table.networks = {
            spec: latency((0.9 * total(spec) + 0.01) * float(luck.lognormal(0, 0.05))) for spec in SPECS[:48]
        }
        predict = Predictor(table=table, calibration=calibrate(table, SPECS[:24], SPECS[24:48]))
        for spec in SPECS[48:]:
            found = predict(spec)
            inside.append(found.low <= (0.9 * total(spec) + 0.01) * luck.lognormal(0, 0.05) <= found.high)
    # 24 are checked: 24 of 25 are below the largest. Calibrations differ (the coverage of each is beta(24, 1), with
    # a deviation of 0.04): three standard errors over 40 of them
    assert np.mean(inside) == pytest.approx(24 / 25, abs=3 * 0.04 / 40**0.5 + 3 * (0.04 * 0.96 / len(inside)) ** 0.5)
