"""The parts of the block sampler, each against what it should be equal to."""

import itertools
import random
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import kendalltau, multivariate_normal

from nas.budget import Budget
from nas.draw import Draw, draw, draw_inside, walk
from nas.errors import SpaceExhausted
from nas.samplers.block import LEARNED, learned_from
from nas.samplers.evolution import Evolution
from nas.samplers.feasible import TRIED, Feasible, Taken, every, identity
from nas.samplers.improvement import boxes, expected_improvement
from nas.samplers.kernel import Encoded, Encoder, domains_of, encode, kernel, likeness
from nas.samplers.learned_use import learned_use
from nas.samplers.local_search import LocalSearch
from nas.samplers.moment import Moment, merits
from nas.samplers.reinforce import Controller, Reinforce, trained
from nas.samplers.surrogate import JUDGED_BY, NOISE, PAIRS, learn
from nas.samplers.told import Told
from nas.space import Pick, replaying
from search_spaces import SPACES
from tests.nas.fast import BUDGET, tiny_space


def named(pick: Pick) -> tuple[str, ...]:
    """Names, which have no order."""
    return tuple(pick(f"d{i}", ("a", "b", "c")) for i in range(5))


def points(count: int, space: object = named) -> list[Draw]:
    rng = random.Random(0)
    return [draw(space, rng) for _ in range(count)]  # type: ignore[arg-type]


def encoded(of: list[Draw]) -> Encoded:
    return encode(of, domains_of(of), [0.0] * len(of))


SIZES = [0.1 * number for number in range(30)]


# ---- the kernel


@pytest.mark.parametrize("c", [0.1, 1.0])
def test_of_names_the_kernel_is_one_plus_shared_plus_pairs_of_shared(c: float) -> None:
    some = points(12)
    table = kernel(encoded(some), encoded(some), c)
    whole = 1 + 5 + c * 5 * 4 / 2
    for row, one in enumerate(some):
        for column, other in enumerate(some):
            s = sum(a == b for a, b in zip(one.spec, other.spec, strict=True))
            assert table[row, column] == pytest.approx((1 + s + c * s * (s - 1) / 2) / whole)


def test_a_decision_that_only_one_network_has_is_a_difference() -> None:
    short = walk(tiny_space, lambda name, options: options[0])
    long = walk(tiny_space, lambda name, options: 2 if name == "depth" else options[0])
    asked_short, asked_long = 6, 10  # width, depth and four a block
    alike = likeness(3, True)
    table = kernel(encoded([short, long]), encoded([short, long]), 1.0)
    shared = np.array([1.0] * 5 + [alike[0, 1]])
    both = 1 + shared.sum() + (shared.sum() ** 2 - (shared**2).sum()) / 2

    def alone(asked: int) -> float:
        return 1 + asked + asked * (asked - 1) / 2

    assert table[0, 1] == pytest.approx(both / np.sqrt(alone(asked_short) * alone(asked_long)))
    assert np.diag(table) == pytest.approx([1.0, 1.0])


def test_neighbours_in_an_order_are_more_alike_than_ends() -> None:
    alike = likeness(4, True)
    assert alike[0, 0] == 1
    assert alike[0, 1] > alike[0, 2] > alike[0, 3] > 0
    assert np.array_equal(likeness(3, False), np.eye(3))


@pytest.mark.parametrize("space", [named, tiny_space, SPACES["mobilenet_v3"]])
def test_the_kernel_is_a_covariance_and_a_network_is_as_like_itself_as_can_be(space: object) -> None:
    some = encoded(points(60, space))
    table = kernel(some, some, 1.0)
    assert np.linalg.eigvalsh(table).min() > -1e-9
    assert np.diag(table) == pytest.approx(np.ones(60))


def test_what_is_compared_may_have_decisions_of_its_own() -> None:
    """Networks are encoded by the decisions of the known ones; others still count as different."""
    short = walk(tiny_space, lambda name, options: options[0])
    long = walk(tiny_space, lambda name, options: 2 if name == "depth" else options[0])
    known = encode([short], domains_of([short]), [0.0])
    new = encode([long], domains_of([short]), [0.0])
    together = encoded([short, long])
    expected = kernel(together, together, 1.0)[0, 1]
    assert kernel(known, new, 1.0)[0, 0] == pytest.approx(expected)


