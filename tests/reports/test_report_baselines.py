"""The page of the baselines in every state they can be in: whole, offline, and claiming no more than there is."""

import csv
import re
from dataclasses import replace
from pathlib import Path

import pytest

import reports
from nas.evidence import difference
from nas.record import BaselineRecords, Record
from reports import baseline_sentences as sentences
from reports.baseline_footer import native_forms
from reports.baseline_rows import baseline_rows, baselines_csv, baselines_json, left_out, rate_checks
from reports.figures import BASELINE_FIGURES, Drawing, Skipped, base
from reports.figures.baselines import looks
from tests.reports.fake_baselines import FIVE, RECIPE, TWELVE, facts, fake_baselines, training
from tests.reports.test_report_page import _Page

LONG = replace(RECIPE, name="baselines-full", epochs=60, train_images=None, val_images=None)


def empty() -> BaselineRecords:
    return replace(fake_baselines(), rates=(), trainings=())


def all_failed() -> BaselineRecords:
    run = fake_baselines()

    def failed(one: Record) -> Record:
        return replace(one, state="failed", curve=(), reason="training loss became nan in epoch 1")

    return replace(run, rates=tuple(map(failed, run.rates)), trainings=())


STATES = {
    "empty": empty,
    "rates only": lambda: fake_baselines(done=0),
    "all failed": all_failed,
    "one network": lambda: fake_baselines(("mobilenet_v3_small",)),
    "one seed": lambda: fake_baselines(seeds=1),
    "unfinished": lambda: fake_baselines(done=7),
    "one epoch": lambda: fake_baselines(recipe=replace(RECIPE, epochs=1)),
    "long": lambda: fake_baselines(recipe=LONG),
    "identical": lambda: replace(
        fake_baselines(),
        trainings=tuple(training(name, facts(), seed=k, accuracy=0.4) for k in (1, 2) for name in FIVE),
    ),
    "failures": lambda: fake_baselines(failed=frozenset({("mobilenet_v2@0.5", k) for k in (1, 2, 3)})),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("baselines")
    reports.write_baselines(
        fake_baselines((*FIVE, "densenet_bc_100_12"), failed=frozenset({("squeezenet_1_1", 2)})), folder
    )
    return folder


@pytest.fixture(scope="module")
def page(folder: Path) -> str:
    return (folder / "index.html").read_text()


@pytest.fixture
def text_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages without their figures, which take seconds to draw."""
    monkeypatch.setattr("reports.baseline_page.draw_all", lambda *_: [])


def words(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


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


def test_every_figure_stands_on_the_page_and_beside_it(page: str, folder: Path) -> None:
    assert page.count("<svg") == len(BASELINE_FIGURES) == 5
    for name in BASELINE_FIGURES:
        assert (folder / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert (folder / "figures" / f"{name}.svg").read_text().startswith("<svg")
    assert {path.name for path in folder.iterdir()} == {"index.html", "trainings.csv", "figures"}


def test_the_table_has_every_network_with_its_costs(page: str) -> None:
    rows = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in re.findall(r"<tr>\n(.*?)</tr>", page, re.DOTALL)]
    table = {row[0]: row for row in rows if len(row) == 11}
    assert len(table) == 6
    small = table["MobileNetV3 small"]
    assert small[4] == "56.5"  # MFLOPs
    size = [float(row[7]) for row in table.values()]
    params = [float(row[6]) for row in table.values()]
    assert size == pytest.approx([4 * one for one in params], abs=0.08)  # both are rounded
    assert (table["SqueezeNet 1.1"][3], table["SqueezeNet 1.1"][10]) == ("2", "1")
    assert "SqueezeNet 1.1: 1 training failed (seed 2: training loss became nan in epoch 1)" in words(page)


def test_the_small_print_says_what_the_numbers_are(page: str) -> None:
    text = words(page)
    for said in (
        "10⁶ multiply-adds of convolutions and linear layers in the native form",
        "224 px and 1000 classes; of DenseNet-BC (L=100, k=12) 32 px and 10 classes",
        "fingerprint feedbeef",
        "python -m studies baselines --seeds 3",
        f"baselines-brief ({RECIPE.hash}, with max lr 0.05): epochs 4, train images 4000",
        "seed 1 on fold 1, seed 2 on fold 2, seed 3 on fold 3",
        "seed 0 on fold 0",
        "a made-up machine",
        "torch 0.0.0",
        "The test set was never read.",
    ):
        assert said in text, said


def test_the_check_of_rates_is_a_table_with_the_chosen_one(page: str) -> None:
    text = words(page)
    assert "0.15: failed" in text
    assert [check.chosen for check in rate_checks(fake_baselines())] == [0.05] * 4


@pytest.mark.usefixtures("text_only")
def test_names_from_outside_are_escaped(tmp_path: Path) -> None:
    run = fake_baselines()
    bad = "<script>alert(1)</script>"
    trainings = tuple(replace(one, title=bad, state="failed", curve=(), reason=bad) for one in run.trainings)
    rates = tuple(replace(one, title=f"{bad} at 0.05", name=f"{bad} {one.key.split()[1]}") for one in run.rates)
    data = replace(run.facts.data, label=bad)
    study = replace(run.facts, data=data, command=bad, networks=(bad,), machine={bad: bad})
    text = reports.write_baselines(
        replace(run, name=bad, facts=study, trainings=trainings, rates=rates), tmp_path
    ).read_text()
    assert "<script>" not in text
    assert "&lt;script&gt;" in text


def test_names_with_signs_are_drawn_as_they_are() -> None:
    """And not as formulas."""
    run = fake_baselines(("mobilenet_v3_small",), seeds=1)
    odd = replace(run, trainings=tuple(replace(one, title="a $b_1$ <c>") for one in run.trainings))
    with base.style():
        for name in ("accuracy_by_native_macs", "learning_curves"):
            drawn = BASELINE_FIGURES[name](odd)
            assert isinstance(drawn, Drawing)
            (note,) = drawn.figure.axes[0].texts
            assert (note.get_text(), note.get_parse_math()) == ("a $b_1$ <c>", False)


def test_the_same_records_give_the_same_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    some = {name: BASELINE_FIGURES[name] for name in ("accuracy_by_size", "learning_rates")}
    monkeypatch.setattr("reports.baseline_page.BASELINE_FIGURES", some)
    run = STATES["one network"]()
    one, other = (reports.write_baselines(run, tmp_path / name).read_bytes() for name in ("a", "b"))
    assert one == other
    assert one.count(b"<svg") == 2


def test_a_figure_that_the_records_no_longer_support_is_removed(tmp_path: Path) -> None:
    stale = tmp_path / "figures" / "learning_curves.png"
    stale.parent.mkdir()
    stale.write_bytes(b"old")
    text = reports.write_baselines(empty(), tmp_path).read_text()
    assert not stale.exists()
    assert "Learning curves: no network is trained yet." in words(text)
    assert "No network is trained yet." in text


# ---- figures


@pytest.mark.parametrize("state", STATES)
def test_every_figure_is_drawn_with_its_facts_or_says_in_a_line_why_not(state: str) -> None:
    run = STATES[state]()
    with base.style():
        for name, draw in BASELINE_FIGURES.items():
            drawn = draw(run)
            if isinstance(drawn, Skipped):
                assert drawn.reason in ("no network is trained yet", "no learning rate is checked yet")
                continue
            assert isinstance(drawn, Drawing)
            for fact in ("CIFAR-10 (JPEG)", "32 px", "epoch", "fold"):
                assert fact in drawn.caption, (name, fact)
            if name != "learning_rates":
                assert "not comparable with published test accuracies" in drawn.caption
                assert "95% interval" not in drawn.caption or run.facts.seeds > 1
            assert all(axes.get_xlabel() for axes in drawn.figure.axes)


def test_nothing_is_drawn_before_anything_is_trained() -> None:
    assert all(isinstance(draw(empty()), Skipped) for draw in BASELINE_FIGURES.values())


def test_every_network_is_named_in_every_figure_of_accuracies_and_no_name_covers_another() -> None:
    run = fake_baselines(TWELVE)
    titles = {row.title for row in baseline_rows(run)}
    with base.style():
        for name in ("accuracy_by_native_macs", "accuracy_by_trained_macs", "accuracy_by_size", "learning_curves"):
            drawn = BASELINE_FIGURES[name](run)
            assert isinstance(drawn, Drawing)
            drawn.figure.draw_without_rendering()
            notes = [note for note in drawn.figure.axes[0].texts if note.get_text() in titles]
            assert {note.get_text() for note in notes} == titles, name
            from matplotlib.text import Text

            boxes = [Text.get_window_extent(note) for note in notes]
            for index, box in enumerate(boxes):
                assert not any(box.overlaps(other) for other in boxes[:index]), (name, notes[index].get_text())


def test_costs_that_span_decades_are_drawn_on_a_logarithmic_axis_and_near_ones_are_not() -> None:
    with base.style():
        for networks, scale in ((TWELVE, "log"), (("mobilenet_v3_small", "mobilenet_v2@0.5"), "linear")):
            drawn = BASELINE_FIGURES["accuracy_by_native_macs"](fake_baselines(networks))
            assert isinstance(drawn, Drawing)
            assert drawn.figure.axes[0].get_xscale() == scale


def test_the_size_axis_is_four_bytes_a_parameter() -> None:
    with base.style():
        drawn = BASELINE_FIGURES["accuracy_by_size"](fake_baselines())
        assert isinstance(drawn, Drawing)
        base.settle(drawn.figure)
        axes = drawn.figure.axes[0]
        (above,) = axes.child_axes
        assert above.get_xlabel() == "size in fp32 (MB)"
        assert above.get_xlim() == pytest.approx([4 * edge for edge in axes.get_xlim()])


def test_an_interval_wider_than_accuracies_can_be_stays_within_the_axis() -> None:
    run = fake_baselines(("mobilenet_v3_small",), done=0, seeds=2)
    wild = tuple(training("mobilenet_v3_small", run.facts, seed=k, accuracy=0.1 * k) for k in (1, 3))
    with base.style():
        drawn = BASELINE_FIGURES["accuracy_by_native_macs"](replace(run, trainings=wild))
        assert isinstance(drawn, Drawing)
        low, high = drawn.figure.axes[0].get_ylim()
    assert (low, high) == (0, 100)


def test_networks_of_a_family_share_colour_and_mark_and_differ_in_their_line() -> None:
    run = fake_baselines(TWELVE)
    by_family: dict[tuple[str, str], list[object]] = {}
    for look in looks(run).values():
        by_family.setdefault((look.color, look.marker), []).append(look.line)
    assert sorted(map(len, by_family.values())) == [1, 2, 2, 3, 4]
    assert all(len(set(lines)) == len(lines) for lines in by_family.values())
    # and they look the same before anything is trained, once the rates are checked
    assert looks(replace(run, trainings=())) == looks(run)


# ---- words


def test_the_headline_names_the_best_with_its_interval() -> None:
    run = fake_baselines()
    best = baseline_rows(run)[0]
    assert best.ci is not None
    assert sentences.against_next(run).endswith("not shown to be better.")
    text = f"{best.title} comes first of 5 networks trained alike: {100 * best.mean:.1f}% "  # type: ignore[operator]
    assert sentences.headline(run) == f"{text}({100 * best.ci[0]:.1f} to {100 * best.ci[1]:.1f}%)"


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("empty", "Baselines: no network is trained yet"),
        ("rates only", "Baselines: no network is trained yet"),
        ("one seed", "comes first of 5 networks trained alike: "),
        ("unfinished", "leads so far of 5 networks"),
        ("one network", "MobileNetV3 small reaches "),
    ],
)
def test_the_headline_claims_what_there_is(state: str, said: str) -> None:
    assert said in sentences.headline(STATES[state]())


def test_from_one_seed_there_is_no_interval_and_nothing_is_shown() -> None:
    run = STATES["one seed"]()
    assert all(row.ci is None for row in baseline_rows(run))
    assert sentences.headline(run).endswith("% (one seed)")
    assert "neither is shown to be better" in sentences.against_next(run)


def scored(*accuracies: tuple[float, ...]) -> BaselineRecords:
    """The five networks, each with these accuracies at seeds 1, 2, …"""
    study = facts(FIVE[: len(accuracies)])
    trainings = [
        training(name, study, seed=seed, accuracy=accuracy)
        for name, own in zip(study.networks, accuracies, strict=True)
        for seed, accuracy in enumerate(own, 1)
    ]
    return replace(fake_baselines(study.networks, done=0), trainings=tuple(trainings))


def test_a_clear_lead_is_shown_and_a_narrow_one_is_not() -> None:
    clear = scored((0.50, 0.52, 0.51), (0.40, 0.42, 0.412), (0.30, 0.318, 0.31))
    assert sentences.against_next(clear).startswith(
        "MobileNetV3 small against MobileNetV3 large, which comes next: +9."
    )
    assert sentences.against_next(clear).endswith("widened for the 3 pairs of networks): shown to be better.")
    assert "MobileNetV3 small is the most accurate of 3 networks" in sentences.headline(clear)
    narrow = scored((0.50, 0.52, 0.51), (0.51, 0.50, 0.512), (0.30, 0.318, 0.31))
    assert sentences.against_next(narrow).endswith("not shown to be better.")
    assert "comes first of 3 networks" in sentences.headline(narrow)


def test_the_best_of_several_needs_a_larger_lead() -> None:
    """Widened for the pairs it was picked from: 0.9 points would be shown if only these two had been trained for it."""
    run = scored((0.50, 0.52, 0.51), (0.494, 0.504, 0.506), (0.30, 0.318, 0.31))
    table = {row.name: row.accuracies for row in baseline_rows(run)}
    alone = difference(table, "mobilenet_v3_small", "mobilenet_v3_large")
    assert alone is not None
    assert alone.verdict == "better"
    assert sentences.against_next(run).endswith("not shown to be better.")


def test_the_lead_is_paired_over_seeds_so_what_seeds_share_does_not_hide_it() -> None:
    run = scored((0.30, 0.50, 0.40), (0.28, 0.481, 0.379))
    first, second = baseline_rows(run)
    assert first.ci is not None
    assert second.mean is not None
    assert first.ci[0] < second.mean  # its own interval holds the scatter of the folds
    assert "shown to be better" in sentences.against_next(run)
    assert "not shown" not in sentences.against_next(run)


def test_a_short_training_is_called_short_and_a_long_one_is_not() -> None:
    assert "The training is short" in sentences.caution(fake_baselines())
    assert "short" not in sentences.caution(STATES["long"]())
    for run in (fake_baselines(), STATES["long"]()):
        assert "not comparable with published test accuracies" in sentences.caution(run)
        assert "validation folds" in sentences.caution(run)


def test_what_is_still_to_do_is_counted() -> None:
    assert sentences.still_to_do(fake_baselines()) == []
    assert sentences.still_to_do(STATES["unfinished"]()) == ["8 trainings of 5 networks"]
    assert sentences.still_to_do(fake_baselines(done=3)) == [
        "12 trainings of 5 networks",
        "not begun: mobilenet_v2@0.5 and squeezenet_1_1",
    ]
    assert sentences.still_to_do(STATES["failures"]()) == []  # a failed training is not tried again


def test_a_family_that_failed_at_every_rate_is_left_out_and_not_waited_for() -> None:
    run = all_failed()
    assert set(left_out(run)) == {"mobilenet_v3", "mobilenet_v1", "mobilenet_v2", "squeezenet"}
    assert sentences.still_to_do(run) == []
    assert (
        "mobilenet_v1 is left out: every training of its check failed, at learning rates 0.017, 0.05 and 0.15"
        in sentences.left_out_words(run)
    )
    assert left_out(fake_baselines()) == {}


def test_a_network_that_guesses_is_said_to_have_learned_nothing() -> None:
    run = scored((0.50, 0.52, 0.51), (0.101, 0.098, 0.104))
    (said,) = sentences.at_chance_words(run)
    assert said.startswith("MobileNetV3 large learned nothing by this recipe: guessing would be right as often (10.0%)")
    assert sentences.at_chance_words(scored((0.13, 0.13, 0.12))) == []


def test_the_form_of_most_networks_is_named_first() -> None:
    rows = baseline_rows(fake_baselines(("densenet_bc_100_12", "mobilenet_v1", "mobilenet_v2")))
    assert native_forms(rows) == ": 224 px and 1000 classes; of DenseNet-BC (L=100, k=12) 32 px and 10 classes"
    assert native_forms([]) == ""


# ---- for machines


def test_the_csv_has_a_line_a_training_with_its_recipe() -> None:
    run = fake_baselines(failed=frozenset({("mobilenet_v1@0.5", 2)}))
    lines = list(csv.DictReader(baselines_csv(run).splitlines()))
    assert len(lines) == 15
    (failed,) = [line for line in lines if line["state"] == "failed"]
    assert (failed["network"], failed["seed"], failed["val_accuracy"]) == ("mobilenet_v1@0.5", "2", "")
    assert failed["reason"] == "training loss became nan in epoch 1"
    assert {line["recipe"] for line in lines} == {RECIPE.hash}
    assert {line["max_lr"] for line in lines} == {"0.05"}


def test_json_holds_null_where_nothing_is_known() -> None:
    document = baselines_json(STATES["failures"]())
    last = document["networks"][-1]
    assert last["name"] == "mobilenet_v2@0.5"
    assert [last[name] for name in ("val_accuracy", "ci", "train_seconds")] == [None] * 3
    assert len(last["failed"]) == 3
    assert (last["seeds"], last["accuracies"]) == ([], [])


def test_the_time_of_a_training_is_the_median_of_complete_ones() -> None:
    run = fake_baselines(("mobilenet_v3_small",), failed=frozenset({("mobilenet_v3_small", 3)}))
    times = (100.0, 200.0, 1.0)
    trainings = tuple(replace(one, train_seconds=took) for one, took in zip(run.trainings, times, strict=True))
    assert baseline_rows(replace(run, trainings=trainings))[0].seconds == 150
