"""``--dry-run``: what a search would mean, before anything is trained or written."""

import json
import math
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from nas.arch import ArchSpec
from nas.cost import cost
from nas.draw import LIMITS_NOTHING, NEAR, reachable
from nas.duration import duration
from nas.preview import Preview, Range
from nas.request import Request
from nas.run import expected_seconds
from nas.show import budget_json


def show(request: Request, *, as_json: bool) -> None:
    """Size of the space, the range of each cost and the share that fits it, and the expected time."""
    preview = request.preview()
    time = expected_seconds(request)
    if as_json:
        print(json.dumps(document(request, preview, time), indent=2))
        return
    out = Console()
    facts, budget = request.facts, request.facts.budget
    out.print(f"{facts.space} under {budget}", highlight=False)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("", "least", "median", "most", "budget", "fit"):
        table.add_column(name, justify="left" if not name else "right")
    for one in preview.ranges:
        table.add_row(*_cells(one))
    out.print(table)
    out.print(f"networks in the space: about 10^{math.log10(preview.size):.0f}", highlight=False)
    out.print(
        f"of {preview.draws} random draws {preview.share:.1%} fit, {preview.share_near:.1%} fit and use at least "
        f"{NEAR:.0%} of the budget; every trial fits",
        highlight=False,
    )
    least, most = (_trained(request, spec) / 1e6 for spec in (preview.cheapest, preview.dearest))
    out.print(
        f"trained at {facts.recipe.resolution} px with {facts.data.classes} classes: {least:,.1f} to {most:,.1f} "
        "million multiply-adds",
        highlight=False,
    )
    if not reachable(request.space, request.limits):
        out.print(LIMITS_NOTHING)
    out.print(
        f"{facts.trials} trials by {facts.sampler}{_control(request)}, recipe {facts.recipe.name} on "
        f"{facts.data.label}, {facts.confirm} fresh seeds: about {duration(time)} on this machine",
        highlight=False,
    )


def _control(request: Request) -> str:
    return f", a control of {request.facts.trials} random draws" if request.facts.control else ""


def _cells(one: Range) -> tuple[str, ...]:
    quantity = one.quantity
    each = (quantity.text(value) for value in (one.minimum, one.median, one.maximum))
    limited = (f"{quantity.limit:,.10g}", f"{one.share:.1%}") if one.limited else ("", "")
    return (quantity.unit, *each, *limited)


def document(request: Request, preview: Preview, time: float) -> dict[str, Any]:
    """The document of ``--dry-run --json``; ``costs`` in the units of the command's flags, ``limit`` null where the
    budget says nothing of it."""

    def one(spec: ArchSpec) -> dict[str, Any]:
        costs = request.facts.budget.cost(spec)
        return {"macs": costs.macs, "params": costs.params, "train_macs": _trained(request, spec)}

    return {
        "study": request.name,
        "dataset": request.facts.data.label,
        "fallback": request.facts.fallback,
        "budget": budget_json(request.facts),
        "space": {
            "name": request.facts.space,
            "networks": preview.size,
            "draws": preview.draws,
            "share_that_fits": preview.share,
            "share_near_budget": preview.share_near,
            "cheapest": one(preview.cheapest),
            "dearest": one(preview.dearest),
            "costs": [
                {
                    "quantity": each.quantity.flag.removeprefix("--budget-"),
                    "unit": each.quantity.unit,
                    "minimum": each.minimum,
                    "median": each.median,
                    "maximum": each.maximum,
                    "limit": each.quantity.limit if each.limited else None,
                    "share_that_fits": each.share,
                }
                for each in preview.ranges
            ],
        },
        "trials": request.facts.trials,
        "control": None
        if request.facts.control is None
        else {"sampler": request.facts.control, "trials": request.facts.trials},
        "confirm": request.facts.confirm,
        "recipe": request.facts.recipe.to_dict(),
        "expected_seconds": time,
    }


def _trained(request: Request, spec: ArchSpec) -> int:
    form = spec.trained_on(resolution=request.facts.recipe.resolution, classes=request.facts.data.classes)
    return cost(form).macs
