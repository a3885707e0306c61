"""The page in every state a run can be in: whole, offline, and claiming no more than there is."""

import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

import reports
from nas.budget import Budget
from nas.evidence import to_confirm
from nas.recipe import Recipe
from nas.record import Record, RunRecords
from reports.figures import FIGURES, Drawing, Skipped, base
from reports.figures.labels import spread
from reports.figures.points import front
from reports.files import write_whole
from tests.reports.fakes import confirm, fake_run, with_longer, with_target

ONE_EPOCH = Recipe(name="demo", epochs=1, train_images=500, val_images=200, resolution=32)


def empty() -> RunRecords:
    return replace(fake_run(), trials=(), references=(), confirmations=())


def none_complete() -> RunRecords:
    return fake_run(trials=3, references=False, confirmed=False, states={0: "failed", 1: "pruned", 2: "failed"})


def identical() -> RunRecords:
    def same(record: Record) -> Record:
        return replace(record, curve=tuple(replace(epoch, val_accuracy=0.5) for epoch in record.curve))

    run = fake_run()
    trials, references = (tuple(same(record) for record in group) for group in (run.trials, run.references))
    fresh = confirm(to_confirm(trials, references, run.facts), run.facts, (1, 2))
    return replace(run, trials=trials, references=references, confirmations=tuple(same(one) for one in fresh))


STATES = {
    "empty": empty,
    "none complete": none_complete,
    "one trial": lambda: fake_run(trials=1, references=False, confirmed=False),
    "demo of one epoch": lambda: fake_run(trials=6, demo=True, recipe=ONE_EPOCH, seeds=()),
    "failed and pruned": lambda: fake_run(trials=9, confirmed=False, states={2: "failed", 4: "pruned"}),
    "nothing confirmed": lambda: fake_run(seeds=()),
    "one seed": lambda: fake_run(seeds=(1,)),
    "params only": lambda: fake_run(trials=8, budget=Budget(params=2_000_000)),
    "both ceilings": lambda: fake_run(trials=8, budget=Budget(macs=60_000_000, params=2_500_000)),
    "identical accuracies": identical,
    "identical longer trainings": lambda: with_longer(fake_run(), [0.5] * 8),
}


