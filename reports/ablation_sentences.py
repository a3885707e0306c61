"""What an ablation found, in words, and what is still to do."""

from collections.abc import Callable, Iterable
from typing import Literal

from nas.ablation_document import learned_nothing, rates
from nas.ablation_evidence import Length, missing
from nas.effects.family import Axis, Effect, EqualCost
from nas.effects.verdict import Verdict
from reports.ablation_reading import Reading, Row
from reports.words import interval, listed, plural, points, seeds, signed

NAMED = 6  # variants of one verdict that a sentence names; more are counted
SHORT = 30  # epochs; fewer, or fewer than all images, are called a short training
AXIS_WORDS: dict[Axis, str] = {"macs": "multiply-adds", "params": "parameters", "latency": "latency"}
Agreement = Literal["agrees", "disagrees", "not shown", "depends on training length"]

_SAID: dict[Verdict, tuple[str, str]] = {
    "helps": ("helps", "help"),
    "hurts": ("hurts", "hurt"),
    "no practical difference": ("makes no practical difference", "make no practical difference"),
    "depends on training length": ("depends on training length", "depend on training length"),
    "not shown": ("is not shown to differ", "are not shown to differ"),
}


def headline(reading: Reading) -> str:
    """The verdict as changed, in one line."""
    if reading.found is None:
        looks = reading.facts.looks
        return (
            f"No verdict yet: looks are at {listed([str(one) for one in looks])} seeds" if looks else "No verdict yet"
        )
    so_far = " (so far)" if any(missing(reading.run, length) for length in ("short", "long")) else ""
    return f"As changed{so_far}, {_verdicts(reading.variants, verdict)}"


def at_equal_cost(reading: Reading) -> list[str]:
    """A sentence for the kinds of cost that tell the same."""
    axes: dict[str, list[str]] = {}
    for axis in reading.axes:
        found = {row.network.name: row.equal[axis].verdict for row in reading.variants if axis in row.equal}
        said = _verdicts(reading.variants, lambda row, found=found: found.get(row.network.name))  # type: ignore[misc]
        axes.setdefault(said, []).append(AXIS_WORDS[axis])
    return [f"At equal {listed(names)}, {said}." for said, names in axes.items()]


def verdict(row: Row) -> Verdict | None:
    """As changed: over both lengths where both are there."""
    return row.over_lengths or (None if row.changed is None else row.changed.verdict)


def _verdicts(rows: Iterable[Row], of: Callable[[Row], Verdict | None]) -> str:
    """``“none” and “early” hurt; “late” is not shown to differ``."""
    titles: dict[Verdict, list[str]] = {}
    for row in rows:
        found = of(row)
        if found is not None:
            titles.setdefault(found, []).append(f"“{row.title}”")
    parts = []
    for found, (one, several) in _SAID.items():
        names = titles.get(found, [])
        if names:
            who = listed(names) if len(names) <= NAMED else plural(len(names), "variant")
            parts.append(f"{who} {one if len(names) == 1 else several}")
    return "; ".join(parts) or "nothing is known"


def agreement(row: Row) -> Agreement | None:
    """Of the paper's direction and what was found as changed; None where the paper says nothing of the variant, or
    nothing is known of it."""
    found = verdict(row)
    if row.claim is None or found is None:
        return None
    if found in ("not shown", "depends on training length"):
        return found
    return "agrees" if found == row.claim.direction else "disagrees"


def claim_words(row: Row) -> str:
    """``hurts (−1.2)``: what the paper says."""
    if row.claim is None:
        return ""
    return row.claim.direction + ("" if row.claim.delta is None else f" ({signed(100 * row.claim.delta)})")


def beside_the_paper(reading: Reading) -> str:
    """Where what was found agrees with the paper; empty where it says nothing of single variants."""
    by: dict[Agreement, list[str]] = {}
    for row in reading.variants:
        found = agreement(row)
        if found is not None:
            by.setdefault(found, []).append(f"“{row.title}” ({row.claim.direction if row.claim else ''})")
    said = {
        "agrees": "agrees on",
        "disagrees": "disagrees on",
        "not shown": "shows neither for",
        "depends on training length": "depends on training length for",
    }
    parts = [f"{words} {listed(by[one])}" for one, words in said.items() if one in by]
    return f"What was found here {'; '.join(parts)}." if parts else ""


