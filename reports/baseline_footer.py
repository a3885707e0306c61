"""The small print of the baselines: on what, how, where and when their numbers were made."""

from nas.arch import SMALL_IMAGE
from nas.record import BaselineRecords
from reports.baseline_rows import BaselineRow, baseline_rows
from reports.footer import pairs, seeds_by_fold, when
from reports.words import listed


def facts(run: BaselineRecords) -> list[tuple[str, str]]:
    """Label and value, in reading order."""
    study = run.facts
    recipe = {**study.recipe.to_dict()}
    name, digest, middle = recipe.pop("name"), recipe.pop("hash"), recipe.pop("max_lr")
    entries = [
        ("study", f"{run.name} (effort {study.effort})"),
        ("command", study.command),
        ("data", f"{study.data.label}; fingerprint {study.data.fingerprint}"),
        (
            "images",
            f"{study.data.images:,} training images of {study.data.classes} classes in all folds, "
            f"{study.data.resolution} px as loaded",
        ),
        ("recipe", f"{name} ({digest}, with max lr {middle}): {pairs(recipe)}, max lr: each family’s own"),
        (
            "learning rates",
            f"{', '.join(f'{rate:g}' for rate in study.max_lrs)} first, beyond them while the best is at an edge",
        ),
        ("checked on", seeds_by_fold(run.rates)),
        ("seeds and folds", seeds_by_fold(run.trainings)),
        ("machine", pairs(study.machine)),
        ("versions", pairs(study.versions)),
        ("trained on", ", ".join(dict.fromkeys(one.device for one in (*run.rates, *run.trainings) if one.device))),
        ("when", when(study.started, (*run.rates, *run.trainings))),
    ]
    return [(label, value) for label, value in entries if value]


def notes(run: BaselineRecords) -> list[str]:
    """What the numbers mean, one paragraph each."""
    resolution = run.facts.recipe.resolution
    strides = " with CIFAR strides" if resolution < SMALL_IMAGE else ""
    return [
        "“MFLOPs” means 10⁶ multiply-adds of convolutions and linear layers in the native form: the resolution and "
        f"classes the network was published with{native_forms(baseline_rows(run))}.",
        f"The trained form, whose accuracy is shown, takes {resolution} px{strides} and puts out "
        f"{run.facts.data.classes} classes. It costs something else, and not proportionally. Size: its weights in "
        "fp32, four bytes each.",
        "Training seeds are shared by all networks, and so is the fold each seed is validated on. Learning rates were "
        "chosen on a fold of their own, which no accuracy in the table is of.",
        "Intervals are 95% by Student’s t over the network’s own seeds, and hold the scatter of folds too. The "
        "difference of the first two is paired over seeds (two-way additive model of network and seed, "
        "Bonferroni-widened). One seed gives no interval.",
        "The test set was never read.",
    ]


def native_forms(rows: list[BaselineRow]) -> str:
    """``: 224 px and 1000 classes; of A and B 32 px and 10 classes``; the form of most comes first."""
    forms: dict[tuple[int, int], list[str]] = {}
    for row in rows:
        forms.setdefault((row.spec.resolution, row.spec.classes), []).append(row.title)
    ordered = sorted(forms.items(), key=lambda item: -len(item[1]))
    said = [
        (f"of {listed(titles)} " if index else "") + f"{resolution} px and {classes} classes"
        for index, ((resolution, classes), titles) in enumerate(ordered)
    ]
    return f": {'; '.join(said)}" if said else ""
