"""``python -m nas.search --budget-mflops 60``: from a budget to a table, a report and three lines."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nas.command import OneLine, as_typed, mended_by_user
from nas.duration import seconds

if TYPE_CHECKING:
    from nas.progress import Display
    from nas.request import Request, SearchOptions

HELP = """Find the most accurate small convolutional network that fits a budget.

Samples a space of networks inside the budget, trains each briefly, confirms the best on fresh seeds, and writes a
report to runs/STUDY/report/. Interrupting it loses nothing: the same command continues.

MFLOPs means 10⁶ multiply-adds of convolutions and linear layers, counted in the form the network is deployed in (224 px
and 1000 classes for CIFAR-10), the convention of the MobileNet papers.

Examples:

\b
  python -m nas.search --budget-mflops 60
  python -m nas.search --budget-mflops 60 --dry-run
  python -m nas.search --budget-mflops 60 --trials 48 --confirm 5
  python -m nas.search --budget-mflops 30 --budget-params 1500000
  python -m nas.search --budget-latency-ms 4 --latency-target onnxruntime-cpu
  python -m nas.search --budget-mflops 60 --objectives accuracy,macs
  python -m nas.search --budget-mflops 150 --space squeezenet
  python -m nas.search --budget-mflops 5 --dataset folder --data-dir pets
