"""A network fits a latency where that is certain; where only a measurement can tell, it is measured."""

import math
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import optuna
import pytest

from nas.arch import ArchSpec
from nas.budget import Budget
from nas.draw import draw_inside
from nas.errors import BudgetError, LatencyError
from nas.latency.limits import LatencyLimits
from nas.latency.predict import Predictor
from nas.latency.value import Latency
from nas.references import MEASURED, largest_draw, reference_tasks, scale_to_fit
from nas.samplers import SAMPLERS, InsideSampler, ask
from tests.nas.fast import LARGE, SMALL, tiny_space
from tests.nas.latency.fakes import calibration, latency, specs_of, table_of, total

SPECS = specs_of(tiny_space, 600)  # all blocks that the space has


class Here:
    """Measures networks: ``true`` is what they take."""

    def __init__(self, predict: Predictor, true: Callable[[ArchSpec], float] = total, spread: float = 0.01) -> None:
        self.predict, self.true, self.spread = predict, true, spread
        self.asked: list[ArchSpec] = []

    def __call__(self, spec: ArchSpec) -> Latency:
        self.asked.append(spec)
        found = latency(self.true(spec), spread=self.spread)
        self.predict.table.networks[spec] = found
        return found


def limits(
    ms: float | None, *, here: bool = True, true: Callable[[ArchSpec], float] = total, **budget: int
) -> tuple[LatencyLimits, Here]:
    """Networks take what is predicted unless they are ``true`` otherwise."""
    given = Budget(
        latency_ms=ms,
        latency_target="onnxruntime-cpu",
        resolution=16,
        classes=3,
        **(budget or {"params": 10**9}),  # type: ignore[arg-type]
    )
    predict = Predictor(table=table_of(SPECS), calibration=calibration())
    measure = Here(predict, true)
    return LatencyLimits(budget=given, predict=predict, measure=measure if here else None), measure


def near(spec: ArchSpec, share: float) -> float:
    """The budget of which this network is predicted to use so much."""
    return total(spec) / share


# ---- three zones


def test_what_fits_with_all_of_its_prediction_is_not_measured() -> None:
    spec = SPECS[0]
    found, here = limits(near(spec, 0.94))  # up to 0.94 / 0.95 of the budget
    assert found.fits(spec)
    assert here.asked == []


def test_what_does_not_fit_with_any_of_its_prediction_is_not_measured() -> None:
    spec = SPECS[0]
    found, here = limits(near(spec, 1.06))  # from 1.06 / 1.05 of the budget
    assert not found.fits(spec)
    assert here.asked == []


@pytest.mark.parametrize(
    ("share", "true", "fits"),
    [
        (0.97, 0.97, True),
        (0.97, 0.985, True),
        (0.97, 0.995, False),  # the upper end is 1.005 of the budget
        (0.97, 1.02, False),
        (1.03, 0.98, True),  # predicted too dear, and is not
        (1.03, 1.03, False),
    ],
)
def test_in_between_the_upper_end_of_a_measurement_decides(share: float, true: float, fits: bool) -> None:
    spec = SPECS[0]
    ms = near(spec, share)
    found, here = limits(ms, true=lambda _: true * ms)
    assert found.fits(spec) is fits
    assert here.asked == [spec]
    assert found.fits(spec) is fits
    assert here.asked == [spec]  # once


@pytest.mark.parametrize("true", [0.9, 1.2])
def test_what_must_be_proven_is_measured_although_its_prediction_fits(true: float) -> None:
    spec = SPECS[0]
    ms = near(spec, 0.9)
    found, here = limits(ms, true=lambda _: true * ms)
    assert found.fits(spec)
    assert here.asked == []
    assert found.proven(spec) is (true < 1)
    assert here.asked == [spec]
    assert not found.proven(max(SPECS, key=total))
    assert here.asked == [spec]  # what does not fit is not measured


def test_it_is_measured_in_the_deployed_form_with_all_else_quiet() -> None:
    spec = SPECS[0]
    found, here = limits(near(spec, 0.97))
    during: list[str] = []

    @contextmanager
    def quiet() -> Iterator[None]:
        during.append("stopped")
        yield
        during.append(f"{len(here.asked)} measured")

    found.quiet = quiet
    form = spec.trained_on(resolution=8, classes=5)
    assert form != spec
    assert found.fits(form)
    assert here.asked == [spec]
    assert during == ["stopped", "1 measured"]


def test_a_network_that_was_measured_is_held_to_that_and_not_to_its_prediction() -> None:
    spec = SPECS[0]
    found, here = limits(near(spec, 0.5))
    here.predict.table.networks[spec] = latency(3 * total(spec))
    assert not found.fits(spec)
    assert found.use(spec) > 1
    assert here.asked == []


