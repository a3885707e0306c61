"""Free evidence as it is typed: ``python -m studies --of SEARCH --dry-run`` and ``--proposed``. Trainings are faked."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nas.arch import ArchSpec
from nas.blocks import InvertedResidual
from nas.storage import default_url, open_storage
from search_spaces import SPACES
from tests.nas.cli import Ended, files
from tests.nas.fast import BUDGET, FakeTraining, study_facts, tiny_space
from tests.nas.fast import driver as search_driver
from tests.studies.test_ablation_command import SMALL, studies
from tests.studies.tiny_ablation import hash_of

TRIALS = 24


def accuracy(spec: ArchSpec, seed: int) -> float:
    """Squeeze-excite is worth 4 points on all blocks; the rest is luck."""
    squeezes = [block.squeeze for block in spec.blocks if isinstance(block, InvertedResidual)]
    squeezed = sum(map(bool, squeezes)) / max(1, len(squeezes))
    return 0.5 + 0.04 * squeezed + 0.01 * hash_of(spec.to_json(), seed)


@pytest.fixture(scope="module", autouse=True)
def faked() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nas.train.train", FakeTraining(accuracy=accuracy))
        patch.setattr("nas.executor.measure", lambda *_: 0.01)
        patch.setattr("nas.workers.default_workers", lambda *_: 1)  # where the fake training is
        patch.setitem(SPACES, "tiny", tiny_space)
        yield


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    runs = tmp_path_factory.mktemp("free") / "runs"
    runs.mkdir()
    facts = study_facts(trials=TRIALS, sampler="random")
    search_driver(open_storage(default_url(runs)), FakeTraining(accuracy=accuracy), facts=facts).run()
    return runs


def of_run(runs: Path, *words: str) -> Ended:
    return studies("--of", "run", *SMALL, "--runs", str(runs), *words)


@pytest.fixture(scope="module")
def planned(runs: Path) -> dict[str, Any]:
    done = of_run(runs, "--proposed", "--dry-run", "--json")
    assert done.status == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_dry_run_lists_the_free_evidence(planned: dict[str, Any]) -> None:
    free = planned["free_evidence"]
    assert 0 < len(free) <= 6
    assert planned["no_free_evidence"] is None
    names = [one["name"] for one in planned["networks"] if one["width"] is None]
    assert [one["name"] for one in free] == names
    for one in free:
        assert one["observational"] is True
        assert one["of_trials"] == TRIALS
        assert 0 <= one["trials"] <= TRIALS
        assert {"delta", "ci"} == set(one["at_equal_cost"])
        assert one["seeds"] is None or one["seeds"] >= 2
    se = next(one for one in free if one["name"].startswith("se "))
    sign = 1 if se["name"].startswith("se True") else -1
    assert sign * se["changed"]["delta"] > 0
    (variant,) = [one for one in planned["networks"] if one["name"] == se["name"]]
    assert variant["free_evidence"]["changed"] == se["changed"]


def test_people_see_it_before_the_networks(runs: Path, planned: dict[str, Any]) -> None:
    text = " ".join(of_run(runs, "--proposed", "--dry-run").stdout.split())
    assert "free evidence, observational: what 24 trials of run suggest" in text
    assert text.index("free evidence") < text.index("trained MMACs")
    assert "Nobody assigned these choices at random" in text
    assert "paired runs of these" not in text  # they are what is about to be run
    plain = " ".join(of_run(runs, "--dry-run").stdout.split())
    assert "paired runs of these: python -m studies --of run --proposed" in plain
    assert "the trials suggest" in plain


def test_without_proposed_the_variants_are_as_they_were_and_the_evidence_the_same(
    runs: Path, planned: dict[str, Any]
) -> None:
    plain = json.loads(of_run(runs, "--dry-run", "--json").stdout)
    assert plain["study"] == planned["study"]
    assert [one["name"] for one in plain["free_evidence"]] == [one["name"] for one in planned["free_evidence"]]
    assert len(plain["networks"]) > len(planned["networks"])


def test_variants_beyond_the_budget_of_the_search_are_named(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    runs.mkdir()
    tight = replace(BUDGET, macs=300_000)
    facts = study_facts(trials=8, sampler="random", budget=tight)
    search_driver(open_storage(default_url(runs)), FakeTraining(accuracy=accuracy), facts=facts).run()
    planned = json.loads(of_run(runs, "--dry-run", "--json").stdout)
    variants = [one for one in planned["networks"] if one["width"] is None]
    dear = [one["title"] for one in variants if one["macs"] > 300_000]
    assert 0 < len(dear) < len(variants)
    (note,) = [one for one in planned["notes"] if one.startswith("Beyond")]
    assert note == f"Beyond the budget of the search ({tight}), which could not have chosen them: {', '.join(dear)}"


def test_a_finished_ablation_has_what_was_suggested_and_more_variants_add_to_it(
    runs: Path, planned: dict[str, Any]
) -> None:
    first = planned["free_evidence"][0]
    words = ("--only", first["name"], "--seeds", "2", "--lengths", "short", "--json")
    done = of_run(runs, "--proposed", *words)
    assert done.status == 0, done.stderr
    found = json.loads(done.stdout)
    (variant,) = found["variants"]
    assert variant["free_evidence"]["changed"] == first["changed"]
    assert f"the search's trials had suggested, observational, as changed: {first['name']}" in done.stderr
    page = (runs / found["study"] / "report" / "index.html").read_text()
    assert "the trials<br>suggested" in page
    plain = json.loads(of_run(runs, "--dry-run", "--json").stdout)["networks"]
    other = next(one["name"] for one in plain if one["width"] is None and one["name"] != first["name"])
    again = of_run(runs, "--only", other, "--seeds", "2", "--lengths", "short", "--json")
    both = json.loads(again.stdout)
    assert both["study"] == found["study"]
    assert [one["name"] for one in both["variants"]] == [first["name"], other]
    assert both["variants"][0]["free_evidence"] == variant["free_evidence"]


def test_a_search_of_few_trials_says_how_many_it_takes(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    runs.mkdir()
    search_driver(open_storage(default_url(runs)), FakeTraining(), facts=study_facts(trials=4)).run()
    before = set(files(runs))
    done = of_run(runs, "--proposed")
    assert (done.status, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert "--of run --proposed: too few trials: 4 complete ones, and it takes 8; give the search more --trials" in line
    assert set(files(runs)) == before
    dry = json.loads(of_run(runs, "--dry-run", "--json").stdout)
    assert dry["free_evidence"] == []
    assert dry["no_free_evidence"] == "too few trials: 4 complete ones, and it takes 8"
