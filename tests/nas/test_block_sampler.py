"""BlockSampler in any Optuna study: by hand, by optimize, with anything a space may return."""

import itertools
import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState, create_trial

from nas.errors import NasError, OverBudget, SpaceExhausted
from nas.samplers import SAMPLERS, BlockSampler, InsideSampler
from nas.samplers.feasible import Fitting
from nas.space import Pick, explore, from_trial
from nas.storage import close_orphans

optuna.logging.set_verbosity(optuna.logging.ERROR)

Spec = dict[str, Any]


def layers(pick: Pick) -> Spec:
    """A dict, which has no hash: a name, an ordered width, and as many further decisions as the depth says."""
    spec: Spec = {"kind": pick("kind", ("a", "b")), "width": pick("width", (0.25, 0.5, 1.0))}
    spec["kernels"] = [pick(f"kernel{i}", (3, 5, 7)) for i in range(pick("depth", (1, 2)))]
    return spec


def fits(spec: Spec) -> bool:
    return sum(spec["kernels"]) * spec["width"] <= 6


def value(spec: Spec) -> float:
    return float(sum(spec["kernels"]) * spec["width"] + (spec["kind"] == "b"))


def everything() -> list[Spec]:
    found = []
    for kind, width, depth in itertools.product("ab", (0.25, 0.5, 1.0), (1, 2)):
        for kernels in itertools.product((3, 5, 7), repeat=depth):
            found.append({"kind": kind, "width": width, "kernels": list(kernels)})
    return found


ALLOWED = [spec for spec in everything() if fits(spec)]


def study(sampler: optuna.samplers.BaseSampler | None = None, *directions: str) -> optuna.Study:
    sampler = sampler or BlockSampler(layers, fits, seed=0)
    return optuna.create_study(directions=list(directions or ("maximize",)), sampler=sampler)


def ask(of: optuna.Study) -> tuple[optuna.Trial, Spec]:
    trial = of.ask()
    return trial, explore(layers, from_trial(trial))[1]  # type: ignore[arg-type]  # a space may return anything


def run(of: optuna.Study, count: int, sign: float = 1) -> list[Spec]:
    found = []
    for _ in range(count):
        trial, spec = ask(of)
        of.tell(trial, sign * value(spec))
        found.append(spec)
    return found


def distinct(specs: Iterable[Spec]) -> int:
    return len({repr(spec) for spec in specs})


def running(of: optuna.Study) -> int:
    return len(of.get_trials(states=(TrialState.RUNNING, TrialState.WAITING)))


@pytest.fixture(params=SAMPLERS)
def any_sampler(request: pytest.FixtureRequest) -> InsideSampler:
    """Every registered sampler, with a limit of which only is known what fits."""
    return sampler_by(request.param)


def sampler_by(name: str) -> InsideSampler:
    startup = 14 if name == "gp" else 4  # fitted anew for each suggestion
    return InsideSampler(layers, Fitting(fits), seed=0, make_inner=SAMPLERS[name], name=name, startup=startup)


# ---- exhaustion


def test_every_network_that_fits_comes_once_and_then_the_space_is_exhausted(any_sampler: InsideSampler) -> None:
    on = study(any_sampler)
    specs = run(on, len(ALLOWED))
    assert all(fits(spec) for spec in specs)
    assert distinct(specs) == len(ALLOWED)
    with pytest.raises(SpaceExhausted, match=f"no new network that fits.*{len(ALLOWED)} fit, all tried"):
        ask(on)
    assert running(on) == 0
    assert len(on.get_trials(states=(TrialState.COMPLETE,))) == len(ALLOWED)


@pytest.mark.parametrize("asked", [None, 1000])
def test_optimize_stops_exactly_when_nothing_is_left(asked: int | None) -> None:
    on = study()
    on.optimize(lambda trial: value(explore(layers, from_trial(trial))[1]), n_trials=asked)  # type: ignore[arg-type]
    assert [trial.state for trial in on.trials] == [TrialState.COMPLETE] * len(ALLOWED)


def test_optimize_stops_after_what_was_put_in_by_hand_too() -> None:
    on = study()
    run(on, len(ALLOWED) - 1)
    on.enqueue_trial({"kind": "a", "width": 0, "depth": 1, "kernel0": 3})
    on.optimize(lambda trial: value(explore(layers, from_trial(trial))[1]))  # type: ignore[arg-type]
    assert len(on.trials) == len(ALLOWED) + 1
    assert running(on) == 0


