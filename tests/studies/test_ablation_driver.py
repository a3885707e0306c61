"""Running an ablation: paired seed by seed, each training once, here or in another study, until it is settled."""

from collections import Counter
from typing import Any

import pytest
from optuna.storages import BaseStorage, InMemoryStorage

from nas.ablation_evidence import evidence, headline, last_look, missing, over_lengths, settled
from nas.cost import cost
from nas.errors import NasError, StorageError
from nas.storage import read_ablation
from nas.train import Diverged
from studies.ablations.past import trained_elsewhere
from studies.ablations.request import LOOKS, AblationRequest
from tests.nas.fast import FakeTraining, Killed, KilledAtWrite, Log, noise
from tests.studies.tiny_ablation import ablation, driver, request, run, table, tiny_among_spaces, worth

__all__ = ["tiny_among_spaces"]  # a fixture for all of this file

NETWORKS = ("baseline", "baseline ×0.5", "baseline ×2", "wide", "se")


@pytest.fixture
def storage() -> BaseStorage:
    return InMemoryStorage()


def beside(storage: BaseStorage, asked: AblationRequest, **options: Any) -> Any:
    facts = asked.facts
    assert facts.long is not None
    given = {"fingerprint": facts.data.fingerprint, "recipes": [facts.recipe, facts.long], "device": "cpu, 9 threads"}
    return trained_elsewhere(storage, asked.name, **{**given, **options})


# ---- what is trained


def test_every_network_is_trained_seed_by_seed_short_and_then_long(storage: BaseStorage) -> None:
    found = run(storage)
    pairs = [(k, name) for k in (1, 2) for name in NETWORKS]
    for records in (found.short, found.long):
        assert [(one.seed, one.key) for one in records] == pairs
    assert {len(one.curve) for one in found.short} == {2}
    assert {len(one.curve) for one in found.long} == {6}
    assert found.rates == ()


def test_networks_pair_on_seed_and_fold(storage: BaseStorage) -> None:
    found = run(storage, request(seeds=6, seed=2, lengths="short"))
    pairs = {name: [(one.seed, one.fold) for one in found.short if one.key == name] for name in NETWORKS}
    expected = [(2001, 1), (2002, 2), (2003, 3), (2004, 4), (2005, 0), (2006, 1)]
    assert pairs == dict.fromkeys(NETWORKS, expected)


def test_records_have_what_the_networks_cost_and_are(storage: BaseStorage) -> None:
    asked = request()
    found = run(storage, asked)
    for one in found.short:
        network = next(network for network in asked.networks if network.name == one.key)
        assert (one.spec, one.choices) == (network.spec, network.choices)
        assert (one.macs, one.params) == (cost(network.spec).macs, cost(network.spec).params)
        assert one.source is None


def test_the_facts_say_what_was_asked(storage: BaseStorage) -> None:
    facts = run(storage).facts
    assert (facts.question, facts.baseline_name, facts.seeds, facts.looked) == ("What for?", "baseline", 2, (2,))
    assert facts.curve == {"baseline": 1.0, "baseline ×0.5": 0.5, "baseline ×2": 2.0}
    assert {one.name: one.changes for one in facts.variants} == {
        "wide": {"*.expansion": "3.0"},
        "se": {"*.se": "True"},
    }


def test_learning_rates_are_checked_for_baseline_and_variants_on_request(storage: BaseStorage) -> None:
    found = run(storage, request(check_lr=True))
    assert [one.key for one in found.rates] == [
        f"{name} {rate:g}" for name in ("baseline", "wide", "se") for rate in (0.033, 0.1, 0.3)
    ]
    assert {(one.seed, one.fold) for one in found.rates} == {(0, 0)}
    assert [one.recipe.max_lr for one in found.rates if one.recipe] == [0.033, 0.1, 0.3] * 3


def test_only_the_short_length_where_that_is_asked_for(storage: BaseStorage) -> None:
    found = run(storage, request(lengths="short"))
    assert found.facts.long is None
    assert found.long == ()
    assert headline(found) == evidence(found, "short")


# ---- continuing


def test_a_finished_study_trains_nothing_again(storage: BaseStorage) -> None:
    run(storage)
    before = table(storage)
    driver(storage, fake := FakeTraining()).run()
    assert fake.calls == []
    assert table(storage) == before


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_dying_again_and_again_changes_nothing_in_the_end(after: bool) -> None:
    run(uninterrupted := InMemoryStorage())
    interrupted = InMemoryStorage()
    deaths = 0
    for writes in (*range(1, 12), *(9 + 5 * n % 13 for n in range(200))):
        with KilledAtWrite(interrupted, writes, after=after):
            try:
                driver(interrupted, FakeTraining()).run()
                break
            except Killed:
                deaths += 1
    assert deaths > 11
    assert table(interrupted) == table(uninterrupted)
    assert read_ablation(interrupted, "run").facts.looked == read_ablation(uninterrupted, "run").facts.looked


