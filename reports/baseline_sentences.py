"""What the baselines found, in words, and what is still to do."""

from collections import Counter

from nas import evidence
from nas.record import BaselineRecords
from reports.baseline_rows import BaselineRow, baseline_rows, family, left_out
from reports.words import interval, listed, percent, plural, points, seeds

SHORT = 30  # epochs; fewer, or fewer than all images, are called a short training


def headline(run: BaselineRecords) -> str:
    """Who is the most accurate, in one line."""
    rows = _scored(run)
    if not rows:
        return "Baselines: no network is trained yet"
    best = rows[0]
    assert best.mean is not None
    reaches = f"{percent(best.mean)}" + (f" ({interval(best.ci)})" if best.ci else " (one seed)" * _single(best))
    if len(rows) == 1:
        return f"{best.title} reaches {reaches}"
    found = _against_next(rows)
    shown = found is not None and found.verdict == "better"
    leads = "leads so far" if still_to_do(run) else "is the most accurate" if shown else "comes first"
    return f"{best.title} {leads} of {len(rows)} networks trained alike: {reaches}"


def against_next(run: BaselineRecords) -> str:
    """The best beside the second, paired over seeds; empty where there is no second."""
    rows = _scored(run)
    if len(rows) < 2:
        return ""
    best, second = rows[:2]
    pairs, found = _pairs(rows), _against_next(rows)
    if found is None:
        return f"Next comes {second.title}; the two share no seed yet."
    text = f"{best.title} against {second.title}, which comes next: {points(found.value)}, over {seeds(found.seeds)}"
    if found.ci is None:
        return f"{text}; too few trainings for an interval, so neither is shown to be better."
    verdict = "shown to be better" if found.verdict == "better" else "not shown to be better"
    widened = f", widened for the {pairs} pairs of networks" if pairs > 1 else ""
    return f"{text} (interval {interval(found.ci, differences=True)}{widened}): {verdict}."


def _pairs(rows: list[BaselineRow]) -> int:
    return len(rows) * (len(rows) - 1) // 2


def _against_next(rows: list[BaselineRow]) -> evidence.Difference | None:
    """The best minus the second; None where they share no seed."""
    best, second = rows[:2]
    table = {row.name: row.accuracies for row in rows}
    return evidence.difference(table, best.name, second.name, comparisons=_pairs(rows))


def how_trained(run: BaselineRecords) -> str:
    """What every accuracy on the page is of, in one sentence."""
    recipe = run.facts.recipe
    epochs = plural(recipe.epochs, "epoch")
    images = "all images" if recipe.train_images is None else f"{recipe.train_images:,} images"
    done = sorted({one.seed for one in run.trainings if one.val_accuracy is not None})
    over = f" with {seeds(done)}" if done else ""
    return (
        f"Every network is trained from scratch{over}: {epochs} of {images} of {run.facts.data.label} at "
        f"{recipe.resolution} px in batches of {recipe.batch}, at the best learning rate that its family’s check found."
    )


def limits(run: BaselineRecords) -> str:
    """What the accuracies must not be taken for, in a line."""
    short = "A short training, which ranks networks by how fast they learn: " if is_short(run) else ""
    return f"{short or 'Of validation folds: '}not comparable with published test accuracies."


def caution(run: BaselineRecords) -> str:
    """``limits`` at length."""
    validation = "accuracies are of validation folds; the test set was never read"
    if is_short(run):
        return (
            "The training is short: it ranks networks by how fast they learn, and its accuracies are not comparable "
            f"with published test accuracies. All {validation}."
        )
    return f"They are not comparable with published test accuracies: all {validation}."


def is_short(run: BaselineRecords) -> bool:
    return run.facts.recipe.epochs < SHORT or run.facts.recipe.train_images is not None


def counts(run: BaselineRecords) -> str:
    """``15 trainings: 14 complete, 1 failed; 12 to check learning rates``."""
    complete = sum(one.state == "complete" for one in run.trainings)
    failed = len(run.trainings) - complete
    parts = f": {complete} complete, {failed} failed" if failed else ""
    checks = f"; {len(run.rates)} more to check learning rates" if run.rates else ""
    return f"{plural(len(run.trainings), 'training')}{parts}{checks}"


def left_out_words(run: BaselineRecords) -> list[str]:
    """A sentence a family that fails at every learning rate."""
    return [
        f"{name} is left out: every training of its check failed, at learning rates "
        f"{listed([f'{rate:g}' for rate in rates])}"
        for name, rates in left_out(run).items()
    ]


def at_chance_words(run: BaselineRecords) -> list[str]:
    """A sentence a network that learned nothing: within three deviations of what guessing gets right."""
    chance = percent(1 / run.facts.data.classes)
    return [
        f"{row.title} learned nothing by this recipe: guessing would be right as often ({chance})"
        for row in _scored(run)
        if row.accuracies and evidence.guesses(run.facts, row.accuracies.values())
    ]


def still_to_do(run: BaselineRecords) -> list[str]:
    """What an unfinished run has before it; empty when all is done that was asked for last."""
    missing = _missing(run)
    if not missing:
        return []
    items = [f"{plural(sum(missing.values()), 'training')} of {plural(len(missing), 'network')}"]
    begun = {one.key for one in run.trainings}
    new = [name for name in missing if name not in begun]
    return [*items, f"not begun: {listed(new)}"] if new else items


def trainings_left(run: BaselineRecords) -> int:
    """Of those asked for last, not counting the checks of learning rates."""
    return sum(_missing(run).values())


def _missing(run: BaselineRecords) -> dict[str, int]:
    """Network → trainings that are not there, failed ones counted as there; without the families left out."""
    have = Counter(one.key for one in run.trainings)
    hopeless = left_out(run)
    return {
        name: run.facts.seeds - have[name]
        for name in run.facts.networks
        if have[name] < run.facts.seeds and family(run, name) not in hopeless
    }


def _scored(run: BaselineRecords) -> list[BaselineRow]:
    return [row for row in baseline_rows(run) if row.mean is not None]


def _single(row: BaselineRow) -> bool:
    return len(row.accuracies) == 1
