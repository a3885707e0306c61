"""A table for a space: measured once, saved as it comes, and only what is missing is measured again."""

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from nas.draw import draw
from nas.latency import build as building
from nas.latency.build import build, measure, overhead, possible_blocks, some_networks, words
from nas.latency.predict import Predictor, placed
from nas.latency.stopwatch import Stopwatch
from nas.latency.table import Table, read
from tests.nas.fast import four_networks, tiny_space
from tests.nas.latency.fakes import FakeTarget, block_ms, native, put_in_place, specs_of, total

KEY = "tiny (01234567) at 16 px, 3 classes"


@pytest.fixture
def target(monkeypatch: pytest.MonkeyPatch) -> FakeTarget:
    monkeypatch.setattr(building, "TOGETHER", 10)
    return put_in_place(monkeypatch, FakeTarget(), networks=6)


def empty() -> Table:
    return Table(name="onnxruntime-cpu", fingerprint="a processor, 1 thread")


def built(
    table: Table,
    target: FakeTarget,
    *,
    key: str = KEY,
    save: Callable[[], None] = lambda: None,
    said: list[str] | None = None,
    space: Callable[..., object] = tiny_space,
) -> Predictor:
    said = [] if said is None else said
    stopwatch = Stopwatch(target=target, level=table.level)
    return build(table, space, native, key=key, stopwatch=stopwatch, say=said.append, save=save)  # type: ignore[arg-type]


def test_the_blocks_that_can_occur_are_those_of_random_networks_the_most_frequent_first() -> None:
    found = possible_blocks(tiny_space, native, draws=50, most=10**6)
    rng = random.Random("possible blocks")
    counted = Counter(one for _ in range(50) for one in placed(draw(tiny_space, rng).spec))
    assert set(found) == set(counted)
    assert [counted[one] for one in found] == sorted(counted.values(), reverse=True)
    assert possible_blocks(tiny_space, native, draws=50, most=7) == found[:7]


def test_blocks_and_networks_are_those_of_the_form_that_is_measured() -> None:
    def larger(spec: object) -> object:
        return spec.at(resolution=32)  # type: ignore[attr-defined]

    assert {one.shape.height for one in possible_blocks(tiny_space, larger, draws=20)} == {32, 16, 1}  # type: ignore[arg-type]
    assert {spec.resolution for spec in some_networks(tiny_space, larger, 5)} == {32}  # type: ignore[arg-type]


def test_networks_are_different_ones_and_all_there_are_of_a_small_space() -> None:
    assert len(set(some_networks(tiny_space, native, 30))) == 30
    assert len(some_networks(four_networks, native, 30)) == 4
    assert some_networks(tiny_space, native, 5) == some_networks(tiny_space, native, 5)
    assert some_networks(tiny_space, native, 5) != some_networks(tiny_space, native, 5, seed=1)


def test_an_empty_table_learns_overhead_blocks_networks_and_a_calibration(target: FakeTarget) -> None:
    table, saves, said = empty(), [], list[str]()
    predict = built(table, target, save=lambda: saves.append(len(table.blocks)), said=said)
    blocks = possible_blocks(tiny_space, native)
    assert table.blocks == pytest.approx({one: block_ms(one) for one in blocks})
    assert len(table.networks) == 12
    assert {spec: known.ms for spec, known in table.networks.items()} == pytest.approx(
        {spec: total(spec) for spec in table.networks}
    )
    assert table.overhead_ms == pytest.approx(0.002, rel=0.01)
    assert table.level is not None
    fit = table.calibrations[KEY]
    assert (fit.fitted, fit.checked, predict.calibration) == (6, 6, fit)
    # saved after each group, and at the end
    assert saves == [*range(10, len(blocks), 10), len(blocks), len(blocks)]
    assert said[0] == f"measuring {len(blocks):,} blocks on onnxruntime-cpu, once for this machine"
    assert said[-1] == words(table, KEY)
    for spec in specs_of(tiny_space, 5, seed=3):
        assert predict(spec).ms == pytest.approx(total(spec), rel=0.02)


