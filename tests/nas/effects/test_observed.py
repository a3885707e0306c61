"""What trials of a search say about single choices."""

import numpy as np
import pytest
from scipy.stats import t, ttest_1samp

from nas.effects import Observation, Observed, from_model, from_pairs, worth_running
from nas.effects.observed import by_kind


def trial(accuracy: float, cost: float | None = None, **choices: bool | int | str | float) -> Observation:
    return Observation(
        choices={name.replace("_", "."): one for name, one in choices.items()}, accuracy=accuracy, cost=cost
    )


def test_pairs_differ_in_exactly_one_choice() -> None:
    trials = [
        trial(0.60, s1_se=True, s1_kernel=3),
        trial(0.58, s1_se=False, s1_kernel=3),
        trial(0.65, s1_se=False, s1_kernel=5),
        trial(0.70, s1_se=True, s1_kernel=7),
    ]
    found = {(one.choice, one.option, one.instead_of): one for one in from_pairs(trials)}
    assert {key: one.delta for key, one in found.items()} == {
        ("s1.se", True, False): pytest.approx(0.02),
        ("s1.kernel", 5, 3): pytest.approx(0.07),
        ("s1.kernel", 7, 3): pytest.approx(0.10),
    }
    assert all((one.count, one.ci, one.source, one.observational) == (1, None, "pairs", True) for one in found.values())


def test_decisions_that_follow_from_another_do_not_count_as_differences() -> None:
    shallow = trial(0.5, depth=1, b1_kernel=3)
    deep = trial(0.6, depth=2, b1_kernel=3, b2_kernel=5)
    (found,) = from_pairs([shallow, deep])
    assert (found.choice, found.option, found.instead_of, found.delta) == ("depth", 2, 1, pytest.approx(0.1))


def test_a_trial_counts_once_a_comparison() -> None:
    trials = [trial(0.60, se=True), trial(0.58, se=False), trial(0.57, se=False), trial(0.61, se=True)]
    (found,) = from_pairs(trials)
    assert found.count == 2
    theirs = ttest_1samp([0.60 - 0.58, 0.61 - 0.57], 0.0)
    assert found.delta == pytest.approx(0.03)
    assert found.ci == pytest.approx(tuple(theirs.confidence_interval(0.95)))


def test_pairs_that_do_not_scatter_have_no_interval() -> None:
    (found,) = from_pairs([trial(0.75, se=True), trial(0.5, se=False), trial(0.5, se=False), trial(0.75, se=True)])
    assert (found.count, found.ci) == (2, None)


def random_trials(count: int, *, noise: float = 0.004, draw: int = 0) -> list[Observation]:
    """Two blocks with SE and kernels: SE on all is worth 0.02, kernel 5 on all 0.01, wider 0.05 a doubling of cost."""
    rng = np.random.default_rng(draw)
    trials = []
    for _ in range(count):
        se, kernels, width = rng.random(2) < 0.6, rng.choice([3, 5], 2), float(rng.choice([1.0, 2.0]))
        accuracy = 0.5 + 0.02 * se.mean() + 0.01 * (kernels == 5).mean() + 0.05 * np.log2(width) + rng.normal(0, noise)
        choices = {"width": width}
        choices |= {f"b{n}.se": bool(one) for n, one in enumerate(se)}
        choices |= {f"b{n}.kernel": int(one) for n, one in enumerate(kernels)}
        cost = 10.0 * width * (1 + 0.3 * kernels.mean() / 5)
        trials.append(Observation(choices=choices, accuracy=accuracy, cost=cost))
    return trials


def test_the_model_finds_what_is_so() -> None:
    covered = 0
    for draw in range(100):
        found = {one.choice: one for one in from_model(random_trials(40, draw=draw))}
        truth = {"se": 0.02, "kernel": 0.01, "width": 0.05}
        for name, one in found.items():
            sign = 1 if one.option == {"se": True, "kernel": 5, "width": 2.0}[name] else -1
            assert one.ci is not None
            covered += one.ci[0] <= sign * truth[name] <= one.ci[1]
    assert abs(covered / 300 - 0.95) < 4 * (0.95 * 0.05 / 300) ** 0.5


