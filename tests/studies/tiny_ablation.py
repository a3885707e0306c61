"""Whole ablations in a second: a tiny space, a handful of images, and trainings that are a formula."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from optuna.storages import BaseStorage

from nas.arch import ArchSpec
from nas.executor import InProcess
from nas.forecast import Forecast
from nas.record import AblationRecords, Record
from nas.storage import read_ablation
from nas.trial import Trainer
from nas.watch import Silent, Watcher
from search_spaces import SPACES
from studies.ablation import Ablation, Baseline, Changes, Length, choices
from studies.ablations.driver import AblationDriver
from studies.ablations.past import Elsewhere
from studies.ablations.request import AblationRequest, request_ablation
from tests.nas.fast import FakeTraining, noise, tiny_space, what_counts

TINY = Length(epochs=2, longer=3, train_images=32, val_images=12, batch=16, max_lr=0.1, seeds=2)
BASE: dict[str, Any] = {
    "width": 16,
    "depth": 2,
    **{f"block{at}.expansion": 1.5 for at in range(2)},
    **{f"block{at}.kernel": 3 for at in range(2)},
    **{f"block{at}.se": False for at in range(2)},
    **{f"block{at}.activation": "relu" for at in range(2)},
}


@pytest.fixture(autouse=True)
def tiny_among_spaces(monkeypatch: pytest.MonkeyPatch) -> None:
    """The space "tiny", which every test of ablations stands on."""
    monkeypatch.setitem(SPACES, "tiny", tiny_space)


def ablation(variants: Mapping[str, Changes] | None = None, **others: Any) -> Ablation:
    baseline: Baseline = others.pop("baseline", choices("tiny", BASE))
    changes = {"wide": {"*.expansion": 3.0}, "se": {"*.se": True}} if variants is None else variants
    made: dict[str, Any] = {"curve": (0.5, 1.0, 2.0), "brief": TINY, "full": TINY, **others}
    return Ablation(question="What for?", baseline=baseline, variants=changes, **made)


def request(study: Ablation | None = None, *, name: str = "run", **options: Any) -> AblationRequest:
    asked = {"dataset": noise(), "device": "cpu", "precision": "fp32", "runs": Path("runs"), **options}
    return request_ablation(study or ablation(), study=name, **asked)


def driver(
    storage: BaseStorage,
    train: FakeTraining,
    asked: AblationRequest | None = None,
    *,
    watch: Watcher | None = None,
    elsewhere: Elsewhere = lambda task: None,
) -> AblationDriver:
    """What one start of the program makes: everything new but the storage. Every training is expected to take 1 s."""
    asked = asked or request()
    trainer = Trainer(data=noise(), recipe=asked.facts.recipe, budget=None, train=train)
    return AblationDriver(
        request=asked,
        executor=InProcess(trainer),
        storage=storage,
        elsewhere=elsewhere,
        watch=watch or Silent(),
        forecast=Forecast(fixed=1.0, per_mac=0.0),
    )


def run(
    storage: BaseStorage, asked: AblationRequest | None = None, train: FakeTraining | None = None
) -> AblationRecords:
    asked = asked or request()
    driver(storage, train or FakeTraining(), asked).run()
    return read_ablation(storage, asked.name)


def table(storage: BaseStorage, name: str = "run") -> dict[str, list[Record]]:
    """All records without their times, in the order in which they were stored."""
    found = read_ablation(storage, name)
    parts = {"short": found.short, "long": found.long, "rates": found.rates}
    return {part: [what_counts(record) for record in records] for part, records in parts.items()}


def worth(effects: Mapping[str, float], noise_of: float = 0.0005) -> Callable[[ArchSpec, int], float]:
    """Accuracies with known effects: ``effects`` by what a network has ("se", "wide", …), the rest paired by seed."""

    def accuracy(spec: ArchSpec, seed: int) -> float:
        text = spec.to_json()
        jitter = (hash_of(text, seed) - 0.5) * 2 * noise_of
        value = 0.5 + 0.01 * (seed % 7) + jitter
        if "se" in effects and any(getattr(block, "squeeze", 0) for block in spec.blocks):
            value += effects["se"]
        if "wide" in effects and any(
            getattr(block, "mid", 0) == 3 * block.out for block in spec.blocks if hasattr(block, "mid")
        ):
            value += effects["wide"]
        return value

    return accuracy


def hash_of(text: str, seed: int) -> float:
    import hashlib

    return int.from_bytes(hashlib.sha256(f"{text} {seed}".encode()).digest()[:4], "big") / 2**32


__all__ = ["BASE", "TINY", "ablation", "driver", "replace", "request", "run", "table", "tiny_among_spaces", "worth"]
