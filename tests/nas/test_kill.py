"""SIGKILL at any moment, the same command again: the same table as without.

What a death between any two writes does is tested write by write in ``test_driver``; here real processes die.
"""

import json
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.nas.fast import SEARCHED_BY, environment, python

# eleven trials and more, so that TPE has something to say after its ten draws
COMMAND = (
    *("-m", "nas.search", "--budget-mflops", "60", "--dataset", "digits", "--effort", "brief", "--epochs", "1"),
    *("--train-images", "64", "--trials", "12", "--confirm", "1", "--resolution", "8", "--device", "cpu", "--json"),
    *("--workers", "1"),  # with more, what is suggested depends on which training ends first
)


def killed_again_and_again(
    folder: Path, sampler: str, kills: int, seed: int, control: tuple[str, ...] = ()
) -> dict[str, Any]:
    done = python("-m", "tests.nas.killed", str(folder), sampler, str(kills), str(seed), *control, cwd=folder)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    connection = sqlite3.connect(folder / "war" / "nas.db")
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    return found


def test_a_search_killed_a_dozen_times_ends_in_the_same_table(tmp_path: Path) -> None:
    found = killed_again_and_again(tmp_path, "tpe", kills=12, seed=0)
    assert sum(found["hit"].values()) > 5
    assert sum(found["cut_off"].values()) > 0  # some kills hit a trial that was running
    assert len(found["peace"]["trials"]) == 13
    assert [record["origin"] for record in found["peace"]["trials"]] == ["draw"] * 10 + ["tpe"] * 3
    assert found["war"] == found["peace"]


def test_a_search_with_a_control_killed_a_dozen_times_ends_in_the_same_table(tmp_path: Path) -> None:
    found = killed_again_and_again(tmp_path, "block", kills=18, seed=0, control=("random",))
    assert {"search", "control"} <= set(found["hit"])  # stages that were killed
    assert "run.control" in found["cut_off"]
    assert len(found["peace"]["control"]) == len(found["peace"]["trials"]) == 13
    tried, drawn = ([record["spec"] for record in found["peace"][part]] for part in ("trials", "control"))
    assert sum(spec not in tried for spec in drawn) > 3  # which were trained for the control alone
    assert found["war"] == found["peace"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("sampler", SEARCHED_BY)
def test_a_search_killed_dozens_of_times_ends_in_the_same_table(sampler: str, seed: int, tmp_path: Path) -> None:
    found = killed_again_and_again(tmp_path, sampler, kills=40, seed=seed)
    assert found["war"] == found["peace"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("sampler", [sampler for sampler in SEARCHED_BY if sampler != "random"])
def test_a_search_with_a_control_killed_dozens_of_times_ends_in_the_same_table(
    sampler: str, seed: int, tmp_path: Path
) -> None:
    found = killed_again_and_again(tmp_path, sampler, kills=40, seed=seed, control=("random",))
    assert found["war"] == found["peace"]


def killed(command: tuple[str, ...], folder: Path, *, after: float, at: str | None) -> tuple[bool, bool]:
    """Type the command and kill it after so many seconds, or when it tells a line that begins like this. Returns
    whether it died of that, and whether it was told."""
    process = subprocess.Popen(
        [sys.executable, *command],
        cwd=folder,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    timer = threading.Timer(after, process.kill)
    timer.start()
    heard = False
    assert process.stderr is not None
    with process.stderr as lines:
        for line in lines:
            if at is not None and line.startswith(at):
                heard = True
                process.kill()
    timer.cancel()
    status = process.wait()
    assert status in (0, -signal.SIGKILL)
    return status != 0, heard


@pytest.mark.slow
@pytest.mark.parametrize("control", [(), ("--control", "random")], ids=["alone", "control"])
def test_the_command_killed_at_any_moment_and_typed_again_prints_the_same_table(
    control: tuple[str, ...], tmp_path: Path
) -> None:
    """Nothing faked: imports, images, trainings, storage, report."""
    command = (*COMMAND, *control)
    peace, war = tmp_path / "peace", tmp_path / "war"
    peace.mkdir()
    war.mkdir()
    begin = time.monotonic()
    uninterrupted = python(*command, cwd=peace)
    whole = time.monotonic() - begin
    assert uninterrupted.returncode == 0, uninterrupted.stderr
    rng = random.Random(0)
    kills = 0
    wanted = "control 2/12" if control else None  # the first start that comes so far dies there, if not before
    while whole > 1 and kills < (8 if wanted is None else 20):
        hit, heard = killed(command, war, after=whole * rng.uniform(0.1, 0.7), at=wanted)
        kills += hit
        wanted = None if heard else wanted
        if not hit:
            if kills >= 2:
                break  # through before the next kill
            # the machine is quicker than it was: once more from the start, and killed earlier
            shutil.rmtree(war)
            war.mkdir()
            whole, kills = whole / 2, 0
    assert kills >= 2
    assert wanted is None
    finished = python(*command, cwd=war)
    assert finished.returncode == 0, finished.stderr
    found, expected = json.loads(finished.stdout), json.loads(uninterrupted.stdout)
    assert len(expected["trials"]) == 12
    assert expected["trials"][-1]["origin"] == "block"
    assert (expected["control"] is None) == (not control)
    for part in ("study", "trials", "references", "best", "comparison", "control"):
        assert found[part] == expected[part]
