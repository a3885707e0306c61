"""``python -m studies``: the studies that come along; ``python -m studies baselines``: one of them."""

from pathlib import Path
from typing import Annotated

import typer

from nas.command import OneLine, OneLineGroup, as_typed, mended_by_user

HELP = """Train published networks from scratch, alike, with several seeds, and report accuracy against cost.

Interrupting it loses nothing: the same command continues, and more --seeds or networks add to what is there. On a GPU
the default is the full recipe (60 epochs, all images); on a CPU a short form.

Examples:

\b
  python -m studies baselines
  python -m studies baselines --dry-run
  python -m studies baselines --only mobilenet_v3_small --only mobilenet_v1@0.5 --seeds 5
"""

app = typer.Typer(
    cls=OneLineGroup,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Studies: sets of trainings that answer one question each.",
)


@app.callback(invoke_without_command=True)
def studies(context: typer.Context) -> None:
    """Without a name: the studies that there are."""
    if context.invoked_subcommand is None:
        from studies import STUDIES

        for name, question in STUDIES.items():
            print(f"{name}: {question}")
        print(f"run one, or see what it would take: {context.command_path} NAME [--dry-run]")


@app.command("baselines", help=HELP, cls=OneLine)
def baselines(
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="This reference instead of the default ones; may be repeated, or a,b,c."),
    ] = None,
    seeds: Annotated[int | None, typer.Option(metavar="N", help="Of each network; default: 3.")] = None,
    effort: Annotated[
        str | None, typer.Option(metavar="NAME", help="brief or full; default: full on a GPU, brief on a CPU.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(metavar="N", help="Of each training.")] = None,
    train_images: Annotated[int | None, typer.Option(metavar="N", help="Images a training sees.")] = None,
    lr: Annotated[
        float | None, typer.Option(metavar="RATE", help="The middle of the three learning rates that are checked.")
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Another seed is another study.")] = 0,
    dataset: Annotated[str, typer.Option(metavar="NAME", help="cifar10, folder or digits.")] = "cifar10",
    data_dir: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where the images are; default: NAS_DATA_DIR.")
    ] = None,
    resolution: Annotated[
        int | None, typer.Option(metavar="PX", help="Train at PX × PX; default: the images' own.")
    ] = None,
    device: Annotated[str, typer.Option(metavar="NAME", help="auto, cpu, cuda or mps.")] = "auto",
    workers: Annotated[
        int | None, typer.Option(metavar="N", help="Trainings at a time; default: one a core, one on a GPU.")
    ] = None,
    precision: Annotated[
        str, typer.Option(metavar="NAME", help="auto (bf16 where it is faster), fp32 or bf16.")
    ] = "auto",
    study: Annotated[str | None, typer.Option(metavar="NAME", help="Instead of the derived name.")] = None,
    runs: Annotated[Path, typer.Option(metavar="DIR", help="Where results are written.")] = Path("runs"),
    storage: Annotated[
        str | None, typer.Option(metavar="URL", help="Optuna storage; default: sqlite:///runs/nas.db.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the networks, the recipe and the time; train nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    with mended_by_user():
        from rich.console import Console

        from nas.progress import Display
        from studies.baselines import request_baselines

        with Display(Console(stderr=True)) as display:
            request = request_baselines(
                only=None if only is None else names(only),
                seeds=seeds,
                effort=effort,
                epochs=epochs,
                train_images=train_images,
                max_lr=lr,
                seed=seed,
                dataset=dataset,
                data_dir=data_dir,
                resolution=resolution,
                device=device,
                workers=workers,
                precision=precision,
                study=study,
                runs=runs,
                storage=storage,
                command=command_line(),
                watch=display,
            )
            if dry_run:
                from studies.dry_run import show

                show(request, as_json=as_json)
                return
            from reports import write_baselines
            from studies.run import execute

            facts = request.facts
            display.say(
                f"study {request.name}: {len(request.references)} networks, {facts.seeds} seeds each, "
                f"{facts.data.label}"
            )
            run = execute(request, watch=display)
            page = write_baselines(run, request.folder / "report")
        from nas.show_baselines import finish

        finish(run, page, as_json=as_json)


def names(words: list[str]) -> tuple[str, ...]:
    """``--only a,b --only c`` as a, b and c."""
    return tuple(name.strip() for word in words for name in word.split(",") if name.strip())


def command_line() -> str:
    """What was typed, as it can be typed again."""
    return as_typed("studies", "study")


if __name__ == "__main__":
    app(prog_name="python -m studies")
