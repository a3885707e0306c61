"""The small print of an ablation: on what, how, where and when its numbers were made."""

from nas.arch import SMALL_IMAGE
from reports.ablation_reading import Reading
from reports.footer import pairs, seeds_by_fold, when


def facts(reading: Reading) -> list[tuple[str, str]]:
    """Label and value, in reading order."""
    run, study = reading.run, reading.facts
    every = (*run.short, *run.long, *run.rates)
    entries = [
        ("study", f"{run.name} ({study.study}, effort {study.effort})"),
        ("command", study.command),
        ("baseline", f"{study.baseline}, also at widths {', '.join(f'{one.width:g}' for one in reading.baseline)}"),
        ("data", f"{study.data.label}; fingerprint {study.data.fingerprint}"),
        (
            "images",
            f"{study.data.images:,} training images of {study.data.classes} classes in all folds, "
            f"{study.data.resolution} px as loaded",
        ),
        ("recipe", _recipe(study.recipe.to_dict())),
        ("long recipe", _recipe(study.long.to_dict()) if study.long is not None else ""),
        ("seeds and folds", seeds_by_fold(run.short)),
        ("of the long ones", seeds_by_fold(run.long)),
        (
            "latency",
            f"{study.latency_target} ({study.latency_fingerprint}), one image in the native form"
            if study.latency_target
            else "",
        ),
        ("machine", pairs(study.machine)),
        ("versions", pairs(study.versions)),
        ("trained on", ", ".join(dict.fromkeys(one.device for one in every if one.device))),
        ("when", when(study.started, every)),
    ]
    return [(label, value) for label, value in entries if value]


def _recipe(recipe: dict[str, object]) -> str:
    name, digest = recipe.pop("name"), recipe.pop("hash")
    return f"{name} ({digest}): {pairs(recipe)}"


def notes(reading: Reading) -> list[str]:
    """What the numbers mean, one paragraph each."""
    study, spec = reading.facts, reading.base.record
    resolution = study.recipe.resolution
    strides = " with CIFAR strides" if resolution < SMALL_IMAGE else ""
    form = "" if spec is None else f": {spec.spec.resolution} px and {spec.spec.classes} classes"
    return [
        f"Costs are of the native form{form}. “MFLOPs” means 10⁶ multiply-adds of convolutions and linear layers. "
        f"Accuracies are of the trained form, {resolution} px{strides} and {study.data.classes} classes, which costs "
        "something else, and not proportionally.",
        "Differences are paired: a variant minus the baseline, trained on the same seed, fold and order of images. "
        "“As changed” compares the two whatever they cost. “At equal cost” compares a variant with what the baseline, "
        "widened or narrowed, has at the variant’s cost: a curve through its widths over the logarithm of cost. "
        "“Worth” is the same gap read sideways: +9% means as good as a baseline 9% dearer; an open end lies "
        "beyond the curve.",
        "Intervals of a column hold all at once (Dunnett’s comparison with one baseline, blocked by seed): 95% of "
        "studies have no miss among them. “As changed” and each “at equal cost” are families of their own. A verdict "
        f"is read off its interval: wholly inside ±{100 * study.margin:g} points it is “no practical difference”, else "
        "above 0 “helps”, below 0 “hurts”, and otherwise “not shown”.",
        "“Could show”: the smallest true difference that as many seeds show in 80% of studies. “Would settle”: seeds "
        "at which a true 0 is called no practical difference, and a true difference of the margin is shown. Both come "
        "from the margin and the measured scatter, never from the difference that was found.",
        "The test set was never read.",
    ]
