"""``--dry-run``: what an ablation would take, and the smallest difference it could show, before anything is trained."""

import json
import shlex
from contextlib import closing
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from nas.ablation_document import observed_json
from nas.ablation_evidence import Expected, expected
from nas.cost import cost
from nas.duration import duration
from nas.record import AblationFacts
from reports.words import plural
from studies.ablations import suggestions
from studies.ablations.request import AblationRequest
from studies.ablations.run import dry_driver
from studies.ablations.scatter import Scatter, scatter

NAMED = 4  # decisions; a variant that changes more is told by their number, and by each in the JSON


def show(request: AblationRequest, *, as_json: bool) -> None:
    """The networks, the trainings, the time, and what they could show; nothing is written."""
    facts = request.facts
    driver = dry_driver(request)
    with closing(driver.executor):
        left = driver.to_train()
        seconds = driver.remaining_seconds() if left else 0.0
        reused = len(driver.reusable())
    noise = scatter(request)
    at = [(seeds, expected(facts, seeds, sigma=noise.sigma)) for seeds in request.looks]
    if as_json:
        document = _document(request, left=len(left), reused=reused, seconds=seconds, noise=noise, at=at)
        print(json.dumps(document, indent=2))
        return
    out = Console()

    def say(text: str) -> None:
        out.print(text, highlight=False, markup=False, soft_wrap=True)

    say(facts.question)
    if facts.paper is not None:
        say(f"{facts.paper.source}: {facts.paper.says}")
    say(f"{request.name}: {facts.data.label}, {recipe_words(facts)}")
    if request.free is not None:
        say(suggestions.heading(request.free))
        if request.free.proposals:
            out.print(suggestions.table(request.free, facts, sigma=noise.sigma))
            if not {one.name for one in request.free.proposals} <= {one.name for one in request.networks}:
                say(f"paired runs of these: python -m studies --of {shlex.quote(request.free.search)} --proposed")
    out.print(_table(request))
    for note in facts.notes:
        say(f"note: {note}")
    lengths = 2 if facts.long else 1
    say(
        f"{plural(len(left), 'training')} to be done ({len(request.networks)} networks, "
        f"{' or '.join(str(seeds) for seeds in request.looks)} seeds, {plural(lengths, 'length')}"
        f"{f'; {reused} are there from other studies' if reused else ''})"
    )
    for seeds, one in at:
        say(_shows(seeds, one, facts, noise))
    for line in suggestions.outlook(facts, at, sigma=noise.sigma):
        say(line)
    say(f"expected time on this machine: about {duration(seconds)}" + (" to the first look" if facts.looks else ""))


def _table(request: AblationRequest) -> Table:
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("network", "MFLOPs", "params M", "trained MMACs", "changes"):
        shown.add_column(name, justify="left" if name in ("network", "changes") else "right")
    data, recipe = request.facts.data, request.facts.recipe
    suggested = {one.name: one.observed.equal for one in request.facts.variants if one.observed is not None}
    above = set() if request.free is None else {one.name for one in request.free.proposals}
    if set(suggested) <= above:  # said already
        suggested = {}
    if suggested:
        shown.add_column("the trials suggest\n(at equal cost)", justify="right")
    for one in request.networks:
        native = cost(one.spec)
        trained = cost(one.spec.trained_on(resolution=recipe.resolution, classes=data.classes))
        changes = ", ".join(f"{name}: {value}" for name, value in one.changes.items())
        if len(one.changes) > NAMED:
            changes = plural(len(one.changes), "decision")
        shown.add_row(
            escape(one.title),
            f"{native.macs / 1e6:,.1f}",
            f"{native.params / 1e6:.2f}",
            f"{trained.macs / 1e6:,.1f}",
            escape(changes),
            *([suggestions.estimate_words(suggested[one.name]) if one.name in suggested else ""] if suggested else []),
        )
    return shown


def recipe_words(facts: AblationFacts) -> str:
    """``3 and 9 epochs of 3,000 images of four folds at 24 px, batch 32, learning rate 0.05``."""
    recipe = facts.recipe
    images = "all images" if recipe.train_images is None else f"{recipe.train_images:,} images"
    epochs = str(recipe.epochs) if facts.long is None else f"{recipe.epochs} and {facts.long.epochs}"
    return (
        f"{epochs} epochs of {images} of four folds at {recipe.resolution} px, batch {recipe.batch}, learning rate "
        f"{recipe.max_lr:g}, {recipe.precision}"
    )


def _shows(seeds: int, one: Expected, facts: AblationFacts, noise: Scatter) -> str:
    if one.detectable is None:
        return f"{plural(seeds, 'seed')}: no differences can be shown; two seeds are the least"
    looks = f", at look {facts.looks.index(seeds) + 1} of {len(facts.looks)}" if facts.looks else ""
    known = "assumed" if noise.study is None else f"measured in {noise.study}"
    return (
        f"{seeds} seeds would show a true difference of {100 * one.detectable:.1f} points with 80% power{looks} "
        f"(as changed, {plural(one.variants, 'variant')}, {100 * one.sigma:.1f} points of noise a training, {known}); "
        f"margin {100 * facts.margin:g} points"
    )


def _document(
    request: AblationRequest,
    *,
    left: int,
    reused: int,
    seconds: float,
    noise: Scatter,
    at: list[tuple[int, Expected]],
) -> dict[str, Any]:
    facts = request.facts
    suggested = {one.name: one.observed for one in facts.variants if one.observed is not None}
    return {
        "study": request.name,
        "question": facts.question,
        "baseline": facts.baseline,
        "recipe": facts.recipe.to_dict(),
        "long_recipe": None if facts.long is None else facts.long.to_dict(),
        "seeds": request.looks[-1],
        "looks": list(facts.looks),
        "free_evidence": None if request.free is None else suggestions.to_json(request.free, facts, sigma=noise.sigma),
        "no_free_evidence": None if request.free is None else request.free.evidence.reason,
        "networks": [
            {
                "name": one.name,
                "title": one.title,
                "width": one.width,
                "changes": dict(one.changes),
                "macs": cost(one.spec).macs,
                "params": cost(one.spec).params,
                "train_macs": cost(
                    one.spec.trained_on(resolution=facts.recipe.resolution, classes=facts.data.classes)
                ).macs,
                "free_evidence": observed_json(suggested[one.name]) if one.name in suggested else None,
            }
            for one in request.networks
        ],
        "trainings": left,
        "reused": reused,
        "expected_seconds": seconds,
        "margin": facts.margin,
        "noise": {"sigma": noise.sigma, "measured_in": noise.study},
        "detectable": [
            {"seeds": seeds, "sigma": one.sigma, "variants": one.variants, "difference": one.detectable}
            for seeds, one in at
        ],
        "notes": list(facts.notes),
    }