def test_what_an_interruption_leaves_is_paired(storage: BaseStorage) -> None:
    def die(call: int) -> None:
        if call == 9:
            raise Killed

    with pytest.raises(Killed):
        driver(storage, FakeTraining(before=die)).run()
    left = Counter(one.key for one in read_ablation(storage, "run").short)
    assert max(left.values()) - min(left.values()) <= 1
    log = Log()
    driver(storage, FakeTraining(), watch=log).run()
    assert "1 training cut off last time will be done again" in log.said


def test_more_seeds_train_only_what_is_missing_and_are_said_to_have_been_looked_at(storage: BaseStorage) -> None:
    run(storage, request(seeds=1))
    fake = FakeTraining()
    found = run(storage, request(seeds=3), fake)
    assert sorted({seed for _, seed in fake.calls}) == [2, 3]
    assert found.facts.looked == (1, 3)
    run(other := InMemoryStorage(), request(seeds=3))
    assert {one.key for one in found.short} == {one.key for one in read_ablation(other, "run").short}


def test_a_name_that_stood_for_another_network_is_refused(storage: BaseStorage) -> None:
    run(storage)
    other = ablation({"wide": {"block0.expansion": 3.0}, "se": {"*.se": True}})
    with pytest.raises(StorageError, match="'wide' was another network when it was trained; give it another name"):
        run(storage, request(other))


def test_a_failed_training_is_recorded_and_left_out_of_the_pairs(storage: BaseStorage) -> None:
    def fail(call: int) -> None:
        if call == 4:  # "wide" on the first seed
            raise Diverged("the loss is not a number")

    found = run(storage, request(seeds=3, lengths="short"), FakeTraining(before=fail))
    shown = evidence(found, "short")
    assert shown is not None
    assert [(one.name, one.seeds) for one in shown.changed.effects] == [("wide", (2, 3)), ("se", (1, 2, 3))]
    assert missing(found, "short") == 0


# ---- trainings of other studies


def test_the_same_trainings_of_another_study_are_not_repeated(storage: BaseStorage) -> None:
    run(storage, request(name="first"))
    asked = request(ablation({"se": {"*.se": True}, "kernel": {"*.kernel": 5}}), name="second")
    fake = FakeTraining()
    log = Log()
    driver(storage, fake, asked, elsewhere=beside(storage, asked), watch=log).run()
    found = read_ablation(storage, "second")
    assert {one.key for one in (*found.short, *found.long) if one.source is None} == {"kernel"}
    assert {one.source for one in found.short if one.key != "kernel"} == {"first"}
    assert len(fake.calls) == 2 * 2
    assert "16 trainings are those of first" in log.said
    assert missing(found, "long") == 0
    first = {(one.key, one.seed): one for one in read_ablation(storage, "first").long}
    for one in found.long:
        if one.source:
            assert one.val_accuracy == first[one.key, one.seed].val_accuracy
            assert one.recipe == found.facts.long


def test_a_third_study_names_the_one_that_trained(storage: BaseStorage) -> None:
    run(storage, request(name="first"))
    for name in ("second", "third"):
        asked = request(name=name)
        driver(storage, fake := FakeTraining(), asked, elsewhere=beside(storage, asked)).run()
        assert fake.calls == []
    assert {one.source for one in read_ablation(storage, "third").short} == {"first"}


@pytest.mark.parametrize(
    ("options", "others"),
    [
        ({}, {"fingerprint": "0123"}),
        ({}, {"device": "NVIDIA H100"}),
        ({"epochs": 3}, {}),
        ({"max_lr": 0.2}, {}),
        ({"seed": 1}, {}),
    ],
    ids=["images", "device", "epochs", "rate", "seed"],
)
def test_other_trainings_are_not_the_same(storage: BaseStorage, options: Any, others: Any) -> None:
    run(storage, request(name="first"))
    asked = request(name="second", **options)
    elsewhere = beside(storage, asked, **others)
    assert all(elsewhere(task) is None for task in asked.tasks(2))


def test_a_fold_of_its_own_is_another_training(storage: BaseStorage) -> None:
    run(storage, request(name="first", seeds=5))
    asked = request(name="second", seeds=5)
    elsewhere = beside(storage, asked)
    assert all(elsewhere(task) is not None for task in asked.tasks(5))
    from dataclasses import replace

    fresh = replace(asked, fresh_folds=True)
    assert [elsewhere(task) is None for task in fresh.tasks(5)] == [False] * 20 + [True] * 5


# ---- evidence


def test_known_effects_are_found_with_verdicts(storage: BaseStorage) -> None:
    found = run(storage, request(seeds=6), FakeTraining(accuracy=worth({"se": 0.02, "wide": -0.03})))
    shown = headline(found)
    assert shown is not None
    assert shown.length == "long"
    assert {one.name: one.verdict for one in shown.changed.effects} == {"wide": "hurts", "se": "helps"}
    assert shown.changed["se"].delta == pytest.approx(0.02, abs=0.001)
    assert set(shown.equal) == {"macs", "params"}
    assert over_lengths(found, headline(found)) == {"wide": "hurts", "se": "helps"}
    assert settled(found)


