"""The contract of every sampler in SAMPLERS. A new one is tested by its line there."""

from pathlib import Path
from typing import Any, ClassVar

import optuna
import pytest
from optuna.storages import BaseStorage, InMemoryStorage
from optuna.trial import TrialState, create_trial

from nas.arch import ArchSpec
from nas.budget import Budget
from nas.draw import Draw
from nas.errors import SpaceExhausted
from nas.record import ORPHAN
from nas.samplers import SAMPLERS, InsideSampler
from nas.samplers.inside import STARTUP
from nas.samplers.moment import Moment
from nas.space import Space, explore, from_trial, rebuild
from nas.storage import close_orphans, counted, open_storage
from search_spaces import SPACES
from tests.nas.fast import BUDGET, formula, four_networks, tiny_space

SOON = 3  # draws before the inner sampler is asked, so that it has most of the say


def fewer(name: str, count: int, slow: int) -> int:
    """``slow`` of Optuna's Gaussian process and of scored networks, which take longest for each suggestion."""
    return slow if name in ("gp", "block_scores") else count


@pytest.fixture(params=SAMPLERS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Search:
    """A search by hand: ask, look, tell."""

    def __init__(
        self,
        name: str,
        storage: BaseStorage | None = None,
        *,
        space: Space = tiny_space,
        budget: Budget = BUDGET,
        seed: int = 0,
        startup: int = SOON,
    ) -> None:
        self.space = space
        self.sampler = InsideSampler(space, budget, seed=seed, make_inner=SAMPLERS[name], name=name, startup=startup)
        self.study = optuna.create_study(
            storage=storage or InMemoryStorage(),
            study_name="s",
            direction="maximize",
            sampler=self.sampler,
            load_if_exists=True,
        )

    def ask(self) -> tuple[optuna.Trial, dict[str, Any], ArchSpec]:
        trial = self.study.ask()
        return trial, *explore(self.space, from_trial(trial))

    def step(self) -> dict[str, Any]:
        """Ask and tell; now and then a training fails or is stopped early. Orphans are not counted."""
        trial, choices, spec = self.ask()
        count = len(counted(self.study))
        if count % 7 == 4:
            self.study.tell(trial, state=TrialState.FAIL)
        elif count % 7 == 6:
            trial.report(0.2, 1)
            self.study.tell(trial, state=TrialState.PRUNED)
        else:
            self.study.tell(trial, formula(spec, 0))
        return choices

    def steps(self, count: int) -> list[dict[str, Any]]:
        return [self.step() for _ in range(count)]


def test_suggestions_fit_and_none_comes_twice(name: str) -> None:
    search, count = Search(name), fewer(name, 40, 12)
    specs = [rebuild(tiny_space, choices) for choices in search.steps(count)]
    assert all(BUDGET.fits(spec) for spec in specs)
    assert len(set(specs)) == count


def test_suggestions_from_a_real_space_fit_and_use_a_fair_part_of_the_budget(name: str) -> None:
    budget = Budget(macs=60_000_000)
    space = SPACES["mobilenet_v3"]
    search, count = Search(name, space=space, budget=budget), fewer(name, 8, SOON + 2)
    specs = [rebuild(space, choices) for choices in search.steps(count)]
    assert len(set(specs)) == count
    assert all(0.6 <= budget.use(spec) <= 1 for spec in specs)


def test_suggestions_stay_under_every_ceiling_of_the_budget(name: str) -> None:
    budget = Budget(macs=150_000, params=2_500, resolution=16, classes=3)
    costs = [
        budget.cost(rebuild(tiny_space, choices)) for choices in Search(name, budget=budget).steps(fewer(name, 20, 8))
    ]
    assert max(cost.macs for cost in costs) <= 150_000
    assert max(cost.params for cost in costs) <= 2_500


def test_choices_rebuild_the_architecture_and_are_what_optuna_stores(name: str) -> None:
    search = Search(name)
    for _ in range(fewer(name, 12, 6)):
        trial, choices, spec = search.ask()
        assert rebuild(tiny_space, choices) == spec
        assert set(trial.params) == set(choices)  # every decision of the tiny space has more than one option
        search.study.tell(trial, formula(spec, 0))


def test_the_same_seed_gives_the_same_search_and_another_seed_another(name: str) -> None:
    once = Search(name).steps(fewer(name, 14, 6))
    assert Search(name).steps(len(once)) == once
    assert Search(name, seed=1).steps(len(once)) != once


def test_an_interrupted_search_continues_as_if_nothing_had_happened(name: str, tmp_path: Path) -> None:
    """A new process each time: a new sampler, the storage opened again, and the trial that was running closed."""
    url = f"sqlite:///{tmp_path / 'x.db'}"
    pauses = (2, 6, 9) if fewer(name, 0, 1) else (2, 9, 16, 24)  # in 9 one fails and one is stopped
    uninterrupted = Search(name).steps(pauses[-1])
    found: list[dict[str, Any]] = []
    for until in pauses:
        search = Search(name, open_storage(url))
        close_orphans(search.study)
        found += search.steps(until - len(found))
        search.ask()  # and the process dies
    assert found == uninterrupted


def test_an_orphan_counts_for_nothing_and_its_network_is_suggested_again(name: str) -> None:
    storage = InMemoryStorage()
    search = Search(name, storage)
    search.steps(6)
    _, lost, _ = search.ask()
    again = Search(name, storage)
    close_orphans(again.study)
    assert again.ask()[1] == lost


def test_a_failed_trial_counts_so_that_its_suggestion_is_not_repeated_for_ever(name: str) -> None:
    search = Search(name)
    seen = []
    for _ in range(12):
        trial, _, spec = search.ask()
        search.study.tell(trial, state=TrialState.FAIL)
        seen.append(spec)
    assert len(set(seen)) == 12


def test_networks_that_are_still_training_are_not_suggested_again(name: str) -> None:
    search = Search(name, space=four_networks, startup=0)
    assert len({search.ask()[2] for _ in range(3)}) == 3  # all that fit


def test_trials_begin_with_draws_and_go_on_with_the_sampler(name: str) -> None:
    search = Search(name, startup=4)
    search.steps(7)
    later = "draw" if name == "random" else name
    assert [search.sampler.origins[number] for number in range(7)] == ["draw"] * 4 + [later] * 3


def test_ten_draws_come_first_unless_told_otherwise() -> None:
    assert STARTUP == 10


class Noting:
    """A sampler of one's own: draws, and remembers what it was given."""

    beginning = 2
    noted: ClassVar[list[tuple[str, int, Moment]]] = []

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def begin(self, moment: Moment) -> Draw:
        self.noted.append(("begin", self.seed, moment))
        return moment.draw()

    def propose(self, moment: Moment) -> Draw:
        self.noted.append(("propose", self.seed, moment))
        return moment.draw()


def test_a_sampler_of_ones_own_is_given_what_counts_at_its_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Noting, "noted", [])
    sampler = InsideSampler(tiny_space, BUDGET, seed=7, make_inner=Noting, spread=True)
    study = optuna.create_study(directions=["maximize", "minimize"], sampler=sampler)

    def suggest() -> optuna.Trial:
        """Not by ``study.ask``, which would begin with what was put in by hand."""
        trial = optuna.Trial(study, study._storage.create_new_trial(study._study_id))
        explore(tiny_space, from_trial(trial))
        return trial

    study.tell(suggest(), [1.0, 2.0])
    study.tell(suggest(), state=TrialState.FAIL)
    suggest()
    close_orphans(study)
    study.add_trial(create_trial(state=TrialState.WAITING))  # put in by hand, and not begun
    running = suggest()  # neither of the two counts: the third again
    suggest()
    assert [how for how, *_ in Noting.noted] == ["begin", "begin", "propose", "propose", "propose"]
    moments = [moment for *_, moment in Noting.noted]
    assert all((one.seed, one.objectives, one.spread) == (7, 2, True) for one in moments)
    assert [len(one.told) for one in moments] == [0, 1, 2, 2, 2]
    assert [len(one.running) for one in moments] == [0, 0, 0, 0, 1]
    assert moments[-1].told[0].values == (1.0, -2.0)
    assert running.params.keys() == set(moments[-1].running[0].choices)
    chances = [one.rng.random() for one in moments]
    assert chances[2] == chances[3]
    assert len(set(chances)) == 4
    seeds = [seed for _, seed, _ in Noting.noted]
    assert seeds[2] == seeds[3]
    assert len(set(seeds)) == 3  # of draws it is none
    InsideSampler(tiny_space, BUDGET, seed=8, make_inner=Noting).sample_relative(study, study.trials[-1], {})
    _, seed, moment = Noting.noted[-1]
    assert len(moment.told) + len(moment.running) == 3  # as before the last one was asked for
    assert seed not in seeds
    assert moment.rng.random() not in chances


