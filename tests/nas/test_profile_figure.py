"""``nas profile NAME --figure FILE``: drawn to scale, in files that are what they are called."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from nas.cost import cost, ledger
from nas.profile.count import COUNTS
from nas.profile.figure import LOOKS, draw
from nas.profile.kinds import by_kind
from nas.profile.network import Latency, find
from reports.figures.base import style
from tests.nas.cli import nas
from tests.nas.test_profile import refused

NETWORKS = ("mobilenet_v3_small", "mobilenet_v3_large", "densenet_121", "squeezenet_1_1", "alexnet")


def drawn(name: str, **latency: object) -> Figure:
    found = find(name)
    with style():
        figure = draw(replace(found, **latency), count=COUNTS["macs"])  # type: ignore[arg-type]
        figure.draw_without_rendering()
    return figure


@pytest.mark.parametrize("name", NETWORKS)
def test_areas_are_costs(name: str) -> None:
    spec = find(name).spec
    strips = drawn(name).axes[:2]
    for axes, scale, what in zip(strips, (1e6, 1e3), ("macs", "params"), strict=True):
        parts = [one for one in axes.patches if isinstance(one, Rectangle) and one.get_fill()]
        area = sum(one.get_width() * one.get_height() / 100 for one in parts)
        assert area == pytest.approx(getattr(cost(spec), what) / scale)
        outlines = [one for one in axes.patches if isinstance(one, Rectangle) and not one.get_fill()]
        assert [one.get_width() * scale for one in outlines] == pytest.approx(
            [getattr(line.cost, what) for line in ledger(spec) if getattr(line.cost, what)]
        )
        assert axes.get_xlabel()


@pytest.mark.parametrize("name", NETWORKS)
def test_words_cover_no_other_words_and_stay_inside(name: str) -> None:
    figure = drawn(name)
    inside = figure.bbox
    for axes in figure.axes:
        boxes = [text.get_window_extent() for text in axes.texts]
        assert boxes
        for index, box in enumerate(boxes):
            assert inside.x0 <= box.x0 < box.x1 <= inside.x1
            assert not any(box.overlaps(other) for other in boxes[:index]), axes.texts[index].get_text()


def test_every_kind_that_costs_anything_has_a_look_of_its_own() -> None:
    kinds = {one.kind for name in NETWORKS for one in by_kind(find(name).spec) if one.macs or one.params}
    assert kinds == set(LOOKS)
    assert len(set(LOOKS.values())) == len(LOOKS)


def test_time_is_a_strip_of_its_own() -> None:
    spec = find("mobilenet_v3_small").spec
    times = {f"blocks[{index}]": 0.1 * index for index in range(len(spec.blocks) - 1)}  # of the last none is known
    plain, timed = (
        drawn("mobilenet_v3_small"),
        drawn("mobilenet_v3_small", latency=Latency(total_ms=12.0, blocks_ms=times, device="some device")),
    )
    assert len(timed.axes) == len(plain.axes) + 1
    strip = timed.axes[2]
    assert strip.get_xlabel() == "latency on some device (ms)"
    assert strip.get_xlim()[1] == pytest.approx(sum(times.values()))


def test_the_count_is_named_on_the_axis() -> None:
    with style():
        figure = draw(find("alexnet"), count=COUNTS["flops"])
    assert figure.axes[0].get_xlabel() == "floating-point operations, two a multiply-add (10⁶)"
    assert figure.axes[0].get_xlim()[1] == pytest.approx(2 * 714.188480)


@pytest.mark.parametrize(("suffix", "start"), [("svg", b"<svg"), ("png", b"\x89PNG")])
def test_the_command_writes_the_file_and_says_so(suffix: str, start: bytes, tmp_path: Path) -> None:
    path = tmp_path / f"out.{suffix}"
    ended = nas("profile", "squeezenet_1_1", "--figure", str(path), "--json")
    assert (ended.status, ended.stderr) == (0, "")
    assert json.loads(ended.stdout)["figure"] == str(path)
    assert path.read_bytes().startswith(start)
    again = tmp_path / f"again.{suffix}"
    assert f"figure: {again}" in nas("profile", "squeezenet_1_1", "--figure", str(again)).stdout.replace("\n", "")
    assert again.read_bytes() == path.read_bytes()


def test_a_file_that_cannot_be_written_is_refused_by_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "folder.svg"
    folder.mkdir()
    assert refused("alexnet", "--figure", "out.pdf") == "--figure out.pdf: must end in .svg or .png"
    assert refused("alexnet", "--figure", "out") == "--figure out: must end in .svg or .png"
    assert refused("alexnet", "--figure", str(folder)) == f"--figure {folder}: Is a directory"
    missing = tmp_path / "no" / "out.svg"
    assert refused("alexnet", "--figure", str(missing)) == f"--figure {missing}: there is no folder {missing.parent}"
