"""The page of an ablation in every state it can be in: whole, offline, and claiming no more than there is."""

import csv
import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import multivariate_t

import reports
from nas.effects.changed import as_changed
from nas.effects.equal_cost import at_equal_cost
from nas.paper import Claim
from nas.record import AblationRecords, Record
from reports import ablation_sentences as sentences
from reports.ablation_csv import EFFECTS, TRAININGS, effects_csv, epochs_csv, families, trainings_csv
from reports.ablation_page import _blocks
from reports.ablation_reading import Reading, read
from reports.figures import ABLATION_FIGURES, Drawing, Skipped, base
from studies.ablation import Ablation
from tests.reports.fake_ablations import GRID, SEVEN, fake_ablation, fifty
from tests.reports.test_report_page import _Page

THREE = replace(SEVEN, variants={name: SEVEN.variants[name] for name in ("none", "late", "everywhere")})
BAD = "--><script>alert(1)</script><b>"

FOUR = replace(THREE, variants={**THREE.variants, "none, 3×3": SEVEN.variants["none, 3×3"]})  # the last is cheaper


def quick(study: Ablation = THREE, **options: Any) -> AblationRecords:
    """Little noise, so that few seeds settle it and the plan of seeds is soon made."""
    return fake_ablation(study, **{"noise": 0.002, "latency": False, "curve": (0.5, 0.75, 1.0), **options})


def empty() -> AblationRecords:
    return replace(quick(), short=(), long=())


STATES: dict[str, Callable[[], AblationRecords]] = {
    "empty": empty,
    "whole": lambda: quick(FOUR, match=True),
    "one seed": lambda: quick(seeds=1),
    "interrupted after one seed": lambda: quick(seeds=1, asked=5, long_seeds=0),
    "interrupted in the second seed": lambda: quick(seeds=2, asked=5, done=8, long_seeds=0),
    "no long trainings": lambda: quick(lengths=1),
    "long ones unfinished": lambda: quick(long_seeds=2),
    "a failed variant": lambda: quick(failed=frozenset(("late", k) for k in range(1, 6))),
    "a failed training": lambda: quick(failed=frozenset({("late", 2)})),
    "no curve": lambda: quick(curve=(1.0,)),
    "before the first look": lambda: quick(seeds=3, asked=5, looks=(5, 10, 20)),
    "one look": lambda: quick(looks=(5, 10, 20)),
    "identical": lambda: quick(noise=0, shared=0, effects={}),
}


@cache
def reading(state: str) -> Reading:
    return read(STATES[state]())


@pytest.fixture(scope="module")
def run() -> AblationRecords:
    return quick(FOUR, match=True, latency=True, noise=0.004, failed=frozenset({("everywhere", 2)}))


