"""Studies beside each other: ablations by their variants, searches by their confirmed networks."""

import json
import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from nas.record import AblationRecords, RunRecords
from reports import __main__ as command
from reports import comparison
from reports.ablation_reading import read
from reports.comparison_page import LONGEST, folder_for, write_ablations, write_searches
from reports.figures import Drawing, Skipped, base
from reports.figures.comparison import confirmed_side_by_side, effects_side_by_side
from reports.figures.comparison_context import OTHERS, TITLE, by_budget, by_budget_equal
from reports.words import signed
from studies.ablation import Ablation, reference
from tests.reports.fakes import fake_run
from tests.reports.test_report_ablations import BAD, THREE, quick, words
from tests.reports.test_report_page import _Page


@cache
def two() -> tuple[AblationRecords, AblationRecords]:
    fewer = {name: THREE.variants[name] for name in ("late", "none")}
    one = quick(replace(THREE, variants=fewer), name="here", lengths=1, seeds=3)
    return one, quick(name="there", lengths=1, seeds=4)


def searches() -> tuple[RunRecords, RunRecords]:
    return fake_run(), replace(fake_run(seeds=(1, 2)), name="another")


@pytest.fixture
def text_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reports.comparison_page.draw_all", lambda *_: [])


def test_variants_of_one_name_share_a_line_and_those_of_both_come_first() -> None:
    found = comparison.lines([read(run) for run in two()])
    assert [line.title for line in found] == ["late", "none", "everywhere"]
    assert [row is not None for row in found[0].rows] == [True, True]
    assert [row is not None for row in found[2].rows] == [False, True]


def test_the_page_of_ablations_has_both_tables_and_their_figure(tmp_path: Path) -> None:
    page = write_ablations(two(), tmp_path)
    text = page.read_text()
    assert text.count("<svg") == 1
    assert (tmp_path / "figures" / "effects.png").is_file()
    found = words(text)
    for said in (
        "here and there",
        "As changed, “none” hurts",
        "No test is made between ablations",
        "late",
        "everywhere",
    ):
        assert said in found, said
    assert "These studies differ" not in found
    for address in _Page(text).loads:
        assert address.startswith("#") or (tmp_path / address).is_file()


def test_one_question_at_several_budgets_is_a_map_with_a_column_each_by_cost() -> None:
    small, half = quick(name="small", lengths=1), quick(half_width(), name="half", lengths=1, effects={"none": 0.02})
    readings = [read(run) for run in (small, half)]
    for figure in (by_budget, by_budget_equal):
        with base.style():
            drawn = figure(readings)
        assert isinstance(drawn, Drawing)
        axes = drawn.figure.axes[0]
        columns = [label.get_text() for label in axes.get_xticklabels()]
        assert columns == ["MobileNetV3 small\n×0.5\n21.1 MFLOPs", "MobileNetV3 small\n56.5 MFLOPs"]
        assert [label.get_text() for label in axes.get_yticklabels()] == ["none", "late", "everywhere"]
        assert "Exploratory" in drawn.caption
        for place, name in ((0, "half"), (1, "small")):
            reading = next(one for one in readings if one.run.name == name)
            row = reading.variants[0]
            effect = row.changed if figure is by_budget else row.equal["macs"]
            assert effect is not None
            (text,) = (one.get_text() for one in axes.texts if one.get_position() == (place + 0.5, 0.5))
            assert text.startswith(signed(100 * effect.delta))


def test_other_studies_have_no_map_of_budgets() -> None:
    assert by_budget([read(run) for run in two()]) == Skipped(title=TITLE, reason=OTHERS)  # of one cost
    other = quick(half_width(), name="half", lengths=1)
    other = replace(other, facts=replace(other.facts, study="stem"))
    found = by_budget([read(run) for run in (two()[0], other)])
    assert isinstance(found, Skipped)


def half_width() -> Ablation:
    return replace(THREE, baseline=reference("mobilenet_v3_small@0.5"))


@pytest.mark.usefixtures("text_only")
def test_what_studies_differ_in_is_said(tmp_path: Path) -> None:
    one, other = two()
    facts = replace(other.facts, data=replace(other.facts.data, fingerprint="f00d"), margin=0.01)
    text = words(write_ablations([one, replace(other, facts=facts)], tmp_path).read_text())
    assert "These studies differ in images and margin: what they found is not of the same size." in text


