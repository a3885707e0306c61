"""Whether a search beat its control, in plain words that claim no more than was shown."""

from nas import evidence
from nas.control_evidence import AgainstControl, FrontAgainstControl, missing
from nas.evidence import Difference
from nas.record import RunRecords
from reports import standing
from reports.words import cost, interval, percent, plural, points, seeds, signed

NOTE = (
    "The control: as many networks as the search tried, drawn at random inside the same budget (as --sampler random "
    "draws them with this seed), trained alike; they taught the search nothing. Its winner is chosen by the same rule, "
    "on the same fresh seeds and folds, and the interval of the difference is Bonferroni-widened for every pair of "
    "finalists. It is about this search and these draws; another seed has others."
)


def shown(run: RunRecords) -> str:
    """One line; empty where no control was asked for."""
    facts = run.facts
    if facts.control is None and not run.control:
        return ""
    if standing.is_demo(facts):
        return f"Control: {plural(len(run.control), 'random draw')}; a {standing.demo_words(facts)} compares nothing."
    lacks = missing(run)
    if standing.trials_left(run) or lacks or not run.control:
        so_far = f"{len(run.control)} of {max(facts.trials, len(run.trials))} networks are trained"
        return f"Nothing is shown yet against the control: {so_far}."
    if facts.confirm == 0:
        return "Not shown against the control: nothing was trained on fresh seeds."
    against = standing.front_control(run) if facts.goal.several else standing.control(run)
    if against is None:
        return _none(run)
    return _fronts(against, run) if isinstance(against, FrontAgainstControl) else _winners(against, run)


def _none(run: RunRecords) -> str:
    if standing.confirmations_left(run):
        return "Nothing is shown yet against the control: fresh seeds are still to come."
    return "Not shown against the control: one of the two has no network that was trained on every fresh seed."


def _winners(against: AgainstControl, run: RunRecords) -> str:
    best, drawn, found = against.winner, against.control, against.difference
    if against.same:
        return (
            f"Not shown to beat the control: both chose one network ({best.title} is {drawn.title}); random draws did "
            "as well."
        )
    own, others = against.candidates
    widened = f", widened for having chosen among {own} and {others}" if own * others > 1 else ""
    table = evidence.scores(run.confirmations)
    ours, theirs = (sum(table[one.key][seed] for seed in found.seeds) / len(found.seeds) for one in (best, drawn))
    whom = (
        f"{best.title} has {percent(ours)} on fresh seeds, {drawn.title} ({cost(run, drawn)}), the best of "
        f"{plural(len(run.control), 'random draw')}, {percent(theirs)}"
    )
    reward = "" if run.facts.goal.reward is None else " of reward"
    return _verdict(found, f"{whom}: {points(found.value)}{reward}", widened)


def _fronts(against: FrontAgainstControl, run: RunRecords) -> str:
    found = against.difference
    own, others = against.members
    whom = (
        f"the volume of {plural(own, 'confirmed member')} less that of {others} of "
        f"{plural(len(run.control), 'random draw')}, on fresh seeds"
    )
    return _verdict(found, f"{whom}: {signed(100 * found.value)} points × doublings", "")


def _verdict(found: Difference, measured: str, widened: str) -> str:
    if found.ci is None:
        why = "it takes 2 seeds or more" if len(found.seeds) == 1 else "nothing scatters"
        return f"Not shown to beat the control: {measured}, from {seeds(found.seeds)} without an interval; {why}."
    said = f"{measured}, 95% interval {interval(found.ci, differences=True)} ({seeds(found.seeds)}{widened})"
    if found.verdict == "better":
        return f"The search beat its control: {said}."
    if found.verdict == "worse":
        return f"The search did worse than its control: {said}."
    return f"Not shown to beat the control: {said}. More fresh seeds narrow the interval."
