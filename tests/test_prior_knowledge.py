"""The benchmark of prior knowledge: what it computes of trainings, without any."""

import random
from dataclasses import replace

import pytest

from benchmarks import prior_knowledge
from benchmarks.prior_knowledge import Known, networks, rankings, regrets
from nas.budget import Budget
from nas.cost import cost
from nas.draw import NEAR

BUDGET = Budget(macs=60_000_000)


@pytest.fixture(scope="module")
def table() -> list[Known]:
    """What a network uses of the budget is what it is worth; accuracies say nothing of it, losses all."""
    rng = random.Random(0)
    found = []
    for point in networks(BUDGET, 24):
        yardstick = 50 * BUDGET.use(point.spec)
        losses = (2.3, 2.3 - yardstick / 100)
        found.append(
            Known(
                point=point,
                macs=cost(point.spec).macs,
                accuracy=rng.uniform(20, 30),
                losses=losses,
                yardstick=yardstick,
            )
        )
    return found


def test_networks_fit_are_distinct_and_every_second_one_is_near_the_budget() -> None:
    found = networks(BUDGET, 12)
    uses = [BUDGET.use(one.spec) for one in found]
    assert all(NEAR <= use <= 1 for use in uses[::2])
    assert all(0.6 <= use < NEAR for use in uses[1::2])
    assert len({one.spec for one in found}) == 12
    assert [one.spec for one in networks(BUDGET, 5)] == [one.spec for one in found[:5]]


def test_a_ranking_is_held_against_that_of_the_accuracies(table: list[Known]) -> None:
    found = {one.by: one for one in rankings(table, {"upside down": [-one.yardstick for one in table]})}
    assert found["sum of losses"].tau.tau == pytest.approx(1)
    assert found["last loss"].tau.tau == pytest.approx(1)
    assert found["upside down"].tau.tau == pytest.approx(-1)
    accuracy = found["accuracy"]
    assert (accuracy.beyond, accuracy.beyond_ci) == (None, None)
    assert accuracy.tau.tau is not None
    for one in (found["sum of losses"], found["upside down"]):
        assert one.beyond is not None
        assert one.beyond_ci is not None
        assert one.tau.tau is not None
        assert one.beyond == pytest.approx(one.tau.tau - accuracy.tau.tau)
        assert one.beyond_ci[0] <= one.beyond <= one.beyond_ci[1]
    both = found["accuracy and sum of losses"].tau.tau
    assert both is not None
    assert accuracy.tau.tau < both < 1


def test_regret_is_what_the_best_of_the_three_best_told_lacks(table: list[Known]) -> None:
    """Searches that try all sixteen they may pick from: what is left is the fault of the accuracies."""
    (one,) = regrets(table, BUDGET, 4, ("random",), (16,))
    lacking = []
    for seed in range(4):
        part = random.Random(f"part {seed}").sample(table, 16)
        confirmed = sorted(part, key=lambda known: -known.accuracy)[:3]
        lacking.append(max(known.yardstick for known in part) - max(known.yardstick for known in confirmed))
    assert one.regret == pytest.approx(sum(lacking) / 4)
    assert (one.less, one.ci) == (None, None)
    honest = [replace(known, accuracy=known.yardstick) for known in table]
    assert [row.regret for row in regrets(honest, BUDGET, 4, ("random",), (16,))] == [0]


def test_samplers_are_told_the_losses_and_compared_with_the_first(table: list[Known]) -> None:
    """Where accuracies say nothing, a sampler that reads losses comes upon the good networks sooner."""
    found: dict[str, list[float]] = {}
    original = prior_knowledge.ask

    def listening(name: str) -> float:
        asked: list[float] = []
        of = {known.point.spec: known.yardstick for known in table}
        with pytest.MonkeyPatch.context() as patch:

            def ask(study: object, space: object) -> object:
                trial, choices, spec = original(study, space)  # type: ignore[arg-type]
                asked.append(of[spec])
                return trial, choices, spec

            patch.setattr(prior_knowledge, "ask", ask)
            regrets(table, BUDGET, 6, (name,), (12,))
        found[name] = asked
        later = [value for at, value in enumerate(asked) if at % 12 >= 8]  # the first eight are alike
        return sum(later) / len(later)

    assert listening("block_losses") > listening("block") + 2
    rows = regrets(table, BUDGET, 3, ("block", "block_losses"), (9, 12))
    assert [(row.sampler, row.evaluations) for row in rows] == [
        (name, count) for name in ("block", "block_losses") for count in (9, 12)
    ]
    assert rows[2].less == pytest.approx(rows[2].regret - rows[0].regret)
    assert rows[3].less == pytest.approx(rows[3].regret - rows[1].regret)
