"""An ablation for other programs: every training, every epoch and every effect, as CSV. Fractions; empty: not known."""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from typing import Any

from nas.ablation_evidence import AXES, Evidence
from nas.effects.family import Effect, EqualCost, Family
from nas.record import AblationRecords, Record
from reports.ablation_reading import Reading

TRAININGS = (
    *("length", "network", "title", "width", "match_of", "changes", "macs", "params", "peak_activation_bytes"),
    *("train_macs", "latency_ms", "recipe", "epochs", "max_lr", "seed", "fold", "state", "val_accuracy"),
    *("train_seconds", "source", "reason"),
)
EPOCHS = ("length", "network", "seed", "epoch", "train_loss", "val_accuracy", "seconds")
EFFECTS = (
    *("length", "family", "variant", "title", "seeds", "delta", "ci_low", "ci_high", "p", "verdict", "detectable"),
    *("settles", "cost", "worth", "worth_low", "worth_high", "extrapolated", "misfit"),
    *("margin", "alpha", "look", "sigma", "df", "critical", "method"),
    *("suggested", "suggested_low", "suggested_high"),  # by the trials of the search whose winner this is
)


def trainings_csv(run: AblationRecords) -> str:
    """A line a training; ``length`` is ``short``, ``long`` or ``learning rate`` (a check, whose network names it)."""
    facts = run.facts
    variants = {one.name: one for one in facts.variants}

    def lines() -> Iterator[dict[str, Any]]:
        for length, one in _records(run):
            recipe = one.recipe or (facts.long if length == "long" and facts.long else facts.recipe)
            variant, latency = variants.get(one.key), facts.latencies.get(one.key)
            yield {
                "length": length,
                "network": one.key,
                "title": one.title,
                "width": facts.curve.get(one.key),
                "match_of": variant.match_of if variant else None,
                "changes": json.dumps(variant.changes, ensure_ascii=False) if variant else None,
                "macs": one.macs,
                "params": one.params,
                "peak_activation_bytes": one.peak_activation_bytes,
                "train_macs": one.train_macs,
                "latency_ms": latency.ms if latency else None,
                "recipe": recipe.hash,
                "epochs": recipe.epochs,
                "max_lr": recipe.max_lr,
                "seed": one.seed,
                "fold": one.fold,
                "state": one.state,
                "val_accuracy": one.val_accuracy,
                "train_seconds": one.train_seconds,
                "source": one.source,
                "reason": one.reason,
            }

    return _table(TRAININGS, lines())


def epochs_csv(run: AblationRecords) -> str:
    """A line an epoch of a training."""
    return _table(
        EPOCHS,
        (
            {
                "length": length,
                "network": one.key,
                "seed": one.seed,
                "epoch": number,
                "train_loss": epoch.train_loss,
                "val_accuracy": epoch.val_accuracy,
                "seconds": epoch.seconds,
            }
            for length, one in _records(run)
            for number, epoch in enumerate(one.curve, 1)
        ),
    )


def effects_csv(reading: Reading) -> str:
    """A line a variant, a family and a length."""
    titles = {row.network.name: row.title for row in reading.rows}

    def lines() -> Iterator[dict[str, Any]]:
        for length, name, look, family in families(reading):
            for one in family.effects:
                yield {
                    "length": length,
                    "family": name,
                    "variant": one.name,
                    "title": titles.get(one.name, one.name),
                    **_numbers(one),
                    **(_suggested(reading, name, one.name) if length != "long minus short" else {}),
                    "margin": family.margin,
                    "alpha": family.spent if family.spent is not None else round(1 - family.level, 12),
                    "look": look,
                    "sigma": family.sigma,
                    "df": family.df,
                    "critical": family.critical,
                    "method": family.method,
                }

    return _table(EFFECTS, lines())


def _suggested(reading: Reading, family: str, variant: str) -> dict[str, Any]:
    """Observational; of the two families that a search's trials say anything of."""
    seen = {one.name: one.observed for one in reading.facts.variants}.get(variant)
    found = None
    if seen is not None:
        found = {"as changed": seen.changed, "at equal macs": seen.equal}.get(family)
    if found is None:
        return {}
    low, high = found.ci or (None, None)
    return {"suggested": found.delta, "suggested_low": low, "suggested_high": high}


def families(reading: Reading) -> Iterator[tuple[str, str, int | None, Family[Any]]]:
    """Length, name, look and effects of every family that there is."""
    for length, found in reading.by_length.items():
        if found is not None:
            for name, family in _of(found):
                yield length, name, found.look, family
    if reading.longer is not None:
        yield "long minus short", "as changed", None, reading.longer


def _of(found: Evidence) -> Iterator[tuple[str, Family[Any]]]:
    yield "as changed", found.changed
    for axis in AXES:
        if axis in found.equal:
            yield f"at equal {axis}", found.equal[axis]
    if found.matched is not None:
        yield "matched", found.matched


def _numbers(one: Effect) -> dict[str, Any]:
    low, high = one.ci or (None, None)
    found: dict[str, Any] = {
        "seeds": " ".join(str(seed) for seed in one.seeds),
        "delta": one.delta,
        "ci_low": low,
        "ci_high": high,
        "p": one.p,
        "verdict": one.verdict,
        "detectable": one.detectable,
        "settles": one.settles,
    }
    if isinstance(one, EqualCost):
        worth = one.worth_ci or (None, None)
        found |= {
            "cost": one.cost,
            "worth": one.worth,
            "worth_low": worth[0],
            "worth_high": worth[1],
            "extrapolated": one.extrapolated,
            "misfit": one.misfit,
        }
    return found


def _records(run: AblationRecords) -> Iterator[tuple[str, Record]]:
    for length, records in (("short", run.short), ("long", run.long), ("learning rate", run.rates)):
        for one in records:
            yield length, one


def _table(columns: tuple[str, ...], lines: Iterable[dict[str, Any]]) -> str:
    out = io.StringIO()
    table = csv.DictWriter(out, columns, lineterminator="\n")
    table.writeheader()
    table.writerows(lines)
    return out.getvalue()
