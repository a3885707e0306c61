"""``--dry-run``: what the baselines would mean, before anything is trained or written."""

import json

from rich import box
from rich.console import Console
from rich.table import Table

from nas.cost import cost
from nas.duration import duration
from reports.words import plural
from studies.baselines import BaselineRequest
from studies.learning_rates import MOST
from studies.run import expected_seconds


def show(request: BaselineRequest, *, as_json: bool) -> None:
    """The networks in both forms, the recipe, the learning rates to be checked, and the expected time."""
    facts = request.facts
    seconds = expected_seconds(request)
    rows = [(reference, cost(reference.spec()), cost(request.trained(reference))) for reference in request.references]
    if as_json:
        document = {
            "study": request.name,
            "recipe": facts.recipe.to_dict(),
            "max_lrs": list(facts.max_lrs),
            "families": list(request.families()),
            "seeds": facts.seeds,
            "networks": [
                {
                    "name": reference.name,
                    "macs": native.macs,
                    "params": native.params,
                    "train_macs": trained.macs,
                    "train_params": trained.params,
                }
                for reference, native, trained in rows
            ],
            "expected_seconds": seconds,
        }
        print(json.dumps(document, indent=2))
        return
    out = Console()
    recipe = facts.recipe
    images = "all images" if recipe.train_images is None else f"{recipe.train_images:,} images"
    out.print(
        f"{request.name}: {facts.data.label}, {plural(recipe.epochs, 'epoch')} of {images} of four folds at "
        f"{recipe.resolution} px, batch {recipe.batch}, {facts.seeds} seeds each",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("network", "MFLOPs", "params M", "trained MMACs", "trained params M"):
        shown.add_column(name, justify="left" if name == "network" else "right")
    for reference, native, trained in rows:
        shown.add_row(
            reference.title,
            f"{native.macs / 1e6:,.1f}",
            f"{native.params / 1e6:.2f}",
            f"{trained.macs / 1e6:,.1f}",
            f"{trained.params / 1e6:.2f}",
        )
    out.print(shown)
    rates = ", ".join(f"{rate:g}" for rate in facts.max_lrs)
    check = request.check_recipe.epochs
    out.print(
        f"learning rates {rates} are checked first for {', '.join(request.families())} ({plural(check, 'epoch')} "
        f"each; further ones while the best is at an edge or nothing is learned, at most {MOST} a family)",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    out.print(f"expected time on this machine: about {duration(seconds)}", highlight=False)
