"""Runs that never happened, for tests only: real networks of the V3 space, accuracies from a made-up formula."""

import math
import random
from dataclasses import replace
from functools import lru_cache

from nas.arch import ArchSpec
from nas.budget import Budget
from nas.cost import cost
from nas.draw import Draw, draw_inside, move_inside
from nas.latency.value import Calibration, Latency
from nas.objectives import Goal
from nas.plan import trust_tasks
from nas.recipe import Recipe
from nas.record import DataFacts, EpochRecord, Record, RunRecords, SearchFacts, State
from nas.space import Option
from nas.spread import part_at_random
from search_spaces import REFERENCES, SPACES

BUDGET = Budget(macs=60_000_000)
RECIPE = Recipe(name="brief", epochs=6, train_images=20000, val_images=None, resolution=32)
STARTED = "2025-01-02T03:04:05+00:00"


def facts(*, budget: Budget = BUDGET, recipe: Recipe = RECIPE, demo: bool = False, confirm: int = 2) -> SearchFacts:
    name, label = ("digits", "digits (8×8)") if demo else ("cifar10", "CIFAR-10 (JPEG)")
    return SearchFacts(
        space="mobilenet_v3",
        space_fingerprint="0123abcd",
        budget=budget,
        data=DataFacts(name=name, label=label, fingerprint="feedbeef", classes=10, images=50000, resolution=32),
        recipe=recipe,
        sampler="tpe",
        seed=0,
        effort="demo" if demo else "brief",
        fallback=demo,
        names_winner=not demo,
        confirm=confirm,
        trials=24,
        command="python -m nas.search --budget-mflops 60 --trials 24",
        machine={"cpu": "a made-up machine", "cores": "2"},
        versions={"python": "3.11.0", "torch": "0.0.0"},
        started=STARTED,
    )


@lru_cache(maxsize=8)
def networks(budget: Budget, count: int) -> tuple[Draw, ...]:
    rng = random.Random(7)
    found: list[Draw] = []
    for _ in range(count):
        found.append(draw_inside(SPACES["mobilenet_v3"], budget, rng, taken={one.spec for one in found}))
    return tuple(found)


def quality(spec: ArchSpec, facts: SearchFacts) -> float:
    """A made-up accuracy without noise: grows with the trained cost and with squeeze-excite."""
    trained = spec.trained_on(resolution=facts.recipe.resolution, classes=facts.data.classes)
    squeezed = [bool(getattr(block, "squeeze", 0)) for block in spec.blocks]
    return 0.5 + 0.05 * math.log(cost(trained).macs / 5e6) + 0.06 * sum(squeezed) / len(squeezed)