class _Page(HTMLParser):
    """Every address that a browser would load or link to, and all text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.tags: set[str] = set()
        self.ids: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            if name in ("src", "href", "xlink:href", "data", "srcset", "action") and value:
                self.loads.append(value)
            if name == "id" and value:
                self.ids.append(value)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    run = with_longer(fake_run(states={3: "failed", 7: "pruned"}), [0.7 - 0.01 * place for place in range(8)])
    reports.write(with_target(run), folder)
    return folder


@pytest.fixture(scope="module")
def page(folder: Path) -> str:
    return (folder / "index.html").read_text()


def test_the_page_loads_nothing_from_anywhere_else(page: str, folder: Path) -> None:
    found = _Page(page)
    assert not {"link", "iframe", "img", "base"} & found.tags
    assert re.findall("<script[^>]*>", page) == ['<script id="sort">']  # its own, by which tables sort
    assert "@import" not in page
    assert not re.search(r"url\((?!#)", page)
    for address in found.loads:
        assert address.startswith(("#", "data:image/png;base64,")) or (folder / address).is_file(), address


def test_every_id_on_the_page_is_there_once_and_every_reference_to_one_is_met(page: str) -> None:
    found = _Page(page)
    assert len(found.ids) == len(set(found.ids))
    used = {address[1:] for address in found.loads if address.startswith("#")} | set(
        re.findall(r"url\(#([^)]+)\)", page)
    )
    assert used <= set(found.ids)


def test_figures_stand_on_the_page_and_beside_it(page: str, folder: Path) -> None:
    assert page.count("<svg") == len(FIGURES)
    for name in FIGURES:
        assert (folder / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert (folder / "figures" / f"{name}.svg").read_text().startswith("<svg")


def test_nothing_half_written_is_left(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {"index.html", "networks.csv", "choices.csv", "figures"}
    assert not [path for path in folder.rglob("*") if path.name.startswith(".")]


def test_a_write_that_breaks_off_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise OSError("no space left")

    page = write_whole(tmp_path / "index.html", "old")
    monkeypatch.setattr("reports.files.os.replace", broken)
    with pytest.raises(OSError, match="no space left"):
        write_whole(page, "new")
    assert page.read_text() == "old"
    assert list(tmp_path.iterdir()) == [page]


def test_the_small_print_says_what_the_numbers_are(page: str) -> None:
    text = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    assert "10⁶ multiply-adds of convolutions and linear layers, at 224 px and 1000 classes" in text
    assert "validation accuracies of the trained form, at 32 px with CIFAR strides, on CIFAR-10 (JPEG)" in text
    assert "The test set was never read." in text
    assert "loss is not finite after 12 steps" in text
    assert "python -m nas.search --budget-mflops 60 --trials 24" in text
    assert "seed 1 on fold 1, seed 2 on fold 2" in text


def test_names_from_outside_are_escaped(tmp_path: Path) -> None:
    run = none_complete()
    run = replace(run, trials=tuple(replace(one, reason="<script>alert(1)</script>", curve=()) for one in run.trials))
    assert "<script>" not in reports.write(run, tmp_path).read_text()


@pytest.mark.parametrize("state", ["empty", "none complete", "one trial"])
def test_a_page_of_an_unfinished_run_names_no_winner(state: str, tmp_path: Path) -> None:
    text = reports.write(STATES[state](), tmp_path).read_text()
    assert "no winner yet" in text
    assert 'class="winner"' not in text
    assert "Not drawn" in text


def test_a_demonstration_says_so_everywhere_and_names_no_winner(tmp_path: Path) -> None:
    text = reports.write(STATES["demo of one epoch"](), tmp_path).read_text()
    assert 'class="demo">Demo on digits' in text
    assert "<title>demo on digits" in text
    assert 'class="winner"' not in text
    assert "an example, the first complete trial" in text


@pytest.mark.parametrize("state", STATES)
def test_every_figure_is_drawn_or_says_in_a_line_why_not(state: str) -> None:
    run = STATES[state]()
    with base.style():
        for name, draw in FIGURES.items():
            drawn = draw(run)
            if isinstance(drawn, Skipped):
                assert drawn.reason, name
                continue
            assert isinstance(drawn, Drawing)
            assert run.facts.data.label in drawn.caption, name
            suptitle = drawn.figure.get_suptitle()
            assert suptitle.startswith(drawn.title)
            assert ("demo on digits" in suptitle) == run.facts.fallback
            assert all(axes.get_xlabel() or axes.get_ylabel() for axes in drawn.figure.axes)


def test_a_figure_that_the_records_no_longer_support_is_removed(tmp_path: Path) -> None:
    stale = tmp_path / "figures" / "two_costs.png"
    stale.parent.mkdir()
    stale.write_bytes(b"old")
    reports.write(empty(), tmp_path)
    assert not stale.exists()


def test_the_same_records_give_the_same_page(tmp_path: Path) -> None:
    run = STATES["one trial"]()
    assert reports.write(run, tmp_path / "a").read_bytes() == reports.write(run, tmp_path / "b").read_bytes()


def test_the_front_holds_what_nothing_beats_at_the_same_cost_or_less() -> None:
    assert front([3, 1, 2, 2], [5, 1, 4, 2]) == [(1, 1), (2, 4), (3, 5)]
    assert front([1, 2, 3], [5, 5, 4]) == [(1, 5)]
    assert front([], []) == []


def test_crowded_labels_are_moved_apart_and_others_stay() -> None:
    moved = spread([5.0, 5.0, 1.0], gap=1.0, low=0.0, high=10.0)
    assert moved[2] == 1.0
    assert sorted(moved[:2]) == [4.5, 5.5]
    assert spread([0.0, 0.0], gap=1.0, low=0.0, high=10.0) == [0.0, 1.0]


def test_importing_reports_imports_nothing_that_draws_or_trains() -> None:
    code = (
        "import sys, reports, reports.tables, reports.sentences;"
        "print([name for name in ('matplotlib', 'pandas', 'seaborn', 'scipy', 'torch', 'optuna', 'jinja2', 'numpy')"
        " if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