def test_an_encoder_that_goes_on_from_another_encodes_as_one_of_its_own() -> None:
    """The one before may have known fewer decisions."""
    some = points(30, tiny_space)
    short = [one for one in some if one.choices["depth"] == 1]
    before = Encoder(domains_of(short))
    before(short, [0.0] * len(short))
    for domains in (domains_of(short), domains_of(some)):
        assert same(Encoder(domains, before)(some, SIZES), encode(some, domains, SIZES))


def same(one: Encoded, other: Encoded) -> bool:
    return all(
        np.array_equal(getattr(one, part), getattr(other, part)) for part in ("first", "second", "asked", "size")
    )


def test_decisions_are_compared_in_one_order_whichever_network_comes_first() -> None:
    some = points(20, tiny_space)
    names = list(domains_of(some))
    assert names == sorted(names) == list(domains_of(some[::-1]))


def test_networks_are_taken_and_put_together_with_all_that_belongs_to_them() -> None:
    some = points(30, tiny_space)
    together = encode(some, domains_of(some), SIZES)
    place = np.array([4, 0, 17])

    def part(places: Sequence[int]) -> Encoded:
        return encode([some[at] for at in places], domains_of(some), [SIZES[at] for at in places])

    assert len(set(together.asked[place])) > 1
    assert same(together.take(place), part(place.tolist()))
    assert same(part(range(9)).and_also(part(range(9, 30))), together)


# ---- the surrogate


def test_predictions_are_those_of_the_textbook() -> None:
    some = points(40)
    known, new = encoded(some[:30]), encode(some[30:], domains_of(some[:30]), [0.0] * 10)
    values = np.array([float(sum(option == "a" for option in one.spec)) for one in some[:30]])
    values += np.random.default_rng(0).normal(0, 0.3, 30)
    learned = learn(known, values)
    alike = kernel(known, known, learned.pairs)
    inverse = np.linalg.inv(alike + learned.noise * np.eye(30))
    between = kernel(known, new, learned.pairs)
    ones = np.ones(30)
    mean = ones @ inverse @ values / (ones @ inverse @ ones)
    scale = (values - mean) @ inverse @ (values - mean) / 30
    expected = mean + between.T @ inverse @ (values - mean)
    variance = scale * (1 - np.diag(between.T @ inverse @ between))
    found, deviation = learned.predict(new)
    assert found == pytest.approx(expected)
    assert deviation == pytest.approx(np.sqrt(variance))


def test_a_slope_in_the_size_and_in_another_explanation_is_learned_and_predicted_with() -> None:
    """As in the textbook again, with a trend: generalised least squares (Rasmussen and Williams, section 2.7)."""
    rng = np.random.default_rng(2)
    some, sizes, scores = points(50), rng.uniform(0.5, 1, 50), rng.normal(0, 1, 50)
    domains = domains_of(some)
    values = 4 * sizes[:40] - 2 * scores[:40] + [float(sum(option == "a" for option in one.spec)) for one in some[:40]]
    values += rng.normal(0, 0.3, 40)
    known = encode(some[:40], domains, sizes[:40].tolist()).and_by(scores[:40])
    new = encode(some[40:], domains, sizes[40:].tolist()).and_by(scores[40:])
    learned = learn(known, values)
    inverse = np.linalg.inv(kernel(known, known, learned.pairs) + learned.noise * np.eye(40))
    terms = np.column_stack([np.ones(50), sizes, scores])
    slopes = np.linalg.solve(terms[:40].T @ inverse @ terms[:40], terms[:40].T @ inverse @ values)
    rest = inverse @ (values - terms[:40] @ slopes)
    assert slopes[1:] == pytest.approx([4, -2], abs=0.7)
    assert learned.predict(new)[0] == pytest.approx(terms[40:] @ slopes + kernel(known, new, learned.pairs).T @ rest)


def test_what_is_expected_of_a_network_that_was_told_is_what_would_be_predicted_for_it() -> None:
    some = points(40)
    known = encode(some, domains_of(some), np.linspace(0, 1, 40).tolist())
    learned = learn(known, np.random.default_rng(0).normal(0, 1, 40) + np.linspace(0, 3, 40))
    assert learned.expected() == pytest.approx(learned.predict(known)[0])


