"""What the benchmarks compute from what they measure, and that they measure what they say; no time is asserted."""

import os
import random
import sqlite3
import subprocess
import sys
from argparse import Namespace
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import cost as cost_benchmark
from benchmarks import layers, memory, overhead, throughput
from benchmarks.memory import Memory, Sample
from benchmarks.overhead import NoTraining, Spent
from benchmarks.throughput import TASK, Step
from nas.batches import TrainData, augment
from nas.cost import cost
from nas.data import ImageSet, split
from nas.effort import recipe_for
from nas.recipe import Recipe
from nas.storage import open_storage, records
from nas.trial import Trainer

MB = 1_000_000


def noise(count: int = 40, side: int = 32) -> ImageSet:
    images = np.random.default_rng(0).integers(0, 256, (count, 3, side, side), dtype=np.uint8)
    return ImageSet.from_arrays(images, np.arange(count) % 10)


def tiny_recipe(data: ImageSet) -> Recipe:
    return recipe_for("brief", data, epochs=1, train_images=20, val_images=10, batch=8, resolution=data.resolution)


# ---- throughput


def counted_macs(model: nn.Module) -> int:
    with FlopCounterMode(display=False) as counter:
        model.to("meta").eval()(torch.zeros(1, 3, 32, 32, device="meta"))
    return int(counter.get_total_flops()) // 2


def test_both_paths_train_the_same_network() -> None:
    ours = Trainer(data=noise(), recipe=tiny_recipe(noise()), budget=None).form(TASK.spec)
    plain = throughput.plain_model()
    assert counted_macs(plain) == cost(ours).macs == 17_507_328
    assert sum(parameter.numel() for parameter in plain.parameters()) == cost(ours).params


def test_the_plain_model_keeps_its_later_strides() -> None:
    strides = [part.stride for part in throughput.plain_model().modules() if isinstance(part, nn.Conv2d)]
    assert strides[0] == (1, 1)
    assert strides.count((2, 2)) == 3  # of five; the published network has its first two steps at 224 px


def test_pictures_are_the_images_of_their_part() -> None:
    data = noise()
    parts = split(data, fold=0, train_images=20, val_images=8)
    training, validation = throughput.pictures(data, parts)
    assert (len(training), len(validation)) == (20, 8)
    image, label = validation[3]
    number = int(parts.val_index[3])
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (throughput.MEAN, throughput.STD))
    expected = (torch.from_numpy(data.images[number].copy()).float() / 255 - mean) / std
    assert label == data.labels[number]
    torch.testing.assert_close(image, expected)
    assert training[0][0].shape == (3, 32, 32)
    assert any(not torch.equal(training[0][0], training[0][0]) for _ in range(20))  # cropped and mirrored anew


def test_the_loops_train_and_validate() -> None:
    data = noise()
    recipe = tiny_recipe(data)
    trainer = Trainer(data=data, recipe=recipe, budget=None)
    parts = split(data, fold=0, train_images=20, val_images=10)
    held_out = len(parts.val_index)
    for accuracy in (
        throughput.plain_trial(throughput.pictures(data, parts), "cpu", 1, channels_last=True),
        throughput.in_memory_trial(trainer.train_data(0), recipe, 1),
    ):
        assert accuracy * held_out == pytest.approx(round(accuracy * held_out))  # so many of the held out
        assert 0 <= accuracy <= 1


@pytest.mark.parametrize(
    ("count", "batch", "epochs", "drop_last", "seen"),
    [(100, 32, 2, True, 192), (100, 32, 2, False, 200), (96, 32, 1, True, 96), (20, 32, 3, True, 60)],
)
def test_images_that_a_training_sees(count: int, batch: int, epochs: int, drop_last: bool, seen: int) -> None:
    assert throughput.trained_images(count, batch, epochs, drop_last=drop_last) == seen


def test_images_counted_are_images_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    """Against what the project's own loop takes from its images."""
    seen = 0

    def counting(images: torch.Tensor, recipe: Recipe, rng: torch.Generator) -> torch.Tensor:
        nonlocal seen
        seen += len(images)
        return augment(images, recipe, rng)

    monkeypatch.setattr("nas.train.augment", counting)
    data = noise()
    recipe = tiny_recipe(data)
    throughput.done(Trainer(data=data, recipe=recipe, budget=None).run(TASK))
    assert seen == throughput.trained_images(20, recipe.batch, recipe.epochs, drop_last=True) == 16


