"""The small print: on what, how, where and when a run's numbers were made."""

from collections.abc import Iterable, Mapping, Sequence

from nas.arch import SMALL_IMAGE
from nas.record import Record, RunRecords
from reports import control_sentences
from reports.words import seeds

INTERVALS = (
    "Intervals are 95%. A confirmed mean’s interval pools the scatter of all confirmed networks after taking out "
    "what is common to a seed and its fold (two-way additive model, Student’s t), so it is for comparing the networks "
    "with each other. The winner’s difference is paired over seeds and folds, and its interval is Bonferroni-widened "
    "by the number of finalists it was chosen from. One seed gives no interval."
)


def facts(run: RunRecords) -> list[tuple[str, str]]:
    """Label and value, in reading order."""
    study = run.facts
    recipe = {**study.recipe.to_dict()}
    name, digest = recipe.pop("name"), recipe.pop("hash")
    entries = [
        ("study", f"{run.name} (effort {study.effort})"),
        ("command", study.command),
        ("data", f"{study.data.label}; fingerprint {study.data.fingerprint}"),
        (
            "images",
            f"{study.data.images:,} training images of {study.data.classes} classes in all folds, "
            f"{study.data.resolution} px as loaded",
        ),
        ("space", f"{study.space} (fingerprint {study.space_fingerprint})"),
        ("budget", str(study.budget)),
        ("searched for", str(study.goal)),
        ("sampler", f"{study.sampler}, seed {study.seed}"),
        ("recipe", f"{name} ({digest}): {pairs(recipe)}"),
        ("seeds and folds", _seeds_and_folds(run)),
        ("latency", _latency(run)),
        ("machine", pairs(study.machine)),
        ("versions", pairs(study.versions)),
        ("trained on", ", ".join(dict.fromkeys(one.device for one in _all(run) if one.device))),
        ("when", when(study.started, _all(run))),
    ]
    return [(label, value) for label, value in entries if value]


def _latency(run: RunRecords) -> str:
    """What the milliseconds hold for, and how well they are predicted."""
    study, fit = run.facts, run.facts.calibration
    if study.latency_fingerprint is None:
        return ""
    where = f"{study.budget.latency_target} ({study.latency_fingerprint}), one image at {study.budget.resolution} px"
    if fit is None:
        return where
    return (
        f"{where}; predicted from blocks, off by {fit.error:.1%} in the median and {fit.error_95:.1%} at most in 95% "
        f"of {fit.checked} other networks"
    )


def notes(run: RunRecords) -> list[str]:
    """What the numbers mean, one paragraph each."""
    study = run.facts
    resolution = study.recipe.resolution
    strides = " with CIFAR strides" if resolution < SMALL_IMAGE else ""
    return [
        "“MFLOPs” means 10⁶ multiply-adds of convolutions and linear layers, at "
        f"{study.budget.resolution} px and {study.budget.classes} classes: the form that is deployed, and that the "
        "budget counts. Parameters and peak activation memory (one image, fp32) are of the same form.",
        f"Accuracies are validation accuracies of the trained form, at {resolution} px{strides}, on "
        f"{study.data.label}. They say nothing about accuracy at {study.budget.resolution} px."
        if resolution != study.budget.resolution
        else f"Accuracies are validation accuracies of the trained form, at {resolution} px{strides}, on "
        f"{study.data.label}.",
        "“Selected” is the accuracy of the one training that the search saw; the best of many looks better than it is. "
        "“Confirmed” is the mean over fresh seeds, each validated on a fold that the search did not validate on.",
        INTERVALS,
        *([control_sentences.NOTE] if run.control else []),
        "The test set was never read.",
    ]


def _all(run: RunRecords) -> tuple[Record, ...]:
    return (*run.trials, *run.references, *run.control, *run.confirmations)


def pairs(mapping: Mapping[str, object]) -> str:
    """``epochs 4, train images all, flip yes``."""
    return ", ".join(f"{str(name).replace('_', ' ')} {_value(value)}" for name, value in mapping.items())


def _value(value: object) -> str:
    return {None: "all", True: "yes", False: "no"}[value] if value is None or isinstance(value, bool) else str(value)


def _seeds_and_folds(run: RunRecords) -> str:
    parts = [
        f"{name}: {seeds_by_fold(records)}"
        for name, records in (
            ("trials", run.trials),
            ("references", run.references),
            ("control", run.control),
            ("confirmations", run.confirmations),
        )
        if records
    ]
    return "; ".join(parts)


def seeds_by_fold(records: Iterable[Record]) -> str:
    """``seeds 0–23 on fold 0``, ``seed 1 on fold 1, seed 2 on fold 2``."""
    by_fold: dict[int, list[int]] = {}
    for record in records:
        by_fold.setdefault(record.fold, []).append(record.seed)
    return ", ".join(f"{seeds(found)} on fold {fold}" for fold, found in sorted(by_fold.items()))


def when(begun: str, trainings: Sequence[Record]) -> str:
    """From the study's start to the last training's; ISO 8601, UTC."""
    last = max((record.started for record in trainings if record.started), default="")
    minutes = sum(record.train_seconds for record in trainings) / 60
    spent = f"{minutes:.0f} minutes" if minutes < 120 else f"{minutes / 60:.1f} hours"
    parts = [f"begun {begun}" if begun else "", f"last training begun {last}" if last else ""]
    parts.append(f"{spent} of training in all" if minutes else "")
    return "; ".join(part for part in parts if part)