def test_noise_is_judged_by_the_newest_values() -> None:
    some = points(JUDGED_BY + 40)
    values = np.array([float(sum(option == "a" for option in one.spec)) for one in some])
    assert learn(encoded(some), values).noise == min(NOISE)
    noisy = np.random.default_rng(0).normal(0, 3, 40)
    assert learn(encoded(some), np.concatenate([values[:40] + noisy, values[40:]])).noise == min(NOISE)
    assert learn(encoded(some), np.concatenate([values[:-40], values[-40:] + noisy])).noise > min(NOISE)


def test_noise_and_pairs_are_those_that_make_the_values_likeliest() -> None:
    some = points(80)
    known = encoded(some)
    values = np.random.default_rng(1).normal(0, 1, 80) + np.array([3.0 * (one.spec[0] == "a") for one in some])

    def likelihood(pairs: float, noise: float) -> float:
        """Under the best mean and scale, which have closed forms."""
        covariance = kernel(known, known, pairs) + noise * np.eye(80)
        inverse = np.linalg.inv(covariance)
        mean = inverse.sum(axis=0) @ values / inverse.sum()
        scale = (values - mean) @ inverse @ (values - mean) / 80
        return float(multivariate_normal(np.full(80, mean), scale * covariance).logpdf(values))

    learned = learn(known, values)
    assert (learned.pairs, learned.noise) == max(itertools.product(PAIRS, NOISE), key=lambda two: likelihood(*two))
    assert learned.noise >= 0.1
    exact = learn(known, np.array([float(sum(o == "a" for o in one.spec)) for one in some]))
    assert exact.noise == min(NOISE)


def test_believing_in_what_runs_changes_no_mean_and_leaves_less_to_find_out() -> None:
    some = points(30)
    known = encoded(some[:20])
    domains = domains_of(some[:20])
    values = np.array([float(sum(option == "a" for option in one.spec)) for one in some[:20]])
    learned = learn(known, values + np.random.default_rng(0).normal(0, 0.1, 20))
    assert learned.noise < max(NOISE)
    running, new = (encode(part, domains, [0.0] * len(part)) for part in (some[20:23], some[20:]))
    believed = learned.believe(running)
    before, after = learned.predict(new), believed.predict(new)
    assert after[0] == pytest.approx(before[0])
    assert np.all(after[1] <= before[1] + 1e-12)
    assert np.all(after[1][:3] < 0.9 * before[1][:3])
    both = known.and_also(running)
    inverse = np.linalg.inv(kernel(both, both, learned.pairs) + learned.noise * np.eye(23))
    between = kernel(both, new, learned.pairs)
    assert after[1] == pytest.approx(np.sqrt(learned.scale * (1 - np.diag(between.T @ inverse @ between))))


# ---- improvement


@pytest.mark.parametrize("objectives", [1, 2, 3])
def test_expected_improvement_is_the_mean_of_improvements(objectives: int) -> None:
    rng = np.random.default_rng(objectives)
    known = rng.normal(0, 1, (6, objectives))
    means, deviations = rng.normal(0.5, 1, (3, objectives)), rng.uniform(0.3, 1, (3, objectives))
    found = expected_improvement(means, deviations, known)
    corner = np.array([high_low[0] for high_low in boxes(known)]).min(axis=0)
    samples = rng.normal(means, deviations, (4000, 3, objectives))
    for network in range(3):
        gains = [gain(sample, known, corner, rng) for sample in samples[:, network]]
        error = np.std(gains) / np.sqrt(len(gains))
        assert found[network] == pytest.approx(np.mean(gains), abs=5 * error + 1e-5)  # rarer gains no sample meets


def test_a_little_worse_than_all_in_one_is_an_improvement_where_it_is_the_best_in_another() -> None:
    """The corner that volume is counted from lies below the front by a tenth of the range, objective by objective."""
    known = np.array([[0.0, 100.0], [1.0, 0.0], [0.4, 40.0]])
    sure = np.full((3, 2), 1e-9)
    means = np.array([[1.2, -5.0], [-0.05, 120.0], [1.2, -15.0]])
    assert expected_improvement(means, sure, known) == pytest.approx([0.2 * 5, 0.05 * 20, 0], abs=1e-6)