@pytest.fixture(scope="module")
def folder(run: AblationRecords, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ablation")
    reports.write_ablation(run, folder)
    return folder


@pytest.fixture(scope="module")
def page(folder: Path) -> str:
    return (folder / "index.html").read_text()


@pytest.fixture
def text_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages without their figures, which take seconds to draw."""
    monkeypatch.setattr("reports.ablation_page.draw_all", lambda *_: [])


def words(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def table(page: str, heading: str) -> list[list[str]]:
    """Cells of the rows of the table under a heading."""
    part = page[page.index(f"<h2>{heading}</h2>") :]
    body = part[part.index("<tbody>") : part.index("</tbody>")]
    return [
        [" ".join(re.sub(r"<[^>]+>", "", cell).split()) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)]
        for row in re.findall(r"<tr.*?</tr>", body, re.DOTALL)
    ]


# ---- the page


def test_the_page_loads_nothing_from_anywhere_else(page: str, folder: Path) -> None:
    found = _Page(page)
    assert not {"link", "iframe", "img", "base"} & found.tags
    assert re.findall("<script[^>]*>", page) == ['<script id="sort">']  # its own, by which tables sort
    assert "@import" not in page
    assert not re.search(r"url\((?!#)", page)
    for address in found.loads:
        assert address.startswith("#") or (folder / address).is_file(), address
    assert len(found.ids) == len(set(found.ids))


def test_every_figure_stands_on_the_page_and_beside_it_or_says_why_not(page: str, folder: Path) -> None:
    drawn = set(ABLATION_FIGURES) - {"context", "context_equal"}
    assert page.count("<svg") == len(drawn)
    for name in drawn:
        assert (folder / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert (folder / "figures" / f"{name}.svg").read_text().startswith("<svg")
    assert "Where it matters (exploratory): the variants change no decision in several places" in words(page)
    files = {"index.html", "trainings.csv", "curves.csv", "effects.csv", "figures"}
    assert {path.name for path in folder.iterdir()} == files


def test_the_page_has_the_question_the_verdict_and_the_paper(page: str) -> None:
    text = words(page)
    for said in (
        "Does squeeze-excite pay for itself, and in which stages?",
        "As changed, “none” and “none, 3×3” hurt; ",
        "At equal multiply-adds",
        "The paper (Howard et al. 2019, arXiv 1905.02244, section 5.3): Squeeze-excite of a quarter",
        "What was found here agrees on “none” (hurts)",
        "7×7 kernels on 3×3 maps, at 24 px, see mostly padding",
        "everywhere, seed 2, short training: training loss became nan in epoch 1",
        "Pairing: accuracies of one seed correlate by",
        "python -m studies squeeze_excitation --seeds 5",
        "fingerprint feedbeef",
        "a made-up machine",
        "torch 0.0.0",
        "The test set was never read.",
    ):
        assert said in text, said


def test_the_table_has_what_the_effects_are(page: str, run: AblationRecords) -> None:
    found = read(run)
    rows = {row[0]: row for row in table(page, "As changed")}
    assert list(rows) == list(FOUR.variants)
    for one in found.variants:
        cells, changed = rows[one.title], one.changed
        assert changed is not None
        assert changed.ci is not None
        sign = "+" if changed.delta > 0 else "−"
        low, high = (f"{'+' if end > 0 else '−'}{abs(100 * end):.1f}" for end in changed.ci)
        assert cells[7] == f"{sign}{abs(100 * changed.delta):.1f} ({low} to {high})"
        assert cells[8] == changed.verdict
        assert cells[5] == str(len(changed.seeds))
        assert cells[1] == ", ".join(one.changes)
        record = one.network.record
        assert record is not None
        assert cells[2:4] == [f"{record.macs / 1e6:.1f}", f"{record.params / 1e6:.2f}"]
        assert changed.detectable is not None
        assert cells[9] == f"{100 * changed.detectable:.1f}"
    assert rows["everywhere"][5] == "4"
    assert rows["none"][11] == "hurts (−1.2): agrees"
    equal = {row[0]: row for row in table(page, "At equal cost")}
    one = found.variants[0].equal["params"]
    assert equal["none"][4].startswith("+" if one.delta > 0 else "−")
    assert equal["none"][5] == one.verdict
    assert len(equal["none"]) == 10


def test_matched_variants_and_lengths_have_their_own_tables(page: str) -> None:
    matched = table(page, "Brought to the baseline’s cost")
    assert [row[0] for row in matched] == ["none, 3×3, matched (+0.0%)"]
    assert [row[0] for row in table(page, "Training length")] == list(FOUR.variants)
    assert [row[0] for row in table(page, "The baseline at its widths")] == [
        "MobileNetV3 small ×0.5",
        "MobileNetV3 small ×0.75",
        "MobileNetV3 small",
    ]


def test_every_variant_is_held_against_the_baseline_block_by_block(run: AblationRecords) -> None:
    found = read(run)
    for row in found.rows:
        blocks = _blocks(found, row)
        assert blocks is not None
        assert row.network.record is not None
        assert found.base.record is not None
        assert blocks.total == row.network.record.macs - found.base.record.macs
        assert blocks.differing
    none = _blocks(found, found.rows[0])
    assert none is not None
    assert all(line.change == "squeeze-excite removed" for line in none.differing)


def bad_run() -> AblationRecords:
    """Every text that comes from outside is a script."""
    run = quick(FOUR, seeds=2, match=True, failed=frozenset({("late", 2)}))
    facts = run.facts

    def bad(record: Record) -> Record:
        variant = record.key not in facts.curve
        return replace(
            record,
            name=f"{BAD} {record.key}" if variant else record.key,
            title=BAD,
            reason=BAD if record.reason else None,
            source=BAD,
            device=BAD,
        )

    assert facts.paper is not None
    study = replace(
        facts,
        question=BAD,
        baseline=BAD,
        baseline_title=BAD,
        variants=tuple(
            replace(one, name=f"{BAD} {one.name}", title=f"{BAD} {one.title}", changes={BAD: BAD})
            for one in facts.variants
        ),
        paper=replace(facts.paper, source=BAD, says=BAD, claims={f"{BAD} none": Claim(direction="hurts")}),
        notes=(BAD,),
        data=replace(facts.data, label=BAD),
        command=BAD,
        machine={BAD: BAD},
        versions={BAD: BAD},
        latency_target=BAD,
        latency_fingerprint=BAD,
    )
    rates = tuple(replace(one, name=f"{BAD} 0.1") for one in run.short[:1])
    return replace(
        run, name=BAD, facts=study, short=tuple(map(bad, run.short)), long=tuple(map(bad, run.long)), rates=rates
    )


def test_names_from_outside_are_escaped_in_the_page_and_in_its_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = {name: ABLATION_FIGURES[name] for name in ("forest", "learning_curves")}
    monkeypatch.setattr("reports.ablation_page.ABLATION_FIGURES", some)
    text = reports.write_ablation(bad_run(), tmp_path).read_text()
    assert text.count("<svg") == 2
    assert "<script>" not in text
    assert "<b>" not in text
    assert "&lt;script&gt;" in text
    assert "b" not in _Page(text).tags
    for path in tmp_path.glob("figures/*.svg"):
        assert "<script>" not in path.read_text()


def test_names_with_signs_are_drawn_as_they_are_and_not_as_formulas() -> None:
    run = quick(seeds=2)
    titles = {"none": "a $b_1$", "late": "$x$ <c>", "everywhere": r"$\\nope{$"}
    variants = tuple(replace(one, title=titles[one.name]) for one in run.facts.variants)
    odd = read(replace(run, facts=replace(run.facts, variants=variants)))
    with base.style():
        for name in ("forest", "curve_macs", "lengths", "learning_curves", "paired_seeds"):
            drawn = ABLATION_FIGURES[name](odd)
            assert isinstance(drawn, Drawing)
            drawn.figure.draw_without_rendering()  # a broken formula would raise
            for text in _texts(drawn):
                assert text.get_text() not in titles.values() or not text.get_parse_math(), name


def _texts(drawn: Drawing) -> list[Any]:
    from matplotlib.text import Text

    return [text for text in drawn.figure.findobj(Text) if text.get_text() and text.get_visible()]


@pytest.mark.usefixtures("text_only")
@pytest.mark.parametrize("state", STATES)
def test_a_page_is_written_in_every_state(state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = reading(state)
    monkeypatch.setattr("reports.ablation_page.read", lambda _: found)
    text = words(reports.write_ablation(found.run, tmp_path).read_text())
    assert "None" not in text
    assert "nan" not in text.replace("training loss became nan", "")
    assert "Undefined" not in text
    assert (found.found is None) == ("No verdict yet" in text)


@pytest.mark.parametrize(
    "state", ["whole", "one seed", "interrupted in the second seed", "a failed variant", "identical"]
)
def test_every_figure_is_drawn_with_its_facts_or_says_in_a_line_why_not(state: str) -> None:
    found = reading(state)
    with base.style():
        for name, draw in ABLATION_FIGURES.items():
            drawn = draw(found)
            if isinstance(drawn, Skipped):
                assert drawn.reason
                assert "\n" not in drawn.reason
                continue
            for fact in ("CIFAR-10 (JPEG)", "24 px", "epoch", "trainings.csv", "seed", "fold", found.facts.command):
                assert fact in drawn.caption, (name, fact)
            assert all(axes.get_xlabel() for axes in drawn.figure.axes[-1:]), name


SKIPPED = {
    "empty": dict.fromkeys(
        ("forest", "curve_macs", "learning_curves"), "no variant shares a seed with the baseline yet"
    ),
    "no long trainings": {"lengths": "the study has no long trainings"},
    "interrupted after one seed": {"lengths": "no variant has a pair of long trainings yet"},
    "no curve": {"curve_macs": "the baseline is not trained at two widths yet, so it has no curve"},
    "before the first look": {"forest": "the first look, at 5 seeds, is not complete"},
    "whole": {"curve_latency": "no latency target was chosen"},
}


@pytest.mark.parametrize("state", SKIPPED)
def test_figures_that_the_records_cannot_support_say_why(state: str) -> None:
    with base.style():
        for name, reason in SKIPPED[state].items():
            drawn = ABLATION_FIGURES[name](reading(state))
            assert isinstance(drawn, Skipped), name
            assert drawn.reason == reason


@pytest.mark.usefixtures("text_only")
def test_a_figure_that_the_records_no_longer_support_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reports import shown

    monkeypatch.setattr("reports.ablation_page.draw_all", shown.draw_all)
    stale = tmp_path / "figures" / "forest.png"
    stale.parent.mkdir()
    stale.write_bytes(b"old")
    text = reports.write_ablation(empty(), tmp_path).read_text()
    assert not stale.exists()
    assert "What each variant is worth: no variant shares a seed with the baseline yet." in words(text)


def test_the_widths_of_a_narrowed_baseline_are_named_by_the_width_they_have() -> None:
    run = quick()
    narrowed = replace(run, facts=replace(run.facts, baseline_title="MobileNetV3 small ×0.5"))
    widths = sorted(run.facts.curve.values())
    assert [one.title for one in read(narrowed).baseline] == [f"MobileNetV3 small ×{0.5 * width:g}" for width in widths]
    assert [read(narrowed).widths[name] for name, _ in sorted(run.facts.curve.items(), key=lambda one: one[1])] == [
        f"×{0.5 * width:g}" for width in widths
    ]
    assert read(run).widths[run.facts.baseline_name] == "×1"
    assert {one.title for one in read(run).baseline if one.width != 1} == {
        f"{run.facts.baseline_title} ×{width:g}" for width in widths if width != 1
    }


@pytest.mark.usefixtures("text_only")
def test_of_many_decisions_the_table_shows_three_and_folds_the_rest(tmp_path: Path) -> None:
    run = quick()
    many = replace(run.facts.variants[0], changes={f"stage{index}.depth": index for index in range(7)})
    run = replace(run, facts=replace(run.facts, variants=(many, *run.facts.variants[1:])))
    page = reports.write_ablation(run, tmp_path).read_text()
    folded = "<details><summary>and 4 more</summary>stage3.depth: 3"
    assert f"stage0.depth: 0, stage1.depth: 1, stage2.depth: 2{folded}" in page


# ---- figures


def test_an_interval_in_the_forest_is_that_of_the_effect() -> None:
    found = reading("whole")
    with base.style():
        drawn = ABLATION_FIGURES["forest"](found)
    assert isinstance(drawn, Drawing)
    left, right = drawn.figure.axes
    every = (left, [row.changed for row in found.variants]), (right, [row.equal["macs"] for row in found.variants])
    for axes, effects in every:
        for row, effect in enumerate(effects):
            assert effect is not None
            assert effect.ci is not None
            bars = [line.get_xdata() for line in axes.lines if list(line.get_ydata()) == [row, row]]  # type: ignore[arg-type]
            assert [list(bar) for bar in bars] == [[100 * end for end in effect.ci]]  # type: ignore[arg-type]


def test_a_grid_is_a_map_with_the_intervals_written_in() -> None:
    found = read(quick(GRID, lengths=1, seeds=3, curve=(0.5, 1.0)))
    with base.style():
        drawn = ABLATION_FIGURES["context"](found)
    assert isinstance(drawn, Drawing)
    assert "exploratory" in drawn.title
    assert "Exploratory" in drawn.caption
    axes = drawn.figure.axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["kernel\n3", "kernel\n5", "kernel\n7"]
    assert [label.get_text() for label in axes.get_yticklabels()] == [f"stage{n}" for n in range(1, 6)]
    written = [text.get_text() for text in axes.texts]
    assert written.count("baseline") == 5
    cells = [text for text in written if " to " in text]
    assert len(cells) == 10
    first = found.variants[0].changed
    assert first is not None
    assert cells[0].split("\n")[0].lstrip("+−") == f"{abs(100 * first.delta):.1f}"


def test_fifty_variants_cover_no_label_of_each_other() -> None:
    study = fifty()
    effects = {name: 0.01 * (place % 7 - 3) for place, name in enumerate(study.variants)}
    found = read(quick(study, seeds=3, lengths=1, curve=(0.5, 1.0), effects=effects))
    assert len(found.variants) == 50
    from matplotlib.text import Text

    with base.style():
        for name in ("forest", "curve_macs", "paired_seeds"):
            drawn = ABLATION_FIGURES[name](found)
            assert isinstance(drawn, Drawing)
            drawn.figure.draw_without_rendering()
            axes = drawn.figure.axes[0]
            labels = axes.texts if name == "curve_macs" else axes.get_yticklabels()
            assert len(labels) >= (10 if name == "curve_macs" else 50)
            boxes = [Text.get_window_extent(label) for label in labels]
            for index, box in enumerate(boxes):
                assert not any(box.overlaps(other) for other in boxes[:index]), (name, labels[index].get_text())
    caption = ABLATION_FIGURES["learning_curves"](found).caption  # type: ignore[union-attr]
    assert "The 12 that differ most; 38 others are in curves.csv." in caption


# ---- words


def test_the_headline_names_every_variant_by_its_verdict() -> None:
    found = reading("whole")
    said = sentences.headline(found)
    for row in found.variants:
        assert f"“{row.title}”" in said
        verdict = sentences.verdict(row)
        assert {"hurts": "hurt", "helps": "help", "not shown": "not shown", "no practical difference": "no practical"}[
            verdict or ""
        ] in said
    assert "(so far)" not in said
    assert "(so far)" in sentences.headline(reading("long ones unfinished"))


@pytest.mark.parametrize(
    ("direction", "delta", "said"),
    [
        ("hurts", -0.05, "agrees"),
        ("helps", -0.05, "disagrees"),
        ("no practical difference", -0.05, "disagrees"),
        ("helps", 0.0, "not shown"),
        ("hurts", 0.0, "not shown"),
    ],
)
def test_the_papers_direction_agrees_disagrees_or_is_not_shown(direction: Any, delta: float, said: str) -> None:
    paper = replace(SEVEN.paper, claims={"none": Claim(direction=direction)})  # type: ignore[type-var]
    found = read(quick(replace(THREE, paper=paper), lengths=1, seeds=3, noise=0.004, effects={"none": delta}))
    assert sentences.agreement(found.rows[0]) == said
    assert sentences.agreement(found.rows[1]) is None
    verb = {"agrees": "agrees on", "disagrees": "disagrees on", "not shown": "shows neither for"}[said]
    assert sentences.beside_the_paper(found) == f"What was found here {verb} “none” ({direction})."


def test_a_sign_that_flips_depends_on_training_length() -> None:
    found = read(quick(flips=frozenset({"none"})))
    assert found.rows[0].over_lengths == "depends on training length"
    assert "“none” depends on training length" in sentences.headline(found)
    assert sentences.longer_words(found.rows[0].longer) == "better when longer"
    assert sentences.agreement(found.rows[0]) == "depends on training length"


def test_before_the_long_trainings_are_done_the_short_ones_are_read() -> None:
    found = reading("long ones unfinished")
    assert found.length == "short"
    assert sentences.how_trained(found).startswith(
        "Read from the short trainings: every network from scratch, 3 epochs"
    )
    assert all(row.over_lengths is None for row in found.rows)
    assert sentences.still_to_do(found) == ["18 long trainings"]
    assert found.rows[0].long is not None
    assert reading("whole").length == "long"


def test_from_one_seed_there_is_no_interval_and_nothing_is_shown() -> None:
    found = reading("one seed")
    assert all(row.changed is not None and row.changed.ci is None for row in found.variants)
    assert "are not shown to differ" in sentences.headline(found)
    assert sentences.what_could_be_shown(found) == "One seed gives no interval: nothing can be shown yet."


@pytest.mark.parametrize(
    ("worth", "ci", "said"),
    [
        (0.09, (-0.03, 0.21), "+9% (−3 to +21)"),
        (0.09, (None, 0.21), "+9% (up to +21)"),
        (0.09, (-0.03, None), "+9% (from −3)"),
        (0.09, (None, None), "+9% (open)"),
        (None, (0.4, None), "beyond (from +40)"),
        (-0.2, None, "−20%"),
    ],
)
def test_worth_says_where_its_interval_is_open(worth: float | None, ci: Any, said: str) -> None:
    one = reading("whole").variants[0].equal["macs"]
    assert sentences.worth_words(replace(one, worth=worth, worth_ci=ci)) == said


def test_failures_and_reused_trainings_are_named() -> None:
    run = STATES["a failed training"]()
    short = tuple(replace(one, source="nonlinearity") for one in run.short[:3]) + run.short[3:]
    found = read(replace(run, short=short))
    assert sentences.failures(found)[0] == "late, seed 2, short training: training loss became nan in epoch 1"
    assert "3 of them made by nonlinearity and not repeated" in sentences.counts(found)
    late = next(row for row in found.rows if row.title == "late")
    assert late.changed is not None
    assert len(late.changed.seeds) == 4


def test_looks_before_without_alpha_spending_are_confessed() -> None:
    run = quick(lengths=1)
    looked = read(replace(run, facts=replace(run.facts, looked=(3, 5))))
    assert "looked at before, with 3 seeds; only --until-settled" in sentences.looks_words(looked)
    assert "Looks are at 5, 10 and 20 seeds" in sentences.looks_words(reading("one look"))
    assert sentences.looks_words(reading("whole")) == ""


# ---- for machines


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.splitlines()))


def test_the_effects_follow_from_the_csv_of_trainings(run: AblationRecords) -> None:
    """Read back, the trainings give the same numbers to the last digit."""
    found = read(run)
    trainings, effects = rows_of(trainings_csv(run)), rows_of(effects_csv(found))
    assert tuple(trainings[0]) == TRAININGS
    assert tuple(effects[0]) == EFFECTS
    scores: dict[str, dict[int, float]] = {}
    costs, widths = {}, {}
    for line in trainings:
        if line["length"] == "long" and line["val_accuracy"]:
            scores.setdefault(line["network"], {})[int(line["seed"])] = float(line["val_accuracy"])
        costs[line["network"]] = float(line["macs"])
        if line["width"]:
            widths[line["network"]] = float(line["width"])
    variants = list(FOUR.variants)
    again = as_changed(scores, baseline="baseline", variants=variants)
    written = {line["variant"]: line for line in effects if line["length"] == "long" and line["family"] == "as changed"}
    for one in again.effects:
        line = written[one.name]
        assert one.ci is not None
        assert [float(line[name]) for name in ("delta", "ci_low", "ci_high", "p")] == [one.delta, *one.ci, one.p]
        assert line["verdict"] == one.verdict
        assert line["seeds"] == " ".join(map(str, one.seeds))
    equal = at_equal_cost(
        scores,
        baseline_curve=[(name, costs[name]) for name in widths],
        variants={name: costs[name] for name in variants},
        axis="macs",
    )
    written = {
        line["variant"]: line for line in effects if line["length"] == "long" and line["family"] == "at equal macs"
    }
    for each in equal.effects:
        assert float(written[each.name]["delta"]) == pytest.approx(each.delta, abs=1e-12)
        assert written[each.name]["worth"] == ("" if each.worth is None else repr(each.worth)) or float(
            written[each.name]["worth"]
        ) == pytest.approx(each.worth, abs=1e-9)


def test_intervals_follow_from_the_csv_by_scipys_multivariate_t_and_nothing_of_ours() -> None:
    run = quick(FOUR)
    effects = rows_of(effects_csv(read(run)))
    lines = [line for line in rows_of(trainings_csv(run)) if line["length"] == "long"]
    log_cost = {line["network"]: math.log(float(line["macs"])) for line in lines}
    curve = list(dict.fromkeys(line["network"] for line in lines if line["width"]))
    powers = np.vander([log_cost[name] for name in curve], 3)
    for family, names in (
        ("as changed", ["baseline", *FOUR.variants]),
        ("at equal macs", [*curve, *FOUR.variants]),
    ):
        scores = np.array([[float(line["val_accuracy"]) for line in lines if line["network"] == one] for one in names])
        rest = scores - scores.mean(0) - scores.mean(1, keepdims=True) + scores.mean()
        seeds, df = scores.shape[1], (scores.shape[0] - 1) * (scores.shape[1] - 1)
        rows = np.eye(len(names))[[names.index(one) for one in FOUR.variants]]
        if family == "as changed":
            rows[:, 0] -= 1
        else:
            rows[:, : len(curve)] -= np.vander([log_cost[one] for one in FOUR.variants], 3) @ np.linalg.pinv(powers)
        lengths = np.sqrt((rows**2).sum(1))
        joint = multivariate_t(shape=(rows @ rows.T) / np.outer(lengths, lengths), df=df, allow_singular=True, seed=1)
        errors = np.sqrt((rest**2).sum() / df / seeds) * lengths
        found = {line["variant"]: line for line in effects if (line["length"], line["family"]) == ("long", family)}
        for name, delta, error in zip(FOUR.variants, rows @ scores.mean(1), errors, strict=True):
            line = found[name]
            low, high = float(line["ci_low"]), float(line["ci_high"])
            assert (float(line["delta"]), (low + high) / 2) == pytest.approx((delta, delta), abs=1e-9)
            ends = np.full(len(rows), (high - low) / 2 / error)
            assert joint.cdf(ends, lower_limit=-ends, maxpts=200_000) == pytest.approx(0.95, abs=5e-4)


def test_every_family_is_in_the_csv_of_effects(run: AblationRecords) -> None:
    found = read(run)
    lines = {(line["length"], line["family"]) for line in rows_of(effects_csv(found))}
    both = {"as changed", "at equal macs", "at equal params", "at equal latency", "matched"}
    assert lines == {(length, name) for length in ("short", "long") for name in both} | {
        ("long minus short", "as changed")
    }
    assert len(list(families(found))) == 11


def test_every_training_and_every_epoch_is_in_the_csv(run: AblationRecords) -> None:
    lines = rows_of(trainings_csv(run))
    assert len(lines) == len(run.short) + len(run.long)
    (one,) = [line for line in lines if line["state"] == "failed" and line["length"] == "short"]
    assert (one["network"], one["seed"], one["val_accuracy"]) == ("everywhere", "2", "")
    assert one["reason"] == "training loss became nan in epoch 1"
    assert json.loads(next(line for line in lines if line["network"] == "late")["changes"]) == dict(
        run.facts.variants[1].changes
    )
    epochs = rows_of(epochs_csv(run))
    assert len(epochs) == sum(len(one.curve) for one in (*run.short, *run.long))
    last = run.long[-1]
    assert float(epochs[-1]["val_accuracy"]) == last.val_accuracy


def test_names_with_commas_quotes_and_line_ends_come_back_from_the_csv() -> None:
    run = quick(seeds=1, lengths=1)
    odd = 'a, "b"\nc'
    variants = (replace(run.facts.variants[0], title=odd), *run.facts.variants[1:])
    found = read(replace(run, facts=replace(run.facts, variants=variants)))
    import io

    assert any(line["title"] == odd for line in csv.DictReader(io.StringIO(effects_csv(found))))