def test_a_network_that_draws_hardly_meet_is_found_before_the_space_is_called_exhausted() -> None:
    def wide(pick: Pick) -> tuple[int, ...]:
        return tuple(pick(f"d{i}", (0, 1, 2, 3)) for i in range(6))

    wanted = {(0,) * 6, (3,) * 6, (0, 3, 0, 3, 0, 3)}
    on = study(BlockSampler(wide, lambda spec: spec in wanted, seed=1))
    found = set()
    for _ in range(3):
        trial = on.ask()
        found.add(explore(wide, from_trial(trial))[1])  # type: ignore[arg-type]
        on.tell(trial, 0.0)
    assert found == wanted
    with pytest.raises(SpaceExhausted):
        explore(wide, from_trial(on.ask()))  # type: ignore[arg-type]


def test_optimize_goes_on_to_networks_whose_trials_were_orphaned() -> None:
    on = study()
    run(on, len(ALLOWED) - 2)
    for _ in range(2):  # all that is left; the second counts for nothing while the first is trained
        ask(on)
    close_orphans(on)  # their process died
    on = optuna.load_study(study_name=on.study_name, storage=on._storage, sampler=BlockSampler(layers, fits, seed=0))
    on.optimize(lambda trial: value(explore(layers, from_trial(trial))[1]))  # type: ignore[arg-type]
    complete = on.get_trials(states=(TrialState.COMPLETE,))
    assert len(complete) == len({str(trial.params) for trial in complete}) == len(ALLOWED)


# ---- what may be asked how


def test_plain_questions_by_the_same_names_get_the_same_network() -> None:
    one, other = study(), study()
    for _ in range(16):
        trial, spec = ask(one)
        one.tell(trial, value(spec))
        plain = other.ask()
        asked: Spec = {
            "kind": plain.suggest_categorical("kind", ["a", "b"]),
            "width": plain.suggest_categorical("width", [0.25, 0.5, 1.0]),
        }
        depth = plain.suggest_int("depth", 1, 2)
        asked["kernels"] = [plain.suggest_categorical(f"kernel{i}", [3, 5, 7]) for i in range(depth)]
        assert asked == spec
        other.tell(plain, value(asked))


def test_a_width_may_be_asked_as_a_float_and_other_parameters_are_none_of_its_business() -> None:
    on = study()
    trial = on.ask()
    assert trial.suggest_float("width", 0.25, 1.0) in (0.25, 0.5, 1.0)
    assert 1e-3 <= trial.suggest_float("rate", 1e-3, 1e-1, log=True) <= 1e-1


def test_other_parameters_are_others_in_every_trial_and_under_every_seed() -> None:
    def rates(seed: int) -> list[float]:
        on = study(BlockSampler(layers, fits, seed=seed))
        return [on.ask().suggest_float("rate", 0, 1) for _ in range(4)]

    assert len({*rates(0), *rates(1)}) == 8
    assert rates(0) == rates(0)


def test_a_question_that_has_no_room_for_the_answer_is_named() -> None:
    trial = study().ask()
    with pytest.raises(NasError, match=r"width: .*ask for it with the space's options \(0.25, 0.5, 1.0\)"):
        trial.suggest_categorical("width", ["narrow", "wide"])


def test_a_space_may_return_objects_that_are_compared_by_nothing() -> None:
    class Thing:
        def __init__(self, size: int) -> None:
            self.size = size

    on = study(BlockSampler(lambda pick: Thing(pick("size", (1, 2, 3))), lambda thing: thing.size < 3, seed=0))
    on.optimize(lambda trial: trial.suggest_int("size", 1, 3))
    assert sorted(trial.params["size"] for trial in on.trials) == [1, 2]


def test_where_the_share_of_the_limit_is_known_suggestions_use_a_fair_part_of_it() -> None:
    def digits(pick: Pick) -> tuple[int, ...]:
        return tuple(pick(f"d{i}", (0, 1, 2, 3)) for i in range(5))

    on = study(BlockSampler(digits, lambda spec: sum(spec) <= 10, seed=0, use=lambda spec: sum(spec) / 10))
    for _ in range(14):
        trial = on.ask()
        spec: Any = explore(digits, from_trial(trial))[1]  # type: ignore[arg-type]
        assert 6 <= sum(spec) <= 10
        on.tell(trial, float(-sum(spec)))  # the thinner the better


