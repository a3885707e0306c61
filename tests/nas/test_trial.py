"""One trial: the gate before it, the record after it, and which failures are the network's own."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import nas.trial
from nas.budget import Budget
from nas.cost import cost
from nas.data import split
from nas.errors import NasError, OverBudget
from nas.latency.value import Latency
from nas.model import build
from nas.plan import Task
from nas.train import Diverged
from nas.trial import Trainer, find_device
from nas.weights import load_weights
from tests.nas.fast import BUDGET, LARGE, RECIPE, SMALL, FakeTraining, noise


def task(spec: Any = None, **facts: Any) -> Task:
    given: dict[str, Any] = {"seed": 7, "fold": 2, "title": "trial 0", "origin": "draw", "number": 0, **facts}
    return Task(spec=spec or SMALL.scaled(1.0), **given)


def trainer(train: Any = None, *, budget: Budget = BUDGET, **recipe: Any) -> Trainer:
    return Trainer(data=noise(), recipe=replace(RECIPE, **recipe), budget=budget, train=train or FakeTraining())


def raising(error: BaseException) -> FakeTraining:
    def fail(_: int) -> None:
        raise error

    return FakeTraining(before=fail)


def test_a_network_over_budget_is_never_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nas.trial, "build", lambda *_, **__: pytest.fail("it was built"))
    fake = FakeTraining()
    with pytest.raises(OverBudget, match=r"trial 0: .* of the budget"):
        trainer(fake).run(task(LARGE.scaled(1.0)))
    assert fake.calls == []


def test_one_multiply_add_too_many_is_too_many() -> None:
    exact = BUDGET.cost(SMALL.scaled(1.0)).macs
    trainer(budget=replace(BUDGET, macs=exact)).run(task())
    with pytest.raises(OverBudget):
        trainer(budget=replace(BUDGET, macs=exact - 1)).run(task())


TIMED = replace(BUDGET, latency_ms=4.0, latency_target="phone")


@pytest.mark.parametrize(
    ("latency", "known"),
    [(None, "not known"), (Latency(3.9, 3.8, 4.001), r"up to 4\.001 ms"), (Latency(9, 8, 10, False), r"up to 10\.000")],
)
def test_a_network_that_is_not_certain_to_be_fast_enough_is_never_trained(latency: Latency | None, known: str) -> None:
    fake = FakeTraining()
    with pytest.raises(OverBudget, match=f"^trial 0: its latency is {known}.*4 ms on phone"):
        trainer(fake, budget=TIMED).run(task(latency=latency))
    assert fake.calls == []


def test_a_network_that_is_fast_enough_is_trained_and_its_latency_recorded() -> None:
    known = Latency(3.9, 3.8, 4.0, measured=False, blocks=(1.0, 2.9))
    record = trainer(budget=TIMED).run(task(latency=known))
    assert (record.latency, record.latency_ms) == (known, 3.9)


def test_a_latency_that_has_no_ceiling_is_recorded_only() -> None:
    assert trainer().run(task(latency=Latency(9, 8, 10))).latency_ms == 9
    published = task(LARGE.scaled(1.0), origin="published", number=None, name="large")
    assert trainer(budget=TIMED).run(published).latency is None


def test_a_published_network_is_trained_whatever_it_costs() -> None:
    record = trainer().run(task(LARGE.scaled(1.0), origin="published", number=None, name="large"))
    assert record.state == "complete"
    assert record.macs > 150_000


def test_the_record_says_what_was_trained_and_what_came_out() -> None:
    record = trainer().run(task(choices={"width": 16}))
    deployed, trained = BUDGET.cost(SMALL.scaled(1.0)), cost(SMALL.scaled(1.0).at(resolution=8, strides="cifar"))
    assert (record.macs, record.params) == (deployed.macs, deployed.params)
    assert record.peak_activation_bytes == deployed.peak_activation_bytes
    assert record.train_macs == trained.macs != record.macs
    assert (record.seed, record.fold, record.number, record.choices) == (7, 2, 0, {"width": 16})
    assert record.spec == SMALL.scaled(1.0)  # as published, not the form that was trained
    assert [epoch.val_accuracy for epoch in record.curve] == [record.curve[-1].val_accuracy / 2, record.val_accuracy]
    assert record.device.startswith("cpu, ")
    assert {"python", "torch", "optuna"} <= set(record.versions)
    assert record.started.endswith("+00:00")
    assert record.train_seconds > 0


def test_the_network_that_is_trained_has_the_recipes_resolution_and_the_datas_classes() -> None:
    fake = FakeTraining()
    trainer(fake, resolution=12).run(task(SMALL.scaled(1.0).at(classes=1000)))
    ((spec, seed),) = fake.calls
    assert (spec.resolution, spec.classes, spec.strides, seed) == (12, 3, "cifar", 7)


def test_initial_weights_follow_the_seed() -> None:
    seen = []

    def look(model: Any, *_: Any, **__: Any) -> Any:
        seen.append(torch.cat([value.flatten() for value in model.parameters()]).detach())
        raise Diverged("enough")

    for seed in (1, 1, 2):
        trainer(look).run(task(seed=seed))
    assert torch.equal(seen[0], seen[1])
    assert not torch.equal(seen[0], seen[2])


def test_a_divergence_is_a_failed_record_with_the_reason() -> None:
    record = trainer(raising(Diverged("training loss became nan in epoch 1"))).run(task())
    assert (record.state, record.reason) == ("failed", "training loss became nan in epoch 1")
    assert record.val_accuracy is None
    assert record.curve == ()


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB\nmore lines"),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried"),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 1 bytes."),
        MemoryError("Unable to allocate 9 TiB"),
        MemoryError(),
    ],
    ids=["cuda", "cpu", "windows", "numpy", "bare"],
)
def test_a_network_that_does_not_fit_in_memory_is_a_failed_record(error: Exception) -> None:
    record = trainer(raising(error)).run(task())
    assert record.state == "failed"
    assert record.reason is not None
    assert record.reason.startswith("out of memory on cpu")
    assert "\n" not in record.reason


@pytest.mark.parametrize("error", [RuntimeError("shapes do not match"), ValueError("x"), KeyError("y")])
def test_any_other_exception_is_a_bug_and_not_hidden(error: Exception) -> None:
    with pytest.raises(type(error)):
        trainer(raising(error)).run(task())


def test_a_training_that_was_told_to_stop_is_a_pruned_record() -> None:
    record = trainer(epochs=4).run(task(), report=lambda epoch, _: epoch == 2)
    assert record.state == "pruned"
    assert len(record.curve) == 2
    assert record.val_accuracy is None


def test_a_task_is_trained_on_four_folds_and_validated_on_its_own() -> None:
    one = trainer(train_images=20, val_images=9)
    for fold in (0, 3, 3, 0):
        data, parts = one.train_data(fold), split(noise(), fold=fold, train_images=20, val_images=9)
        assert torch.equal(data.train_images, torch.from_numpy(noise().images[parts.train_index]))
        assert torch.equal(data.val_images, torch.from_numpy(noise().images[parts.val_index]))
        assert data.val_labels.tolist() == noise().labels[parts.val_index].tolist()


def test_images_of_the_last_fold_stay_in_memory() -> None:
    one = trainer()
    assert one.train_data(1) is one.train_data(1)


def test_on_a_gpu_a_small_part_of_many_images_is_moved_alone_and_the_numbers_are_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    everything, part = trainer(train_images=8, val_images=4), trainer(train_images=8, val_images=4)
    whole = everything.train_data(1)
    monkeypatch.setattr(Trainer, "_keeps_all", lambda self, used: False)
    few = part.train_data(1)
    assert len(whole.images) == len(noise())
    assert len(few.images) == 12
    assert torch.equal(whole.train_images, few.train_images)
    assert torch.equal(whole.val_images, few.val_images)
    assert torch.equal(whole.mean, few.mean)
    assert torch.equal(whole.std, few.std)


def test_which_images_are_kept() -> None:
    on_cpu, on_gpu = trainer(), replace_device(trainer(), "cuda")
    assert on_cpu._keeps_all(1)
    assert on_gpu._keeps_all(len(noise()) - 1)
    assert not on_gpu._keeps_all(len(noise()) // 4)
    assert not trainer(resolution=12)._keeps_all(len(noise()))


def replace_device(one: Trainer, device: str) -> Trainer:
    one.device = device
    return one


def test_images_are_resized_to_the_recipes_resolution() -> None:
    assert trainer(resolution=12).train_data(0).train_images.shape[-1] == 12


def test_a_device_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert find_device("auto") == find_device("cpu") == "cpu"
    with pytest.raises(NasError, match="--device cuda: not available on this machine"):
        find_device("cuda")
    with pytest.raises(NasError, match="--device tpu: unknown; there are auto, cuda, mps, cpu"):
        find_device("tpu")


def test_auto_is_the_best_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert find_device("auto") == "mps"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert find_device("auto") == "cuda"


# ---- weights that are kept


def test_the_trained_weights_are_kept_where_the_task_wants_them(tmp_path: Path) -> None:
    """Those after the training: the function here adds one to a bias, and batch norm's counter stays a whole number."""

    def adds_one(model: Any, data: Any, recipe: Any, seed: int, *, report: Any = None) -> Any:
        model.blocks[-1][-1].bias.data += 1
        return FakeTraining()(model, data, recipe, seed, report=report)

    record = trainer(adds_one).run(task(weights=tmp_path / "kept" / "a.safetensors"))
    assert record.weights == "kept/a.safetensors"
    network = build(SMALL.scaled(1.0).trained_on(resolution=8, classes=3), seed=1)
    load_weights(network, tmp_path / "kept" / "a.safetensors")
    fresh = build(network.spec, seed=7)
    assert torch.equal(network.blocks[-1][-1].bias, fresh.blocks[-1][-1].bias + 1)  # type: ignore[index]
    assert [file.name for file in (tmp_path / "kept").iterdir()] == ["a.safetensors"]


def test_weights_of_a_training_that_is_not_complete_are_not_kept(tmp_path: Path) -> None:
    file = tmp_path / "a.safetensors"
    assert trainer().run(task(weights=file), report=lambda epoch, accuracy: True).weights is None
    assert trainer(raising(Diverged("no"))).run(task(weights=file)).weights is None
    assert not file.exists()


def test_weights_that_cannot_be_written_do_not_cost_the_record(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "kept").write_text("a file")
    record = trainer().run(task(weights=tmp_path / "kept" / "a.safetensors"))
    assert (record.state, record.weights) == ("complete", None)
    assert "the weights of trial 0 are not kept" in caplog.text
