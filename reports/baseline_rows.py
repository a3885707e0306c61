"""The baselines as rows: every network's cost in both forms, and its accuracy over its seeds."""

import csv
import io
from dataclasses import dataclass
from typing import Any

from nas.arch import ArchSpec
from nas.cost import Cost, cost
from nas.evidence import mean_interval
from nas.record import BaselineRecords, Record

FLOAT_BYTES = 4  # weights are stored in fp32


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
    seconds: float  # of one training, the median
    failed: tuple[str, ...]  # reasons

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
    seconds = sorted(one.train_seconds for one in records)
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
        seconds=seconds[len(seconds) // 2],
        failed=tuple(one.reason or one.state for one in records if one.state != "complete"),
    )


def rates(run: BaselineRecords) -> dict[str, dict[float, float | None]]:
    """Family → learning rate → validation accuracy of its check, None for a training that failed."""
    table: dict[str, dict[float, float | None]] = {}
    for record in run.rates:
        family, _, rate = record.key.rpartition(" ")
        table.setdefault(family, {})[float(rate)] = record.val_accuracy
    return {family: dict(sorted(tried.items())) for family, tried in table.items()}


def baselines_json(run: BaselineRecords) -> dict[str, Any]:
    """The document of ``python -m studies baselines --json``."""
    return {
        "study": run.name,
        "question": "What do published networks reach here, trained alike?",
        "dataset": run.facts.data.label,
        "effort": run.facts.effort,
        "recipe": run.facts.recipe.to_dict(),
        "learning_rates": {
            family: [{"max_lr": rate, "val_accuracy": accuracy} for rate, accuracy in tried.items()]
            for family, tried in rates(run).items()
        },
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
    }


def baselines_csv(run: BaselineRecords) -> str:
    """One line a training."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(
        [
            "network",
            "macs",
            "params",
            "train_macs",
            "train_params",
            "size_bytes",
            "max_lr",
            "seed",
            "fold",
            "state",
            "val_accuracy",
            "seconds",
        ]
    )
    rows = {row.name: row for row in baseline_rows(run)}
    for record in sorted(run.trainings, key=lambda one: (one.key, one.seed)):
        row = rows[record.key]
        writer.writerow(
            [
                record.key,
                row.native.macs,
                row.native.params,
                row.trained.macs,
                row.trained.params,
                row.size_bytes,
                record.recipe.max_lr if record.recipe else "",
                record.seed,
                record.fold,
                record.state,
                "" if record.val_accuracy is None else record.val_accuracy,
                f"{record.train_seconds:.1f}",
            ]
        )
    return out.getvalue()
