"""The baselines as rows: every network's cost in both forms, and its accuracy over its seeds."""

import csv
import io
import json
from dataclasses import dataclass
from statistics import median
from typing import Any

from nas.arch import ArchSpec
from nas.cost import Cost, cost
from nas.evidence import mean_interval
from nas.record import BaselineRecords, Record
from nas.space import Option

FLOAT_BYTES = 4  # weights are stored in fp32

COLUMNS = (
    *("network", "title", "macs", "params", "train_macs", "train_params", "size_bytes"),
    *("recipe", "max_lr", "seed", "fold", "state", "val_accuracy", "train_seconds", "reason"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineRow:
    """One network; accuracies by seed, of the validation folds, in fractions."""

    name: str
    title: str
    spec: ArchSpec  # native form
    native: Cost
    trained: Cost  # the form whose accuracy it is
    max_lr: float | None
    accuracies: dict[int, float]
    mean: float | None  # None before the first training is complete
    ci: tuple[float, float] | None  # 95%, Student's t over this network's own seeds; None from one
    choices: dict[str, Option] | None  # as a point of its space; None: it is none
    seconds: float | None  # of one complete training, the median
    failed: tuple[str, ...]  # reasons, each with its seed

    @property
    def size_bytes(self) -> int:
        """Of the trained form's weights."""
        return FLOAT_BYTES * self.trained.params


def baseline_rows(run: BaselineRecords) -> list[BaselineRow]:
    """One row a network, the most accurate first; those with no complete training last."""
    by_name: dict[str, list[Record]] = {}
    for record in run.trainings:
        by_name.setdefault(record.key, []).append(record)
    rows = [_row(run, records) for records in by_name.values()]
    return sorted(rows, key=lambda row: -1.0 if row.mean is None else row.mean, reverse=True)


def _row(run: BaselineRecords, records: list[Record]) -> BaselineRow:
    first = records[0]
    facts = run.facts
    accuracies = {one.seed: one.val_accuracy for one in records if one.val_accuracy is not None}
    mean, ci = mean_interval(list(accuracies.values())) if accuracies else (None, None)
    seconds = [one.train_seconds for one in records if one.state == "complete"]  # a failed one ends early
    return BaselineRow(
        name=first.key,
        title=first.title,
        spec=first.spec,
        native=cost(first.spec),
        trained=cost(first.spec.trained_on(resolution=facts.recipe.resolution, classes=facts.data.classes)),
        max_lr=first.recipe.max_lr if first.recipe is not None else None,
        accuracies=accuracies,
        mean=mean,
        ci=ci,
        choices=first.choices,
        seconds=median(seconds) if seconds else None,
        failed=tuple(f"seed {one.seed}: {one.reason or one.state}" for one in records if one.state != "complete"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RateCheck:
    """One family's check of learning rates."""

    family: str
    title: str  # of the network it was made with
    tried: dict[float, float | None]  # rate → validation accuracy, None for a training that failed; lowest rate first
    epochs: int
    fold: int
    chosen: float | None  # None before a network of the family is trained


def rate_checks(run: BaselineRecords) -> list[RateCheck]:
    """One a family, in the order they were made."""
    by_family: dict[str, list[Record]] = {}
    for record in run.rates:
        by_family.setdefault(record.key.rpartition(" ")[0], []).append(record)
    return [_check(run, name, records) for name, records in by_family.items()]


def _check(run: BaselineRecords, name: str, records: list[Record]) -> RateCheck:
    first = records[0]
    tried = {float(one.key.rpartition(" ")[2]): one.val_accuracy for one in records}
    trained = [one for one in run.trainings if family(run, one.key) == name and one.recipe is not None]
    return RateCheck(
        family=name,
        title=first.title.rpartition(" at ")[0],
        tried=dict(sorted(tried.items())),
        epochs=(first.recipe or run.facts.recipe).epochs,
        fold=first.fold,
        chosen=trained[0].recipe.max_lr if trained and trained[0].recipe else None,
    )


def family(run: BaselineRecords, network: str) -> str | None:
    """Whose learning rate a network is trained with: every network's name begins with its family's. None before the
    family's check."""
    known = {one.key.rpartition(" ")[0] for one in run.rates}
    return max((name for name in known if network.startswith(name)), key=len, default=None)


def left_out(run: BaselineRecords) -> dict[str, tuple[float, ...]]:
    """Families with no network to show, since every training of their check failed → the learning rates of it."""
    return {
        check.family: tuple(check.tried)
        for check in rate_checks(run)
        if check.chosen is None and all(accuracy is None for accuracy in check.tried.values())
    }


def baselines_json(run: BaselineRecords) -> dict[str, Any]:
    """The document of ``python -m studies baselines --json``."""
    return {
        "study": run.name,
        "question": "What do published networks reach here, trained alike?",
        "dataset": run.facts.data.label,
        "effort": run.facts.effort,
        "recipe": run.facts.recipe.to_dict(),
        "learning_rates": {
            check.family: [{"max_lr": rate, "val_accuracy": accuracy} for rate, accuracy in check.tried.items()]
            for check in rate_checks(run)
        },
        "left_out": list(left_out(run)),
        "networks": [_network_json(row) for row in baseline_rows(run)],
    }


def _network_json(row: BaselineRow) -> dict[str, Any]:
    return {
        "name": row.name,
        "title": row.title,
        "resolution": row.spec.resolution,
        "classes": row.spec.classes,
        "macs": row.native.macs,
        "params": row.native.params,
        "train_macs": row.trained.macs,
        "train_params": row.trained.params,
        "size_bytes": row.size_bytes,
        "max_lr": row.max_lr,
        "val_accuracy": row.mean,
        "ci": None if row.ci is None else list(row.ci),
        "seeds": sorted(row.accuracies),
        "accuracies": [row.accuracies[seed] for seed in sorted(row.accuracies)],
        "train_seconds": row.seconds,
        "failed": list(row.failed),
        "choices": row.choices,
        "spec": json.loads(row.spec.to_json()),
    }


def baselines_csv(run: BaselineRecords) -> str:
    """``trainings.csv``: one training a line, accuracies as fractions, empty for absent."""
    out = io.StringIO()
    table = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    table.writeheader()
    rows = {row.name: row for row in baseline_rows(run)}
    for record in sorted(run.trainings, key=lambda one: (one.key, one.seed)):
        row, recipe = rows[record.key], record.recipe or run.facts.recipe
        table.writerow(
            {
                "network": record.key,
                "title": record.title,
                "macs": row.native.macs,
                "params": row.native.params,
                "train_macs": row.trained.macs,
                "train_params": row.trained.params,
                "size_bytes": row.size_bytes,
                "recipe": recipe.hash,
                "max_lr": recipe.max_lr,
                "seed": record.seed,
                "fold": record.fold,
                "state": record.state,
                "val_accuracy": record.val_accuracy,
                "train_seconds": f"{record.train_seconds:.1f}",
                "reason": record.reason,
            }
        )
    return out.getvalue()
