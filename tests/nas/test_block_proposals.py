"""What the block sampler looks at before it suggests: its first networks, its candidates, and what runs meanwhile."""

import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from nas.arch import ArchSpec
from nas.budget import Budget
from nas.draw import Draw, draw, draw_inside, walk
from nas.samplers import block
from nas.samplers.block import DRAWN, BlockProposer, Unsized, WithScores, candidates
from nas.samplers.feasible import Feasible, Fitting, Limit, Taken, identity, shared
from nas.samplers.improvement import expected_improvement
from nas.samplers.kernel import Encoded, Floats
from nas.samplers.moment import FAIR, Moment
from nas.samplers.surrogate import Surrogate
from nas.samplers.told import Told
from nas.space import Pick
from tests.nas.fast import BUDGET, tiny_space

Worth = Callable[[Draw], float]


def inside(count: int, seed: int = 0) -> list[Draw]:
    """So many different networks of the tiny space that fit."""
    rng, taken = random.Random(seed), set[ArchSpec]()
    found = []
    for _ in range(count):
        found.append(draw_inside(tiny_space, BUDGET, rng, taken=taken))
        taken.add(found[-1].spec)
    return found


def luck(point: Draw) -> float:
    """A value that no choice explains."""
    return random.Random(repr(sorted(point.choices.items()))).random()


def blocks(point: Draw) -> float:
    """A value that its choices explain."""
    return float(len(point.spec.blocks) + (point.choices["block0.kernel"] == 5))


def told(points: Sequence[Draw], feasible: Feasible, *worths: Worth) -> list[Told]:
    return [
        Told(
            number=number,
            point=point,
            values=tuple(worth(point) for worth in worths),
            stopped=False,
            size=feasible.size(point),
            fits=feasible.seems_to_fit(point),
        )
        for number, point in enumerate(points)
    ]


def moment(
    points: Sequence[Draw], *worths: Worth, limit: Limit = BUDGET, space: Any = tiny_space, **other: Any
) -> Moment:
    """After these networks were told; they and what is running are taken, unless told otherwise."""
    feasible = Feasible(space, limit, candidates=other.pop("candidates", None))
    running = other.pop("running", [])
    options: dict[str, Any] = {
        "told": told(points, feasible, *(worths or (blocks,))),
        "running": running,
        "taken": Taken(identity(one.spec) for one in (*points, *running)),
        "rng": random.Random(0),
        "seed": 0,
        "memory": {},
        "objectives": len(worths) or 1,
    }
    return Moment(feasible=feasible, **(options | other))


def specs(points: Sequence[Draw]) -> list[ArchSpec]:
    return [point.spec for point in points]


# ---- the first networks


def alike(one: Draw, other: Draw) -> float:
    return shared(one, other) / max(len(one.choices), len(other.choices))


def test_the_first_networks_are_less_alike_than_draws() -> None:
    before = inside(8)

    def nearest(points: list[Draw]) -> float:
        return float(np.mean([max(alike(point, one) for one in before) for point in points]))

    found = [BlockProposer(0).begin(moment(before, rng=random.Random(seed))) for seed in range(20)]
    drawn = [moment(before, rng=random.Random(seed)).draw() for seed in range(20)]
    assert nearest(found) < nearest(drawn) - 0.1


def test_a_first_network_keeps_as_far_from_what_runs_as_from_what_is_told() -> None:
    before = inside(8)
    for seed in range(5):
        rest = {"rng": random.Random(seed)}
        running = BlockProposer(0).begin(moment(before[:4], running=before[4:], **rest))
        all_told = BlockProposer(0).begin(moment(before, rng=random.Random(seed)))
        assert running.spec == all_told.spec


def test_where_only_is_known_what_fits_the_first_networks_are_large_unless_cheap_ones_count() -> None:
    limit = Fitting(BUDGET.fits)

    def used(**other: Any) -> float:
        found = [BlockProposer(0).begin(moment([], limit=limit, rng=random.Random(seed), **other)) for seed in range(8)]
        return float(np.mean([BUDGET.use(point.spec) for point in found]))

    assert used() > used(objectives=2) + 0.2


# ---- candidates


