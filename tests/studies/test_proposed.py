"""``--of SEARCH --proposed``: the paired runs that a search's own trials propose for its winner."""

import random
from dataclasses import replace
from typing import Any

import pytest

from nas.ablation_evidence import Expected
from nas.cost import cost
from nas.errors import NasError
from nas.record import Estimate, Observational, Record, RunRecords, VariantFacts
from nas.space import Option, at_random, explore, rebuild
from search_spaces import SPACES
from studies.ablations.past import continued
from studies.ablations.proposed import MOST, Free, free_of, of_proposals
from studies.ablations.resolve import resolve
from studies.ablations.suggestions import outlook
from tests.nas.fast import tiny_space
from tests.reports.fake_ablations import fake_ablation
from tests.reports.fakes import fake_run, record
from tests.studies.tiny_ablation import BASE, tiny_among_spaces

__all__ = ["tiny_among_spaces"]  # a fixture for all of this file


def searched(count: int = 60, *, space: Any = tiny_space, noise: float = 0.002) -> RunRecords:
    """Random networks of the tiny space: SE on all blocks is worth +3 points, kernel 7 on all −2."""
    run, rng = fake_run(trials=1, confirmed=False), random.Random(3)
    facts = replace(run.facts, space="tiny")
    trials = []
    for number in range(count):
        choices, spec = explore(space, at_random(rng))
        depth = int(choices["depth"])
        squeezed = sum(bool(choices[f"block{n}.se"]) for n in range(depth)) / depth
        wide = sum(choices[f"block{n}.kernel"] == 7 for n in range(depth)) / depth
        accuracy = 0.5 + 0.03 * squeezed - 0.02 * wide + rng.gauss(0, noise)
        trials.append(record(spec, facts, number=number, choices=choices, accuracy=accuracy))
    return replace(run, facts=facts, trials=tuple(trials))


def winner(**changes: Option) -> Record:
    choices = {**BASE, **changes}
    return replace(fake_run(trials=1, confirmed=False).trials[0], choices=choices, spec=rebuild(tiny_space, choices))


def free(run: RunRecords | None = None, best: Record | None = None) -> Free:
    return free_of(run or searched(), best or winner())


def test_the_likeliest_to_matter_comes_first_with_what_the_trials_suggest() -> None:
    found = free()
    assert len(found.proposals) <= MOST
    names = [one.name for one in found.proposals]
    assert {"se True everywhere", "kernel 7 everywhere"} == set(names[:2])
    seen = {one.name: one.observed for one in found.proposals}
    for name, truth in (("se True everywhere", 0.03), ("kernel 7 everywhere", -0.02)):
        equal = seen[name].equal
        assert equal is not None
        assert equal.ci is not None
        assert equal.delta * truth > 0
        assert equal.ci[0] <= truth <= equal.ci[1]
        assert seen[name].of == 60


def test_the_variants_are_networks_of_the_winner() -> None:
    found = free()
    best = found.winner
    made = resolve(of_proposals(found), winner=lambda study: (best, "tiny"))
    by_name = {one.name: one for one in made.variants}
    assert set(by_name) == {one.name for one in found.proposals}
    assert by_name["se True everywhere"].spec == rebuild(tiny_space, {**BASE, "block0.se": True, "block1.se": True})
    assert by_name["se True everywhere"].changes == {"*.se": "True"}
    for one in found.proposals:
        assert by_name[one.name].spec == one.spec != best.spec
        assert found.suggests(by_name[one.name].choices) == one.observed


def test_where_the_winner_is_that_already_it_is_the_other_option() -> None:
    found = free(best=winner(**{"block0.se": True, "block1.se": True}))
    seen = {one.name: one.observed.equal for one in found.proposals}
    assert "se True everywhere" not in seen
    other = seen["se False everywhere"]
    assert other is not None
    assert other.delta < -0.02


def test_what_the_winner_has_in_part_is_worth_that_part_less() -> None:
    none, half = (free(best=winner(**{"block0.se": one})).proposals for one in (False, True))
    whole, part = (
        next(one.observed.equal for one in group if one.name == "se True everywhere") for group in (none, half)
    )
    assert whole is not None
    assert part is not None
    assert part.delta == pytest.approx(whole.delta / 2)


