"""What is trained beside the search's own trials, with which seeds and on which folds."""

from dataclasses import replace

from nas.plan import Task, confirmation_fold, confirmation_tasks, training_seed, trial_task, undone
from tests.nas.fast import SMALL, study_facts
from tests.nas.test_evidence import reference, trial
from tests.nas.test_record import record


def test_a_trial_is_trained_with_the_studys_first_seed_on_fold_0() -> None:
    task = trial_task(5, SMALL.scaled(1.0), {"width": 1.0}, "tpe", seed=3)
    assert (task.seed, task.fold, task.key, task.title) == (training_seed(3, 0), 0, ("trial 5", 3000), "trial 5")


def test_seeds_of_one_study_are_no_seeds_of_another() -> None:
    seeds = [{training_seed(seed, k) for k in range(100)} for seed in range(5)]
    assert len(set().union(*seeds)) == 500


def test_confirmation_never_uses_the_fold_that_chose_the_finalists() -> None:
    assert [confirmation_fold(k) for k in range(1, 10)] == [1, 2, 3, 4, 1, 2, 3, 4, 1]


def test_networks_share_fresh_seeds_and_folds_and_are_confirmed_seed_by_seed() -> None:
    trials, references = (trial(0, 0.9), trial(1, 0.8, origin="draw")), (reference(0.5),)
    tasks = confirmation_tasks(trials, references, study_facts(seed=2, confirm=2))
    keys = ["trial 0", "trial 1", "mobilenet_v3_small@budget"]
    assert [(task.key[0], task.seed, task.fold) for task in tasks] == [
        *((key, 2001, 1) for key in keys),
        *((key, 2002, 2) for key in keys),
    ]
    assert [task.spec for task in tasks[:3]] == [one.spec for one in (*trials, *references)]


def test_without_fresh_seeds_nothing_is_confirmed() -> None:
    assert confirmation_tasks((trial(0, 0.9),), (), study_facts(confirm=0)) == []


def test_what_has_a_record_is_done_even_if_it_failed() -> None:
    tasks = confirmation_tasks((trial(0, 0.9), trial(1, 0.8)), (), study_facts(confirm=2))
    done = (trial(0, 0.5, seed=1), trial(1, None, seed=1), trial(0, 0.5, seed=0))
    assert [task.key for task in undone(tasks, done)] == [("trial 0", 2), ("trial 1", 2)]


def test_only_published_networks_may_cost_more_than_the_budget() -> None:
    task = Task(spec=SMALL.scaled(1.0), seed=0, fold=0, title="", origin="published")
    assert task.any_cost
    assert not any(replace(task, origin=origin).any_cost for origin in ("scaled", "draw", "tpe"))


def test_a_task_and_its_record_have_the_same_key() -> None:
    task = trial_task(3, SMALL.scaled(1.0), {}, "draw", seed=0)
    assert task.key == (record().key, task.seed)
