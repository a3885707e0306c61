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


def killed_again_and_again(folder: Path, sampler: str, kills: int, seed: int) -> dict[str, Any]:
    done = python("-m", "tests.nas.killed", str(folder), sampler, str(kills), str(seed), cwd=folder)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    connection = sqlite3.connect(folder / "war" / "nas.db")
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    return found


def test_a_search_killed_a_dozen_times_ends_in_the_same_table(tmp_path: Path) -> None:
    found = killed_again_and_again(tmp_path, "tpe", kills=12, seed=0)
    assert found["hit"] > 5
    assert found["cut_off"] > 0  # some kills hit a trial that was running
    assert len(found["peace"]["trials"]) == 13
    assert [record["origin"] for record in found["peace"]["trials"]] == ["draw"] * 10 + ["tpe"] * 3
    assert found["war"] == found["peace"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("sampler", SEARCHED_BY)
def test_a_search_killed_dozens_of_times_ends_in_the_same_table(sampler: str, seed: int, tmp_path: Path) -> None:
    found = killed_again_and_again(tmp_path, sampler, kills=40, seed=seed)
    assert found["war"] == found["peace"]


@pytest.mark.slow
def test_the_command_killed_at_any_moment_and_typed_again_prints_the_same_table(tmp_path: Path) -> None:
    """Nothing faked: imports, images, trainings, storage, report."""
    peace, war = tmp_path / "peace", tmp_path / "war"
    peace.mkdir()
    war.mkdir()
    begin = time.monotonic()
    uninterrupted = python(*COMMAND, cwd=peace)
    whole = time.monotonic() - begin
    assert uninterrupted.returncode == 0, uninterrupted.stderr
    rng = random.Random(0)
    kills = 0
    while kills < 8 and whole > 1:
        process = subprocess.Popen(
            [sys.executable, *COMMAND], cwd=war, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            process.wait(timeout=whole * rng.uniform(0.1, 0.7))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            kills += 1
        if process.wait() == 0:
            if kills >= 2:
                break  # through before the next kill
            # the machine is quicker than it was: once more from the start, and killed earlier
            shutil.rmtree(war)
            war.mkdir()
            whole, kills = whole / 2, 0
    assert kills >= 2
    finished = python(*COMMAND, cwd=war)
    assert finished.returncode == 0, finished.stderr
    found, expected = json.loads(finished.stdout), json.loads(uninterrupted.stdout)
    assert len(expected["trials"]) == 12
    assert expected["trials"][-1]["origin"] == "block"
    for part in ("study", "trials", "references", "best", "comparison"):
        assert found[part] == expected[part]