"""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)

BUDGET, AIM, DATA, SIZE, PLACE = "Budget", "What for", "Data", "How much", "Where and how"


@app.command(help=HELP, cls=OneLine)
def search(
    budget_mflops: Annotated[
        float | None,
        typer.Option(
            "--budget-mflops",
            "--budget-mmacs",
            metavar="N",
            help="At most N million multiply-adds.",
            rich_help_panel=BUDGET,
        ),
    ] = None,
    budget_params: Annotated[
        int | None, typer.Option(metavar="N", help="At most N parameters.", rich_help_panel=BUDGET)
    ] = None,
    budget_size_mb: Annotated[
        float | None,
        typer.Option(metavar="N", help="A file of at most N × 10⁶ bytes.", rich_help_panel=BUDGET),
    ] = None,
    size_at: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Its numbers: fp32 (default), fp16 or int8.", rich_help_panel=BUDGET),
    ] = None,
    budget_memory_mb: Annotated[
        float | None,
        typer.Option(
            metavar="N", help="At most N × 10⁶ bytes of activations at once (fp32, one image).", rich_help_panel=BUDGET
        ),
    ] = None,
    budget_latency_ms: Annotated[
        float | None,
        typer.Option(metavar="MS", help="One image in at most MS milliseconds.", rich_help_panel=BUDGET),
    ] = None,
    latency_target: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="On onnxruntime-cpu (default), torch-cpu, torch-cuda, or a device (`python -m nas.latency`).",
            rich_help_panel=BUDGET,
        ),
    ] = None,
    any_machine: Annotated[
        bool,
        typer.Option("--any-machine", help="Take a table of another machine for this one.", rich_help_panel=BUDGET),
    ] = False,
    budget_resolution: Annotated[
        int | None,
        typer.Option(
            metavar="PX",
            help="Count the budget at PX × PX (CIFAR-10: 224; folder: the images' own).",
            rich_help_panel=BUDGET,
        ),
    ] = None,
    budget_classes: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Count it with N classes (CIFAR-10: 1000; folder: its own).", rich_help_panel=BUDGET
        ),
    ] = None,
    objectives: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="A whole front inside the budget: accuracy,macs or accuracy with params or latency.",
            rich_help_panel=AIM,
        ),
    ] = None,
    objective: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="accuracy (default) or mnasnet: ACC·(LAT/T)^w.", rich_help_panel=AIM),
    ] = None,
    target_latency_ms: Annotated[
        float | None, typer.Option(metavar="T", help="Of mnasnet: the latency aimed at.", rich_help_panel=AIM)
    ] = None,
    mnasnet_w: Annotated[
        float | None,
        typer.Option(metavar="W", help="Of mnasnet: -0.07 (default, soft); -1 (hard).", rich_help_panel=AIM),
    ] = None,
    mnasnet_form: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Of mnasnet: soft (w on both sides of T) or hard (above T only).", rich_help_panel=AIM
        ),
    ] = None,
    space: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="mobilenet_v1, mobilenet_v2, mobilenet_v3, squeezenet or densenet; module:function for your own.",
        ),
    ] = "mobilenet_v3",
    sampler: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="block, tpe, random, nsga2, evolution, local, gp or reinforce; docs/search-quality.md."
        ),
    ] = "block",
    seed: Annotated[int, typer.Option(metavar="N", help="Another seed is another study.")] = 0,
    dataset: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="cifar10 (default; a demo on digits where it cannot be had), folder or digits.",
            rich_help_panel=DATA,
        ),
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where the images are; default: NAS_DATA_DIR.", rich_help_panel=DATA),
    ] = None,
    resolution: Annotated[
        int | None,
        typer.Option(
            metavar="PX",
            help="Train at PX × PX; default: the images' own, 24 for 32 in brief trainings.",
            rich_help_panel=DATA,
        ),
    ] = None,
    effort: Annotated[
        str,
        typer.Option(metavar="NAME", help="demo, brief or full; the next options override it.", rich_help_panel=SIZE),
    ] = "brief",
    trials: Annotated[
        int | None, typer.Option(metavar="N", help="Networks to try, in all, across restarts.", rich_help_panel=SIZE)
    ] = None,
    confirm: Annotated[
        int | None, typer.Option(metavar="N", help="Fresh seeds for the finalists.", rich_help_panel=SIZE)
    ] = None,
    trust: Annotated[
        int,
        typer.Option(
            metavar="N", help="Train N of the networks 4 times longer: do the trials rank them?", rich_help_panel=SIZE
        ),
    ] = 0,
    control: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="random: as many random draws in the same budget, trained alike; did the search beat them?",
            rich_help_panel=SIZE,
        ),
    ] = None,
    epochs: Annotated[int | None, typer.Option(metavar="N", help="Of each training.", rich_help_panel=SIZE)] = None,
    train_images: Annotated[
        int | None, typer.Option(metavar="N", help="Images a training sees.", rich_help_panel=SIZE)
    ] = None,
    stopping: Annotated[
        bool,
        typer.Option(
            "--stopping/--no-stopping",
            help="End hopeless trials early (of 6 epochs or more).",
            rich_help_panel=SIZE,
        ),
    ] = True,
    time: Annotated[
        str | None,
        typer.Option(
            metavar="30m", help="Stop in time to confirm by then; as many trials as fit.", rich_help_panel=SIZE
        ),
    ] = None,
    device: Annotated[
        str, typer.Option(metavar="NAME", help="auto, cpu, cuda or mps.", rich_help_panel=PLACE)
    ] = "auto",
    workers: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Trainings at a time; default: one a core, one on a GPU.", rich_help_panel=PLACE
        ),
    ] = None,
    precision: Annotated[
        str, typer.Option(metavar="NAME", help="auto (bf16 where it is faster), fp32 or bf16.", rich_help_panel=PLACE)
    ] = "auto",
    study: Annotated[
        str | None, typer.Option(metavar="NAME", help="Instead of the derived name.", rich_help_panel=PLACE)
    ] = None,
    runs: Annotated[Path, typer.Option(metavar="DIR", help="Where results are written.", rich_help_panel=PLACE)] = Path(
        "runs"
    ),
    storage: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Optuna storage; default: sqlite:///runs/nas.db.", rich_help_panel=PLACE),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the space, what fits and the time; train nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    with mended_by_user():
        from nas.plan import UNTIL_TIME

        limit = None if time is None else seconds(time)
        options: SearchOptions = {
            "budget_mflops": budget_mflops,
            "budget_params": budget_params,
            "budget_size_mb": budget_size_mb,
            "size_at": size_at,
            "budget_memory_mb": budget_memory_mb,
            "budget_latency_ms": budget_latency_ms,
            "latency_target": latency_target,
            "any_machine": any_machine,
            "budget_resolution": budget_resolution,
            "budget_classes": budget_classes,
            "objectives": objectives,
            "objective": objective,
            "target_latency_ms": target_latency_ms,
            "mnasnet_w": mnasnet_w,
            "mnasnet_form": mnasnet_form,
            "stopping": stopping,
            "data_dir": data_dir,
            "resolution": resolution,
            "effort": effort,
            "trials": trials if trials is not None or limit is None else UNTIL_TIME,
            "confirm": confirm,
            "trust": trust,
            "control": control,
            "epochs": epochs,
            "train_images": train_images,
            "sampler": sampler,
            "seed": seed,
            "device": device,
            "workers": workers,
            "precision": precision,
            "study": study,
            "storage": storage,
            "runs": runs,
            "command": command_line(),
        }
        _search(space, dataset, options, limit, dry_run=dry_run, as_json=as_json)


def command_line() -> str:
    """What was typed, as it can be typed again."""
    return as_typed("nas.search", "search")


def _search(
    space: str, dataset: str | None, options: "SearchOptions", limit: float | None, *, dry_run: bool, as_json: bool
) -> None:
    from rich.console import Console

    from nas.draw import LIMITS_NOTHING, NEAR, reachable, shares
    from nas.progress import Display
    from nas.run import ensure_ready, execute

    errors = Console(stderr=True)
    with Display(errors) as display:
        request = _request(space, dataset, options, display)
        if request.facts.fallback:
            errors.print(LOUD, style="bold yellow", markup=False, highlight=False, soft_wrap=True)
        if dry_run:
            from nas import dry_run as preview

            display.say("drawing from the space and measuring a few training steps; nothing is trained or written")
            preview.show(request, as_json=as_json)
            return
        ensure_ready(request)
        facts = request.facts
        fits, near = shares(request.space, request.limits, seed=facts.seed)
        display.say(f"study {request.name}: {facts.space} under {facts.budget}, {facts.data.label}")
        display.say(
            f"{fits:.1%} of random draws fit, {near:.1%} use {NEAR:.0%} to 100% of the budget; every trial fits"
        )
        if facts.goal.weighs_cost:
            display.say(f"for {facts.goal}: suggestions are spread over cost, up to the budget")
        if not reachable(request.space, request.limits):
            display.say(LIMITS_NOTHING)
        run = execute(request, watch=display, time_limit=limit)
        page = run.report()
    from nas.show import finish

    finish(run.records, page, as_json=as_json)


LOUD = (
    "DEMO ON DIGITS: CIFAR-10 is not here and could not be downloaded. This run shows that everything works; "
    "its accuracies rank nothing and it names no winner. With the images: --dataset cifar10 --data-dir DIR"
)


def _request(space: str, dataset: str | None, options: "SearchOptions", display: "Display") -> "Request":
    """The search as asked; without ``--dataset`` and without CIFAR-10, the demonstration on digits."""
    from nas.data import DatasetUnavailable
    from nas.request import request_search

    if dataset is not None:
        asked: SearchOptions = {**options, "dataset": dataset}
        return request_search(space, **asked, watch=display)
    try:
        return request_search(space, **options, watch=display)
    except DatasetUnavailable:
        demo: SearchOptions = {**options, "dataset": "digits", "data_dir": None, "effort": "demo", "fallback": True}
        return request_search(space, **demo, watch=display)


if __name__ == "__main__":
    app(prog_name="python -m nas.search")