def test_the_model_by_hand() -> None:
    """Least squares with HC3 errors, on the share of blocks that have an option."""
    trials = random_trials(25)
    found = from_model(trials)
    y = np.array([one.accuracy for one in trials])

    def share(kind: str, option: object) -> list[float]:
        return [np.mean([one.choices[f"b{n}.{kind}"] == option for n in (0, 1)]) for one in trials]

    options = {one.choice: one.option for one in found}
    wide = [float(one.choices["width"] == options["width"]) for one in trials]
    design = np.column_stack([np.ones(25), share("kernel", options["kernel"]), share("se", options["se"]), wide])
    inverse = np.linalg.inv(design.T @ design)
    coefficients = inverse @ design.T @ y
    leverage = np.diag(design @ inverse @ design.T)
    weighted = design * ((y - design @ coefficients) / (1 - leverage))[:, None]
    errors = np.sqrt(np.diag(inverse @ weighted.T @ weighted @ inverse))
    assert [one.choice for one in found] == ["kernel", "se", "width"]
    for at, one in enumerate(found, start=1):
        assert one.delta == pytest.approx(coefficients[at])
        assert one.ci is not None
        assert one.ci[1] - one.delta == pytest.approx(t.ppf(0.975, 21) * errors[at])


def test_the_option_most_often_chosen_is_compared_with() -> None:
    trials = [trial(0.5 + 0.01 * n, a_se=n % 4 == 0) for n in range(12)]
    (found,) = from_model(trials)
    assert (found.option, found.instead_of, found.count, found.source) == (True, False, 3, "model")


def test_what_trials_cannot_tell_apart_has_no_estimate() -> None:
    trials = [trial(0.5 + 0.01 * n, x_se=n % 2 == 0, y_kernel=3 + 2 * (n % 2), z_hs=n % 3 == 0) for n in range(12)]
    assert [one.choice for one in from_model(trials)] == ["hs"]


def test_a_trial_that_alone_decides_something_has_no_interval() -> None:
    trials = [trial(0.5 + 0.01 * (n % 5), x_se=n == 0, z_hs=n % 3 == 0) for n in range(12)]
    found = {one.choice: one for one in from_model(trials)}
    assert found["se"].ci is None
    assert found["hs"].ci is not None


def test_decisions_that_some_trials_do_not_have() -> None:
    rng = np.random.default_rng(1)
    trials = []
    for n in range(30):
        deep, se = n % 2 == 0, n % 3 == 0
        accuracy = 0.5 + 0.03 * deep + 0.02 * (deep and se) + rng.normal(0, 1e-6)
        trials.append(trial(accuracy, depth=2, b2_se=se) if deep else trial(accuracy, depth=1))
    (found,) = [one for one in from_model(trials) if one.choice == "se"]
    assert found.delta == pytest.approx(0.02, abs=1e-5)


def test_at_equal_cost_a_choice_is_beside_size() -> None:
    trials = [one for one in random_trials(60, noise=0.001) if one.cost is not None]
    sizes = [
        Observation(choices={"b0.se": one.choices["b0.se"]}, accuracy=one.accuracy, cost=one.cost) for one in trials
    ]
    with_size, without = (from_model(sizes, at_equal_cost=flag)[0] for flag in (True, False))
    assert with_size.ci is not None
    assert without.ci is not None
    assert with_size.ci[1] - with_size.ci[0] < 0.5 * (without.ci[1] - without.ci[0])
    with pytest.raises(ValueError, match="cost"):
        from_model([trial(0.5, se=True)], at_equal_cost=True)


def test_every_decision_can_be_kept_apart() -> None:
    found = from_model(random_trials(60), group=str)
    assert [one.choice for one in found] == ["b0.kernel", "b0.se", "b1.kernel", "b1.se", "width"]
    assert by_kind("stage2.block1.kernel") == "kernel"
    assert by_kind("width") == "width"


def test_no_trials_say_nothing() -> None:
    assert from_pairs([]) == []
    assert from_model([]) == []


def test_what_is_worth_running_could_matter() -> None:
    def seen(name: str, delta: float, half: float | None) -> Observed:
        ci = None if half is None else (delta - half, delta + half)
        return Observed(choice=name, option=1, instead_of=0, delta=delta, ci=ci, count=4, source="model")

    surely = seen("surely", 0.02, 0.005)
    perhaps = seen("perhaps", 0.002, 0.004)
    harms = seen("harms", -0.006, 0.004)
    never = seen("never", 0.0005, 0.001)
    unknown = seen("unknown", 0.01, None)
    ranked = worth_running([unknown, never, perhaps, surely, harms])
    assert [one.choice for one in ranked] == ["surely", "harms", "perhaps", "unknown"]
