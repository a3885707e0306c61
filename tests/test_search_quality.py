"""The benchmark of samplers on tables: what it computes, and that the command says it."""

import itertools
import json
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from scipy.stats import ttest_rel

from benchmarks.quality_rows import Pair, VolumePair
from benchmarks.quality_runs import Search, search
from benchmarks.quality_summary import best_under, expected, front, hypervolume, interval, regret, volume_share
from benchmarks.quality_table import MacsLimit, Table, read
from nas.errors import NasError
from nas.samplers import SAMPLERS

ROOT = Path(__file__).parents[1]


def write(path: Path, *, left_out: int = 0) -> Path:
    """Five digits 1 to 3, three trainings; larger is better and dearer."""
    rng = random.Random(0)
    lines = ["arch,acc1,acc2,acc3,macs"]
    for digits in itertools.product("123", repeat=5):
        size = sum(int(digit) for digit in digits)
        accuracies = [f"{50 + size + rng.gauss(0, 0.5):.3f}" for _ in range(3)]
        lines.append(",".join(["".join(digits), *accuracies, str(100 * size + int(digits[0]))]))
    path.write_text("\n".join(lines[: len(lines) - left_out]) + "\n")
    return path


def table(path: Path, **other: Any) -> Table:
    options = {"choices": "arch", "split": "", "accuracies": ["acc1", "acc2", "acc3"], "macs": "macs"} | other
    return read(path, **options)


@pytest.fixture
def whole(tmp_path: Path) -> Table:
    return table(write(tmp_path / "t.csv"))


def test_a_table_is_a_space_of_ordered_choices(whole: Table) -> None:
    assert whole.options == {f"choice{at}": (1, 2, 3) for at in range(5)}
    assert whole.space(lambda name, options: options[-1]) == "33333"
    assert whole.candidates() is None
    limit = MacsLimit(whole, 1101)
    assert limit.use("33333") == 1503 / 1101
    assert not limit.fits("33333")
    assert limit.fits("11111")
    assert not limit.fits("44444")  # not in the table
    assert sum(macs <= whole.quantile(0.5) for macs in whole.macs.values()) == pytest.approx(243 / 2, abs=20)


def test_a_part_of_a_space_is_a_list_of_candidates(tmp_path: Path) -> None:
    part = table(write(tmp_path / "t.csv", left_out=20), ordered=False)
    listed = part.candidates()
    assert listed is not None
    assert len(listed) == 223
    assert listed[0] == {f"choice{at}": "1" for at in range(5)}
    for name in SAMPLERS:
        asked = Search(sampler=name, budget=part.quantile(0.5), seed=0, evaluations=14, searched=(0,))
        found = search(part, asked)
        assert len(set(found.archs)) == 14
        assert all(part.macs[arch] <= asked.budget for arch in found.archs), name


def test_regret_is_by_what_was_searched_on_and_scored_by_the_others(whole: Table) -> None:
    archs = ["11111", "12121", "21112"]
    chosen = max(archs, key=lambda arch: whole.rows[arch][1])
    scored = (whole.rows[chosen][0] + whole.rows[chosen][2]) / 2
    best = best_under(whole, 900, (0, 2))
    assert best == max((row[0] + row[2]) / 2 for arch, row in whole.rows.items() if whole.macs[arch] <= 900)
    assert regret(whole, archs, best, (1,), (0, 2)) == pytest.approx(best - scored)
    assert regret(whole, list(whole.rows), best_under(whole, 1e9, (0,)), (0,), (0,)) == 0


def test_a_smoothed_choice_is_by_what_networks_that_share_choices_gave(whole: Table) -> None:
    """Worth is the first digit, but for one lucky training."""
    lucky = replace(whole, rows={arch: (float(arch[0]),) for arch in whole.rows} | {"11112": (3.5,)})
    tried = [*random.Random(0).sample(sorted(lucky.rows), 80), "11112", "33333"]
    by = expected(lucky, tried, 1503, (0,))
    assert regret(lucky, tried, 3.5, (0,), (0,)) == 0
    assert regret(lucky, tried, 3.5, (0,), (0,), by=by) == 0.5
    flat = replace(whole, rows=dict.fromkeys(whole.rows, (1.0,)))
    assert expected(flat, tried, 1503, (0,)) == [1.0] * 82


def test_intervals_are_those_of_the_paired_t_test() -> None:
    rng = random.Random(1)
    one, other = ([rng.gauss(mean, 1) for _ in range(20)] for mean in (0.0, 0.7))
    differences = [a - b for a, b in zip(one, other, strict=True)]
    expected = ttest_rel(one, other).confidence_interval()
    assert interval(differences) == pytest.approx((expected.low, expected.high))
    assert interval([0.5]) is None