def how_trained(reading: Reading) -> str:
    """What the numbers are of, in one sentence."""
    facts, recipe = reading.facts, reading.recipe
    images = "all images" if recipe.train_images is None else f"{recipe.train_images:,} images"
    done = [one.seed for one in reading.records]
    over = f", with {seeds(done)}" if done else ""
    which = f"the {reading.length} trainings" if facts.long is not None else "the trainings"
    return (
        f"Read from {which}: every network from scratch, {plural(recipe.epochs, 'epoch')} of {images} of "
        f"{facts.data.label} at {recipe.resolution} px{over}, each seed on the fold and the order of images that all "
        "networks share."
    )


def caution(reading: Reading) -> str:
    """What the numbers must not be taken for."""
    recipe = reading.recipe
    if recipe.epochs >= SHORT and recipe.train_images is None:
        return "Accuracies are of validation folds; the test set was never read."
    return (
        "The training is short: what helps a network to learn fast helps here. Accuracies are of validation folds, not "
        "comparable with published test accuracies; the test set was never read."
    )


def what_could_be_shown(reading: Reading) -> str:
    """The smallest difference that these seeds could show, and how many would settle it: from margin and spread."""
    if reading.found is None:
        return ""
    known = [row.changed for row in reading.variants if row.changed is not None and row.changed.detectable is not None]
    if not known:
        return "One seed gives no interval: nothing can be shown yet."
    least, most = (100 * pick(one.detectable or 0.0 for one in known) for pick in (min, max))
    size = f"{least:.1f}" if f"{least:.1f}" == f"{most:.1f}" else f"{least:.1f} to {most:.1f}"
    settles = [one.settles for one in known]
    more = (
        f" {max(one or 0 for one in settles):,} seeds would settle all of them: tell ±{100 * reading.facts.margin:g} "
        "points from none."
        if all(settles)
        else ""
    )
    return f"With these seeds, a true difference of {size} points would be shown in 80% of studies.{more}"


def noise(reading: Reading) -> str:
    """The scatter of one training, and whether one figure is right for all networks."""
    found = reading.found
    if found is None or found.changed.sigma is None:
        return ""
    how = (
        "the networks’ variances agree, so one figure serves all"
        if found.changed.method == "pooled"
        else "the networks’ variances differ, so each variant’s interval is from its own differences"
    )
    return f"A training scatters by {100 * found.changed.sigma:.2f} points beside what its seed shares; {how}."


def pairing_words(reading: Reading) -> str:
    """How much training on the same seeds gained."""
    gain = reading.gain
    if gain is None:
        return ""
    saved = (
        f"unpaired trainings would need {gain.factor:.1f} times the seeds"
        if gain.factor >= 1
        else "pairing gained nothing here"
    )
    return (
        f"Pairing: accuracies of one seed correlate by {signed(gain.correlation, 2)} (95% interval "
        f"{signed(gain.ci[0], 2)} to {signed(gain.ci[1], 2)}) over {gain.networks} networks and {gain.seeds} "
        f"seeds; {saved}."
    )


def curve_words(reading: Reading) -> list[str]:
    """Where the baseline's curve does not fit, or was not checked."""
    found = reading.found
    said = []
    for axis, family in (found.equal if found is not None else {}).items():
        misfit = family.curve.misfit if family.curve is not None else None
        if misfit:
            said.append(f"The baseline’s curve over {AXIS_WORDS[axis]}: {misfit}.")
    return said


def looks_words(reading: Reading) -> str:
    """What was looked at before, and whether the intervals account for it."""
    facts = reading.facts
    if facts.looks:
        at = listed([str(one) for one in facts.looks])
        seen = f"; this is the one at {reading.found.look}" if reading.found is not None else ""
        return f"Looks are at {at} seeds, and all of them share the 5% of wrong verdicts{seen}."
    if len(facts.looked) > 1:
        before = listed([str(one) for one in facts.looked[:-1]])
        return (
            f"These verdicts were looked at before, with {before} seeds; only --until-settled accounts for that, so "
            "the intervals are too narrow by what that adds."
        )
    return ""