def test_ways_take_turns_and_the_first_turn_does_not_count() -> None:
    turns: list[str] = []
    rates = {"slow": iter((1000.0, 10.0, 30.0, 20.0)), "fast": iter((1.0, 40.0, 60.0, 100.0))}

    def way(name: str) -> float:
        turns.append(name)
        return next(rates[name])

    steps = throughput.interleaved({"slow": lambda: way("slow"), "fast": lambda: way("fast")}, 3, lambda text: None)
    assert turns == ["slow", "fast"] * 4
    assert steps == [
        Step(name="slow", images_per_second=20.0, rounds=[10.0, 30.0, 20.0]),
        Step(name="fast", images_per_second=60.0, rounds=[40.0, 60.0, 100.0]),
    ]


def test_ratio_is_the_last_way_over_the_first() -> None:
    def step(*rounds: float) -> Step:
        return Step(name="", images_per_second=sorted(rounds)[1], rounds=list(rounds))

    found = throughput.ratio([step(10.0, 20.0, 40.0), step(1.0, 1.0, 1.0), step(40.0, 100.0, 120.0)])
    assert found == {"ratio": 100 / 20, "ratio_by_round": [120 / 40, 100 / 20]}


def test_rate_is_images_over_the_time_of_all_that_was_done(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter((5.0, 9.0))
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    assert throughput.timed_rate(lambda: None, 200)() == 50


def test_training_costs_three_forward_passes_of_two_flops_a_multiply_add() -> None:
    assert throughput.training_flops(10, 5.0) == 3 * 2 * 10 * 5.0


def test_a_failed_training_is_no_measurement() -> None:
    trainer = Trainer(data=noise(), recipe=tiny_recipe(noise()), budget=None)
    with pytest.raises(RuntimeError, match="failed: it broke"):
        throughput.done(trainer.failed(TASK, "it broke"))


def test_without_cifar10_the_images_are_noise_of_its_shape() -> None:
    data = throughput.images_to_train_on(lambda text: None)
    assert (data.label, data.images.shape, len(data.classes)) == ("noise", (50_000, 3, 32, 32), 10)


def test_steps_from_the_plain_loop_to_all_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole benchmark with nothing trained: what is in its document."""
    data = noise()
    record = Trainer(data=data, recipe=tiny_recipe(data), budget=None).run(TASK)
    monkeypatch.setattr(throughput, "images_to_train_on", lambda say: data)
    monkeypatch.setattr(throughput, "plain_trial", lambda *_, **__: 0.5)
    monkeypatch.setattr(throughput, "in_memory_trial", lambda *_: 0.5)
    monkeypatch.setattr(throughput, "find_precision", lambda name, device: "fp32")
    monkeypatch.setattr(throughput, "at_once", lambda crew, count: ([record] * count, 2.0))
    monkeypatch.setattr(Trainer, "run", lambda self, task: record)
    options = Namespace(
        device="cpu", epochs=1, train_images=20, val_images=8, batch=None, rounds=2, workers=3, default_trial=False
    )
    document = throughput.measure(options, lambda text: None)
    names = [step["name"] for step in document["steps"]]
    assert names == [
        "plain",
        "+ channels_last",
        "+ batched augmentation in memory",
        "one process, fp32, folded evaluation",
        "one worker (one thread)",
        "all workers (3)",
    ]
    alone, together = document["steps"][-2:]
    assert together["images_per_second"] == pytest.approx(3 * alone["images_per_second"])  # rates add up
    trained = 20  # fewer than a batch
    assert alone["images_per_second"] == pytest.approx(trained / record.train_seconds)
    assert document["until_the_last_is_done"] == pytest.approx(3 * trained / 2.0)
    assert document["ratio"] == together["images_per_second"] / document["steps"][0]["images_per_second"]
    assert "gpu" not in document
    assert len(list(throughput.lines(document))) == 2 + 6 + 1


# ---- overhead


def test_a_trial_without_training_is_recorded_as_any_other(tmp_path: Path) -> None:
    asked = overhead.request("tpe", tmp_path)
    storage = open_storage(asked.storage)
    assert len(overhead.search_to(asked, storage, 2, startup=overhead.ALL)) == 2
    spent = overhead.search_to(asked, storage, 3, startup=2)
    assert len(spent) == 1  # what was there is not done again
    assert all(part > 0 for one in spent for part in (one.ask, one.build, one.record))
    import optuna

    found = records(optuna.load_study(study_name=asked.name, storage=storage))
    assert [record.origin for record in found] == ["draw"] * 2 + ["tpe"]
    assert all(record.state == "complete" and asked.facts.budget.fits(record.spec) for record in found)
    assert all(len(record.curve) == asked.facts.recipe.epochs for record in found)


def test_sizes_are_reached_by_filling(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked_for: list[tuple[int, int | None]] = []

    def search_to(asked: object, storage: object, trials: int, *, startup: int | None = None) -> list[Spent]:
        asked_for.append((trials, startup))
        return [Spent(ask=trials / 1e3, build=0.0, record=0.0)]

    monkeypatch.setattr(overhead, "search_to", search_to)
    found = overhead.measure("random", (30, 0), 10, tmp_path, lambda text: None)
    assert asked_for == [(10, None), (30, overhead.ALL), (40, None)]
    assert {size: row["ms_per_trial"] for size, row in found.items()} == {"0": 10, "30": 40}


def test_parts_of_a_trial_in_milliseconds() -> None:
    spent = [Spent(ask=0.001 * n, build=0.002, record=0.003) for n in (1, 5, 30)]
    expected = {"ms_per_trial": 10.0, "ask_ms": 5.0, "build_ms": 2.0, "record_ms": 3.0}
    assert overhead.summary(spent) == pytest.approx(expected)


def test_made_up_accuracies_report_every_epoch_and_favour_the_larger() -> None:
    told: list[int] = []

    def report(epoch: int, accuracy: float) -> bool:
        told.append(epoch)
        return False

    recipe = recipe_for("brief", noise(), epochs=3)
    data = TrainData.of(*([(torch.zeros(2, 3, 4, 4, dtype=torch.uint8), torch.zeros(2))] * 2))
    quiet = random.Random()
    quiet.gauss = lambda mu=0.0, sigma=1.0: 0.0  # type: ignore[method-assign]
    small, large = (NoTraining(quiet)(nn.Linear(n, n), data, recipe, 0, report=report) for n in (4, 40))
    assert told == [1, 2, 3] * 2
    assert small.val_accuracy < large.val_accuracy


# ---- memory


def test_slope_of_memory_over_trials() -> None:
    points = [(n, (500 + 2 * n) * MB) for n in range(60) for _ in range(3)]
    points += [(n, 9000 * MB) for n in (3, 55) for _ in range(9)]  # before it has settled, and the report afterwards
    found = memory.growth(points, first=10, last=49)
    assert found is not None
    assert found.mb_per_trial == pytest.approx(2)
    assert found.error == pytest.approx(0, abs=1e-6)


def test_ups_and_downs_within_a_trial_are_no_growth() -> None:
    points = [(n, (500 + extra) * MB) for n in range(10, 30) for extra in (0, 0, 10 * n)]
    found = memory.growth(points, first=10, last=29)
    assert found is not None
    assert found.mb_per_trial == pytest.approx(0)


def test_too_few_trials_have_no_slope() -> None:
    assert memory.growth([(10, 1.0), (11, 2.0)], first=10, last=49) is None


def test_peaks_are_of_all_processes_at_one_moment() -> None:
    def sample(trials: int, driver: int, *workers: int) -> Sample:
        crew = tuple(Memory(pss=one * MB, rss=2 * one * MB) for one in workers)
        return Sample(trials=trials, driver=Memory(pss=driver * MB, rss=3 * driver * MB), workers=crew)

    found = memory.figures([sample(0, 100), sample(1, 100, 200, 250), sample(2, 50, 300, 10), sample(3, 480, 100)], 3)
    assert found["peak_pss_mb"] == 580
    assert found["training_peak_pss_mb"] == 550  # at 580 the report was written
    assert found["peak_rss_mb"] == 3 * 480 + 2 * 100
    assert (found["driver_peak_pss_mb"], found["worker_peak_pss_mb"]) == (480, 300)


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="Linux only")
def test_processes_below_processes_are_found_and_measured() -> None:
    sleeper = "import time; block = bytearray(b'x' * 30_000_000); print(flush=True); time.sleep(60)"
    parent = (
        "import subprocess, sys; "
        f"child = subprocess.Popen([sys.executable, '-c', {sleeper!r}], stdout=subprocess.PIPE); "
        "child.stdout.read(1); print(child.pid, flush=True); sys.stdin.read(); child.kill(); child.wait()"
    )
    with subprocess.Popen([sys.executable, "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        grandchild = int(process.stdout.readline())
        below = memory.descendants(os.getpid())
        assert {process.pid, grandchild} <= set(below)
        assert memory.descendants(process.pid) == [grandchild]
        found = memory.of_process(grandchild)
        assert found is not None
        assert 30 * MB <= found.pss <= found.rss < 100 * MB
        assert process.stdin is not None
        process.stdin.close()
    assert memory.of_process(process.pid) is None


def test_trials_are_counted_in_a_storage_that_another_process_writes(tmp_path: Path) -> None:
    asked = overhead.request("random", tmp_path)
    file = tmp_path / "nas.db"
    assert memory.finished_trials(file) == 0  # not there yet
    storage = open_storage(asked.storage)
    overhead.search_to(asked, storage, 1)
    assert memory.finished_trials(file) == 0  # of a study of another name
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE studies SET study_name = ? WHERE study_name = ?", (memory.STUDY, asked.name))
    assert memory.finished_trials(file) == 1
    assert len(memory.query(file, "SELECT trial_id FROM trial_values")) == 1


def test_the_search_that_is_watched_is_one_the_command_takes(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from nas.search import app

    words = memory.command(tmp_path, 3, 2, [])
    assert words[1:3] == ["-m", "nas.search"]
    told = [*words[3:], "--dataset", "digits", "--effort", "demo", "--device", "nowhere"]
    result = CliRunner().invoke(app, told)
    assert result.exit_code == 2
    assert "--device nowhere" in result.output  # all words before it were understood


# ---- layers


def test_kernels_and_steps_are_timed_every_way() -> None:
    ways = {"torch bf16", "torch fp32", "fast"}
    for of in ("images", "weights"):
        spent = layers.kernel_ms(5, 8, 8, 2, of, rounds=1)
        assert set(spent) == ways
        assert all(ms > 0 for ms in spent.values())
    rates = layers.step_rates("mobilenet_v3_small", 4, rounds=1)
    assert set(rates) == {"fp32", "torch bf16", "fast"}
    assert all(rate > 0 for rate in rates.values())


# ---- cost


def test_the_closed_form_is_timed_on_specs_of_their_own() -> None:
    first, second = cost_benchmark.make("squeezenet", 4), cost_benchmark.make("squeezenet", 4)
    assert first == second
    assert all(one is not other for one, other in zip(first, second, strict=True))
    found = cost_benchmark.closed_form("squeezenet", 4)
    assert list(found) == ["spec_us", "cost_us", "budget_cost_us", "dearest_us", "blocks"]
    assert found["blocks"] == sum(len(spec.blocks) for spec in first) / 4
    assert all(value > 0 for value in found.values())


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:FutureWarning")
@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_counters_time_what_they_count_alike() -> None:
    (spec,) = cost_benchmark.make("mobilenet_v1", 1)
    assert cost_benchmark.by_torch(spec) == cost_benchmark.by_fvcore(spec) == cost(spec).macs
    found = cost_benchmark.measure("mobilenet_v1", 3, 1)
    assert found["times_faster_than_fvcore"] == pytest.approx(1e3 * found["fvcore_ms"] / found["cost_us"])
    assert found["times_faster_than_flop_counter"] == pytest.approx(1e3 * found["flop_counter_ms"] / found["cost_us"])
