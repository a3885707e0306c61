"""An ablation as JSON: what ``--json`` prints. Differences are fractions."""

import json
from typing import Any

from nas.ablation_evidence import AXES, Evidence, Length, evidence, missing, over_lengths, warnings
from nas.effects.family import Axis, Effect, EqualCost, Family
from nas.effects.paired import pairing
from nas.evidence import confirmed, guesses, scores
from nas.record import AblationRecords, Estimate, Observational, Record

LENGTHS: tuple[Length, ...] = ("short", "long")


def ablation_json(run: AblationRecords, found: Evidence | None) -> dict[str, Any]:
    """The whole document; what is not known is null. ``found``: the run's headline."""
    facts = run.facts
    both = over_lengths(run, found)
    lengths = [length for length in LENGTHS if length == "short" or facts.long is not None]
    by_length = {
        length: found if found is not None and found.length == length else evidence(run, length) for length in lengths
    }
    means = {} if found is None else confirmed(found.scores)

    def mean(name: str) -> dict[str, Any]:
        one = means.get(name)
        return {"mean": None if one is None else one.mean, "seeds": [] if one is None else list(one.seeds)}

    return {
        "study": run.name,
        "question": facts.question,
        "dataset": facts.data.label,
        "effort": facts.effort,
        "recipe": facts.recipe.to_dict(),
        "long_recipe": None if facts.long is None else facts.long.to_dict(),
        "length": None if found is None else found.length,
        "look": None if found is None else found.look,
        "looks": list(facts.looks),
        "margin": facts.margin,
        "baseline": {
            "name": facts.baseline,
            "title": facts.baseline_title,
            **_costs(run, facts.baseline_name),
            **mean(facts.baseline_name),
            "curve": [
                {"width": width, **_costs(run, name), **mean(name)}
                for name, width in sorted(facts.curve.items(), key=lambda one: one[1])
            ],
            **_recorded(run, facts.baseline_name),
        },
        "variants": [
            {
                "name": one.name,
                "title": one.title,
                "changes": one.changes,
                "match_of": one.match_of,
                **_costs(run, one.name),
                "mean": mean(one.name)["mean"],
                **_effect_json(effect_of(found, one.name)),
                "over_lengths": both.get(one.name),
                "at_equal_cost": _equal_json(equal_of(found, "macs", one.name)),
                "at_equal_params": _equal_json(equal_of(found, "params", one.name)),
                "at_equal_latency": _equal_json(equal_of(found, "latency", one.name)),
                "lengths": {length: _effect_json(effect_of(by_length[length], one.name)) for length in lengths},
                "paper": _claim_json(run, one.name),
                "free_evidence": None if one.observed is None else observed_json(one.observed),
                **_recorded(run, one.name),
            }
            for one in facts.variants
        ],
        "families": None if found is None else _families_json(found),
        "pairing": None if found is None else _pairing_json(found),
        "learning_rates": {
            name: [{"max_lr": rate, "val_accuracy": accuracy} for rate, accuracy in sorted(tried.items())]
            for name, tried in rates(run).items()
        },
        "paper": None if facts.paper is None else {"source": facts.paper.source, "says": facts.paper.says},
        "warnings": warnings(run, found),
        "notes": list(facts.notes),
        "still_to_do": {length: missing(run, length) for length in LENGTHS},
        "looked": list(facts.looked),
    }


def _effect_json(effect: Effect | None) -> dict[str, Any]:
    if effect is None:
        return {"seeds": [], "delta": None, "ci": None, "p": None, "verdict": "not shown", "detectable": None}
    return {
        "seeds": list(effect.seeds),
        "delta": effect.delta,
        "ci": None if effect.ci is None else list(effect.ci),
        "p": effect.p,
        "verdict": effect.verdict,
        "detectable": effect.detectable,
        "settles": effect.settles,
    }


def _equal_json(equal: EqualCost | None) -> dict[str, Any] | None:
    if equal is None:
        return None
    return {
        **_effect_json(equal),
        "cost": equal.cost,
        "worth": equal.worth,
        "worth_ci": None if equal.worth_ci is None else list(equal.worth_ci),
        "extrapolated": equal.extrapolated,
        "misfit": equal.misfit,
    }


