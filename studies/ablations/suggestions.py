"""The free evidence before an ablation of a winner: what the search's trials suggest, and whether paired runs could
show differences of that size."""

from collections.abc import Sequence
from typing import Any

from rich import box
from rich.markup import escape
from rich.table import Table

from nas.ablation_document import observed_json
from nas.ablation_evidence import Expected
from nas.effects.plan import seeds_to_show
from nas.record import AblationFacts, Estimate, Observational
from reports.words import interval, listed, plural, signed
from studies.ablations.proposed import Free

NAMED = 6


def heading(free: Free) -> str:
    """What the estimates are, or why there are none."""
    evidence = free.evidence
    if evidence.reason is not None:
        return f"free evidence from the trials of {free.search}: none ({evidence.reason})"
    if not free.proposals:
        return f"free evidence from the trials of {free.search}: they propose no paired runs"
    return (
        f"free evidence, observational: what {len(evidence.trials)} trials of {free.search} suggest of changes to its "
        f"winner, {free.winner.title} (points; each 95% interval by itself). Nobody assigned these choices at random."
    )


def table(free: Free, facts: AblationFacts, *, sigma: float) -> Table:
    """A proposal a row, the likeliest to matter first."""
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    shown.add_column("proposal")
    for name in ("at equal cost", "as it is", "trials\nthat have it", "pairs", "seeds that\nwould show it"):
        shown.add_column(name, justify="right")
    for one in free.proposals:
        seen = one.observed
        shown.add_row(
            escape(one.name),
            estimate_words(seen.equal),
            estimate_words(seen.changed),
            f"{seen.trials} of {seen.of}",
            str(seen.pairs),
            _seeds_words(seeds_for(seen, facts, len(free.proposals), sigma=sigma)),
        )
    return shown


def estimate_words(one: Estimate | None) -> str:
    """``+0.8 (−0.2 to +1.8)``."""
    if one is None:
        return "not known"
    return signed(100 * one.delta) + (f" ({interval(one.ci, differences=True)})" if one.ci else " (no interval)")


def seeds_for(seen: Observational, facts: AblationFacts, variants: int, *, sigma: float) -> int | None:
    """Seeds of a study of so many variants that would show a true difference like the one suggested, as changed."""
    if seen.changed is None:
        return None
    return seeds_to_show(seen.changed.delta, variants=max(variants, 1), sigma=sigma, margin=facts.margin)


def _seeds_words(seeds: int | None) -> str:
    return "none would" if seeds is None else f"{seeds:,}"


def outlook(facts: AblationFacts, at: Sequence[tuple[int, Expected]], *, sigma: float) -> list[str]:
    """Whether the seeds asked for could show differences as small as those suggested for this study's variants."""
    seen = [(one.title, one.observed.changed) for one in facts.variants if one.observed and one.observed.changed]
    if not seen:
        return []
    said = []
    variants = sum(one.match_of is None for one in facts.variants)
    for seeds, one in at:
        if one.detectable is None:
            continue
        small = [(title, found) for title, found in seen if abs(found.delta) < one.detectable]
        if small:
            said.append(_too_small(seeds, small, len(seen), variants, facts, sigma))
        sharp = [title for title, found in seen if found.ci and found.ci[1] - found.ci[0] < 2 * one.detectable]
        if sharp:
            said.append(
                f"{plural(seeds, 'seed')}: what the trials suggest of {_named(sharp)} has an interval within "
                f"±{100 * one.detectable:.1f} points already; so few paired runs would be no sharper, only unbiased"
            )
    return said


def _too_small(
    seeds: int, small: list[tuple[str, Estimate]], of: int, variants: int, facts: AblationFacts, sigma: float
) -> str:
    title, largest = max(small, key=lambda one: abs(one[1].delta))
    needed = seeds_to_show(largest.delta, variants=variants, sigma=sigma, margin=facts.margin)
    size = f"{100 * abs(largest.delta):.1f} points"
    more = (
        f"no number of seeds would call {size} a practical difference: the margin is {100 * facts.margin:g}"
        if needed is None and abs(largest.delta) <= facts.margin
        else f"not even 10,000 seeds would show {size}"
        if needed is None
        else f"{needed:,} would show {size}"
    )
    which = (
        "any that the trials suggest" if len(small) == of else f"those suggested of {_named([one for one, _ in small])}"
    )
    return (
        f"{plural(seeds, 'seed')} would not show differences as small as {which}; {more} ({title}, the largest of them)"
    )


def _named(titles: Sequence[str]) -> str:
    return listed(titles) if len(titles) <= NAMED else plural(len(titles), "variant")


def to_json(free: Free, facts: AblationFacts, *, sigma: float) -> list[dict[str, Any]]:
    """Proposals in order; differences are fractions."""
    return [
        {
            "name": one.name,
            "changes": {name: str(value) for name, value in one.changes.items()},
            **observed_json(one.observed),
            "seeds": seeds_for(one.observed, facts, len(free.proposals), sigma=sigma),
        }
        for one in free.proposals
    ]
