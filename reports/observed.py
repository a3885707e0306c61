"""What a search's trials say about single choices, in words and as CSV. Observational: no experiment."""

import csv
import io
import shlex
from dataclasses import dataclass

from nas.effects.observed import Observed, by_kind, from_pairs
from nas.free_evidence import Choice, FreeEvidence, free_evidence
from nas.importances import Importances, importances
from nas.record import Estimate, RunRecords
from reports import standing
from reports.sentences import places
from reports.words import interval, listed, percent, plural, signed

COLUMNS = (
    *("source", "choice", "option", "instead_of", "decisions", "at_equal_cost"),
    *("delta", "ci_low", "ci_high", "count", "share", "observational"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Worked out once for page and CSV."""

    run: RunRecords
    evidence: FreeEvidence
    importances: Importances | str  # or why there are none

    @property
    def rows(self) -> tuple[Choice, ...]:
        return self.evidence.choices

    def importance(self, kind: str) -> float | None:
        return None if isinstance(self.importances, str) else self.importances.by_kind.get(kind)


def read(run: RunRecords) -> Reading:
    return Reading(run=run, evidence=free_evidence(run), importances=importances(run))


def caution(reading: Reading) -> str:
    """What the estimates are not."""
    return (
        f"Observational: read from the {len(reading.evidence.trials)} complete trials of this search. Its choices were "
        "not assigned at random, so an estimate may be due to what went along with a choice; each 95% interval holds "
        "by itself, not all at once. Only paired runs show what a choice is worth."
    )


def nothing(reading: Reading) -> str:
    """Why the trials say nothing; empty where they do."""
    reason = reading.evidence.reason
    return "" if reason is None else f"Nothing can be said: {reason}."


def how(reading: Reading) -> str:
    """How the columns are made."""
    together = (
        "an additive model of all kinds of choices"
        if reading.evidence.together
        else "an additive model of one kind of choice at a time, for the trials are too few for all at once (another "
        "kind that often goes along is counted in)"
    )
    return (
        f"Estimates are in points of accuracy for one decision (one block’s kernel), by {together}; everywhere is as "
        "many times that as a network has such decisions, if they add up. At equal cost: beside the logarithm of the "
        "trained form’s multiply-adds. Pairs: trials that differ in one such decision alone."
    )


def importance_words(reading: Reading) -> str:
    """What Optuna's importances are, or why there are none."""
    found = reading.importances
    if isinstance(found, str):
        return f"No importances: {found}."
    left = f"; {plural(found.left_out, 'decision')} that only some make left out" if found.left_out else ""
    return (
        "Importance is Optuna’s: the share of variance that a forest of trees fitted to the trials explains by this "
        "kind’s decisions, one at a time (fANOVA, Hutter et al. 2014). It has no direction and no interval, cost is "
        f"not taken out, and it is of the {plural(len(found.by_decision), 'decision')} that every trial makes{left}."
    )


def silence(reading: Reading) -> str:
    """What has no estimate, and why; empty where all has one."""
    pairs: dict[frozenset[str], str] = {}
    for (kind, option), other in reading.evidence.tangled.items():
        mine = f"{kind} {option}"
        pairs.setdefault(frozenset((mine, other)), f"{mine} and {other}")
    said = []
    if pairs:
        said.append(f"Not told apart, since they come and go together: {'; '.join(pairs.values())}.")
    if reading.evidence.silent:
        said.append(f"No estimate of {listed([f'{kind} ({why})' for kind, why in reading.evidence.silent.items()])}.")
    return " ".join(said)


def command(reading: Reading) -> str:
    """The paired runs that these propose; empty where there is no winner to change."""
    run = reading.run
    best = standing.winner(run)
    if reading.evidence.reason is not None or best is None or best.choices is None:
        return ""
    return f"python -m studies --of {shlex.quote(run.name)} --proposed{places(run.facts.command)}"


def estimate_words(one: Estimate | None) -> str:
    """``+0.8 (−0.2 to +1.8)``."""
    if one is None:
        return ""
    ci = "no interval" if one.ci is None else interval(one.ci, differences=True)
    return f"{signed(100 * one.delta)} ({ci})"


def share_words(reading: Reading, kind: str) -> str:
    share = reading.importance(kind)
    return "" if share is None else percent(share)


def choices_csv(reading: Reading) -> str:
    """``choices.csv``: every estimate on a line, in fractions, empty for absent.

    ``source``: "model" and "pairs" count decisions by kind, "pairs of one decision" and "importance" (Optuna's fANOVA,
    a share of variance) by name. A model's ``delta`` is of one decision, of the mean ``decisions`` in a network.
    """
    out = io.StringIO()
    table = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    table.writeheader()
    for one in reading.rows:
        named = {"choice": one.kind, "option": one.option, "instead_of": one.instead_of, "decisions": one.decisions}
        for source, found, at_equal_cost, count in (
            ("model", one.changed, False, one.trials),
            ("model", one.equal, True, one.trials),
            ("pairs", one.paired, False, one.pairs),
        ):
            if found is not None:
                table.writerow(
                    {"source": source, **named, "at_equal_cost": at_equal_cost, "count": count, **_numbers(found)}
                )
    for pair in _single_decisions(reading):
        table.writerow(
            {
                "source": "pairs of one decision",
                "choice": pair.choice,
                "option": pair.option,
                "instead_of": pair.instead_of,
                "decisions": 1,
                "at_equal_cost": False,
                "count": pair.count,
                **_numbers(Estimate(pair.delta, pair.ci)),
            }
        )
    if not isinstance(reading.importances, str):
        for name, share in reading.importances.by_decision.items():
            table.writerow({"source": "importance", "choice": name, "share": share, "observational": True})
    return out.getvalue()


def _single_decisions(reading: Reading) -> list[Observed]:
    """Pairs by the decision's own name, where that is not the kind's."""
    if reading.evidence.reason is not None:
        return []
    return [one for one in from_pairs(reading.evidence.trials) if by_kind(one.choice) != one.choice]


def _numbers(one: Estimate) -> dict[str, object]:
    low, high = one.ci or (None, None)
    return {"delta": one.delta, "ci_low": low, "ci_high": high, "observational": True}