def test_every_candidate_fits_is_new_and_uses_a_fair_part_of_the_limit() -> None:
    points = inside(12)
    pool = [one.point for one in candidates(moment(points), points[:5])]
    assert len(pool) > 100
    assert all(0.6 <= BUDGET.use(point.spec) <= 1 for point in pool)
    taken = set(specs(pool[::2]))
    later = [one.point for one in candidates(moment(points, taken=Taken(taken)), points[:5])]
    assert set(specs(later)) == set(specs(pool)) - taken


def test_where_no_network_uses_the_limit_up_candidates_are_no_thinner_than_that() -> None:
    """A fair part that none reaches would leave nothing to look at but one draw."""
    points = inside(12)
    now = moment(points, limit=Budget(macs=10**9, resolution=16, classes=3))
    assert now.fair == 0
    assert len(candidates(now, points[:5])) > 100
    assert moment(points).fair == FAIR


def test_of_several_objectives_cheap_networks_count_too() -> None:
    points = inside(12)
    now = moment(points, blocks, lambda point: -BUDGET.use(point.spec))
    assert (now.near, now.fair) == (0, 0)
    assert min(BUDGET.use(one.point.spec) for one in candidates(now, points[:5])) < 0.5


@pytest.mark.parametrize("limit", [BUDGET, Fitting(BUDGET.fits), Fitting(BUDGET.fits, BUDGET.use)])
def test_the_size_of_a_candidate_is_counted_as_that_of_the_networks_told(limit: Limit) -> None:
    points = inside(12)
    now = moment(points, limit=limit)
    pool = candidates(now, points[:5])
    assert [one.size for one in pool] == [now.feasible.size(one.point) for one in pool]
    assert len({one.size for one in pool}) > 10


def test_draws_and_changes_that_are_looked_at_are_those_of_the_seed() -> None:
    parent = inside(1)[0]

    def looked_at(seed: int) -> tuple[list[ArchSpec], list[ArchSpec]]:
        now = moment([], seed=seed)
        kept, drawn = block._kept_changes(now, parent), block._window(now)
        return specs([one.point for one in kept]), specs([one.point for one in drawn])

    assert looked_at(0) == looked_at(0)
    for one, other in zip(looked_at(0), looked_at(1), strict=True):
        assert len(set(one) & set(other)) < len(one) / 2


def test_of_the_draws_that_are_looked_at_one_is_new_with_each_trial() -> None:
    points = inside(7)
    kept = moment(points[:5])
    now = specs([one.point for one in block._window(kept)])
    later = moment(points[:6], running=points[6:], memory=kept.memory)
    assert len(now) == DRAWN
    assert specs([one.point for one in block._window(later)])[:-2] == now[2:]
    then = specs([one.point for one in block._window(later)])
    anew = moment(points[:6], running=points[6:], taken=Taken(then))  # after a restart, from the same row
    assert specs([one.point for one in block._window(anew)]) == then


def test_of_a_long_list_the_changes_of_the_best_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(block, "LISTED", 30)

    def letters(pick: Pick) -> Any:
        return tuple(pick(f"d{i}", ("a", "b", "c")) for i in range(6))

    best = walk(letters, lambda name, options: options[0])
    drawn = {one.spec: one for one in (draw(letters, random.Random(number)) for number in range(400))}
    listed = [one for spec, one in drawn.items() if spec != best.spec]
    now = moment(
        [best],
        lambda point: 1.0,
        space=letters,
        limit=Fitting(lambda spec: True),
        candidates=[one.choices for one in (best, *listed)],
    )
    pool = [one.point for one in candidates(now, [best])]
    assert best.spec not in specs(pool)
    assert len(pool) == 60
    nearest = sorted((shared(best, one) for one in listed), reverse=True)
    near = [one.spec for one in listed if shared(best, one) > nearest[30]]
    assert set(near) <= set(specs(pool))


# ---- what is suggested