def test_a_sign_that_flips_depends_on_training_length(storage: BaseStorage) -> None:
    class Flipping(FakeTraining):
        def __call__(self, model: Any, data: Any, recipe: Any, seed: int, **others: Any) -> Any:
            self._accuracy = worth({"se": 0.02 if recipe.epochs == 2 else -0.02})
            return super().__call__(model, data, recipe, seed, **others)

    found = run(storage, request(seeds=5), Flipping())
    assert over_lengths(found, headline(found)) == {
        "wide": "no practical difference",
        "se": "depends on training length",
    }


def test_the_long_trainings_are_read_only_when_all_are_done(storage: BaseStorage) -> None:
    def die(call: int) -> None:
        if call == 15 + 3:
            raise Killed

    with pytest.raises(Killed):
        driver(storage, FakeTraining(before=die), request(seeds=3)).run()
    found = read_ablation(storage, "run")
    shown = headline(found)
    assert shown is not None
    assert shown.length == "short"
    assert (missing(found, "short"), missing(found, "long")) == (0, 13)
    assert over_lengths(found, headline(found)) == {}


# ---- until settled


def test_until_settled_stops_at_the_first_look_that_shows_everything(storage: BaseStorage) -> None:
    asked = request(until_settled=True, lengths="short")
    found = run(storage, asked, FakeTraining(accuracy=worth({"se": 0.05, "wide": -0.05})))
    assert found.facts.looks == LOOKS
    assert {one.seed for one in found.short} == set(range(1, 6))
    assert (found.facts.seeds, found.facts.looked) == (5, (5,))
    assert settled(found)


def test_until_settled_goes_on_to_the_last_look_where_nothing_is_shown(storage: BaseStorage) -> None:
    asked = request(until_settled=True, lengths="short")
    found = run(storage, asked, FakeTraining(accuracy=worth({"se": 0.004}, noise_of=0.03)))
    assert found.facts.looked == LOOKS
    assert {one.seed for one in found.short} == set(range(1, 21))
    again = FakeTraining()
    found = run(storage, request(until_settled=True, lengths="short"), again)
    assert again.calls == []
    assert (found.facts.seeds, found.facts.looked) == (20, LOOKS)


def test_between_looks_there_is_the_last_looks_verdict_and_before_the_first_none(storage: BaseStorage) -> None:
    def die(call: int) -> None:
        if call == 20:
            raise Killed

    interruptions = 0
    while True:
        asked = request(until_settled=True, lengths="short")
        train = FakeTraining(before=die, accuracy=worth({}, noise_of=0.05))
        try:
            driver(storage, train, asked).run()
        except Killed:
            found = read_ablation(storage, "run")
            look = last_look(found.facts, found.short)
            shown = headline(found)
            assert (shown is None) == (look is None)
            if shown is not None:
                assert shown.look == look
                assert {len(one) for one in shown.scores.values()} == {look}
            interruptions += 1
        else:
            break
    assert interruptions > 3


def test_looks_spend_alpha_so_that_early_intervals_are_wider(storage: BaseStorage) -> None:
    accuracy = worth({"se": 0.05, "wide": -0.05}, noise_of=0.005)
    run(storage, request(until_settled=True, lengths="short"), FakeTraining(accuracy=accuracy))
    run(storage, request(name="fixed", seeds=5, lengths="short"), FakeTraining(accuracy=accuracy))
    looked, fixed = (headline(read_ablation(storage, name)) for name in ("run", "fixed"))
    assert looked is not None
    assert fixed is not None
    wide, narrow = looked.changed["se"].ci, fixed.changed["se"].ci
    assert wide is not None
    assert narrow is not None
    assert wide[1] - wide[0] > 1.5 * (narrow[1] - narrow[0])


def test_seeds_and_looks_exclude_each_other() -> None:
    with pytest.raises(NasError, match="--seeds 7: with --until-settled there are 5, 10, 20; leave it out"):
        request(until_settled=True, seeds=7)


# ---- matched


def test_matched_variants_are_a_family_of_their_own(storage: BaseStorage) -> None:
    found = run(storage, request(match=True, seeds=3, lengths="short"))
    # squeeze-excite alone costs less than one percent here
    assert [one.match_of for one in found.facts.variants] == [None, None, "wide"]
    shown = headline(found)
    assert shown is not None
    assert shown.matched is not None
    assert [one.name for one in shown.changed.effects] == ["wide", "se"]
    assert [one.name for one in shown.matched.effects] == ["wide, matched"]


# ---- how long it takes


def test_a_driver_tells_what_is_left(storage: BaseStorage) -> None:
    one = driver(storage, FakeTraining())
    # two seeds of five networks: short ones of 1 s, long ones of 3
    assert len(one.to_train()) == 20
    assert one.remaining_seconds() == pytest.approx(10 * 1 + 10 * 3)
    assert noise().resolution == 8