def test_two_ways_to_the_same_network_count_as_one() -> None:
    @dataclass
    class Total:  # equal by value, without a hash
        parts: list[int]

    def space(pick: Pick) -> Total:
        return Total([pick("a", (1, 2)) + pick("b", (1, 2))])

    on = study(BlockSampler(space, lambda spec: True, seed=0))
    on.optimize(lambda trial: sum(explore(space, from_trial(trial))[1].parts))  # type: ignore[arg-type, attr-defined]
    assert sorted(trial.values[0] for trial in on.trials) == [2, 3, 4]


# ---- candidates


def test_only_candidates_that_fit_are_suggested_and_all_of_them() -> None:
    listed = [
        {"kind": "a", "width": 0.25, "depth": 1, "kernel0": 3},
        {"kind": "b", "width": 0.5, "depth": 2, "kernel0": 5, "kernel1": 7},
        {"kind": "b", "width": 1.0, "depth": 2, "kernel0": 7, "kernel1": 7},  # does not fit
    ]
    for name, inner in SAMPLERS.items():
        sampler = InsideSampler(
            layers, Fitting(fits), seed=0, make_inner=inner, name=name, startup=1, candidates=listed
        )
        on = study(sampler)
        specs = run(on, 2)
        assert sorted(spec["kernels"] for spec in specs) == [[3], [5, 7]], name
        with pytest.raises(SpaceExhausted, match="no new candidate"):
            ask(on)
    by_hand = study(BlockSampler(layers, fits, seed=0, candidates=listed))
    assert distinct(run(by_hand, 2)) == 2


# ---- trials put in by hand


def test_a_whole_network_put_in_by_hand_is_what_comes() -> None:
    on = study()
    run(on, 3)
    on.enqueue_trial({"kind": "b", "width": 1, "depth": 1, "kernel0": 5})  # width 1: by index, as from_trial asks
    assert ask(on)[1] == {"kind": "b", "width": 0.5, "kernels": [5]}


@pytest.mark.parametrize("count", [0, 12])
def test_the_rest_of_a_network_put_in_by_hand_fits_and_is_new(count: int) -> None:
    on = study()
    seen = run(on, count)
    for _ in range(3):
        on.enqueue_trial({"width": 2, "kind": "b"})
        trial, spec = ask(on)
        assert (spec["width"], spec["kind"]) == (1.0, "b")
        assert fits(spec)
        seen.append(spec)
        on.tell(trial, value(spec))
        if sum(one["width"] == 1.0 and one["kind"] == "b" for one in seen) == 3:
            break  # there are no more
    assert distinct(seen) == len(seen)


def test_what_cannot_fit_by_hand_is_refused_and_leaves_nothing_running() -> None:
    on = study()
    on.enqueue_trial({"width": 2, "depth": 2, "kernel0": 7})
    with pytest.raises(OverBudget, match=r"put in by hand with \{.width.: 2, .*\}.*raise the budget"):
        ask(on)
    assert running(on) == 0
    assert run(on, 12) == run(study(), 12)  # it counts for nothing


def test_a_whole_network_put_in_by_hand_may_come_again() -> None:
    on = study()
    for _ in range(2):
        on.enqueue_trial({"kind": "b", "width": 0, "depth": 1, "kernel0": 5})
        trial = on.ask()
        assert trial.relative_params == {}  # nas.samplers.ask decides here, before it asks for anything
        spec: Any = explore(layers, from_trial(trial))[1]  # type: ignore[arg-type]
        assert spec == {"kind": "b", "width": 0.25, "kernels": [5]}
        on.tell(trial, value(spec))


def test_the_rest_of_a_network_put_in_by_hand_uses_the_limit() -> None:
    on = study(BlockSampler(layers, fits, seed=0, use=lambda spec: sum(spec["kernels"]) * spec["width"] / 6))
    on.enqueue_trial({"width": 1, "kind": "b"})
    spec = ask(on)[1]
    assert sum(spec["kernels"]) * spec["width"] == 6


# ---- what was told


def test_smaller_is_better_is_larger_is_better_of_the_negative() -> None:
    up, down = study(), study(None, "minimize")
    for _ in range(20):
        trial, spec = ask(up)
        up.tell(trial, value(spec))
        other, same = ask(down)
        assert same == spec
        down.tell(other, -value(spec))


@pytest.mark.parametrize("name", [name for name in SAMPLERS if name != "tpe"])
def test_two_objectives_are_searched_in_either_direction(name: str) -> None:
    on = study(sampler_by(name), "maximize", "minimize")
    specs = []
    for _ in range(20):
        trial, spec = ask(on)
        on.tell(trial, [value(spec), float(sum(spec["kernels"]))])
        specs.append(spec)
    assert distinct(specs) == 20
    assert all(fits(spec) for spec in specs)