def record(
    spec: ArchSpec,
    facts: SearchFacts,
    *,
    number: int | None = None,
    name: str | None = None,
    title: str | None = None,
    origin: str = "draw",
    state: State = "complete",
    choices: dict[str, Option] | None = None,
    seed: int = 0,
    fold: int = 0,
    noise: float = 0.012,
    accuracy: float | None = None,
) -> Record:
    rng = random.Random(f"{name} {number} {seed}")
    last = quality(spec, facts) + rng.gauss(0, noise) + 0.01 * math.sin(fold) if accuracy is None else accuracy
    epochs = facts.recipe.epochs
    curve = [
        EpochRecord(
            train_loss=2.3 / (1 + one),
            val_accuracy=last * (1 - 0.5 * 0.5**one) / (1 - 0.5**epochs * 0.5),
            seconds=9.0,
        )
        for one in range(1, epochs + 1)
    ]
    kept = {"complete": curve, "pruned": curve[: max(1, epochs // 3)], "failed": []}[state]
    deployed = facts.budget.cost(spec)
    return Record(
        state=state,
        number=number,
        name=name,
        title=title or f"trial {number}",
        origin=origin,
        spec=spec,
        choices=choices,
        macs=deployed.macs,
        params=deployed.params,
        peak_activation_bytes=deployed.peak_activation_bytes,
        train_macs=cost(spec.trained_on(resolution=facts.recipe.resolution, classes=facts.data.classes)).macs,
        seed=seed,
        fold=fold,
        curve=tuple(kept),
        reason="loss is not finite after 12 steps" if state == "failed" else None,
        train_seconds=60.0,
        device="cpu",
        started=STARTED,
    )


def fake_trials(facts: SearchFacts, count: int, states: dict[int, State] | None = None) -> tuple[Record, ...]:
    return tuple(
        record(
            one.spec,
            facts,
            number=number,
            origin="draw" if number < 10 else "tpe",
            choices=one.choices,
            state=(states or {}).get(number, "complete"),
        )
        for number, one in enumerate(networks(facts.budget, count))
    )


def fake_references(facts: SearchFacts) -> tuple[Record, ...]:
    small, large = REFERENCES["mobilenet_v3_small"], REFERENCES["mobilenet_v3_large"]
    entries = [
        (small.spec(), small.name, small.title, "published", small.choices),
        (large.spec(), large.name, large.title, "published", large.choices),
        (small.scaled(1.03), f"{small.name}@budget", f"{small.title} ×1.03", "scaled", None),
        (large.scaled(0.4), f"{large.name}@budget", f"{large.title} ×0.40", "scaled", None),
    ]
    return tuple(
        record(spec, facts, name=name, title=title, origin=origin, choices=choices)
        for spec, name, title, origin, choices in entries
    )


def confirm(records: list[Record], facts: SearchFacts, seeds: tuple[int, ...]) -> tuple[Record, ...]:
    return tuple(
        record(
            one.spec,
            facts,
            number=one.number,
            name=one.name,
            title=one.title,
            origin=one.origin,
            seed=seed,
            fold=seed % 5,
        )
        for one in records
        for seed in seeds
    )


def fake_run(
    *,
    trials: int = 24,
    references: bool = True,
    seeds: tuple[int, ...] = (1, 2),
    states: dict[int, State] | None = None,
    budget: Budget = BUDGET,
    recipe: Recipe = RECIPE,
    demo: bool = False,
    confirmed: bool = True,
) -> RunRecords:
    """A run that is finished unless told otherwise."""
    from nas.evidence import to_confirm

    study = replace(facts(budget=budget, recipe=recipe, demo=demo, confirm=len(seeds)), trials=max(trials, 1))
    own = fake_trials(study, trials, states)
    known = fake_references(study) if references else ()
    fresh = confirm(to_confirm(own, known, study), study, seeds) if confirmed else ()
    return RunRecords(name="fake-60", facts=study, trials=own, references=known, confirmations=fresh)


FRONT = Goal(objectives=("accuracy", "macs"))


def fake_front(
    *, trials: int = 24, seeds: tuple[int, ...] = (1, 2), goal: Goal = FRONT, states: dict[int, State] | None = None
) -> RunRecords:
    """A finished search for a front; latencies, where they are asked for, are proportional to multiply-adds."""
    from nas.evidence import to_confirm

    study = replace(facts(confirm=len(seeds)), trials=trials, goal=goal)
    small = REFERENCES["mobilenet_v3_small"]
    own = tuple(
        record(
            one.spec,
            study,
            number=number,
            origin="draw" if number < 10 else "tpe",
            choices=one.choices,
            state=(states or {}).get(number, "complete"),
        )
        for number, one in enumerate(spread_networks(trials))
    )
    narrow = tuple(
        record(
            small.scaled(width),
            study,
            name=f"{small.name}@budget/{part}",
            title=f"{small.title} ×{width:g}",
            origin="scaled",
        )
        for part, width in ((2, 0.7), (4, 0.44), (8, 0.25))
    )
    own, known = (with_latency(group, goal) for group in (own, (*fake_references(study), *narrow)))
    fresh = with_latency(confirm(to_confirm(own, known, study), study, seeds), goal)
    return RunRecords(name="fake-front", facts=study, trials=own, references=known, confirmations=fresh)


@lru_cache(maxsize=4)
def spread_networks(count: int) -> tuple[Draw, ...]:
    """Of the whole range of costs under 60 MFLOPs."""
    space, rng = SPACES["mobilenet_v3"], random.Random(11)
    found: list[Draw] = []
    for _ in range(count):
        part = part_at_random(space, BUDGET, rng)
        start = draw_inside(space, BUDGET, rng, near=0.0)
        found.append(move_inside(space, part, start, rng, taken={one.spec for one in found}))
    return tuple(found)


def with_latency(records: tuple[Record, ...], goal: Goal) -> tuple[Record, ...]:
    if not goal.needs_latency:
        return records
    return tuple(replace(one, latency=_latency(one)) for one in records)


def _latency(record: Record, *, measured: bool = False) -> Latency:
    """Made up: half a millisecond, and one for 20 million multiply-adds; blocks by theirs."""
    ms = 0.5 + record.macs / 20e6
    width = 0.01 if measured else 0.1
    blocks = tuple(0.03 + one.macs / 20e6 for one in BUDGET.deployed(record.spec).costs())
    return Latency(ms, ms * (1 - width), ms * (1 + width), measured=measured, blocks=blocks)


def with_target(run: RunRecords) -> RunRecords:
    """The same run, timed: trials by prediction, what was confirmed as a whole."""
    budget = replace(run.facts.budget, latency_ms=4.0, latency_target="onnxruntime-cpu")
    calibration = Calibration(
        slope=1.0,
        constant=0.0,
        fitted=24,
        checked=24,
        error=0.021,
        error_95=0.062,
        estimated_error=0.04,
        estimated_error_95=0.1,
        spearman=0.993,
        macs_error=0.12,
        macs_spearman=0.95,
    )
    facts = replace(run.facts, budget=budget, latency_fingerprint="a processor, 1 thread", calibration=calibration)
    timed = {
        name: tuple(replace(one, latency=_latency(one, measured=name == "confirmations")) for one in records)
        for name in ("trials", "references", "confirmations")
        for records in (getattr(run, name),)
    }
    return replace(run, facts=facts, **timed)


def with_longer(run: RunRecords, scores: list[float]) -> RunRecords:
    """As many trials as a search would train longer, best first, with these accuracies."""
    facts = replace(run.facts, trust=len(scores))
    by_number = {record.number: record for record in run.trials}
    tasks = trust_tasks(
        run.trials, seed=facts.seed, count=len(scores), recipe=facts.recipe, available=facts.data.images
    )
    longer = tuple(
        replace(record, seed=task.seed, fold=task.fold, curve=(replace(record.curve[-1], val_accuracy=score),))
        for task, score in zip(tasks, scores, strict=True)
        for record in (by_number[task.number],)
    )
    return replace(run, facts=facts, trust=longer)


def with_control(run: RunRecords, *, shift: float = 0.0, confirmed: bool = True) -> RunRecords:
    """The same run beside a control of as many networks, ``shift`` more accurate than they would be."""
    from nas.evidence import chosen

    study, count = replace(run.facts, control="random"), len(run.trials)
    seeds = tuple(sorted({one.seed for one in run.confirmations}))

    def better(records: tuple[Record, ...]) -> tuple[Record, ...]:
        return tuple(
            replace(one, curve=tuple(replace(at, val_accuracy=at.val_accuracy + shift) for at in one.curve))
            for one in records
        )

    drawn = spread_networks(2 * count) if study.goal.several else networks(study.budget, 2 * count)
    plain = tuple(
        record(one.spec, study, number=number, name=f"control {number}", title=f"control {number}", choices=one.choices)
        for number, one in enumerate(drawn[count:])
    )
    control = with_latency(better(plain), study.goal)
    fresh = better(confirm(chosen(control, study), study, seeds)) if confirmed else ()
    fresh = with_latency(fresh, study.goal)
    return replace(run, facts=study, control=control, confirmations=(*run.confirmations, *fresh))
