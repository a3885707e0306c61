"""Where a run stands: whether it may name a winner, what it says about a demonstration, and what is still to do."""

from collections import Counter

from nas import control_evidence, evidence, front_evidence
from nas.control_evidence import AgainstControl, FrontAgainstControl
from nas.evidence import Comparison
from nas.front_evidence import Member
from nas.plan import trust_tasks, undone
from nas.record import Record, RunRecords, SearchFacts
from reports.words import listed, plural

BASE = "mobilenet_v3_small"  # what a winner is held against


def is_demo(facts: SearchFacts) -> bool:
    """A demonstration proves the machinery; its accuracies rank nothing."""
    return facts.fallback or not facts.names_winner


def demo_words(facts: SearchFacts) -> str:
    """``demo on digits``; empty for a run that counts."""
    return f"demo on {facts.data.name}" if is_demo(facts) else ""


def winner(run: RunRecords) -> Record | None:
    """``evidence.winner``, and none of a demonstration whatever else its facts say."""
    return None if is_demo(run.facts) else evidence.winner(run)


def comparison(run: RunRecords) -> Comparison | None:
    """The winner against MobileNetV3 small at the same cost; None until both are confirmed, and of a demonstration."""
    return None if is_demo(run.facts) else evidence.compare(run, BASE)


def control(run: RunRecords) -> AgainstControl | None:
    """The winner against its control's; None until both are confirmed, without a control, and of a demonstration."""
    return None if is_demo(run.facts) else control_evidence.against_control(run)


def control_winner(run: RunRecords) -> Record | None:
    """The control's own; None until it is known, of a front, and of a demonstration."""
    return None if is_demo(run.facts) else control_evidence.beaten(run)


def front_control(run: RunRecords) -> FrontAgainstControl | None:
    """The same of a front."""
    return None if is_demo(run.facts) else control_evidence.front_against_control(run)


def front(run: RunRecords) -> list[Member]:
    """The front that was searched for, cheapest first; none of a demonstration, or with one objective."""
    return [] if is_demo(run.facts) else front_evidence.members(run)


def published_base(run: RunRecords) -> Record | None:
    """MobileNetV3 small as published, if this run has trained it."""
    return next((record for record in run.references if record.name == BASE), None)


def kin(run: RunRecords, subject: Record) -> Record | None:
    """The reference most like this network, by the kinds of its blocks: MobileNetV3 small as published, or in another
    space that family's own network. Two families' blocks cannot be held against each other one by one."""
    base = published_base(run)
    known = [record for record in (base, *run.references) if record is not None]

    def likeness(record: Record) -> float:
        mine, theirs = ({block.kind for block in one.spec.blocks} for one in (subject, record))
        return len(mine & theirs) / len(mine | theirs)

    return max((record for record in known if record.origin != "draw"), key=likeness, default=None)


def states(run: RunRecords) -> str:
    """``24 trials: 20 complete, 3 pruned, 1 failed``."""
    counts = Counter(record.state for record in run.trials)
    parts = [f"{counts[state]} {state}" for state in ("complete", "pruned", "failed") if counts[state]]
    return f"{plural(len(run.trials), 'trial')}" + (f": {', '.join(parts)}" if parts else "")


def trials_left(run: RunRecords) -> int:
    return max(0, run.facts.trials - len(run.trials))


def control_left(run: RunRecords) -> int:
    """Networks of the control that are missing, where one is asked for."""
    asked = max(run.facts.trials, len(run.trials)) if run.facts.control else 0
    return max(0, asked - len(run.control))


def confirmations_left(run: RunRecords) -> int:
    """Trainings on fresh seeds that are missing, of the networks that would be confirmed by what is known now."""
    table = evidence.scores(run.confirmations)
    wanted = evidence.to_confirm(run.trials, run.references, run.facts, run.control)
    return sum(max(0, run.facts.confirm - len(table.get(record.key, ()))) for record in wanted)


def longer_left(run: RunRecords) -> int:
    """Longer trainings that are missing, of the networks that would be trained longer by what is known now."""
    facts = run.facts
    if trials_left(run):
        return max(0, min(facts.trust, facts.trials) - len(run.trust))
    wanted = trust_tasks(
        run.trials, seed=facts.seed, count=facts.trust, recipe=facts.recipe, available=facts.data.images
    )
    return len(undone(wanted, run.trust))


def still_to_do(run: RunRecords) -> list[str]:
    """What an unfinished run has before it, one item each; empty when it is finished."""
    todo = []
    left = trials_left(run)
    if left:
        todo.append(f"{plural(left, 'trial')} of {run.facts.trials}")
    drawn = control_left(run)
    if drawn:
        todo.append(f"{plural(drawn, 'network')} of the control")
    waiting = [record.title for record in run.references if record.state != "complete"]
    if waiting:
        todo.append(f"no accuracy yet of {plural(len(waiting), 'reference')}: {listed(waiting)}")
    missing = confirmations_left(run)
    if missing:
        failed = sum(record.state == "failed" for record in run.confirmations)
        more = f" ({failed} failed)" if failed else ""
        todo.append(f"{plural(missing, 'training')} of finalists and references on fresh seeds{more}")
    longer = longer_left(run)
    if longer:
        todo.append(f"{plural(longer, 'longer training')} to check the ranking")
    return todo
