"""What a front shows, in plain words: who is on it, who is still on it on fresh seeds, and against which curve."""

from nas import evidence, front_evidence
from nas.evidence import Verdict
from nas.front_evidence import Member
from nas.record import Record, RunRecords
from reports import standing
from reports.words import interval, listed, percent, plural, points, seeds

SMALL = "MobileNetV3 small"
NAMED = 3  # members of each verdict with their numbers; the report's table has all


def headline(run: RunRecords) -> str:
    """The page's first line."""
    members = standing.front(run)
    if not members:
        return f"Search under {run.facts.budget}: no front yet"
    first = run.facts.goal.costs[0].title
    better = sum(member.against is not None and member.against.verdict == "better" for member in members)
    shown = f"{better} shown to be better than {SMALL} at the same {first}" if _compared(members) else "selected"
    return f"A front of {plural(len(members), 'network')} under {run.facts.budget}: {shown}"


def found(run: RunRecords) -> str:
    """How long the front is, and how much of it holds on fresh seeds."""
    members = standing.front(run)
    if not members:
        so_far = standing.states(run) if run.trials else "no trial so far"
        return f"No front yet: {so_far}, none of them complete and better than guessing."
    best = evidence.finalists(tuple(member.record for member in members), 1)[0]
    ends = f"from {_costs(run, members[0].record)} with {percent(members[0].record.val_accuracy or 0)}"
    if len(members) > 1:
        ends += f" to {_costs(run, best)} with {percent(best.val_accuracy or 0)}"
    so_far = " so far" if standing.trials_left(run) else ""
    return f"Front{so_far}: {plural(len(members), 'network')} {ends} (selected). {_confirmed(run, members)}"


def _confirmed(run: RunRecords, members: list[Member]) -> str:
    done = [member for member in members if member.confirmed]
    if not done:
        asked = "none was trained on fresh seeds" if run.facts.confirm == 0 else "fresh seeds are still to come"
        return f"Not confirmed: {asked}."
    holding = sum(bool(member.holds) for member in done)
    which = seeds(done[0].confirmed.seeds) if done[0].confirmed else ""
    were = "1 of them was" if len(done) == 1 else f"{len(done)} of them were"
    return f"{were} trained on fresh {which}: {_number(holding, len(done))} still on the front."


def _number(holding: int, of: int) -> str:
    if holding == of:
        return "it is" if of == 1 else "all are"
    return f"{holding} {'is' if holding == 1 else 'are'}"


def shown(run: RunRecords) -> str:
    """Every confirmed member against the curve of MobileNetV3 small, by verdict."""
    members = standing.front(run)
    compared = _compared(members)
    if not compared:
        if run.facts.confirm == 0:
            return f"Not shown against {SMALL}: nothing was trained on fresh seeds."
        if front_evidence.confirmed_curve(run) and any(member.confirmed for member in members):
            return f"Not shown against {SMALL}: every confirmed member is cheaper than its thinnest width trained here."
        return f"Nothing is shown yet about {SMALL} at the same cost."
    parts = []
    for verdict in ("better", "worse", "not shown"):
        group = [member for member in compared if member.against and member.against.verdict == verdict]
        if group:
            parts.append(_group(run, verdict, group))
    one_seed = all(member.against and member.against.ci is None for member in compared)
    why = " One seed gives no interval; it takes 2 seeds or more." if one_seed else ""
    same = run.facts.goal.costs[0].title
    return f"Against {SMALL} scaled to the same {same}: {'; '.join(parts)}.{why}"


def _group(run: RunRecords, verdict: Verdict, group: list[Member]) -> str:
    said = []
    for member in group[:NAMED]:
        assert member.against is not None
        ci = f", {interval(member.against.ci, differences=True)}" if member.against.ci else ""
        said.append(f"{member.record.title} ({_costs(run, member.record)}; {points(member.against.value)}{ci})")
    rest = len(group) - NAMED
    return f"{verdict}: {listed([*said, f'{rest} more'] if rest > 0 else said)}"


def table_words(run: RunRecords) -> str:
    """What stands beneath the table of the front."""
    if not run.facts.goal.several:
        return ""
    curve = front_evidence.confirmed_curve(run)
    done = [member for member in standing.front(run) if member.confirmed]
    text = "Selected: no other trial is as accurate and as cheap by the one training that the search saw."
    if curve and done:
        first = run.facts.goal.costs[0]
        widths = listed([f"{record.title} ({first.text(first.of(record))})" for record in curve])
        text += (
            f" Against the curve: confirmed accuracy minus that of {SMALL} at the same {first.title}, on straight "
            f"lines through {widths} over the logarithm of cost; paired over seeds and folds, 95% intervals "
            f"Bonferroni-widened for {plural(len(done), 'member')}."
        )
    return text


def _compared(members: list[Member]) -> list[Member]:
    return [member for member in members if member.against is not None]


def _costs(run: RunRecords, record: Record) -> str:
    return ", ".join(cost.text(cost.of(record)) for cost in run.facts.goal.costs)