# ---- the share that is used


def test_use_is_the_share_of_the_milliseconds_before_a_measurement_and_of_its_upper_end_after() -> None:
    spec = SPECS[0]
    found, here = limits(near(spec, 0.97), true=lambda _: 1.005 * near(spec, 1))
    assert found.use(spec) == pytest.approx(0.97)
    here(spec)
    assert found.use(spec) == pytest.approx(0.97 * 1.005 * 1.01)


def test_use_is_above_one_once_the_measurement_is_over_the_limit() -> None:
    spec = SPECS[0]
    ms = near(spec, 0.99)
    found, _ = limits(ms, true=lambda _: 0.995 * ms)
    assert found.use(spec) < 1
    assert not found.fits(spec)
    assert found.use(spec) > 1


def test_a_hair_over_the_limit_is_over_it() -> None:
    spec = SPECS[0]
    ms = 1.0
    found, here = limits(ms)
    here.predict.table.networks[spec] = Latency(0.9, 0.8, math.nextafter(1.0, 2))
    assert found.use(spec) > 1
    assert not found.fits(spec)
    here.predict.table.networks[spec] = Latency(0.9, 0.8, 1.0)
    assert found.use(spec) == 1
    assert found.fits(spec)


def test_the_share_is_that_of_the_tightest_ceiling() -> None:
    spec = SPECS[0]
    macs = limits(1)[0].cost(spec).macs
    loose, _ = limits(near(spec, 0.5), macs=4 * macs)
    tight, _ = limits(near(spec, 0.5), macs=round(macs / 0.75))
    assert loose.use(spec) == pytest.approx(0.5)
    assert tight.use(spec) == pytest.approx(0.75, rel=1e-3)
    assert tight.fits(spec)
    over, here = limits(near(spec, 0.97), macs=macs - 1)
    assert not over.fits(spec)
    assert over.use(spec) > 1
    assert here.asked == []  # what is too dear already is not measured


# ---- a machine that will not settle


def test_an_unsettled_machine_passes_the_network_over_and_says_so_once() -> None:
    spec = SPECS[0]
    found, _ = limits(near(spec, 0.97))
    tried: list[ArchSpec] = []
    said: list[str] = []

    def never(spec: ArchSpec) -> Latency:
        tried.append(spec)
        raise LatencyError("this machine does not settle: it took 1 to 2 ms")

    found.measure, found.say = never, said.append
    assert [found.fits(spec) for _ in range(3)] == [False] * 3
    assert found.use(spec) > 1
    assert tried == [spec]
    assert said == ["this machine does not settle: it took 1 to 2 ms; a network near the budget is passed over"]
    assert found.measured(spec) is None
    # what needs no measurement still fits
    assert found.fits(min(SPECS, key=total))


# ---- a device that is elsewhere


def test_where_nothing_can_be_measured_the_upper_end_of_the_prediction_must_fit() -> None:
    spec = SPECS[0]
    for share, fits in ((0.94, True), (0.96, False), (1.03, False)):
        found, _ = limits(near(spec, share), here=False)
        assert found.fits(spec) is fits
        assert (found.use(spec) <= 1) is fits
        assert found.use(spec) == pytest.approx(share / 0.95)
        assert found.measured(spec) is None


def test_unmeasured_limits_are_the_same_for_a_device_that_is_elsewhere() -> None:
    spec = SPECS[0]
    found, here = limits(near(spec, 0.97))
    assert not found.unmeasured.fits(spec)
    assert here.asked == []
    assert found.fits(spec)
    assert found.unmeasured.fits(spec)  # by now it was measured


# ---- budgets


@pytest.mark.parametrize("ms", [0.001, 0.002])
def test_a_budget_below_what_a_call_takes_is_refused(ms: float) -> None:
    expected = f"^--budget-latency-ms {ms:g}: to call onnxruntime-cpu at all takes 0.002 ms; raise the budget$"
    with pytest.raises(BudgetError, match=expected):
        limits(ms)


def test_latency_that_is_told_and_not_limited_limits_nothing() -> None:
    found, here = limits(None, macs=10**12)
    assert all(found.fits(spec) and 0 < found.use(spec) < 1e-3 for spec in SPECS[:20])
    assert here.asked == []
    assert [ceiling.flag for ceiling in found.ceilings()] == ["--budget-mflops"]
    assert found.latency(SPECS[0]).ms == pytest.approx(total(SPECS[0]))