@pytest.mark.parametrize(("proposer", "by_size"), [(BlockProposer, True), (Unsized, False)])
def test_sizes_explain_values_of_what_is_told_and_of_what_may_come(
    proposer: type[BlockProposer], by_size: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, list[float]] = {}
    learn, predict = block.learn, Surrogate.predict

    def learning(told: Encoded, values: Floats) -> Surrogate:
        seen["told"] = told.size.tolist()
        return learn(told, values)

    def predicting(surrogate: Surrogate, networks: Encoded) -> tuple[Floats, Floats]:
        seen["new"] = networks.size.tolist()
        return predict(surrogate, networks)

    monkeypatch.setattr(block, "learn", learning)
    monkeypatch.setattr(Surrogate, "predict", predicting)
    points = inside(12)
    proposer(0).propose(moment(points))
    assert seen["told"] == [BUDGET.use(point.spec) if by_size else 0 for point in points]
    assert len(seen["new"]) > 100
    assert all(0.6 <= size <= 1 if by_size else size == 0 for size in seen["new"])


def test_improvement_is_over_what_is_expected_of_the_best_and_not_over_its_luck(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    points = inside(30)
    bars = []

    def improvement(means: Floats, deviations: Floats, known: Floats) -> Floats:
        bars.append(float(known.max()))
        return expected_improvement(means, deviations, known)

    monkeypatch.setattr(block, "expected_improvement", improvement)
    BlockProposer(0).propose(moment(points, luck))
    assert np.mean([luck(point) for point in points]) < bars[0] < max(luck(point) for point in points) - 0.1


def test_what_is_running_is_believed_to_give_what_is_expected_of_it() -> None:
    """So another network is next, even if the same one might be suggested again."""
    others = 0
    for seed in range(8):
        points = inside(30, seed)
        free = {"taken": Taken(identity(point.spec) for point in points), "seed": seed}
        first = BlockProposer(0).propose(moment(points, rng=random.Random(seed), **free))
        second = BlockProposer(0).propose(moment(points, rng=random.Random(seed), running=[first], **free))
        others += second.spec != first.spec
    assert others >= 5  # none where running ones are not believed in


def test_of_what_is_suggested_it_is_certain_that_it_fits() -> None:
    """Where only a measurement tells, networks that promise most may turn out not to fit."""

    class Measured:
        def use(self, spec: ArchSpec) -> float:
            return BUDGET.use(spec)

        def fits(self, spec: ArchSpec) -> bool:
            return BUDGET.fits(spec) and random.Random(repr(spec)).random() < 0.5

    for seed in range(10):
        now = moment(inside(20, seed), limit=Measured(), rng=random.Random(seed), seed=seed)
        assert now.feasible.fits(BlockProposer(0).propose(now))


def test_each_objective_is_learned_and_predicted_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    points = inside(20)
    learned, predicted = [], []
    learn = block.learn

    def learning(told: Encoded, values: Floats) -> Surrogate:
        learned.append(values.tolist())
        return learn(told, values)

    def improvement(means: Floats, deviations: Floats, known: Floats) -> Floats:
        predicted.extend(means.T.tolist())
        return expected_improvement(means, deviations, known)

    monkeypatch.setattr(block, "learn", learning)
    monkeypatch.setattr(block, "expected_improvement", improvement)
    BlockProposer(0).propose(moment(points, blocks, luck))
    assert learned == [[blocks(point) for point in points], [luck(point) for point in points]]
    assert min(predicted[0]) > 4 > 1.5 > max(predicted[1])


def test_one_objective_that_never_changes_does_not_keep_the_other_from_being_learned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    points = inside(20)
    now = moment(points, blocks, lambda point: 1.0)
    monkeypatch.setattr(BlockProposer, "begin", lambda *_: pytest.fail("nothing was learned"))
    assert BlockProposer(0).propose(now).spec not in specs(points)


@pytest.mark.parametrize("running", [0, 3])
def test_scores_of_untrained_networks_explain_values_that_choices_do_not(
    running: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def noisy(point: Draw) -> float:
        return luck(point) + 0.3 * random.Random(repr(point.spec)).random()

    monkeypatch.setattr(block, "scores", lambda points: np.array([luck(point) for point in points]))
    found: dict[type[BlockProposer], list[float]] = {BlockProposer: [], WithScores: []}
    for seed in range(12):
        points = inside(24, seed)
        for proposer, lucks in found.items():
            now = moment(points[running:], noisy, running=points[:running], rng=random.Random(seed), seed=seed)
            lucks.append(luck(proposer(0).propose(now)))
    assert np.mean(found[WithScores]) > 0.8  # the best of 16 has 0.94 on average
    assert np.mean(found[BlockProposer]) < 0.7