def gain(sample: np.ndarray, known: np.ndarray, corner: np.ndarray, rng: np.random.Generator) -> float:
    """The volume a value adds, by the volume it has less what others have of it (inclusion and exclusion)."""
    if len(sample) == 1:
        return float(max(0.0, sample[0] - known.max()))
    if np.any(sample <= corner) or np.any(np.all(known >= sample, axis=1)):
        return 0.0
    clipped = np.minimum(known, sample)
    return volume([sample], corner) - volume(list(clipped), corner)


def volume(points: list[np.ndarray], corner: np.ndarray) -> float:
    from optuna._hypervolume import compute_hypervolume

    inside = [-point for point in points if np.all(point > corner)]
    return float(compute_hypervolume(np.array(inside), -corner)) if inside else 0.0


# ---- trials to learn from


def told(number: int, value: float | None, *, stopped: bool = False) -> Told:
    values = None if value is None else (value,)
    return Told(number=number, point=points(1)[0], values=values, stopped=stopped, size=1.0, fits=True)


def test_a_stopped_training_counts_as_the_lower_quartile_and_a_failed_one_not_at_all() -> None:
    trials = [told(number, float(number)) for number in range(5)]
    known, values = learned_from([*trials, told(5, None, stopped=True), told(6, None)])
    assert [one.number for one in known] == [0, 1, 2, 3, 4, 5]
    assert values[-1] == 1.0


def test_losses_count_as_much_as_values_where_all_trials_have_them() -> None:
    def with_losses(number: int, value: float, losses: float | None) -> Told:
        return replace(told(number, value), losses=losses)

    good, bad = with_losses(0, 0.3, 1.0), with_losses(1, 0.3, 4.0)
    better = with_losses(2, 0.5, 4.0)
    _, values = learned_from([good, bad, better], by_losses=True)
    assert values[0] > values[1]
    assert values[2] > values[1]
    assert values[:, 0] == pytest.approx([-1 / 2**0.5 + 2**0.5, -1 / 2**0.5 - 1 / 2**0.5, 2**0.5 - 1 / 2**0.5])
    _, plain = learned_from([good, bad, with_losses(2, 0.5, None)], by_losses=True)
    assert plain[:, 0].tolist() == [0.3, 0.3, 0.5]


def test_of_many_trials_the_best_and_the_newest_are_learned_from() -> None:
    trials = [told(number, float(-abs(number - 20))) for number in range(600)]
    known, values = learned_from(trials)
    numbers = [one.number for one in known]
    assert len(known) == len(values) == LEARNED
    assert set(range(10, 30)) < set(numbers)
    assert set(range(450, 600)) < set(numbers)


def test_a_value_that_is_no_number_counts_as_the_worst_there_is() -> None:
    _, values = learned_from([told(0, 1.0), told(1, float("-inf")), told(2, 3.0)])
    assert values[:, 0].tolist() == [1.0, 1.0, 3.0]


def test_merit_is_the_value_or_how_many_dominate() -> None:
    assert merits([(1.0,), (3.0,)]) == [1.0, 3.0]
    assert merits([(1.0, 1.0), (2.0, 2.0), (3.0, 0.0), (2.0, 2.0)]) == [-2.0, 0.0, 0.0, 0.0]


# ---- what may be suggested


def test_every_network_is_met_once() -> None:
    met = [point.spec for point in every(named)]  # type: ignore[arg-type]
    assert len(met) == len(set(met)) == 3**5

    def deep_space(pick: Pick) -> list[int]:
        return [pick(f"k{i}", (3, 5, 7)) for i in range(pick("depth", (1, 2)))]

    deep = [point.choices for point in every(deep_space)]  # type: ignore[arg-type]
    assert len(deep) == 3 + 3 * 3 == len({str(choices) for choices in deep})


def test_what_uses_more_of_the_budget_is_learned_to_use_more() -> None:
    budget = Budget(macs=60_000_000)
    space, rng = SPACES["mobilenet_v3"], random.Random(1)
    tried = [draw(space, rng) for _ in range(TRIED)]
    use = learned_use(tried, [budget.fits(point.spec) for point in tried])
    some = [draw(space, rng) for _ in range(200)]
    rank = kendalltau([use(point) for point in some], [budget.use(point.spec) for point in some]).statistic
    assert rank > 0.6


