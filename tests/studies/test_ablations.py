"""Every study that comes along: it resolves, its variants differ, costs are stated, changes fit, a small form runs."""

import random
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from optuna.storages import InMemoryStorage

import studies
from nas.ablation_document import ablation_json
from nas.ablation_evidence import headline
from nas.cost import cost
from nas.data import ImageSet
from nas.executor import InProcess
from nas.forecast import Forecast
from nas.plan import Task
from nas.record import EpochRecord, Record
from nas.show_ablation import lines, table
from nas.storage import read_ablation
from nas.train import Report
from nas.trial import Trainer
from studies import BASELINES, STUDIES
from studies.ablations.driver import AblationDriver
from studies.ablations.find import find
from studies.ablations.request import request_ablation
from studies.ablations.resolve import resolve

NAMES = [name for name in STUDIES if name != BASELINES]
FIRST = ("squeeze_excitation", "nonlinearity", "kernel_size", "expansion")


@lru_cache
def images() -> ImageSet:
    """Sixty 32 px images of ten classes that mean nothing."""
    pixels = np.random.default_rng(0).integers(0, 256, (60, 3, 32, 32), dtype=np.uint8)
    return ImageSet.from_arrays(pixels, np.arange(60) % 10, name="noise")


class AsTrained(Trainer):
    """Builds and trains nothing: an accuracy that follows from the cost, so that whole networks pass in no time."""

    def run(self, task: Task, *, report: Report | None = None) -> Record:
        record = self._record(task, "complete", started=datetime.now(UTC))
        luck = random.Random(f"{task.key} {record.macs}").random()
        last = 0.3 + record.macs / 1e10 + 0.01 * task.seed + 0.001 * luck
        epochs = (task.recipe or self.recipe).epochs
        return replace(record, curve=(EpochRecord(train_loss=1.0, val_accuracy=last, seconds=0.0),) * epochs)


@pytest.mark.parametrize("name", NAMES)
def test_it_resolves_and_every_network_differs(name: str) -> None:
    found = find(name)
    made = resolve(found.study)
    assert found.place == f"studies/{name}.py"
    assert found.study.question.endswith("?")
    specs = [one.spec for one in made.networks]
    assert len(set(specs)) == len(specs)
    assert made.variants
    assert all(one.changes for one in made.variants)


@pytest.mark.parametrize("name", NAMES)
def test_its_networks_have_costs_in_both_forms_and_fit_the_images(name: str) -> None:
    found = find(name).study
    for one in resolve(found).networks:
        assert cost(one.spec).macs > 0
        for length in (found.brief, found.full):
            assert cost(one.spec.trained_on(resolution=length.resolution, classes=10)).macs > 0


@pytest.mark.parametrize("name", NAMES)
def test_its_curve_has_three_costs_or_more_and_reaches_near_the_variants(name: str) -> None:
    made = resolve(find(name).study)
    curve = sorted(cost(one.spec).macs for one in made.networks if one.width is not None)
    assert len(set(curve)) >= 3
    for one in made.variants:
        assert curve[0] <= 1.3 * cost(one.spec).macs, one.name
        assert cost(one.spec).macs <= 1.3 * curve[-1], one.name


@pytest.mark.parametrize("name", NAMES)
def test_the_papers_direction_is_stated_with_its_source_and_of_variants_that_there_are(name: str) -> None:
    study = find(name).study
    assert study.paper is not None
    assert "arXiv" in study.paper.source
    assert study.paper.says.endswith(".")
    assert set(study.paper.claims) <= {one.name for one in resolve(study).variants}
    for claim in study.paper.claims.values():
        if claim.delta is not None:
            assert (claim.delta > 0) == (claim.direction == "helps")
            assert abs(claim.delta) < 0.2


@pytest.mark.parametrize("name", NAMES)
def test_its_file_is_one_screen(name: str) -> None:
    text = (Path(studies.__file__).parent / f"{name}.py").read_text()
    assert len(text.splitlines()) <= 60
    assert text.startswith(f'"""{find(name).study.question}')


def test_the_first_four_share_a_baseline_its_curve_and_the_recipe() -> None:
    first = [find(name).study for name in FIRST]
    shared = [{one.spec for one in resolve(study).networks if one.width is not None} for study in first]
    assert all(one == shared[0] for one in shared)
    assert all((study.brief, study.full) == (first[0].brief, first[0].full) for study in first)
    assert all(study.brief.seeds >= 5 and study.full.seeds >= 10 for study in first)


@pytest.mark.parametrize("name", NAMES)
def test_its_small_form_runs_and_is_shown(name: str, tmp_path: Path) -> None:
    study = find(name).study
    tiny = replace(study.brief, epochs=1, longer=2, seeds=2)
    asked = request_ablation(
        replace(study, brief=tiny), dataset=images(), device="cpu", precision="fp32", study="run", runs=tmp_path
    )
    storage = InMemoryStorage()
    trainer = AsTrained(data=asked.data, recipe=asked.facts.recipe, budget=None)
    AblationDriver(
        request=asked, executor=InProcess(trainer), storage=storage, forecast=Forecast(fixed=1.0, per_mac=0.0)
    ).run()
    run = read_ablation(storage, "run")
    networks = len(asked.networks)
    assert (len(run.short), len(run.long)) == (2 * networks, 2 * networks)
    found = headline(run)
    assert found is not None
    document = ablation_json(run, found)
    assert [one["name"] for one in document["variants"]] == [one.name for one in run.facts.variants]
    assert document["baseline"]["macs"] == cost(asked.networks[0].spec).macs
    assert table(run, found).row_count == len(run.facts.variants)
    assert lines(run, found)
