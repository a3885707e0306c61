"""Networks that learned nothing are named on an ablation's page and in its words."""

from dataclasses import replace
from pathlib import Path

import pytest

import reports
from nas.ablation_evidence import headline, warnings
from nas.record import AblationRecords
from nas.show_ablation import lines
from reports import ablation_sentences as sentences
from reports.ablation_reading import read
from tests.reports.test_report_ablations import quick, text_only, words

__all__ = ["text_only"]  # a fixture


@pytest.mark.usefixtures("text_only")
@pytest.mark.parametrize("learned", [True, False])
def test_a_baseline_that_guesses_makes_verdicts_meaningless_and_that_is_said(learned: bool, tmp_path: Path) -> None:
    run = quick()
    guessing = tuple(
        replace(one, curve=tuple(replace(epoch, val_accuracy=0.1) for epoch in one.curve)) for one in run.long
    )
    run = run if learned else replace(run, long=guessing)
    text = words(reports.write_ablation(run, tmp_path).read_text())
    assert ("learned nothing by this recipe: guessing would be right as often (10.0%)" in text) is not learned


def test_variants_trainings_that_guess_are_counted_and_said() -> None:
    run = quick()
    found = headline(run)
    assert found is not None
    assert warnings(run, found) == []
    name, title = run.facts.variants[0].name, run.facts.variants[0].title
    scored = dict(found.scores)
    scored[name] = {**scored[name], 1: 0.1, 2: 0.104}
    (said,) = warnings(run, replace(found, scores=scored))
    assert said.startswith(
        "trainings that learned nothing, guessing would be right as often (10.0%): "
        f"{title} 2 of {len(scored[name])}. Such a difference says how often"
    )


def checked(run: AblationRecords, accuracies: dict[str, tuple[float, float, float]]) -> AblationRecords:
    """With a check of three learning rates for each of these networks."""
    own = run.facts.recipe.max_lr
    one = run.short[0]
    rates = [
        replace(
            one,
            name=f"{name} {own * times:g}",
            state="complete",
            curve=(replace(one.curve[-1], val_accuracy=accuracy),),
        )
        for name, found in accuracies.items()
        for times, accuracy in zip((0.5, 1, 2), found, strict=True)
    ]
    return replace(run, rates=tuple(rates))


def test_a_network_that_learns_at_no_rate_has_no_best_one() -> None:
    first, second = (one.name for one in quick().facts.variants[:2])
    nothing, fine, higher = (0.1, 0.1, 0.1), (0.4, 0.5, 0.3), (0.3, 0.4, 0.5)
    name = quick().facts.baseline_name
    own = f"{quick().facts.recipe.max_lr:g}"
    nowhere = "learned nothing at any learning rate that was checked"

    def said(found: dict[str, tuple[float, float, float]]) -> list[str]:
        run = checked(quick(), found)
        on_page = sentences.rate_words(read(run))
        assert (nowhere in " ".join(on_page)) == any(one == nothing for one in found.values())
        return [line for line in lines(run, headline(run)) if "learning rate" in line]

    assert said({name: fine, first: fine}) == [
        f"learning rate {own} was the best of those checked, for the baseline and every variant"
    ]
    assert said({name: fine, first: nothing, second: fine}) == [
        f"{first}: {nowhere}",
        f"learning rate {own} was the best of those checked, for all others",
    ]
    assert said({name: nothing, first: nothing}) == [f"{name} and {first}: {nowhere}"]
    mixed = said({name: fine, first: nothing, second: higher})
    assert mixed[0] == f"{first}: {nowhere}"
    assert mixed[1].startswith(f"learning rate {own} (one seed each) is not the best for all: {second} reaches 50.0%")