def test_a_full_table_is_not_measured_again(target: FakeTarget) -> None:
    table = empty()
    built(table, target)
    again, said = FakeTarget(), list[str]()
    predict = built(table, again, said=said)
    assert (again.blocks, again.networks, said) == ([], [], [])
    assert predict.calibration == table.calibrations[KEY]


def test_only_what_is_missing_is_measured_for_another_space_or_form(target: FakeTarget) -> None:
    table = empty()
    built(table, target)
    other = FakeTarget()
    known = len(table.blocks)
    built(table, other, key="the same again", space=tiny_space)
    assert other.blocks == []  # not even the overhead
    built(table, other, key="four", space=four_networks)
    missing = len(table.blocks) - known
    assert 0 < missing == len(other.blocks)
    assert set(table.calibrations) == {KEY, "the same again", "four"}


def test_what_was_measured_before_an_interruption_is_kept_and_the_rest_follows(target: FakeTarget) -> None:
    table, saved = empty(), []

    def save() -> None:
        saved.append(dict(table.blocks))
        if len(saved) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        built(table, target, save=save)
    assert len(saved[-1]) == 30
    again = FakeTarget()
    kept = Table(
        name=table.name,
        fingerprint=table.fingerprint,
        level=table.level,
        overhead_ms=table.overhead_ms,
        blocks=dict(saved[-1]),
    )
    built(kept, again)
    whole = empty()
    built(whole, FakeTarget())
    assert len(again.blocks) == len(whole.blocks) - 30
    assert kept.blocks == pytest.approx(whole.blocks)
    assert (kept.calibrations[KEY].slope, kept.calibrations[KEY].checked) == pytest.approx((1.0, 6))
    # the order they are measured in is no space's own: a mood must not meet one kind only
    kinds = [one.block.kind for one in saved[-1]]
    assert kinds != sorted(kinds)


def test_a_space_of_few_networks_is_calibrated_and_checked_on_those(target: FakeTarget) -> None:
    table = empty()
    built(table, target, space=four_networks)
    fit = table.calibrations[KEY]
    assert (fit.fitted, fit.checked) == (2, 2)


def test_a_space_of_one_network_has_a_table_that_comes_back(target: FakeTarget, tmp_path: Path) -> None:
    """There is nothing to rank, which is no number in JSON."""
    table = empty()
    built(table, target, space=lambda pick: four_networks(lambda _, options: options[0]))
    assert table.calibrations[KEY].spearman == table.calibrations[KEY].macs_spearman == 0
    table.save(tmp_path / "table.json")
    assert read(tmp_path / "table.json") == table


def test_networks_are_measured_once(target: FakeTarget) -> None:
    table, specs = empty(), specs_of(tiny_space, 3)
    stopwatch = Stopwatch(target=target)
    first = measure(table, stopwatch, [specs[0], specs[1], specs[0]])
    assert first[0] == first[2] == table.networks[specs[0]]
    assert all(one.measured for one in first)
    target.networks.clear()
    assert measure(table, stopwatch, specs)[:2] == first[:2]
    assert target.networks == [specs[2]]


def test_the_reference_network_is_made_ready_once_a_stopwatch(target: FakeTarget) -> None:
    stopwatch = Stopwatch(target=target)
    overhead(stopwatch)
    overhead(stopwatch)
    assert len(target.networks) == 1
    assert stopwatch.level == pytest.approx(total(target.networks[0]))


def test_words_say_how_well_it_predicts(target: FakeTarget) -> None:
    table = empty()
    built(table, target)
    fit, text = table.calibrations[KEY], words(table, KEY)
    assert text.startswith(f"latency on onnxruntime-cpu: {len(table.blocks):,} blocks; over 6 other networks")
    for figure in (f"{fit.error:.1%} in the median", f"{fit.error_95:.1%} at most", f"Spearman {fit.spearman:.3f}"):
        assert figure in text
    assert text.endswith(f"by multiply-adds alone it would be {fit.macs_error:.1%} ({fit.macs_spearman:.3f})")