def failures(reading: Reading) -> list[str]:
    """A sentence a training that failed."""
    run = reading.run
    return [
        f"{one.title}, seed {one.seed}, {length} training: {one.reason or one.state}"
        for length, records in (("short", run.short), ("long", run.long))
        for one in records
        if one.state != "complete"
    ]


def still_to_do(reading: Reading) -> list[str]:
    """What an unfinished study has before it; empty when all is done that was asked for last."""
    lengths: tuple[Length, ...] = ("short", "long")
    left = [(length, missing(reading.run, length)) for length in lengths]
    return [plural(count, f"{length} training") for length, count in left if count]


def counts(reading: Reading) -> str:
    """``65 short trainings, 65 long ones``, and whose they are."""
    run = reading.run
    parts = [plural(len(run.short), "short training")]
    if run.facts.long is not None:
        parts.append(f"{len(run.long)} long")
    if run.rates:
        parts.append(f"{len(run.rates)} to check learning rates")
    elsewhere = [one for one in (*run.short, *run.long) if one.source]
    if elsewhere:
        sources = listed(sorted({one.source or "" for one in elsewhere}))
        parts.append(f"{len(elsewhere)} of them made by {sources} and not repeated")
    return ", ".join(parts)


def rate_words(reading: Reading) -> list[str]:
    """Networks that would rather have another learning rate."""
    own, idle = reading.facts.recipe.max_lr, learned_nothing(reading.run)
    said = [f"{listed(idle)}: learned nothing at any learning rate that was checked"] * bool(idle)
    for name, tried in rates(reading.run).items():
        if name in idle:
            continue
        best = max(tried, key=lambda rate: (tried[rate], rate == own))
        if best != own:
            said.append(f"{name} reaches more at learning rate {best:g} than at the study’s {own:g}: one seed each")
    return said


def what_was_suggested(reading: Reading) -> str:
    """What stands beside the effects, where the baseline is a search's winner and its trials said something."""
    said = [one.observed for one in reading.facts.variants if one.observed is not None]
    if not said:
        return ""
    return (
        f"What the search’s {plural(max(one.of for one in said), 'trial')} suggested before anything here was trained "
        "is observational: an additive model of choices that nobody assigned at random, each 95% interval by itself."
    )


def suggested_words(row: Row, which: Literal["changed", "equal"]) -> str:
    """``+0.8 (−0.2 to +1.8)``: what the trials suggested of a variant; empty where they could not tell."""
    variant = row.network.variant
    if variant is None or variant.observed is None:
        return ""
    one = variant.observed.changed if which == "changed" else variant.observed.equal
    if one is None:
        return ""
    return signed(100 * one.delta) + (f" ({interval(one.ci, differences=True)})" if one.ci is not None else "")


def effect_words(effect: Effect | None) -> str:
    """``−1.2 points (−2.0 to −0.4)``."""
    if effect is None:
        return ""
    return points(effect.delta) + (f" ({interval(effect.ci, differences=True)})" if effect.ci is not None else "")


def worth_words(one: EqualCost) -> str:
    """``+9% (−3 to +21)`` of cost; open ends are those that the curve does not reach."""
    if one.worth is None and one.worth_ci is None:
        return "beyond" if one.extrapolated else ""
    middle = "beyond" if one.worth is None else f"{signed(100 * one.worth, 0)}%"
    if one.worth_ci is None:
        return middle
    low, high = one.worth_ci
    if low is None and high is None:
        return f"{middle} (open)"
    if low is None:
        return f"{middle} (up to {signed(100 * (high or 0), 0)})"
    return (
        f"{middle} (from {signed(100 * low, 0)})"
        if high is None
        else (f"{middle} ({signed(100 * low, 0)} to {signed(100 * high, 0)})")
    )


def longer_words(one: Effect | None) -> str:
    """What the long training changes."""
    if one is None:
        return ""
    return {"helps": "better when longer", "hurts": "worse when longer"}.get(one.verdict, one.verdict)