def test_the_figure_has_a_mark_for_each_study_that_has_the_variant() -> None:
    with base.style():
        drawn = effects_side_by_side([read(run) for run in two()])
    assert isinstance(drawn, Drawing)
    left = drawn.figure.axes[0]
    assert [label.get_text() for label in left.get_yticklabels()] == ["late", "none", "everywhere"]
    marks = [line for line in left.lines if line.get_marker() in ("o", "D") and len(line.get_xdata()) == 1]  # type: ignore[arg-type]
    assert len(marks) == 5
    assert "no test is made between studies" in drawn.caption
    assert drawn.caption.count("Command: ") == 2


def test_nothing_is_compared_before_there_is_anything() -> None:
    empty = [read(replace(run, short=(), long=())) for run in two()]
    with base.style():
        assert isinstance(effects_side_by_side(empty), Skipped)
        assert isinstance(confirmed_side_by_side([replace(run, confirmations=()) for run in searches()]), Skipped)


def test_the_page_of_searches_has_their_confirmed_networks(tmp_path: Path) -> None:
    runs = searches()
    text = write_searches(runs, tmp_path).read_text()
    assert text.count("<svg") == 1
    assert text.count('<tr class="winner">') == 2
    every = comparison.entries(runs)
    assert {one.run.name for one in every} == {run.name for run in runs}
    assert len(re.findall("<tr class=", text)) == len(every)


def test_winners_are_paired_where_images_recipe_and_seeds_are_shared() -> None:
    one, other = searches()
    (same,) = comparison.winners([one, other])
    assert same.difference is None
    assert same.why_not == "they are the same network"
    (found,) = comparison.winners([one, replace(fake_run(trials=9), name="another")])
    assert found.difference is not None
    assert found.difference.ci is not None
    facts = replace(one.facts, recipe=replace(one.facts.recipe, epochs=99))
    (longer,) = comparison.winners([one, replace(other, facts=facts)])
    assert longer.difference is None
    assert longer.why_not == "they differ in recipe"


@pytest.mark.usefixtures("text_only")
def test_names_from_outside_are_escaped(tmp_path: Path) -> None:
    def bad(run: Any) -> Any:
        facts = replace(run.facts, command=BAD, data=replace(run.facts.data, label=BAD), machine={BAD: BAD})
        return replace(run, name=f"{BAD}{run.name}", facts=facts)

    ablations = [bad(run) for run in two()]
    titled = tuple(replace(one, title=BAD) for one in ablations[0].facts.variants)
    ablations[0] = replace(ablations[0], facts=replace(ablations[0].facts, variants=titled, question=BAD))
    for number, page in enumerate(
        (write_ablations(ablations, tmp_path / "a"), write_searches([bad(run) for run in searches()], tmp_path / "b"))
    ):
        text = page.read_text()
        assert "<script>" not in text, number
        assert "b" not in _Page(text).tags, number


def test_the_folder_is_named_after_the_studies_and_never_too_long() -> None:
    assert folder_for(["a", "b"], Path("runs")) == Path("runs/comparisons/a+b")
    long = folder_for(["a" * 90, "b" * 90], Path("runs")).name
    assert len(long) < LONGEST
    assert long != folder_for(["a" * 90, "c" * 90], Path("runs")).name


# ---- the command


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch) -> None:
    runs: dict[str, Any] = {run.name: run for run in (*two(), *searches())}
    kinds = dict.fromkeys(runs, "search") | dict.fromkeys(("here", "there"), "ablation") | {"refs": "baselines"}
    monkeypatch.setattr("nas.storage.open_existing", lambda url: None)
    monkeypatch.setattr("nas.storage.kind_of", lambda storage, name: kinds[name])
    monkeypatch.setattr("nas.storage.read_ablation", lambda storage, name: runs[name])
    monkeypatch.setattr("nas.storage.read_run", lambda storage, name: runs[name])


def run_command(*words: str) -> None:
    command.app(list(words), standalone_mode=False)


@pytest.mark.usefixtures("stored", "text_only")
def test_the_command_compares_two_studies_and_prints_one_document(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for names in (("here", "there"), tuple(run.name for run in searches())):
        run_command(*names, "--runs", str(tmp_path), "--json")
        out, err = capsys.readouterr()
        document = json.loads(out)
        assert [one["study"] for one in document["studies"]] == list(names)
        assert Path(document["report"]).is_file()
        assert "report: " in err


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("here", "here"), "error: STUDY here: named twice; name studies that differ"),
        (
            ("here", "another"),
            "error: STUDY another: is of kind search, here of kind ablation; name studies of one kind",
        ),
        (("here", "refs"), "error: STUDY refs: baselines cannot be compared with another study; name searches or"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_a_line(
    names: tuple[str, str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run_command(*names, "--runs", str(tmp_path))
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith(said)
    assert not list(tmp_path.iterdir())
