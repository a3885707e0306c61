"""An ablation as its page reads it: what both lengths show, worked out once for all tables and figures."""

from collections.abc import Mapping
from dataclasses import dataclass

from nas.ablation_document import effect_of, equal_of
from nas.ablation_evidence import AXES, Evidence, Length, evidence, missing
from nas.effects.family import Axis, Effect, EqualCost, Family, Scores
from nas.effects.lengths import interaction, length_verdict
from nas.effects.paired import Pairing, pairing
from nas.effects.verdict import Verdict
from nas.evidence import scores
from nas.paper import Claim
from nas.recipe import Recipe
from nas.record import AblationFacts, AblationRecords, Record, VariantFacts
from reports.words import at_width


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """The baseline at one of its widths, or a variant: its costs in the native form, and its accuracies by seed."""

    name: str  # of its records
    title: str
    width: float | None  # of the baseline; None: a variant
    variant: VariantFacts | None
    record: Record | None  # any of its trainings; None before the first
    latency_ms: float | None
    accuracies: Mapping[int, float]  # of the length that is read, fractions

    @property
    def mean(self) -> float | None:
        return sum(self.accuracies.values()) / len(self.accuracies) if self.accuracies else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A variant with everything that was found of it; what is not known is None."""

    network: Network
    changes: tuple[str, ...]  # what differs, a decision each
    changed: Effect | None
    equal: Mapping[Axis, EqualCost]
    short: Effect | None  # as changed, by length
    long: Effect | None
    over_lengths: Verdict | None  # of both lengths together; None before both are there
    longer: Effect | None  # the long training's effect minus the short one's
    claim: Claim | None  # the paper's

    @property
    def title(self) -> str:
        return self.network.title

    @property
    def matched(self) -> bool:
        """Brought to the baseline's cost by expansion widths; a family of its own."""
        return self.network.variant is not None and self.network.variant.match_of is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """``found`` is of the length that is read: the long trainings where all of them are done, else the short ones."""

    run: AblationRecords
    length: Length
    found: Evidence | None
    by_length: Mapping[Length, Evidence | None]
    longer: Family[Effect] | None
    baseline: tuple[Network, ...]  # at every width, the thinnest first
    rows: tuple[Row, ...]  # as the study's file has them; matched ones last
    gain: Pairing | None

    @property
    def facts(self) -> AblationFacts:
        return self.run.facts

    @property
    def widths(self) -> dict[str, str]:
        """What the baseline's widths are called beside its curve, by name of records: ``×0.25``."""
        titles = {name: at_width(self.facts.baseline_title, width) for name, width in self.facts.curve.items()}
        return {name: "×" + (title.rpartition(" ×")[2] if " ×" in title else "1") for name, title in titles.items()}

    @property
    def recipe(self) -> Recipe:
        """Of the trainings that are read."""
        return recipe_of(self.facts, self.length)

    @property
    def records(self) -> tuple[Record, ...]:
        """The trainings that are read, without those beyond the last look."""
        return self.records_of(self.length)

    def records_of(self, length: Length) -> tuple[Record, ...]:
        """Complete trainings of a length whose accuracies are read."""
        found = self.by_length[length]
        table = {} if found is None else found.scores
        records = self.run.short if length == "short" else self.run.long
        return tuple(one for one in records if one.seed in table.get(one.key, {}))

    @property
    def base(self) -> Network:
        """The baseline as it is."""
        return next(one for one in self.baseline if one.width == 1)

    @property
    def variants(self) -> tuple[Row, ...]:
        """Without the matched ones."""
        return tuple(row for row in self.rows if not row.matched)

    @property
    def matched(self) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if row.matched)

    @property
    def axes(self) -> tuple[Axis, ...]:
        """Along which variants are read at equal cost."""
        return tuple(axis for axis in AXES if self.found is not None and axis in self.found.equal)


def recipe_of(facts: AblationFacts, length: Length) -> Recipe:
    return facts.long if length == "long" and facts.long is not None else facts.recipe


def read(run: AblationRecords) -> Reading:
    """Everything that the page of an ablation says, from its records. Takes seconds: call it once."""
    facts = run.facts
    length: Length = "long" if facts.long is not None and not missing(run, "long") else "short"
    by_length: dict[Length, Evidence | None] = {
        "short": evidence(run, "short"),
        "long": evidence(run, "long") if facts.long is not None else None,
    }
    found, short, long = by_length[length], by_length["short"], by_length["long"]
    table: Scores = found.scores if found is not None else scores(run.short)
    longer = _longer(facts, short, long)
    rows = [
        Row(
            network=_network(run, table, one.name, one.title, variant=one),
            changes=tuple(f"{name}: {value}" for name, value in one.changes.items()),
            changed=effect_of(found, one.name),
            equal={axis: equal for axis in AXES if (equal := equal_of(found, axis, one.name)) is not None},
            short=effect_of(short, one.name),
            long=effect_of(long, one.name),
            over_lengths=_over(effect_of(short, one.name), effect_of(long, one.name)) if length == "long" else None,
            longer=None if longer is None else next((each for each in longer.effects if each.name == one.name), None),
            claim=None if facts.paper is None else facts.paper.claims.get(one.name),
        )
        for one in facts.variants
    ]
    return Reading(
        run=run,
        length=length,
        found=found,
        by_length=by_length,
        longer=longer,
        baseline=tuple(
            _network(run, table, name, at_width(facts.baseline_title, width), width=width)
            for name, width in sorted(facts.curve.items(), key=lambda one: one[1])
        ),
        rows=tuple(sorted(rows, key=lambda row: row.matched)),
        gain=None if found is None else pairing(found.scores),
    )


def _over(short: Effect | None, long: Effect | None) -> Verdict | None:
    return None if short is None or long is None else length_verdict(short, long)


def _longer(facts: AblationFacts, short: Evidence | None, long: Evidence | None) -> Family[Effect] | None:
    """None where no variant has a seed with both lengths."""
    if short is None or long is None:
        return None
    names = [one.name for one in facts.variants if one.match_of is None]
    found = interaction(short.scores, long.scores, baseline=facts.baseline_name, variants=names, margin=facts.margin)
    return found if found.effects else None


def _network(
    run: AblationRecords,
    table: Scores,
    name: str,
    title: str,
    *,
    width: float | None = None,
    variant: VariantFacts | None = None,
) -> Network:
    latency = run.facts.latencies.get(name)
    return Network(
        name=name,
        title=title,
        width=width,
        variant=variant,
        record=next((one for one in (*run.short, *run.long) if one.key == name), None),
        latency_ms=None if latency is None else latency.ms,
        accuracies=table.get(name, {}),
    )