def test_latency_is_a_ceiling_beside_the_others_in_milliseconds() -> None:
    found, _ = limits(1.5, macs=10**9)
    macs, ms = found.ceilings()
    assert macs.flag == "--budget-mflops"
    assert (ms.flag, ms.limit, ms.unit) == ("--budget-latency-ms", 1.5, "ms on onnxruntime-cpu")
    assert ms.spent(SPECS[0]) == pytest.approx(total(SPECS[0]))
    assert [one.flag for one in found.quantities()][-1] == "--budget-latency-ms"


def test_a_latency_is_told_with_its_blocks() -> None:
    found, _ = limits(1.5)
    known = found.latency(SPECS[0].trained_on(resolution=8, classes=5))
    assert known.ms == pytest.approx(total(SPECS[0]))
    assert sum(known.blocks) == pytest.approx(total(SPECS[0]))
    assert len(known.blocks) == len(list(SPECS[0].rows()))


# ---- what is drawn


def true_times(spec: ArchSpec) -> float:
    """Off by up to 5% from what is predicted, as promised; which way depends on the network."""
    return total(spec) * random.Random(repr(spec)).uniform(0.95, 1.05)


MEDIAN = sorted(total(spec) for spec in SPECS)[len(SPECS) // 2]


def fits_truly(found: LatencyLimits, spec: ArchSpec) -> bool:
    known = found.latency(spec)
    return known.high <= MEDIAN and true_times(spec) <= MEDIAN


@pytest.mark.parametrize("here", [True, False])
def test_nothing_is_drawn_that_is_not_certain_to_fit(here: bool) -> None:
    found, measure = limits(MEDIAN, here=here, true=true_times)
    rng = random.Random(0)
    taken: set[ArchSpec] = set()
    for _ in range(50):
        spec = draw_inside(tiny_space, found, rng, taken=taken).spec
        assert fits_truly(found, spec)
        assert spec not in taken
        taken.add(spec)
    assert bool(measure.asked) is here
    # the budget is used: half of them at 85% or more
    assert sorted(found.latency(spec).ms for spec in taken)[25] > 0.8 * MEDIAN


def test_nothing_is_suggested_that_is_not_certain_to_fit() -> None:
    found, measure = limits(MEDIAN, true=true_times)
    sampler = InsideSampler(tiny_space, found, seed=0, make_inner=SAMPLERS["tpe"], name="tpe")
    study = optuna.create_study(direction="maximize", sampler=sampler)
    seen: set[ArchSpec] = set()
    for _ in range(50):
        trial, _, spec = ask(study, tiny_space)
        assert fits_truly(found, spec)
        seen.add(spec)
        study.tell(trial, float(len(spec.blocks)))
    assert len(seen) == 50
    assert set(sampler.origins.values()) == {"draw", "tpe"}
    # only networks near the budget are measured, each once
    assert len(measure.asked) == len(set(measure.asked))
    assert all(total(spec) / 1.05 <= MEDIAN < total(spec) / 0.95 for spec in measure.asked)


def test_what_is_not_asked_to_be_certain_is_not_measured() -> None:
    found, measure = limits(MEDIAN, true=true_times)
    for seed in range(20):
        spec = draw_inside(tiny_space, found, random.Random(seed), certain=False).spec
        assert found.use(spec) <= 1
    assert measure.asked == []


# ---- references


def test_references_fit_and_few_networks_are_measured_to_find_them() -> None:
    found, measure = limits(MEDIAN, true=true_times)
    tasks = reference_tasks([SMALL, LARGE], tiny_space, found, seed=0)
    assert {task.name for task in tasks if not task.any_cost} >= {"mobilenet_v3_large@budget", "largest_draw"}
    for task in tasks:
        if not task.any_cost:
            assert found.latency(task.spec).high <= MEDIAN
    assert len(measure.asked) <= 2 * MEASURED * 3


@pytest.mark.parametrize("find", ["scaled", "drawn"])
def test_where_none_of_those_near_the_budget_fits_a_cheaper_one_is_taken_and_few_are_measured(find: str) -> None:
    """All that come near the budget turn out to be over it, and those that were certain to fit as well."""
    found, measure = limits(MEDIAN, true=lambda spec: 1.5 * total(spec))
    if find == "scaled":
        fitted = scale_to_fit(LARGE.scaled, found)
        assert fitted is not None
        spec = fitted[1]
    else:
        _, spec = largest_draw(tiny_space, found, random.Random(0))
    assert found.latency(spec).high <= MEDIAN
    assert 0 < len(measure.asked) <= 2 * MEASURED
    assert len(set(measure.asked)) == len(measure.asked)


def test_calibration_is_that_of_the_predictions() -> None:
    found, _ = limits(1.0)
    assert found.calibration == calibration()