def test_values_that_are_no_network_have_an_identity_by_their_json() -> None:
    assert identity({"a": 1, "b": [2]}) == identity({"b": [2], "a": 1})
    assert identity({"a": 1}) != identity({"a": 2})
    with pytest.raises(TypeError, match="comparable by value, or be written as JSON"):
        identity({"a": {1, 2}})


class Sums:
    """A limit on the sum of a network's digits; of those that seem to fit, some turn out not to."""

    def __init__(self, most: int, *, but: frozenset[int] = frozenset()) -> None:
        self.most, self.but = most, but

    def use(self, spec: tuple[int, ...]) -> float:
        return sum(spec) / self.most

    def fits(self, spec: tuple[int, ...]) -> bool:
        return self.use(spec) <= 1 and sum(spec) not in self.but


def digits(pick: Pick) -> tuple[int, ...]:
    return tuple(pick(f"d{i}", (0, 1, 2, 3)) for i in range(3))


def listed(limit: Sums) -> Feasible:
    return Feasible(digits, limit, candidates=[one.choices for one in every(digits)])  # type: ignore[arg-type]


def test_of_a_list_the_draws_are_certain_to_fit_and_use_the_limit_where_some_do() -> None:
    feasible, rng = listed(Sums(7, but=frozenset({7}))), random.Random(0)
    taken, sums = set[object](), []
    for _ in range(54):
        point = feasible.draw(rng, Taken(taken), near=0.8)
        taken.add(point.spec)
        sums.append(sum(point.spec))  # type: ignore[call-overload]
    assert sums[:10] == [6] * 10  # all there are; a 7 would use more, and does not fit
    assert max(sums[10:]) == 5
    assert len(taken) == sum(sum(one.spec) <= 6 for one in every(digits))  # type: ignore[arg-type, call-overload]
    with pytest.raises(SpaceExhausted, match="6 seemed to, none does"):
        feasible.draw(rng, Taken(taken))


def test_a_fair_part_of_a_list_is_one_that_some_of_it_uses() -> None:
    assert listed(Sums(7)).reachable(0.6) == 0.6
    assert listed(Sums(100)).reachable(0.6) == 0


def test_what_is_near_a_network_in_a_list_shares_most_choices_with_it() -> None:
    feasible, rng = listed(Sums(7)), random.Random(0)
    start = walk(digits, lambda name, options: options[2])  # type: ignore[arg-type]
    for _ in range(10):
        moved = feasible.move(start, rng, Taken([start.spec]), near=0.6)
        assert differences(start, moved) == 1
        assert sum(moved.spec) >= 0.6 * 7  # type: ignore[call-overload]
    around = feasible.neighbours(start, rng)
    assert all(differences(start, one) == 1 for one in around)
    assert len(around) == 3 * 3
    free = Feasible(digits, Sums(7)).neighbours(start, rng)  # type: ignore[arg-type]
    assert sorted(one.spec for one in free) == sorted(
        one.spec
        for one in every(digits)  # type: ignore[arg-type]
        if differences(start, one) == 1
    )


# ---- samplers to compare with


def moment(trials: list[Told], *, seed: int = 0) -> Moment:
    return Moment(
        feasible=Feasible(tiny_space, BUDGET),
        told=trials,
        running=[],
        taken=Taken(identity(one.point.spec) for one in trials),
        rng=random.Random(seed),
        seed=seed,
        memory={},
    )


def trials(values: list[float]) -> list[Told]:
    rng = random.Random(0)
    return [
        Told(number=n, point=draw_inside(tiny_space, BUDGET, rng), values=(v,), stopped=False, size=1.0, fits=True)
        for n, v in enumerate(values)
    ]


def differences(one: Draw, other: Draw) -> int:
    return sum(one.choices.get(name) != other.choices.get(name) for name in {*one.choices, *other.choices})


def test_local_search_changes_one_decision_of_the_best() -> None:
    known = trials([0.1, 0.9, 0.2])
    found = LocalSearch(0).propose(moment(known))
    asked = [name for name in found.choices if name in known[1].point.choices]
    assert sum(found.choices[name] != known[1].point.choices[name] for name in asked) == 1


