"""What the trials say about single choices: a section of a search's page, a file, a figure; and beside an ablation."""

import csv
import io
import re
from dataclasses import replace
from pathlib import Path

import pytest

import reports
from nas.record import Estimate, Observational, RunRecords
from reports import observed
from reports.ablation_csv import effects_csv
from reports.ablation_page import write as write_ablation
from reports.ablation_reading import read
from reports.figures.base import Drawing, Skipped, style
from reports.figures.single_choices import MOST, single_choices
from tests.reports.fake_ablations import fake_ablation
from tests.reports.fakes import fake_front, fake_run


def hostile(run: RunRecords) -> RunRecords:
    """A user's own space, whose names are anything."""
    trials = tuple(
        replace(one, choices={"a.<script>x</script>": ("<b>", "&c")[at % 2], "b.n": at % 3, "b.m": (at // 3) % 2})
        for at, one in enumerate(run.trials)
    )
    return replace(run, name="it's <i>", trials=trials)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("observed")
    reports.write(hostile(fake_run()), folder)
    return folder


@pytest.fixture(scope="module")
def section(folder: Path) -> str:
    page = (folder / "index.html").read_text()
    found = re.search(r'<section id="single-choices">.*?</section>', page, re.DOTALL)
    assert found is not None
    return found[0]


def test_the_section_says_that_it_is_observational_and_what_to_run(section: str) -> None:
    for text in (
        "Observational: read from the 24 complete trials",
        "not assigned at random",
        "each 95% interval holds by itself",
        "python -m studies --of &#39;it&#39;&#34;&#39;&#34;&#39;s &lt;i&gt;&#39; --proposed",
        'class="sortable"',
        'href="choices.csv"',
    ):
        assert text in section, text


def test_importances_are_labelled_for_what_they_are(section: str) -> None:
    for text in ("Optuna’s", "share of variance", "fANOVA, Hutter et al. 2014", "no direction and no interval", "cost"):
        assert text in section, text


def test_names_from_outside_are_escaped(section: str) -> None:
    assert "&lt;script&gt;x&lt;/script&gt;" in section
    assert "<script>" not in section
    assert "<b>" not in section


def test_every_row_of_the_page_is_in_the_file_with_its_numbers(folder: Path, section: str) -> None:
    lines = list(csv.DictReader(io.StringIO((folder / "choices.csv").read_text())))
    reading = observed.read(hostile(fake_run()))
    model = [one for one in lines if one["source"] == "model"]
    assert {one["choice"] for one in model} == {one.kind for one in reading.rows}
    for row in reading.rows:
        (equal,) = [
            one
            for one in model
            if (one["choice"], one["option"], one["at_equal_cost"]) == (row.kind, str(row.option), "True")
        ]
        assert row.equal is not None
        assert float(equal["delta"]) == row.equal.delta
        assert observed.estimate_words(row.equal) in section
    assert all(one["observational"] == "True" for one in lines)
    shares = [float(one["share"]) for one in lines if one["source"] == "importance"]
    assert sum(shares) == pytest.approx(1)


def test_the_made_up_truth_is_on_the_page() -> None:
    """``fakes.quality``: squeeze-excite helps, and so does cost."""
    one = next(one for one in observed.read(fake_run()).rows if one.kind == "se")
    assert one.equal is not None
    assert (one.equal.delta > 0) is (one.option is True)


def test_pairs_stand_beside_the_model() -> None:
    run = fake_run()
    first = run.trials[0]
    assert first.choices is not None
    twin = {**first.choices, "hidden": 1024 if first.choices["hidden"] == 1280 else 1280}
    added = replace(run, trials=(*run.trials, replace(first, number=99, choices=twin)))
    rows = observed.choices_csv(observed.read(added))
    assert [line for line in rows.splitlines() if line.startswith("pairs,hidden,")]


@pytest.mark.parametrize("demo", [True, False])
def test_too_few_trials_say_how_many_there_are(demo: bool) -> None:
    reading = observed.read(fake_run(trials=4, demo=demo, confirmed=False))
    assert observed.nothing(reading) == "Nothing can be said: too few trials: 4 complete ones, and it takes 8."
    assert observed.command(reading) == ""
    assert observed.choices_csv(reading).count("\n") == 1


def test_a_front_or_a_demonstration_has_estimates_and_nothing_to_run() -> None:
    for run in (fake_front(), fake_run(demo=True)):
        reading = observed.read(run)
        assert reading.rows
        assert observed.command(reading) == ""


def test_the_command_says_where_the_search_lies() -> None:
    run = fake_run()
    typed = replace(run, facts=replace(run.facts, command="python -m nas.search --runs 'my runs'"))
    assert observed.command(observed.read(typed)) == "python -m studies --of fake-60 --proposed --runs 'my runs'"


def test_what_goes_hand_in_hand_is_named() -> None:
    run = fake_run()
    trials = tuple(
        replace(
            one,
            choices={
                "x.se": at % 2 == 0,
                "x.act": ("hs", "relu")[at % 2],
                **{f"k{n}": (at // 2**n) % 7 for n in range(3)},
            },
        )
        for at, one in enumerate(run.trials)
    )
    said = observed.silence(observed.read(replace(run, trials=trials)))
    assert "Not told apart, since they come and go together" in said
    assert "act hs and se True" in said


# ---- the figure


def test_the_figure_shows_the_surest_and_names_the_trials() -> None:
    with style():
        drawn = single_choices(fake_run())
    assert isinstance(drawn, Drawing)
    (axes,) = drawn.figure.axes
    labels = [one.get_text() for one in axes.get_yticklabels()]
    assert 1 < len(labels) <= MOST
    assert len(labels) == len(set(labels))
    assert "(points)" in axes.get_xlabel()
    assert "24 complete trials (of trials 0 to 23)" in drawn.caption
    assert "not assigned at random" in drawn.caption


def test_the_figure_needs_trials() -> None:
    drawn = single_choices(fake_run(trials=4, confirmed=False))
    assert isinstance(drawn, Skipped)
    assert "too few trials: 4" in drawn.reason


# ---- beside an ablation


def test_an_ablation_shows_what_was_suggested_beside_what_was_found(tmp_path: Path) -> None:
    run = fake_ablation(seeds=2, lengths=1, latency=False)
    seen = Observational(
        changed=Estimate(0.008, (-0.002, 0.018)), equal=Estimate(-0.011, None), trials=7, of=24, pairs=1
    )
    first, *others = run.facts.variants
    with_it = replace(run, facts=replace(run.facts, variants=(replace(first, observed=seen), *others)))
    page = write_ablation(with_it, tmp_path / "with").read_text()
    for text in (
        "the trials<br>suggested",
        "+0.8 (−0.2 to +1.8)",
        "−1.1",
        "search’s 24 trials suggested",
        "observational",
    ):
        assert text in page, text
    as_changed, at_equal_cost = page.split("<h2>At equal cost</h2>")
    assert "+0.8 (−0.2 to +1.8)" in as_changed.partition("<h2>As changed</h2>")[2]
    assert "+0.8 (−0.2 to +1.8)" not in at_equal_cost.partition("</table>")[0]
    lines = list(csv.DictReader(io.StringIO(effects_csv(read(with_it)))))
    given = {(one["family"], one["variant"]): one["suggested"] for one in lines if one["suggested"]}
    assert given == {("as changed", first.name): "0.008", ("at equal macs", first.name): "-0.011"}
    assert "suggested" not in write_ablation(run, tmp_path / "without").read_text()
