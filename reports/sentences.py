"""What a run found, in plain words that claim no more than was shown."""

import shlex

from nas import evidence
from nas.evidence import Comparison
from nas.plan import LONGER
from nas.record import Record, RunRecords
from nas.trust import Agreement, checked
from reports import control_sentences, front_sentences, standing
from reports.words import capital, cost, interval, percent, plural, points, seeds

SMALL = "MobileNetV3 small"


def summary(run: RunRecords, *, next_command: str) -> tuple[str, ...]:
    """The three lines a command ends with: the winner beside MobileNetV3 small, how far that is shown, what is next;
    and before the last, where they were asked for, whether the search beat its control and whether the trials rank."""
    asked = [line for line in (control_sentences.shown(run), trust(run)) if line]
    return found(run), shown(run), *asked, f"Next: {next_command}"


def found(run: RunRecords) -> str:
    """The winner and how it compares; of a demonstration that it is one; of an unfinished run who leads."""
    if standing.is_demo(run.facts):
        return f"{capital(standing.demo_words(run.facts))} ({standing.states(run)}): it names no winner."
    if run.facts.goal.several:
        return front_sentences.found(run)
    best = standing.winner(run)
    if best is None:
        return _no_winner(run)
    confirmed = evidence.confirmed(evidence.scores(run.confirmations))
    open_ends = standing.trials_left(run) or standing.confirmations_left(run)
    so_far = "Winner so far" if open_ends else "Winner"
    mine = confirmed.get(best.key)
    if run.facts.confirm == 0 or mine is None:
        return f"{so_far} by its own score: {_named(run, best)}, selected with {percent(best.val_accuracy or 0)}."
    against = standing.comparison(run)
    if against is None:
        return f"{so_far}: {_named(run, best)}, {percent(mine.mean)} confirmed on {_fresh(mine.seeds)}."
    # both over the comparison's own seeds, so that the two accuracies differ by exactly the difference
    ours, theirs = (_mean(run, record, against.seeds) for record in (best, against.reference))
    return (
        f"{so_far}: {_named(run, best)}, {_scored(run, best, ours)} confirmed on {_fresh(against.seeds)}; "
        f"{_named(run, against.reference)} reaches {_scored(run, against.reference, theirs)}."
    )


def shown(run: RunRecords) -> str:
    """How far the comparison is shown: difference, interval, seeds, verdict, and what "not shown" means."""
    facts = run.facts
    if standing.is_demo(facts):
        asked = "CIFAR-10 was asked for and could not be had. " if facts.fallback else ""
        return f"{asked}Nothing is claimed: accuracies of a {standing.demo_words(facts)} do not rank networks."
    if facts.goal.several:
        return front_sentences.shown(run)
    best = standing.winner(run)
    if best is None:
        return f"Nothing is shown yet about {SMALL} at the same cost."
    if facts.confirm == 0:
        return (
            f"Not shown against {SMALL}: nothing was trained on fresh seeds, and the best of "
            f"{plural(len(run.trials), 'trial')} looks better than it is."
        )
    against = standing.comparison(run)
    if against is None:
        return _no_comparison(run)
    recipe = facts.recipe
    length = plural(recipe.epochs, "epoch")
    return f"{_verdict(against, _how(run))} Measured on trainings of {length} of {images(recipe.train_images)}."


def trust(run: RunRecords) -> str:
    """Whether the short trainings rank as longer ones do, with a plain warning where that is not shown; empty where
    nobody asked."""
    found = checked(run)
    if found is None:
        return ""
    recipe = run.facts.recipe
    length = f"{plural(recipe.epochs, 'epoch')} of {images(recipe.train_images)}"
    whole, top = found.all, found.top
    measured = f"{_tau(whole)} over {plural(whole.networks, 'network')}, {_tau(top)} among the {top.networks} best"
    if whole.verdict == "ranks":
        return (
            f"Trainings of {length} rank networks as trainings {LONGER} times longer do better than chance: {measured}."
        )
    return (
        f"Warning: it is not shown that trainings of {length} rank these networks as trainings {LONGER} times longer "
        f"would: {measured}. Give --epochs or --train-images more, and confirm more of the networks."
    )


def _tau(found: Agreement) -> str:
    if found.tau is None:
        return "no Kendall's τ (too few, or all equal)"
    ci = "" if found.ci is None else f" (95% interval {found.ci[0]:+.2f} to {found.ci[1]:+.2f})"
    return f"Kendall's τ {found.tau:+.2f}{ci}"