def test_evolution_lets_the_old_die() -> None:
    """The six best networks are older than the population of twenty: their neighbours are not what comes."""
    known = trials([1.0] * 6 + [0.0] * 20)
    parents = 0
    for seed in range(10):
        found = Evolution(0).propose(moment(known, seed=seed))
        nearest = min(known, key=lambda one: differences(one.point, found))
        parents += nearest.number < 6
    assert parents <= 4  # of five out of the oldest twenty, one is among the six 87 times of 100


def test_evolution_changes_the_best_of_five() -> None:
    """Of twenty that is the sixteenth or seventeenth on average; any one would be the tenth."""
    known = trials([float(number) for number in range(20)])
    found = [Evolution(0).propose(moment(known, seed=seed)) for seed in range(20)]
    parents = [min(known, key=lambda one: differences(one.point, point)).number for point in found]
    assert np.mean(parents) > 13


def test_the_controller_compares_with_an_average_that_forgets(monkeypatch: pytest.MonkeyPatch) -> None:
    point, values, seen = points(1, tiny_space)[0], [0.5, 0.9, 0.1, 0.6], []
    gradients = Controller._gradients

    def noting(of: Controller, network: Draw, advantage: float) -> dict[tuple[str, str], np.ndarray]:
        seen.append(advantage)
        return gradients(of, network, advantage)

    monkeypatch.setattr(Controller, "_gradients", noting)
    controller = Controller(0)
    for number, value in enumerate(values):
        controller.learn(number, point, value)
    average = values[0]
    for number, value in enumerate(values):
        assert seen[number] == pytest.approx((value - average) / (np.std(values[: number + 1]) or 1.0))
        average = 0.9 * average + 0.1 * value


def test_a_controller_is_that_of_its_seed_and_of_the_trials_it_was_told() -> None:
    state = np.ones(24)
    zero, one = (Controller(seed).chances(state, "width", 3) for seed in (0, 1))
    assert zero != pytest.approx(one)
    known = trials([0.1, 0.9, 0.2, 0.7])
    other = moment(known[:2])
    trained(other)
    later = moment(known[2:])  # trials of these numbers come from elsewhere
    later.memory.update(other.memory)
    found, anew = (trained(at).chances(state, "width", 3) for at in (later, moment(known[2:])))
    assert found == pytest.approx(anew)


def test_the_controllers_gradient_is_that_of_the_log_probability() -> None:
    point = walk(tiny_space, lambda name, options: options[-1])
    controller = Controller(3)

    def log_probability() -> float:
        total, state = 0.0, np.ones_like(controller.weight("state", "", 24, 24)[0])
        for name, options in point.domains.items():
            place = options.index(point.choices[name])
            total += float(np.log(controller.chances(state, name, len(options))[place]))
            state = controller.after(state, name, place, len(options))
        return total

    log_probability()
    gradients = controller._gradients(point, 1.0)
    rng = np.random.default_rng(0)
    for key, gradient in gradients.items():
        at = tuple(rng.integers(0, size) for size in gradient.shape)
        step = 1e-5
        controller._weights[key][at] += step
        above = log_probability()
        controller._weights[key][at] -= 2 * step
        below = log_probability()
        controller._weights[key][at] += step
        assert gradient[at] == pytest.approx((above - below) / (2 * step), abs=1e-6), key


def test_the_controller_learns_what_was_rewarded_and_remembers_the_same_when_it_starts_again() -> None:
    rng = random.Random(0)
    known = []
    for number in range(60):
        point = draw(tiny_space, rng)
        worth = float(point.choices["depth"] == 1)
        known.append(Told(number=number, point=point, values=(worth,), stopped=False, size=1.0, fits=True))
    going_on = moment(known[:30])
    trained(going_on)
    later = moment(known)
    later.memory.update(going_on.memory)
    kept, anew = trained(later), trained(moment(known))
    state = np.ones(24)
    assert kept.chances(state, "width", 3) == pytest.approx(anew.chances(state, "width", 3))
    after = [anew.after(state, "width", place, 3) for place in range(3)]
    assert np.mean([anew.chances(one, "depth", 3)[0] for one in after]) > 0.5
    assert Reinforce(0).propose(moment(known)).spec not in {one.point.spec for one in known}


def test_choices_of_a_network_rebuild_it() -> None:
    point = draw(tiny_space, random.Random(0))
    assert walk(tiny_space, replaying(point.choices)).spec == point.spec
