"""An ablation on the terminal."""

import json
from pathlib import Path

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from nas.ablation_document import (
    LENGTHS,
    ablation_json,
    any_record,
    effect_of,
    equal_of,
    learned_nothing,
    rates,
    trainings,
)
from nas.ablation_evidence import Evidence, headline, missing, over_lengths, warnings
from nas.effects.family import Effect, EqualCost
from nas.effects.paired import pairing
from nas.record import AblationRecords
from reports.words import interval, listed, plural, signed

SUGGESTED = 6  # variants of which it is said what a search's trials had suggested


def table(run: AblationRecords, found: Evidence | None) -> Table:
    """A variant a row, in the order of its file. ``found``: the run's headline."""
    facts = run.facts
    shown = Table(
        title=f"{run.name}: validation accuracy on {facts.data.label}, points against {facts.baseline_title}",
        title_justify="left",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    shown.add_column("variant")
    for name in ("MFLOPs", "params\nM", "seeds"):
        shown.add_column(name, justify="right", no_wrap=True)
    for name in ("as changed", "at equal multiply-adds", "the paper"):
        shown.add_column(name)
    for one in facts.variants:
        native = any_record(run, one.name)
        costs = ["", ""] if native is None else [f"{native.macs / 1e6:.1f}", f"{native.params / 1e6:.2f}"]
        changed = effect_of(found, one.name)
        equal = equal_of(found, "macs", one.name)
        claim = None if facts.paper is None else facts.paper.claims.get(one.name)
        said = "" if claim is None else str(claim.direction)
        if claim is not None and claim.delta is not None:
            said += f" ({signed(100 * claim.delta)})"
        shown.add_row(
            escape(one.title),
            *costs,
            "" if changed is None else str(len(changed.seeds)),
            _words(changed),
            _words(equal) + ("" if equal is None else _worth_words(equal)),
            said,
        )
    return shown


def _words(effect: Effect | None) -> str:
    """``−1.2 [−2.0 to −0.4] hurts``."""
    if effect is None:
        return "not known"
    ci = "" if effect.ci is None else f" ({interval(effect.ci, differences=True)})"
    return f"{signed(100 * effect.delta)}{ci} {effect.verdict}"


def _worth_words(equal: EqualCost) -> str:
    if equal.extrapolated:
        return "; beyond the curve"
    return "" if equal.worth is None else f"; worth {signed(100 * equal.worth, 0)}% of the cost"


def lines(run: AblationRecords, found: Evidence | None) -> list[str]:
    """What the table does not say."""
    facts = run.facts
    said = []
    if found is None:
        looks = listed([str(seeds) for seeds in facts.looks])
        said.append(f"no verdict yet: looks are at {looks} seeds" if looks else "no pair of trainings yet")
    else:
        said += _how(run, found)
    flipped = [name for name, one in over_lengths(run, found).items() if one == "depends on training length"]
    said += [f"{listed(flipped)}: depends on training length; short and long trainings show opposite signs"] * bool(
        flipped
    )
    if facts.paper is not None:
        said.append(f"the paper ({facts.paper.source}): {facts.paper.says}")
    said += _suggested(run)
    said += [f"warning: {warning}" for warning in warnings(run, found)]
    said += [f"note: {note}" for note in facts.notes]
    if len(facts.looked) > 1 and not facts.looks:
        said.append(
            f"these verdicts were looked at before, with {listed([str(seeds) for seeds in facts.looked[:-1]])} seeds; "
            "only --until-settled accounts for that"
        )
    said += [f"{record.title}, seed {record.seed}: {record.reason}" for record in trainings(run) if record.reason]
    said += _rate_words(run)
    for length in LENGTHS:
        left = missing(run, length)
        said += [f"still to do: {plural(left, f'{length} training')}"] * bool(left)
    sources = sorted({record.source for record in trainings(run) if record.source})
    count = sum(record.source is not None for record in trainings(run))
    said += [f"{plural(count, 'training')} made by {listed(sources)}, not repeated"] * bool(sources)
    return said


def _how(run: AblationRecords, found: Evidence) -> list[str]:
    """Which trainings, how the intervals are made, what they could show, and how much pairing gains."""
    facts, changed = run.facts, found.changed
    recipe = facts.long if found.length == "long" and facts.long is not None else facts.recipe
    said = [
        f"read from the {found.length} trainings ({plural(recipe.epochs, 'epoch')}); intervals of a column hold all at "
        f"once ({'at this look of several' if found.look else f'{changed.level:.0%}'}); margin "
        f"{100 * changed.margin:g} points"
    ]
    if changed.sigma is not None:
        said.append(
            f"noise of a training: {100 * changed.sigma:.2f} points beside what its seed shares; variances "
            + ("agree: one for all" if changed.method == "pooled" else "differ: each variant has its own")
        )
    unsettled = [one for one in changed.effects if one.verdict == "not shown" and one.detectable is not None]
    if unsettled:
        shown = [one.detectable or 0.0 for one in unsettled]
        least, most = (f"{100 * one:.1f}" for one in (min(shown), max(shown)))
        settles = [one.settles or 0 for one in unsettled]
        seeds = f"; {max(settles):,} seeds would settle it" if all(settles) else ""
        spread = least if least == most else f"{least} to {most}"
        said.append(
            f"not shown: {listed([one.name for one in unsettled])}; with these seeds a true difference of {spread} "
            f"points would be shown in 80% of studies{seeds}"
        )
    gain = pairing(found.scores)
    if gain is not None:
        said.append(
            f"pairing: accuracies correlate {gain.correlation:.2f} over seeds ({gain.ci[0]:.2f} to {gain.ci[1]:.2f}); "
            f"unpaired trainings would take {gain.factor:.1f} times the seeds"
        )
    curve = found.equal["macs"].effects[0].misfit if "macs" in found.equal else None
    return said + ([f"the baseline's curve: {curve}"] if curve else [])


def _suggested(run: AblationRecords) -> list[str]:
    """What the search's trials had suggested, of a few variants."""
    seen = [(one.title, one.observed.changed) for one in run.facts.variants if one.observed and one.observed.changed]
    if not seen:
        return []
    parts = [
        f"{title} {signed(100 * one.delta)}" + (f" ({interval(one.ci, differences=True)})" if one.ci else "")
        for title, one in seen[:SUGGESTED]
    ]
    more = f"; and of {len(seen) - SUGGESTED} more" if len(seen) > SUGGESTED else ""
    return [f"the search's trials had suggested, observational, as changed: {'; '.join(parts)}{more}"]


def _rate_words(run: AblationRecords) -> list[str]:
    """The learning rate that was best for each network, where it is not the study's."""
    own = run.facts.recipe.max_lr
    tried = rates(run)
    if not tried:
        return []
    others, idle = [], learned_nothing(run)
    for name, by_rate in tried.items():
        if name in idle:
            continue
        best = max(by_rate, key=lambda rate: (by_rate[rate], rate == own))
        if best != own:
            at = f" instead of {by_rate[own]:.1%}" if own in by_rate else ""
            others.append(f"{name} reaches {by_rate[best]:.1%} at {best:g}{at}")
    said = [f"{listed(idle)}: learned nothing at any learning rate that was checked"] * bool(idle)
    if others:
        return [*said, f"learning rate {own:g} (one seed each) is not the best for all: {'; '.join(others)}"]
    of = "all others" if idle else "the baseline and every variant"
    if len(idle) < len(tried):
        said.append(f"learning rate {own:g} was the best of those checked, for {of}")
    return said


def finish(run: AblationRecords, page: Path | None, *, as_json: bool) -> None:
    """The end of a command: table, lines, report; on stderr when stdout is for the JSON document."""
    out = Console(stderr=as_json)
    out.print(run.facts.question, highlight=False, markup=False, soft_wrap=True)
    found = headline(run)
    out.print(table(run, found))
    for line in (*lines(run, found), *([f"report: {page}"] if page else [])):
        out.print(line, soft_wrap=True, highlight=False, markup=False)
    if as_json:
        print(json.dumps(ablation_json(run, found), indent=2))