def confirmed_words(run: RunRecords, record: Record) -> str:
    """How accurate a confirmed network is shown to be, over all its fresh seeds."""
    mine = evidence.confirmed(evidence.scores(run.confirmations))[record.key]
    ci = f" (95% interval {interval(mine.ci)})" if mine.ci else " (one seed gives no interval)"
    recipe = run.facts.recipe
    length = f"{plural(recipe.epochs, 'epoch')} of {images(recipe.train_images)} at {recipe.resolution} px"
    return (
        f"Confirmed validation accuracy: {percent(mine.mean)}{ci}, the mean over {_fresh(mine.seeds)}, each trained "
        f"{length}. The test set was never read."
    )


def export_command(run: RunRecords) -> str:
    """What to type to take the winner away; empty where there is none, or the run was not begun by a command."""
    begun = run.facts.command
    if standing.winner(run) is None or run.facts.confirm == 0 or not begun.startswith(("python", "nas")):
        return ""
    return f"python -m nas.export {shlex.quote(run.name)} --to {shlex.quote(run.name)}{places(begun)}"


def places(begun: str) -> str:
    """Where a run that was begun by this command lies, for another command: `` --runs DIR``."""
    words = shlex.split(begun) if begun.startswith(("python", "nas")) else []
    return "".join(
        f" {flag} {shlex.quote(value)}"
        for flag in ("--runs", "--storage")
        for value in (_option(words, flag),)
        if value is not None
    )


def _option(typed: list[str], flag: str) -> str | None:
    """The value of an option in what was typed: ``--runs DIR`` or ``--runs=DIR``."""
    for word, following in zip(typed, [*typed[1:], ""], strict=True):
        if word == flag:
            return following
        if word.startswith(f"{flag}="):
            return word.removeprefix(f"{flag}=")
    return None


def images(count: int | None) -> str:
    """``all images`` or ``2,400 images``."""
    return "all images" if count is None else f"{count:,} images"


def _how(run: RunRecords) -> str:
    reward = run.facts.goal.reward
    return "at the same cost" if reward is None else f"by the reward {reward}"


def _verdict(against: Comparison, how: str) -> str:
    difference = points(against.difference)
    if against.ci is None:
        return f"Not shown: {difference} from {seeds(against.seeds)} alone gives no interval; it takes 2 seeds or more."
    widened = f", widened for having chosen among {against.candidates}" if against.candidates > 1 else ""
    measured = f"{difference}, 95% interval {interval(against.ci, differences=True)} ({seeds(against.seeds)}{widened})"
    if against.verdict == "better":
        return f"Better than {against.reference.title} {how}: {measured}."
    if against.verdict == "worse":
        return f"Worse than {against.reference.title} {how}: {measured}."
    return (
        f"Not shown: {measured}. These trainings cannot tell the two apart, which does not make them equal; "
        "more fresh seeds narrow the interval."
    )


def _no_winner(run: RunRecords) -> str:
    best = evidence.finalists(run.trials, 1, run.facts.goal)
    if not best:
        so_far = standing.states(run) if run.trials else "no trial"
        return f"No winner yet: {so_far}, none of them complete." if run.trials else f"No winner yet: {so_far} so far."
    leader = best[0]
    return (
        f"No winner yet: {_named(run, leader)} leads with {percent(leader.val_accuracy or 0)} selected; "
        "its accuracy on fresh seeds is still to come."
    )


def _no_comparison(run: RunRecords) -> str:
    reference = evidence.at_cost(run.references, standing.BASE)
    if reference is None:
        return f"Not shown against {SMALL}: it was not trained at this cost in this run."
    if reference.state != "complete":
        return f"Not shown against {reference.title}: its training {_state(reference)}."
    same = [record.title for record in run.trials if record.spec == reference.spec]
    if same:
        return f"Not shown against {reference.title}: it is the same network as {same[0]}."
    return f"Not shown yet against {reference.title}: it has not been trained on the winner's fresh seeds."


def _state(record: Record) -> str:
    return "was stopped early" if record.state == "pruned" else f"failed ({record.reason or 'no reason recorded'})"


def _named(run: RunRecords, record: Record) -> str:
    return f"{record.title} ({cost(run, record)})"


def _mean(run: RunRecords, record: Record, over: tuple[int, ...]) -> float:
    by_seed = evidence.scores(run.confirmations)[record.key]
    return sum(by_seed[seed] for seed in over) / len(over)


def _scored(run: RunRecords, record: Record, accuracy: float) -> str:
    """``59.1%``, or with a reward ``59.1% (reward 57.9)``: differences are of what was searched for."""
    goal = run.facts.goal
    reward = "" if goal.reward is None else f" (reward {100 * goal.score(accuracy, run.known(record)):.1f})"
    return percent(accuracy) + reward


def _fresh(over: tuple[int, ...]) -> str:
    return plural(len(over), "fresh seed")