def test_hypervolume_is_the_area_under_the_steps(whole: Table) -> None:
    points = [(2.0, 5.0), (4.0, 8.0), (3.0, 4.0), (9.0, 9.0)]
    assert front(points) == [(2.0, 5.0), (4.0, 8.0), (9.0, 9.0)]
    assert hypervolume(points, most=6.0, least=1.0) == (6 - 2) * (5 - 1) + (6 - 4) * (8 - 5)
    assert volume_share(whole, list(whole.rows), 1000, (0, 1, 2)) == 1
    assert 0 <= volume_share(whole, ["11111"], 1000, (0, 1, 2)) < 1


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({}, {"macs": "flops"}, "no column flops; there are arch, acc1"),
        ({"33333": "3x333"}, {}, "arch: .*give --split, or --unordered"),
        ({"acc1,acc2": "acc1,acc1"}, {}, "no column acc2"),
    ],
)
def test_a_table_that_cannot_be_read_is_named(
    change: dict[str, str], options: dict[str, str], message: str, tmp_path: Path
) -> None:
    path = write(tmp_path / "t.csv")
    text = path.read_text()
    for old, new in change.items():
        text = text.replace(old, new)
    path.write_text(text)
    with pytest.raises(NasError, match=message):
        table(path, **options)


def command(path: Path, out: Path, *words: str) -> subprocess.CompletedProcess[str]:
    few = ("--seeds", "3", "--evaluations", "5", "12", "--budgets", "0.5", "--samplers", "block", "random")
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.search_quality", str(path), *few, "--out", str(out), *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_prints_one_document_and_goes_on_where_it_was(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv")
    done = command(path, tmp_path / "out", "--json", "--two", "--figure", str(tmp_path / "f.png"))
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    rows = document["rows"]
    assert len(rows) == 2 * 2 * 2  # samplers, evaluations, noise
    assert {"sampler", "budget", "evaluations", "noise", "regret", "se", "hits", "ms"} <= set(rows[0])
    assert all(row["regret"] >= 0 and row["ms"] > 0 and 0 <= row["hits"] <= 1 for row in rows)
    assert {pair["verdict"] for pair in document["pairs"]} <= {"better", "worse", "not shown"}
    there, back = document["pairs"][:2]
    assert (there["sampler"], there["other"]) == (back["other"], back["sampler"])
    assert there["difference"] == pytest.approx(-back["difference"])
    assert all(0 <= one["share"] <= 1 for one in document["hypervolume"])
    shares = {(one["sampler"], one["evaluations"]): one["share"] for one in document["hypervolume"]}
    assert len(document["hypervolume_pairs"]) == 2 * 2  # both ways round, evaluations
    for pair in document["hypervolume_pairs"]:
        own, other = (shares[name, pair["evaluations"]] for name in (pair["sampler"], pair["other"]))
        assert pair["difference"] == pytest.approx(own - other)
    assert (tmp_path / "f.png").stat().st_size > 0
    stored = (tmp_path / "out" / "t.jsonl").read_text()
    assert len(stored.splitlines()) == 2 * 3 * 3
    smoothed = json.loads(command(path, tmp_path / "out", "--json", "--smoothed").stdout)
    assert [row for row in smoothed["rows"] if "smoothed" not in row["sampler"]] == rows
    assert len(smoothed["rows"]) == 2 * len(rows)
    again = command(path, tmp_path / "out", "--json", "--two")
    assert "18 searches, 18 of them done before" in again.stderr
    assert json.loads(again.stdout)["rows"] == rows
    assert (tmp_path / "out" / "t.jsonl").read_text() == stored


def test_what_cannot_be_asked_is_said_in_one_line(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv")
    for words, message in (
        (("--budgets", "2"), "--budgets 2: a share"),
        (("--seeds", "0"), "--seeds 0: must be at least 1"),
        (("--accuracy", "acc1", "--noise", "honest"), "--noise honest: takes two accuracy columns"),
    ):
        done = command(path, tmp_path / "out", *words)
        assert (done.returncode, done.stdout) == (2, "")
        assert message in done.stderr.splitlines()[-1]
    missing = command(tmp_path / "none.csv", tmp_path / "out")
    assert missing.returncode == 2
    assert "cannot be read" in missing.stderr


def test_less_regret_is_better_and_more_hypervolume() -> None:
    known = {"sampler": "a", "other": "b", "budget": 1.0, "evaluations": 20}
    found = {
        ci: (
            Pair(**known, noise=False, difference=0.0, ci=ci).verdict,  # type: ignore[arg-type]
            VolumePair(**known, difference=0.0, ci=ci).verdict,  # type: ignore[arg-type]
        )
        for ci in ((-2.0, -1.0), (1.0, 2.0), (-1.0, 1.0), None)
    }
    assert found == {
        (-2.0, -1.0): ("better", "worse"),
        (1.0, 2.0): ("worse", "better"),
        (-1.0, 1.0): ("not shown", "not shown"),
        None: ("not shown", "not shown"),
    }