def test_a_new_depth_brings_its_decisions_and_single_decisions_their_own_name() -> None:
    found = free(searched(noise=0.03))  # now depth and width may matter as well
    for one in found.proposals:
        if one.name.startswith("depth 3"):
            assert one.name == "depth 3"
            assert "block2.kernel" in one.changes
    assert any(one.name.split()[0] in ("depth", "width") for one in found.proposals)


def test_an_option_that_not_every_block_has_is_set_where_it_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    def uneven(pick: Any) -> Any:
        def narrowed(name: str, options: Any) -> Any:
            return pick(name, tuple(one for one in options if name != "block0.kernel" or one != 7))

        return tiny_space(narrowed)

    monkeypatch.setitem(SPACES, "tiny", uneven)
    found = free(searched(space=uneven))
    (one,) = [one for one in found.proposals if one.name.startswith("kernel 7")]
    assert one.name == "kernel 7 where it can be"
    assert one.changes == {"block1.kernel": 7}


def test_too_few_trials_say_how_many_there_are_and_how_many_it_takes() -> None:
    with pytest.raises(NasError) as error:
        of_proposals(free(searched(5)))
    assert str(error.value).startswith("--of fake-60 --proposed: too few trials: 5 complete ones, and it takes 8;")


def test_trials_that_leave_nothing_open_propose_nothing() -> None:
    run = searched()
    flat = tuple(
        replace(one, curve=tuple(replace(at, val_accuracy=0.5 + 1e-6 * (one.number or 0) % 7) for at in one.curve))
        for one in run.trials
    )
    with pytest.raises(NasError, match="its 60 trials propose nothing for its winner"):
        of_proposals(free(replace(run, trials=flat)))


# ---- what is recorded, and what is said of it


SEEN = Observational(changed=Estimate(0.004, (0.001, 0.007)), equal=None, trials=3, of=24, pairs=0)


def test_what_was_suggested_first_stays_recorded() -> None:
    facts = fake_ablation(seeds=1, lengths=1).facts
    with_it = replace(facts, variants=tuple(replace(one, observed=SEEN) for one in facts.variants))
    later = replace(SEEN, trials=9)
    again = replace(facts, variants=tuple(replace(one, observed=later) for one in facts.variants[:2]))
    for asked in (facts, again):
        assert [one.observed for one in continued(asked, with_it).variants] == [SEEN] * len(facts.variants)
    assert continued(again, facts).variants[0].observed == later


def test_it_is_said_that_so_few_seeds_would_not_show_it_and_how_many_would() -> None:
    facts = fake_ablation(seeds=1, lengths=1).facts
    variants = (VariantFacts(name="a", title="kernel 5 everywhere", changes={}, observed=SEEN),)
    at = [(5, Expected(sigma=0.006, variants=1, detectable=0.01))]
    small, sharp = outlook(replace(facts, variants=variants), at, sigma=0.006)
    assert small.startswith("5 seeds would not show differences as small as any that the trials suggest; ")
    assert "would show 0.4 points (kernel 5 everywhere" in small
    assert "of kernel 5 everywhere has an interval within ±1.0 points already" in sharp
    inside = replace(SEEN, changed=Estimate(0.002, None))
    (said,) = outlook(replace(facts, variants=(replace(variants[0], observed=inside),)), at, sigma=0.006)
    assert "no number of seeds would call 0.2 points a practical difference: the margin is 0.3" in said
    shown = replace(SEEN, changed=Estimate(0.02, None))
    assert outlook(replace(facts, variants=(replace(variants[0], observed=shown),)), at, sigma=0.006) == []


def test_costs_of_the_made_up_trials_are_real() -> None:
    run = searched(2)
    resolution = run.facts.recipe.resolution
    assert all(
        one.train_macs == cost(one.spec.trained_on(resolution=resolution, classes=10)).macs for one in run.trials
    )