def _families_json(found: Evidence) -> dict[str, Any]:
    families: dict[str, Family[Any] | None] = {"as_changed": found.changed, "matched": found.matched}
    families |= {f"at_equal_{axis}": found.equal.get(axis) for axis in AXES}
    return {
        name: {
            "level": family.level,
            "alpha": family.spent if family.spent is not None else round(1 - family.level, 12),
            "variants": len(family.effects),
            "sigma": family.sigma,
            "df": family.df,
            "critical": family.critical,
            "method": family.method,
        }
        for name, family in families.items()
        if family is not None
    }


def _pairing_json(found: Evidence) -> dict[str, Any] | None:
    gain = pairing(found.scores)
    if gain is None:
        return None
    return {"correlation": gain.correlation, "ci": list(gain.ci), "factor": gain.factor, "seeds": gain.seeds}


def observed_json(seen: Observational) -> dict[str, Any]:
    """What a search's trials suggested; ``trials`` of ``of_trials`` have an option that the change brings."""
    return {
        "observational": True,
        "changed": _estimate_json(seen.changed),
        "at_equal_cost": _estimate_json(seen.equal),
        "trials": seen.trials,
        "of_trials": seen.of,
        "pairs": seen.pairs,
    }


def _estimate_json(one: Estimate | None) -> dict[str, Any] | None:
    return None if one is None else {"delta": one.delta, "ci": None if one.ci is None else list(one.ci)}


def _claim_json(run: AblationRecords, name: str) -> dict[str, Any] | None:
    claim = None if run.facts.paper is None else run.facts.paper.claims.get(name)
    return None if claim is None else {"direction": claim.direction, "delta": claim.delta}


def _costs(run: AblationRecords, name: str) -> dict[str, Any]:
    record, latency = any_record(run, name), run.facts.latencies.get(name)
    return {
        "macs": None if record is None else record.macs,
        "params": None if record is None else record.params,
        "train_macs": None if record is None else record.train_macs,
        "latency_ms": None if latency is None else latency.ms,
    }


def _recorded(run: AblationRecords, name: str) -> dict[str, Any]:
    """What rebuilds the network, its accuracies by seed, and what failed."""
    record = any_record(run, name)
    return {
        "choices": None if record is None else record.choices,
        "spec": None if record is None else json.loads(record.spec.to_json()),
        "accuracies": {
            length: {str(seed): accuracy for seed, accuracy in scores(records).get(name, {}).items()}
            for length, records in (("short", run.short), ("long", run.long))
        },
        "failed": [one.reason for one in trainings(run) if one.key == name and one.reason],
    }


def effect_of(found: Evidence | None, name: str) -> Effect | None:
    """As changed, of a variant or of its matched twin."""
    families = [] if found is None else [found.changed, found.matched]
    return next((one for family in families if family for one in family.effects if one.name == name), None)


def equal_of(found: Evidence | None, axis: Axis, name: str) -> EqualCost | None:
    family = None if found is None else found.equal.get(axis)
    return None if family is None else next((one for one in family.effects if one.name == name), None)


def trainings(run: AblationRecords) -> tuple[Record, ...]:
    return (*run.short, *run.long)


def any_record(run: AblationRecords, name: str) -> Record | None:
    return next((record for record in trainings(run) if record.key == name), None)


def rates(run: AblationRecords) -> dict[str, dict[float, float]]:
    """Network → learning rate → accuracy of its check; 0 for a training that failed."""
    tried: dict[str, dict[float, float]] = {}
    for record in run.rates:
        name, _, rate = record.key.rpartition(" ")
        tried.setdefault(name, {})[float(rate)] = record.val_accuracy or 0.0
    return tried


def learned_nothing(run: AblationRecords) -> list[str]:
    """Networks that learned nothing at any learning rate that was checked: there is no best one to name."""
    return [
        name
        for name, by_rate in rates(run).items()
        if all(guesses(run.facts, [accuracy]) for accuracy in by_rate.values())
    ]


def summary_json(run: AblationRecords) -> dict[str, Any]:
    """A line of ``nas list --json``."""
    facts = run.facts
    return {
        "study": run.name,
        "kind": "ablation",
        "dataset": facts.data.label,
        "effort": facts.effort,
        "question": facts.question,
        "variants": [one.name for one in facts.variants],
        "seeds": facts.seeds,
        "trainings_done": len(run.short) + len(run.long),
        "trainings_left": sum(missing(run, length) for length in LENGTHS),
        "started": facts.started,
    }