def test_a_search_that_was_told_nothing_but_failures_goes_on() -> None:
    on = study()
    specs = []
    for number in range(16):
        trial, spec = ask(on)
        on.tell(trial, state=TrialState.FAIL if number % 2 else TrialState.PRUNED)
        specs.append(spec)
    assert distinct(specs) == 16


def test_a_trial_that_fails_before_all_was_asked_is_not_given_again() -> None:
    on = study()
    given = []
    for _ in range(12):
        trial = on.ask()
        trial.suggest_categorical("kind", ["a", "b"])
        plan = on.sampler._plans[trial.number]  # type: ignore[attr-defined]  # what it was given
        given.append(plan.spec)
        on.tell(trial, state=TrialState.FAIL)
    assert distinct(given) == 12


def test_networks_asked_for_at_the_same_time_differ() -> None:
    on = study()
    run(on, 10)
    specs = [ask(on)[1] for _ in range(8)]
    assert distinct(specs) == 8


def test_networks_of_which_not_all_was_asked_yet_are_not_given_again() -> None:
    on = study()
    run(on, 10)
    given = []
    for _ in range(8):
        trial = on.ask()
        trial.suggest_categorical("kind", ["a", "b"])
        given.append(on.sampler._plans[trial.number].spec)  # type: ignore[attr-defined]  # what it was given
    assert distinct(given) == 8


def test_one_sampler_keeps_two_studies_apart() -> None:
    sampler = BlockSampler(layers, fits, seed=0)
    run(study(sampler), 14)
    assert run(study(sampler), 14, -1) == run(study(), 14, -1)


def test_another_studys_trials_are_learned_from_and_not_repeated() -> None:
    other = study()
    before = run(other, 14)
    on = study(BlockSampler(layers, fits, seed=5))
    on.add_trials(other.trials)
    trial, spec = ask(on)
    assert spec not in before
    assert on.sampler.origins[trial.number] == "block"  # type: ignore[attr-defined]
    strange = create_trial(params={}, distributions={}, value=1.0)
    on.add_trial(strange)  # no network of this space
    on.tell(trial, value(spec))
    assert distinct([*before, spec, *run(on, 5)]) == 20


def test_what_another_study_trained_over_budget_is_learned_from_but_is_no_bar() -> None:
    """Its values are far above all that fits; improvement is counted from what fits."""
    over = [spec for spec in everything() if not fits(spec)]
    trials = []
    for spec in over:
        loose = study(BlockSampler(layers, lambda one, spec=spec: one == spec, seed=0))
        trial, _ = ask(loose)
        loose.tell(trial, 10 + value(spec))
        trials += loose.trials
    on = study()
    on.add_trials(trials)
    specs = run(on, 12)
    assert all(fits(spec) for spec in specs)
    assert max(value(spec) for spec in specs) == max(value(spec) for spec in ALLOWED)


# ---- what it is for


def test_it_finds_the_best_of_four_thousand_networks_where_random_search_does_not() -> None:
    weights = [random.Random(0).random() for _ in range(36)]

    def digits(pick: Pick) -> tuple[int, ...]:
        return tuple(pick(f"d{i}", (0, 1, 2, 3)) for i in range(6))

    def worth(spec: tuple[int, ...]) -> float:
        single = sum(weights[i] * digit for i, digit in enumerate(spec))
        return single - 0.4 * sum(abs(a - b) for a, b in itertools.pairwise(spec))

    def allowed(spec: tuple[int, ...]) -> bool:
        return sum((i + 1) * digit for i, digit in enumerate(spec)) <= 30

    best = max(worth(spec) for spec in itertools.product(range(4), repeat=6) if allowed(spec))

    def reached(sampler: InsideSampler) -> float:
        on = study(sampler)
        for _ in range(40):
            trial = on.ask()
            spec: Any = explore(digits, from_trial(trial))[1]  # type: ignore[arg-type]
            on.tell(trial, worth(spec))
        return best - on.best_value

    ours = [reached(BlockSampler(digits, allowed, seed=seed)) for seed in range(3)]
    chance = [reached(InsideSampler(digits, Fitting(allowed), seed=seed)) for seed in range(3)]
    assert max(ours) < 0.1
    assert min(chance) > max(ours)