def test_a_space_with_nothing_new_left_says_so(name: str) -> None:
    search = Search(name, space=four_networks)
    assert len({search.step()["mid"] for _ in range(3)}) == 3  # the fourth does not fit
    with pytest.raises(SpaceExhausted, match="no new network that fits"):
        search.ask()


def test_the_inner_sampler_learns() -> None:
    """TPE finds the good corner of a space more often than chance: more blocks are better here, by a wide margin."""
    told = Search("tpe")
    drawn = Search("random")
    late = [choices["depth"] for choices in told.steps(30)[15:]]
    chance = [choices["depth"] for choices in drawn.steps(30)[15:]]
    assert sum(late) > sum(chance)


def test_all_orphans_are_closed_and_marked() -> None:
    search = Search("random")
    search.ask()
    search.ask()
    assert close_orphans(search.study) == 2
    assert [trial.state for trial in search.study.trials] == [TrialState.FAIL] * 2
    assert all(trial.user_attrs[ORPHAN] is True for trial in search.study.trials)
    assert close_orphans(search.study) == 0


def test_what_waits_to_be_asked_for_is_no_orphan() -> None:
    """It was put in by hand, and no driver had begun it."""
    search = Search("random")
    search.ask()
    by_hand = search.ask()[1]
    search.study.enqueue_trial({name: by_hand[name] for name in ("width", "depth")})
    assert close_orphans(search.study) == 2
    assert [trial.state for trial in search.study.trials] == [TrialState.FAIL] * 2 + [TrialState.WAITING]
    assert search.ask()[0].number == 2
